"""GetUser: tell of a user."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from cloudhand.api.operation import Call, operation
from cloudhand.api.ram import errors, fields
from cloudhand.api.ram.product import RAM
from cloudhand.api.ram.shapes import ListedUserShape, listed_user_shape
from cloudhand.core.errors import ResourceNotFound


@dataclass(frozen=True, kw_only=True)
class Params:
    user_name: str = fields.user()


class WholeUser(ListedUserShape, frozen=True, kw_only=True, rename="pascal"):
    last_login_date: str = ""  # there is no console to sign in to


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    user: WholeUser


@operation(RAM, access="read", errors={ResourceNotFound: errors.NO_SUCH_USER})
async def get_user(call: Call, params: Params) -> Result:
    (user,) = await call.control.accounts.users(call.caller.account_id, params.user_name)
    return Result(user=WholeUser(**msgspec.structs.asdict(listed_user_shape(user))))
