"""GetSecretParameter: a secret parameter in one version; its value only with WithDecryption."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from cloudhand.api.oos import errors, fields, stored_parameters
from cloudhand.api.oos.product import OOS
from cloudhand.api.oos.stored_parameters import shaped
from cloudhand.api.operation import Call, operation
from cloudhand.core.errors import StoredParameterNotFound


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    name: str = stored_parameters.name()
    parameter_version: int = stored_parameters.version()
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
    dkms_instance_id: str = msgspec.field(name="DKMSInstanceId")
    share_type: str
    resource_group_id: str
    tags: Mapping[str, str]
    created_by: str
    created_date: str
    updated_by: str
    updated_date: str


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    parameter: ParameterShape


@operation(OOS, access="read", errors={StoredParameterNotFound: errors.NO_SUCH_PARAMETER})
async def get_secret_parameter(call: Call, params: Params) -> Result:
    found = await call.control.stored_parameters.get(
        params.name,
        secret=True,
        number=params.parameter_version or None,
        opened=params.with_decryption,
    )
    return Result(parameter=shaped(ParameterShape, found))
