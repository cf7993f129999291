"""ListAccounts: the accounts beside the first, in the order of their names.

This is ours, and not of the published API.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api.operation import Call, operation
from cloudhand.api.ram import errors, fields
from cloudhand.api.ram.accounts import AccountShape, account_shape, all_accounts
from cloudhand.api.ram.fields import Part
from cloudhand.api.ram.product import RAM


@dataclass(frozen=True, kw_only=True)
class Params:
    part: Part = fields.part()


class Accounts(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    account: Sequence[AccountShape]


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    is_truncated: bool
    marker: str
    accounts: Accounts


@operation(RAM, access="read", refuses=(errors.NOT_THE_FIRST,))
async def list_accounts(call: Call, params: Params) -> Result:
    opened = all_accounts(call).opened()
    found, marker = params.part.cut(opened, lambda account: account.name)
    return Result(
        is_truncated=bool(marker),
        marker=marker,
        accounts=Accounts(account=[account_shape(one) for one in found]),
    )
