"""AttachPolicyToUser: give a user the rights of a policy."""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.api.operation import Call, operation
from cloudhand.api.ram import errors, fields
from cloudhand.api.ram.product import RAM
from cloudhand.api.ram.shapes import Done, policy_type
from cloudhand.api.refusal import WireError
from cloudhand.core.account import Identity, Kind
from cloudhand.core.errors import NameTaken, ResourceNotFound


@dataclass(frozen=True, kw_only=True)
class Params:
    user_name: str = fields.user()
    policy_name: str = fields.policy()
    policy_type: str = fields.policy_type()
    resource_group_id: None = fields.group()


def _missing(refusal: ResourceNotFound) -> WireError:
    return errors.NO_SUCH_POLICY if refusal.kind == "policy" else errors.NO_SUCH_USER


@operation(
    RAM,
    access="write",
    errors={ResourceNotFound: _missing, NameTaken: errors.ATTACHED_TO_USER},
    refuses=(errors.NO_SUCH_POLICY, errors.NO_SUCH_USER),
)
async def attach_policy_to_user(call: Call, params: Params) -> Done:
    who = Identity(account_id=call.caller.account_id, kind=Kind.USER, name=params.user_name)
    system = params.policy_type == policy_type(system=True)
    await call.control.rights.attach(who, params.policy_name, system=system)
    return Done()
