"""GetRole: tell of a role, and of who may take it."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from cloudhand.api.operation import Call, operation
from cloudhand.api.ram import errors, fields
from cloudhand.api.ram.product import RAM
from cloudhand.api.ram.shapes import WholeRoleShape, role_fields
from cloudhand.core.errors import ResourceNotFound
from cloudhand.wire import times


@dataclass(frozen=True, kw_only=True)
class Params:
    role_name: str = fields.role()


class Deletion(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """Of a service-linked role, which there are none of."""

    create_date: str = ""
    deletion_task_id: str = ""


class WholeRole(WholeRoleShape, frozen=True, kw_only=True, rename="pascal"):
    update_date: str
    role_principal_name: str
    is_service_linked_role: bool = False
    latest_deletion_task: Deletion = Deletion()


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    role: WholeRole


@operation(RAM, access="read", errors={ResourceNotFound: errors.NO_SUCH_ROLE})
async def get_role(call: Call, params: Params) -> Result:
    (role,) = await call.control.rights.roles(call.caller.account_id, params.role_name)
    return Result(
        role=WholeRole(
            **role_fields(role),
            assume_role_policy_document=role.trust,
            update_date=times.second(role.created_at),
            role_principal_name=f"{role.name}@role.{role.account_id}.onaliyunservice.com",
        )
    )
