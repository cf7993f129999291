"""GetSecretParameters: secret parameters by their names; values only with WithDecryption.

Names that there are not are told apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api.oos import fields, stored_parameters
from cloudhand.api.oos.product import OOS
from cloudhand.api.oos.stored_parameters import shaped
from cloudhand.api.operation import Call, operation


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    names: tuple[str, ...] = fields.json_list(
        "Names", at_most=stored_parameters.NAMES_LIMIT, required=True
    )
    with_decryption: bool = stored_parameters.decryption()


class ParameterShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    id: str
    name: str
    type: str
    description: str
    constraints: str  # JSON text
    parameter_version: int
    value: str | None  # only with WithDecryption
    key_id: str
    share_type: str
    resource_group_id: str
    tags: Mapping[str, str]
    created_by: str
    created_date: str
    updated_by: str
    updated_date: str


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    parameters: Sequence[ParameterShape]
    invalid_parameters: Sequence[str]


@operation(OOS, access="read")
async def get_secret_parameters(call: Call, params: Params) -> Result:
    found = await call.control.stored_parameters.get_many(
        params.names, secret=True, opened=params.with_decryption
    )
    known = {one.name for one in found}
    return Result(
        parameters=[shaped(ParameterShape, one) for one in found],
        invalid_parameters=[name for name in params.names if name not in known],
    )
