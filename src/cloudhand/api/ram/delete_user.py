"""DeleteUser: delete a user who has neither access keys nor policies."""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.api.operation import Call, operation
from cloudhand.api.ram import errors, fields
from cloudhand.api.ram.product import RAM
from cloudhand.api.ram.shapes import Done
from cloudhand.api.refusal import WireError
from cloudhand.core.errors import NotEmpty, ResourceNotFound


@dataclass(frozen=True, kw_only=True)
class Params:
    user_name: str = fields.user()


def _conflict(refusal: NotEmpty) -> WireError:
    return errors.USER_HAS_POLICIES if refusal.holds == "policies" else errors.USER_HAS_KEYS


@operation(
    RAM,
    access="write",
    errors={ResourceNotFound: errors.NO_SUCH_USER, NotEmpty: _conflict},
    refuses=(errors.USER_HAS_POLICIES, errors.USER_HAS_KEYS),
)
async def delete_user(call: Call, params: Params) -> Done:
    await call.control.accounts.remove_user(call.caller.account_id, params.user_name)
    return Done()
