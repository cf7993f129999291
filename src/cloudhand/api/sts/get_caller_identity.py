"""GetCallerIdentity: tell whoever asks who they are."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from cloudhand.api.operation import Call, operation
from cloudhand.api.ram.errors import NO_SUCH_ROLE, NO_SUCH_USER
from cloudhand.api.ram.principal import principal_id
from cloudhand.api.refusal import WireError
from cloudhand.api.sts.product import STS
from cloudhand.control.rights import arn
from cloudhand.core.account import Kind
from cloudhand.core.errors import ResourceNotFound


@dataclass(frozen=True, kw_only=True)
class Params:
    pass


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    identity_type: str
    account_id: str
    principal_id: str
    arn: str
    user_id: str
    role_id: str


def _missing(refusal: ResourceNotFound) -> WireError:
    """Of an execution that goes on when its role, or who started it, is gone."""
    return NO_SUCH_ROLE if refusal.kind == "role" else NO_SUCH_USER


@operation(
    STS,
    access="read",
    errors={ResourceNotFound: _missing},
    refuses=(NO_SUCH_ROLE, NO_SUCH_USER),
)
async def get_caller_identity(call: Call, params: Params) -> Result:
    who = call.caller
    principal = await principal_id(call)
    by_role = who.kind is Kind.ROLE
    return Result(
        identity_type=who.kind.value,
        account_id=who.account_id,
        principal_id=principal,
        arn=arn(who),
        user_id="" if by_role else principal,
        role_id=principal.partition(":")[0] if by_role else "",
    )
