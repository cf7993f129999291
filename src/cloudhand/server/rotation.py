"""Another key for the secrets of a state directory that no control plane holds."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from cloudhand.core.account import Account
from cloudhand.server.databases import KEY_FILE, KEYS_VARIABLE, has_database, open_database
from cloudhand.server.state import CannotUse, held
from cloudhand.store.database import StoreError
from cloudhand.store.envelope import add_key, drop_old_keys
from cloudhand.store.transaction import Transaction


def rotate_key(state: Path) -> int:
    """Seal everything under a fresh key; how many values. CannotUse.

    Where the keys are given by the environment, it is sealed under the first of them. Cut off at
    any moment, what is there can be opened, and this be done again.
    """
    if not has_database(state):
        raise CannotUse(f"cannot use {state}: no control plane has been there")
    with held(state, temporary=False):
        try:
            return _rotated(state)
        except StoreError as error:
            raise CannotUse(str(error)) from error


def _rotated(state: Path) -> int:
    if os.environ.get(KEYS_VARIABLE):
        return asyncio.run(_reseal(state))
    add_key(state / KEY_FILE)
    count = asyncio.run(_reseal(state))
    drop_old_keys(state / KEY_FILE)
    return count


async def _reseal(state: Path) -> int:
    """Of all accounts."""

    async def opened(tx: Transaction) -> list[Account]:
        return await tx.accounts.opened()

    async def reseal(tx: Transaction) -> int:
        return await tx.reseal()

    first = open_database(state)
    try:
        count = await first.write(reseal)
        for account in await first.read(opened):
            database = open_database(state, account.id)
            try:
                count += await database.write(reseal)
            finally:
                await database.close()
        return count
    finally:
        await first.close()
