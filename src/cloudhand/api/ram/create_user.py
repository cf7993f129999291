"""CreateUser: make a user, who may do nothing yet."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from cloudhand.api import bind
from cloudhand.api.operation import Call, operation
from cloudhand.api.ram import errors, fields
from cloudhand.api.ram.product import RAM
from cloudhand.api.ram.shapes import UserShape, user_shape
from cloudhand.core.account import User
from cloudhand.core.errors import NameTaken


@dataclass(frozen=True, kw_only=True)
class Params:
    user_name: str = fields.user()
    display_name: str = fields.remark("DisplayName", 128)
    comments: str = fields.remark("Comments", 128)
    email: None = bind.not_served("Email", "nothing is sent to users")
    mobile_phone: None = bind.not_served("MobilePhone", "nothing is sent to users")


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    user: UserShape


@operation(RAM, access="write", errors={NameTaken: errors.USER_EXISTS})
async def create_user(call: Call, params: Params) -> Result:
    user = User(
        name=params.user_name,
        account_id=call.caller.account_id,
        created_at=call.now,
        display_name=params.display_name or params.user_name,
        comments=params.comments,
    )
    await call.control.accounts.add_user(user)
    return Result(user=user_shape(user))
