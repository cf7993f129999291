"""DeleteRole: delete a role that has no policies; whoever has taken it may do nothing any more."""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.api.operation import Call, operation
from cloudhand.api.ram import errors, fields
from cloudhand.api.ram.product import RAM
from cloudhand.api.ram.shapes import Done
from cloudhand.core.errors import NotEmpty, ResourceNotFound


@dataclass(frozen=True, kw_only=True)
class Params:
    role_name: str = fields.role()


@operation(
    RAM,
    access="write",
    errors={ResourceNotFound: errors.NO_SUCH_ROLE, NotEmpty: errors.ROLE_HAS_POLICIES},
)
async def delete_role(call: Call, params: Params) -> Done:
    await call.control.accounts.remove_role(call.caller.account_id, params.role_name)
    return Done()
