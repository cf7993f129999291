"""ListParameterVersions: all versions of a parameter, the newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api.oos import errors, fields, stored_parameters
from cloudhand.api.oos.product import OOS
from cloudhand.api.oos.stored_parameters import VersionShape, shaped, version_shape
from cloudhand.api.operation import Call, operation
from cloudhand.core.errors import StoredParameterNotFound
from cloudhand.core.page import Window


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    name: str = stored_parameters.name()
    share_type: str = stored_parameters.share_type()
    page: Window = fields.page()


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    id: str
    name: str
    type: str
    description: str
    created_by: str
    created_date: str
    max_results: int
    next_token: str
    total_count: int
    parameter_versions: Sequence[VersionShape]


@operation(OOS, access="read", errors={StoredParameterNotFound: errors.NO_SUCH_PARAMETER})
async def list_parameter_versions(call: Call, params: Params) -> Result:
    if params.share_type == "Public":
        raise StoredParameterNotFound(params.name)
    found, page = await call.control.stored_parameters.versions(
        params.name, params.page, secret=False
    )
    return shaped(
        Result,
        found,
        max_results=params.page.limit,
        next_token=page.next,
        total_count=page.total,
        parameter_versions=[version_shape(one) for one in page.items],
    )
