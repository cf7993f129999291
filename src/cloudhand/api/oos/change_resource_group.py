"""ChangeResourceGroup: move a thing to another resource group, which is a label here."""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.api.bind import text
from cloudhand.api.oos import fields, labels
from cloudhand.api.oos.product import OOS
from cloudhand.api.oos.shapes import Done
from cloudhand.api.operation import Call, operation
from cloudhand.core.label import Labelled


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    resource_type: str = labels.resource_type(required=True)
    resource_id: str = text("ResourceId", required=True)
    new_resource_group_id: str = text("NewResourceGroupId", required=True)


@operation(OOS, access="write", errors=labels.MISSING)
async def change_resource_group(call: Call, params: Params) -> Done:
    await call.control.labels.regroup(
        Labelled(params.resource_type),
        params.resource_id,
        params.new_resource_group_id,
        once=call.once(),
    )
    return Done()
