"""GetSecretParametersByPath: those in a folder; their values only with WithDecryption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api.oos import fields, stored_parameters
from cloudhand.api.oos.product import OOS
from cloudhand.api.oos.stored_parameters import shaped
from cloudhand.api.operation import Call, operation
from cloudhand.core.orders import StoredParameterFilter
from cloudhand.core.page import Window


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    path: str = stored_parameters.path(required=True)
    recursive: bool = stored_parameters.recursive()
    with_decryption: bool = stored_parameters.decryption()
    page: Window = fields.page(least=1, most=10, default=10)


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
    created_by: str
    created_date: str
    updated_by: str
    updated_date: str


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    max_results: int
    next_token: str
    total_count: int
    parameters: Sequence[ParameterShape]


@operation(OOS, access="read")
async def get_secret_parameters_by_path(call: Call, params: Params) -> Result:
    wanted = StoredParameterFilter(
        secret=True,
        path=params.path,
        recursive=params.recursive,
        sort_field="Name",
        ascending=True,
    )
    page = await call.control.stored_parameters.find(
        wanted, params.page, opened=params.with_decryption
    )
    return Result(
        max_results=params.page.limit,
        next_token=page.next,
        total_count=page.total,
        parameters=[shaped(ParameterShape, one) for one in page.items],
    )
