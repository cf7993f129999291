"""DeleteSecretParameter: remove a secret parameter with all its versions."""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.api.oos import errors, fields, stored_parameters
from cloudhand.api.oos.product import OOS
from cloudhand.api.oos.shapes import Done
from cloudhand.api.operation import Call, operation
from cloudhand.core.errors import StoredParameterNotFound


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    name: str = stored_parameters.name()


@operation(OOS, access="write", errors={StoredParameterNotFound: errors.NO_SUCH_PARAMETER})
async def delete_secret_parameter(call: Call, params: Params) -> Done:
    await call.control.stored_parameters.delete(params.name, secret=True, once=call.once())
    return Done()
