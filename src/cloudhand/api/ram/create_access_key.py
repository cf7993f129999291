"""CreateAccessKey: make an access key for a user, whose secret is told once."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from cloudhand.api.operation import Call, operation
from cloudhand.api.ram import errors, fields
from cloudhand.api.ram.keys import whose
from cloudhand.api.ram.product import RAM
from cloudhand.api.ram.shapes import NewKeyShape, new_key_shape
from cloudhand.control.accounts import new_key
from cloudhand.core.errors import ResourceNotFound, TooMany


@dataclass(frozen=True, kw_only=True)
class Params:
    user_name: str = fields.user(required=False, note="whoever asks, unless given")


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    access_key: NewKeyShape


@operation(
    RAM,
    access="write",
    errors={ResourceNotFound: errors.NO_SUCH_USER, TooMany: errors.TOO_MANY_KEYS},
    refuses=(errors.NO_OWN_KEYS,),
)
async def create_access_key(call: Call, params: Params) -> Result:
    key = new_key(whose(call, params.user_name), at=call.now)
    await call.control.accounts.add(key)
    return Result(access_key=new_key_shape(key))
