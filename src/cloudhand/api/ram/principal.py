"""By which number whoever asks is known."""

from __future__ import annotations

from typing import assert_never

from cloudhand.api.operation import Call
from cloudhand.api.ram.shapes import role_id, user_id
from cloudhand.core.account import Kind


async def principal_id(call: Call) -> str:
    """ResourceNotFound of an execution that goes on when its role, or who started it, is gone."""
    who = call.caller
    match who.kind:
        case Kind.OWNER:
            return who.account_id
        case Kind.USER:
            (found,) = await call.control.accounts.users(who.account_id, who.name)
            return user_id(found)
        case Kind.ROLE:
            (taken,) = await call.control.rights.roles(who.account_id, who.name)
            return f"{role_id(taken)}:{who.session}"
        case _:
            assert_never(who.kind)
