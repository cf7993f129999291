"""DescribeInstanceStatus: the status of instances; unknown ids are left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api import bind
from cloudhand.api.bind import many, text
from cloudhand.api.ecs import errors, fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.api.paging import Paging, numbered
from cloudhand.api.refusal import Refused
from cloudhand.core.ids import InstanceId
from cloudhand.core.instance import shown
from cloudhand.core.orders import InstanceFilter


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    instance_ids: tuple[InstanceId, ...] = many(
        "InstanceId",
        at_most=100,
        too_many=errors.TOO_MANY_INSTANCES,
        malformed=errors.MALFORMED_IDS,
    )
    zone_id: str = text()
    cluster_id: str = bind.without_effect("ClusterId", "the real service has given it up")
    page: Paging = numbered()


class InstanceStatus(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    instance_id: str
    status: str


class InstanceStatuses(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    instance_status: Sequence[InstanceStatus]


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    total_count: int
    page_number: int
    page_size: int
    instance_statuses: InstanceStatuses


@operation(ECS, access="read", refuses=(errors.NO_SUCH_ZONE,))
async def describe_instance_status(call: Call, params: Params) -> Result:
    if params.zone_id and params.zone_id not in call.control.settings.zone_ids:
        raise Refused(errors.NO_SUCH_ZONE)
    wanted = InstanceFilter(
        ids=frozenset(params.instance_ids) if params.instance_ids else None, zone_id=params.zone_id
    )
    found = await call.control.instances.find(wanted, params.page.window)
    statuses = [
        InstanceStatus(instance_id=view.instance.id, status=shown(view.instance.state))
        for view in found.items
    ]
    return Result(
        total_count=found.total,
        page_number=params.page.number,
        page_size=params.page.size,
        instance_statuses=InstanceStatuses(instance_status=statuses),
    )
