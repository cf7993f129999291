"""UpdateSecretParameter: give a secret parameter a new value, as its next version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from cloudhand.api.oos import errors, fields, stored_parameters
from cloudhand.api.oos.product import OOS
from cloudhand.api.oos.shapes import as_json
from cloudhand.api.oos.stored_parameters import shaped
from cloudhand.api.operation import Call, operation
from cloudhand.core.errors import (
    ConstraintsInvalid,
    StoredParameterNotFound,
    TooMany,
    ValueInvalid,
)
from cloudhand.core.orders import NewStoredVersion


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    name: str = stored_parameters.name()
    value: str = stored_parameters.value()
    description: str = stored_parameters.description()
    resource_group_id: str = stored_parameters.resource_group()
    tags: Mapping[str, str] | None = fields.tags()


class ParameterShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    id: str
    name: str
    type: str
    description: str
    constraints: str  # JSON text
    parameter_version: int
    key_id: str
    share_type: str
    resource_group_id: str
    tags: str  # JSON text
    created_by: str
    created_date: str
    updated_by: str
    updated_date: str


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    parameter: ParameterShape


@operation(
    OOS,
    access="write",
    errors={
        StoredParameterNotFound: errors.NO_SUCH_PARAMETER,
        ConstraintsInvalid: errors.BAD_CONSTRAINTS,
        ValueInvalid: errors.VALUE_REFUSED,
        TooMany: errors.VERSIONS_USED_UP,
    },
)
async def update_secret_parameter(call: Call, params: Params) -> Result:
    updated = await call.control.stored_parameters.update(
        NewStoredVersion(
            name=params.name,
            secret=True,
            value=params.value,
            description=params.description or None,
            resource_group_id=params.resource_group_id or None,
            tags=params.tags,
            by=str(call.caller),
            once=call.once(),
        )
    )
    return Result(parameter=shaped(ParameterShape, updated, tags=as_json(updated.tags)))
