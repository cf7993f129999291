"""CreateAccount: open an account beside the first, and tell the key of its owner once.

This is ours, and not of the published API, where accounts are bought.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from cloudhand.api.operation import Call, operation
from cloudhand.api.ram import errors, fields
from cloudhand.api.ram.accounts import AccountShape, account_shape, all_accounts
from cloudhand.api.ram.product import RAM
from cloudhand.api.ram.shapes import NewKeyShape, new_key_shape
from cloudhand.core.errors import NameTaken, TooMany


@dataclass(frozen=True, kw_only=True)
class Params:
    account_name: str = fields.account()


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    account: AccountShape
    access_key: NewKeyShape


@operation(
    RAM,
    access="write",
    errors={NameTaken: errors.ACCOUNT_EXISTS, TooMany: errors.TOO_MANY_ACCOUNTS},
    refuses=(errors.NOT_THE_FIRST,),
)
async def create_account(call: Call, params: Params) -> Result:
    account, key = await all_accounts(call).open(params.account_name)
    return Result(account=account_shape(account), access_key=new_key_shape(key))
