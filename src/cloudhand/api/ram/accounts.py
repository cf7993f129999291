"""The accounts of this control plane, which its first one opens and closes."""

from __future__ import annotations

import msgspec

from cloudhand.api.operation import Call
from cloudhand.api.ram import errors
from cloudhand.api.refusal import Refused
from cloudhand.control.tenancy import Tenancy
from cloudhand.core.account import Account
from cloudhand.wire import times


class AccountShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    account_id: str
    account_name: str
    create_date: str


def account_shape(account: Account) -> AccountShape:
    return AccountShape(
        account_id=account.id,
        account_name=account.name,
        create_date=times.second(account.created_at),
    )


def all_accounts(call: Call) -> Tenancy:
    """Refused for who belongs to another account than the first."""
    if call.control is not call.tenancy.first:
        raise Refused(errors.NOT_THE_FIRST)
    return call.tenancy
