"""DeletePolicy: delete a policy of the account."""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.api.bind import flag
from cloudhand.api.operation import Call, operation
from cloudhand.api.ram import errors, fields
from cloudhand.api.ram.product import RAM
from cloudhand.api.ram.shapes import Done
from cloudhand.core.errors import NotEmpty, ResourceNotFound


@dataclass(frozen=True, kw_only=True)
class Params:
    policy_name: str = fields.policy()
    cascading_delete: bool = flag(note="take it off users and roles first")


@operation(
    RAM,
    access="write",
    errors={ResourceNotFound: errors.NO_SUCH_POLICY, NotEmpty: errors.POLICY_IS_ATTACHED},
)
async def delete_policy(call: Call, params: Params) -> Done:
    await call.control.rights.remove_policy(
        call.caller.account_id, params.policy_name, detach=params.cascading_delete
    )
    return Done()
