"""ListRoles: the roles of the account, in the order of their names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api.operation import Call, operation
from cloudhand.api.ram import fields
from cloudhand.api.ram.fields import Part
from cloudhand.api.ram.product import RAM
from cloudhand.api.ram.shapes import NoTags, RoleShape, role_fields
from cloudhand.wire import times


@dataclass(frozen=True, kw_only=True)
class Params:
    part: Part = fields.part()
    tag: None = fields.tags()


class ListedRole(RoleShape, frozen=True, kw_only=True, rename="pascal"):
    update_date: str
    tags: NoTags = NoTags()


class Roles(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    role: Sequence[ListedRole]


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    is_truncated: bool
    marker: str
    roles: Roles


@operation(RAM, access="read")
async def list_roles(call: Call, params: Params) -> Result:
    roles = await call.control.rights.roles(call.caller.account_id)
    found, marker = params.part.cut(roles, lambda role: role.name)
    listed = [
        ListedRole(**role_fields(role), update_date=times.second(role.created_at)) for role in found
    ]
    return Result(is_truncated=bool(marker), marker=marker, roles=Roles(role=listed))
