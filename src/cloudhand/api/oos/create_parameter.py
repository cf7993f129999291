"""CreateParameter: keep a value, as the first version of a parameter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from cloudhand.api.bind import one_of, text
from cloudhand.api.oos import errors, fields, stored_parameters
from cloudhand.api.oos.product import OOS
from cloudhand.api.oos.stored_parameters import shaped
from cloudhand.api.operation import Call, operation
from cloudhand.api.refusal import invalid
from cloudhand.core.errors import ConstraintsInvalid, NameTaken, TokenReused, ValueInvalid
from cloudhand.core.orders import NewStoredParameter
from cloudhand.core.stored_parameter import Type

_TYPES = (Type.STRING.value, Type.STRING_LIST.value)
_BAD_TYPE = invalid("Type", f"must be one of {', '.join(_TYPES)}")


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    name: str = stored_parameters.new_name(stored_parameters.LONGEST)
    type: str = text("Type", one_of(_TYPES, _BAD_TYPE), required=True, note="String or StringList")
    value: str = stored_parameters.value()
    constraints: str = stored_parameters.constraints()
    description: str = stored_parameters.description()
    resource_group_id: str = stored_parameters.resource_group()
    tags: Mapping[str, str] | None = fields.tags()
    client_token: str = fields.client_token()


class ParameterShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    id: str
    name: str
    type: str
    description: str
    constraints: str  # JSON text
    parameter_version: int
    share_type: str
    resource_group_id: str
    tags: Mapping[str, str]
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
        NameTaken: errors.PARAMETER_EXISTS,
        ConstraintsInvalid: errors.BAD_CONSTRAINTS,
        ValueInvalid: errors.VALUE_REFUSED,
        TokenReused: errors.TOKEN_REUSED,
    },
)
async def create_parameter(call: Call, params: Params) -> Result:
    made = await call.control.stored_parameters.create(
        NewStoredParameter(
            name=params.name,
            type=Type(params.type),
            value=params.value,
            description=params.description,
            constraints=params.constraints,
            resource_group_id=params.resource_group_id,
            tags=params.tags or {},
            by=str(call.caller),
            once=call.once(params.client_token),
        )
    )
    return Result(parameter=shaped(ParameterShape, made))
