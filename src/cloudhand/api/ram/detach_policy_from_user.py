"""DetachPolicyFromUser: take the rights of a policy from a user."""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.api.operation import Call, operation
from cloudhand.api.ram import errors, fields
from cloudhand.api.ram.product import RAM
from cloudhand.api.ram.shapes import Done, policy_type
from cloudhand.core.account import Identity, Kind
from cloudhand.core.errors import ResourceNotFound


@dataclass(frozen=True, kw_only=True)
class Params:
    user_name: str = fields.user()
    policy_name: str = fields.policy()
    policy_type: str = fields.policy_type()
    resource_group_id: None = fields.group()


@operation(RAM, access="write", errors={ResourceNotFound: errors.NOT_ATTACHED_TO_USER})
async def detach_policy_from_user(call: Call, params: Params) -> Done:
    who = Identity(account_id=call.caller.account_id, kind=Kind.USER, name=params.user_name)
    system = params.policy_type == policy_type(system=True)
    await call.control.rights.detach(who, params.policy_name, system=system)
    return Done()
