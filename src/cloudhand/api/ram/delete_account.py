"""DeleteAccount: close an account that has no instances, with everything else that it has.

This is ours, and not of the published API.
"""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.api.operation import Call, operation
from cloudhand.api.ram import errors, fields
from cloudhand.api.ram.accounts import all_accounts
from cloudhand.api.ram.product import RAM
from cloudhand.api.ram.shapes import Done
from cloudhand.api.refusal import Refused
from cloudhand.control.tenancy import FIRST
from cloudhand.core.errors import NotEmpty, ResourceNotFound


@dataclass(frozen=True, kw_only=True)
class Params:
    account_name: str = fields.account()


@operation(
    RAM,
    access="write",
    errors={ResourceNotFound: errors.NO_SUCH_ACCOUNT, NotEmpty: errors.ACCOUNT_HAS_INSTANCES},
    refuses=(errors.NOT_THE_FIRST, errors.FIRST_ACCOUNT_STAYS),
)
async def delete_account(call: Call, params: Params) -> Done:
    accounts = all_accounts(call)
    if params.account_name == FIRST:
        raise Refused(errors.FIRST_ACCOUNT_STAYS)
    await accounts.close(params.account_name)
    return Done()
