"""CreateRole: make a role, which whoever it trusts may take."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from cloudhand.api.bind import flag, number, text
from cloudhand.api.operation import Call, operation
from cloudhand.api.ram import errors, fields
from cloudhand.api.ram.product import RAM
from cloudhand.api.ram.shapes import SESSION_SECONDS, WholeRoleShape, role_fields
from cloudhand.api.refusal import Refused, invalid, unsupported
from cloudhand.core.account import Role
from cloudhand.core.errors import NameTaken, PolicyInvalid

_BAD_DURATION = invalid("MaxSessionDuration", f"must be from {SESSION_SECONDS} to 43200")
_NO_LOGIN = unsupported("AllowConsoleLogin", "there is no sign-in")
_NO_LONGER = unsupported("MaxSessionDuration", f"a role is taken for {SESSION_SECONDS} s at most")


@dataclass(frozen=True, kw_only=True)
class Params:
    role_name: str = fields.role()
    assume_role_policy_document: str = text(
        "AssumeRolePolicyDocument", required=True, note="who may take it: a policy with Principal"
    )
    description: str = fields.remark("Description", 1024)
    max_session_duration: int = number(
        "MaxSessionDuration",
        default=SESSION_SECONDS,
        at_least=SESSION_SECONDS,
        at_most=43200,
        error=_BAD_DURATION,
        note=f"{SESSION_SECONDS}; what is longer is refused",
    )
    allow_console_login: bool = flag("AllowConsoleLogin", note="true is refused")
    tag: None = fields.tags()


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    role: WholeRoleShape


@operation(
    RAM,
    access="write",
    errors={NameTaken: errors.ROLE_EXISTS, PolicyInvalid: errors.BAD_DOCUMENT},
    refuses=(_NO_LONGER, _NO_LOGIN),
)
async def create_role(call: Call, params: Params) -> Result:
    if params.max_session_duration != SESSION_SECONDS:
        raise Refused(_NO_LONGER)
    if params.allow_console_login:
        raise Refused(_NO_LOGIN)
    role = Role(
        name=params.role_name,
        account_id=call.caller.account_id,
        created_at=call.now,
        trust=params.assume_role_policy_document,
        description=params.description,
    )
    await call.control.rights.add_role(role)
    return Result(role=WholeRoleShape(**role_fields(role), assume_role_policy_document=role.trust))
