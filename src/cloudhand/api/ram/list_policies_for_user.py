"""ListPoliciesForUser: the policies that are attached to a user."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from cloudhand.api.operation import Call, operation
from cloudhand.api.ram import errors, fields
from cloudhand.api.ram.product import RAM
from cloudhand.api.ram.shapes import AttachedPolicies, attached_shapes
from cloudhand.core.account import Identity, Kind
from cloudhand.core.errors import ResourceNotFound


@dataclass(frozen=True, kw_only=True)
class Params:
    user_name: str = fields.user()


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    policies: AttachedPolicies


@operation(RAM, access="read", errors={ResourceNotFound: errors.NO_SUCH_USER})
async def list_policies_for_user(call: Call, params: Params) -> Result:
    who = Identity(account_id=call.caller.account_id, kind=Kind.USER, name=params.user_name)
    attached = await call.control.rights.attached_to(who)
    own = await call.control.rights.policies(who.account_id)
    return Result(policies=attached_shapes(attached, own))
