"""ListUsers: the users of the account, in the order of their names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api.operation import Call, operation
from cloudhand.api.ram import fields
from cloudhand.api.ram.fields import Part
from cloudhand.api.ram.product import RAM
from cloudhand.api.ram.shapes import ListedUserShape, listed_user_shape


@dataclass(frozen=True, kw_only=True)
class Params:
    part: Part = fields.part()


class Users(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    user: Sequence[ListedUserShape]


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    is_truncated: bool
    marker: str
    users: Users


@operation(RAM, access="read")
async def list_users(call: Call, params: Params) -> Result:
    users = await call.control.accounts.users(call.caller.account_id)
    found, marker = params.part.cut(users, lambda user: user.name)
    return Result(
        is_truncated=bool(marker),
        marker=marker,
        users=Users(user=[listed_user_shape(user) for user in found]),
    )
