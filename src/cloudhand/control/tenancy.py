"""The accounts of one control plane: each has a store, and verbs over it, of its own.

So nothing of one account can be seen, or named, from another: no query knows of two. What is
opened beside the first account stands in the store of the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from cloudhand.control.control import Control
from cloudhand.core import ids
from cloudhand.core.account import AccessKey, Account
from cloudhand.core.errors import NameTaken, NotEmpty, ResourceNotFound, TooMany
from cloudhand.core.ids import ActivationId, InstanceId, SessionId
from cloudhand.core.orders import InstanceFilter, ManagedFilter
from cloudhand.core.page import Window
from cloudhand.store.database import Database, StoreError
from cloudhand.store.transaction import Transaction

FIRST = "first"  # the name of the account that is always there


class Keeper(Protocol):
    """Who makes what an account needs to be served."""

    async def open(self, account_id: str) -> Control:
        """With a key of its owner, and loops that run once this control plane does. StoreError."""
        ...

    async def close(self, account_id: str) -> None:
        """End its loops, and remove all that is left of it."""
        ...


class Tenancy:
    def __init__(self, first: Control, database: Database, keeper: Keeper) -> None:
        """``database``: of the first account."""
        self.first = first
        self._database = database
        self._keeper = keeper
        self._controls = {first.settings.account_id: first}
        self._accounts: dict[str, Account] = {}  # by name, beside the first

    @property
    def controls(self) -> Sequence[Control]:
        """The first account's, then the others'."""
        return list(self._controls.values())

    async def open_all(self) -> None:
        """Serve every account that was opened and not closed since."""

        async def work(tx: Transaction) -> list[Account]:
            return await tx.accounts.opened()

        for account in await self._database.read(work):
            await self._serve(account)

    # Whose something is

    def of(self, account_id: str) -> Control | None:
        return self._controls.get(account_id)

    async def get(self, access_key_id: str) -> AccessKey | None:
        """``api.authenticate.Keys``"""
        for control in self.controls:
            if key := control.accounts.held(access_key_id):
                return key
        for control in self.controls:
            if key := await control.accounts.get(access_key_id):
                return key
        return None

    async def of_agent(self, instance_id: InstanceId) -> Control:
        """The first account's where none knows it."""
        for control in self.controls:
            if control.agents.holds(instance_id):
                return control
        for control in self.controls:
            if await control.agents.get(instance_id) or await control.managed.deregistered(
                instance_id
            ):
                return control
        return self.first

    async def of_activation(self, activation_id: ActivationId) -> Control:
        """The first account's where none knows it."""
        for control in self.controls:
            if await control.activations.has(activation_id):
                return control
        return self.first

    async def of_session(self, session_id: SessionId) -> Control:
        """The first account's where none knows it."""
        for control in self.controls:
            if await control.sessions.has(session_id):
                return control
        return self.first

    # Opening and closing

    def opened(self) -> list[Account]:
        """Those beside the first, in the order of their names."""
        return sorted(self._accounts.values(), key=lambda one: one.name)

    async def open(self, name: str) -> tuple[Account, AccessKey]:
        """An account with nothing in it, and the key of its owner. NameTaken, TooMany."""
        first = self.first
        account = Account(id=ids.account_id(first.random), name=name, created_at=first.clock.now())

        async def work(tx: Transaction) -> None:
            there = await tx.accounts.opened()
            if name == FIRST or any(one.name == name for one in there):
                raise NameTaken(name)
            if len(there) >= first.settings.accounts_limit:
                raise TooMany("accounts", first.settings.accounts_limit)
            await tx.accounts.open(account)

        await self._database.write(work)
        try:
            control = await self._serve(account)
        except StoreError:
            await self._forget(account)
            raise
        key = await control.accounts.first()
        assert key is not None, "its keeper gives it one"
        return account, key

    async def close(self, name: str) -> Account:
        """What it was. ResourceNotFound; NotEmpty while it has instances, managed or not.

        From then on its keys are nobody's. Cut off, it is closed at the next start.
        """
        account = self._accounts.get(name)
        control = self._controls.pop(account.id, None) if account else None
        if account is None or control is None:  # the latter while it is being closed
            raise ResourceNotFound("account", [name])
        # Nothing more comes into it from here on.
        try:
            if await _inhabited(control):
                raise NotEmpty(f"account {name}", "instances")
            await self._forget(account)
        except (NotEmpty, StoreError):
            self._controls[account.id] = control
            raise
        del self._accounts[name]
        await self._keeper.close(account.id)
        return account

    async def _forget(self, account: Account) -> None:
        async def work(tx: Transaction) -> None:
            await tx.accounts.close(account.id)

        await self._database.write(work)

    async def _serve(self, account: Account) -> Control:
        control = await self._keeper.open(account.id)
        self._controls[account.id] = control
        self._accounts[account.name] = account
        return control


async def _inhabited(control: Control) -> bool:
    one = Window(limit=1)
    own = await control.instances.find(InstanceFilter(), one)
    managed = await control.managed.find(ManagedFilter(), one)
    return bool(own.items or managed.items)
