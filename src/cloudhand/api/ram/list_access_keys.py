"""ListAccessKeys: the access keys of a user, without their secrets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api.operation import Call, operation
from cloudhand.api.ram import errors, fields
from cloudhand.api.ram.keys import whose
from cloudhand.api.ram.product import RAM
from cloudhand.api.ram.shapes import KeyShape, key_shape
from cloudhand.core.errors import ResourceNotFound


@dataclass(frozen=True, kw_only=True)
class Params:
    user_name: str = fields.user(required=False, note="whoever asks, unless given")


class Keys(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    access_key: Sequence[KeyShape]


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    access_keys: Keys


@operation(
    RAM,
    access="read",
    errors={ResourceNotFound: errors.NO_SUCH_USER},
    refuses=(errors.NO_OWN_KEYS,),
)
async def list_access_keys(call: Call, params: Params) -> Result:
    who = whose(call, params.user_name)
    if params.user_name:
        await call.control.accounts.users(who.account_id, who.name)
    found = await call.control.accounts.of(who)
    return Result(access_keys=Keys(access_key=[key_shape(key) for key in found]))
