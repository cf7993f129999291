"""Who may ask: access keys."""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import replace
from datetime import datetime, timedelta

from cloudhand.control.pokes import Loop, Pokes
from cloudhand.control.rights import check_known
from cloudhand.core.account import (
    OWNER,
    SERVICE_ROLE,
    AccessKey,
    Attachment,
    Identity,
    Kind,
    Role,
    User,
)
from cloudhand.core.clock import Clock
from cloudhand.core.errors import LastKey, NameTaken, NotEmpty, ResourceNotFound, TooMany
from cloudhand.store.database import Database
from cloudhand.store.transaction import Transaction

_SERVICE_POLICIES = ("AliyunECSFullAccess", "AliyunOOSFullAccess")
_TRUST = (
    '{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",'
    ' "Principal": {"Service": ["oos.aliyuncs.com"]}}]}'
)
_MOST_KEYS = 2  # of one user, as documented


class Accounts:
    """Access keys, held in memory: every request asks for one."""

    def __init__(self, database: Database, clock: Clock, pokes: Pokes) -> None:
        self._database = database
        self._clock = clock
        self._pokes = pokes
        self._keys: dict[str, AccessKey] = {}

    async def get(self, access_key_id: str) -> AccessKey | None:
        if access_key_id not in self._keys:
            await self._load()
        return self._keys.get(access_key_id)

    def held(self, access_key_id: str) -> AccessKey | None:
        """As ``get``, if it is in memory."""
        return self._keys.get(access_key_id)

    async def first(self) -> AccessKey | None:
        """The oldest key of the owner that is active."""
        await self._load()
        mine = [key for key in self._keys.values() if key.active and key.of == OWNER]
        return mine[0] if mine else None

    async def of(self, who: Identity) -> list[AccessKey]:
        """Those that do not expire, the oldest first."""
        await self._load()
        return [
            key for key in self._keys.values() if key.identity == who and key.expires_at is None
        ]

    async def add(self, key: AccessKey) -> None:
        """The first one of an account makes its service role. TooMany, ResourceNotFound."""
        now = self._clock.now()
        who = key.identity

        async def work(tx: Transaction) -> None:
            there = [one for one in await tx.accounts.keys() if one.account_id == key.account_id]
            if not there:
                await _make_service_role(tx, key.account_id, self._clock)
            await check_known(tx, who)
            if who.kind is Kind.USER and sum(one.of == key.of for one in there) >= _MOST_KEYS:
                raise TooMany(f"access keys of {who}", _MOST_KEYS)
            await tx.accounts.remove_expired(at=now)
            await tx.accounts.add(key, at=now)

        await self._database.write(work)
        await self._load()

    async def activate(self, who: Identity, key_id: str, *, active: bool) -> None:
        """ResourceNotFound, LastKey."""

        async def work(tx: Transaction) -> None:
            await _check_own(tx, who, key_id, kept=active)
            await tx.accounts.activate(key_id, active=active)

        await self._database.write(work)
        await self._changed()

    async def remove(self, who: Identity, key_id: str) -> None:
        """ResourceNotFound, LastKey."""

        async def work(tx: Transaction) -> None:
            await _check_own(tx, who, key_id, kept=False)
            await tx.accounts.remove(key_id)

        await self._database.write(work)
        await self._changed()

    async def assume(self, role: Identity, span: timedelta) -> tuple[AccessKey, str]:
        """A key with which a role is taken for a while, and its token. ResourceNotFound."""
        token = base64.b64encode(os.urandom(48)).decode()
        key = replace(
            new_key(role, prefix="STS.NT"),
            token_digest=hashlib.sha256(token.encode()).hexdigest(),
            expires_at=self._clock.now() + span,
        )
        await self.add(key)
        return key, token

    # Users

    async def users(self, account_id: str, *names: str) -> list[User]:
        """These, or all, in the order of their names; ResourceNotFound."""

        async def work(tx: Transaction) -> list[User]:
            return await tx.rights.users(account_id, *names)

        found = await self._database.read(work)
        missing = set(names) - {user.name for user in found}
        if missing:
            raise ResourceNotFound("user", sorted(missing))
        return found

    async def add_user(self, user: User) -> None:
        """NameTaken."""

        async def work(tx: Transaction) -> None:
            if await tx.rights.users(user.account_id, user.name):
                raise NameTaken(user.name)
            await tx.rights.add_user(user)

        await self._database.write(work)

    async def remove_user(self, account_id: str, name: str) -> None:
        """ResourceNotFound; NotEmpty while it has keys or policies."""
        who = Identity(account_id=account_id, kind=Kind.USER, name=name)

        async def work(tx: Transaction) -> None:
            await check_known(tx, who)
            if await tx.rights.attached_to(who):
                raise NotEmpty(f"user {name}", "policies")
            if any(key.identity == who for key in await tx.accounts.keys()):
                raise NotEmpty(f"user {name}", "access keys")
            await tx.rights.remove_user(account_id, name)

        await self._database.write(work)

    # Roles that are taken

    async def remove_role(self, account_id: str, name: str) -> None:
        """With the keys of who has taken it. ResourceNotFound; NotEmpty while it has policies."""
        who = Identity(account_id=account_id, kind=Kind.ROLE, name=name)

        async def work(tx: Transaction) -> None:
            await check_known(tx, who)
            if await tx.rights.attached_to(who):
                raise NotEmpty(f"role {name}", "policies")
            await tx.accounts.remove_taken(account_id, name)
            await tx.rights.remove_role(account_id, name)

        await self._database.write(work)
        await self._load()

    async def _changed(self) -> None:
        """``first`` may be another."""
        await self._load()
        self._pokes.wake(Loop.OWN_KEY)

    async def _load(self) -> None:
        async def work(tx: Transaction) -> list[AccessKey]:
            return await tx.accounts.keys()

        self._keys = {key.id: key for key in await self._database.read(work)}


async def _check_own(tx: Transaction, who: Identity, key_id: str, *, kept: bool) -> None:
    await check_known(tx, who)
    theirs = [key for key in await tx.accounts.keys() if key.identity == who]
    if not any(key.id == key_id for key in theirs):
        raise ResourceNotFound("access key", [key_id])
    left = [key for key in theirs if key.active and key.id != key_id]
    if who.kind is Kind.OWNER and not kept and not left:
        raise LastKey(key_id)


def new_key(who: Identity, *, prefix: str = "LTAI5tCH", at: datetime | None = None) -> AccessKey:
    """Not stored yet. ``at``: when it is made, for who tells of it before it is."""
    return AccessKey(
        id=prefix + base64.b32encode(os.urandom(10)).decode(),
        secret=base64.b64encode(os.urandom(24)).decode().replace("/", "x").replace("+", "y"),
        account_id=who.account_id,
        of=str(who),
        created_at=at,
    )


async def _make_service_role(tx: Transaction, account_id: str, clock: Clock) -> None:
    """What templates name by default, as every account of the real service has it."""
    now = clock.now()
    await tx.rights.add_role(
        Role(
            name=SERVICE_ROLE,
            account_id=account_id,
            created_at=now,
            trust=_TRUST,
            description="What templates do by default.",
        )
    )
    for policy in _SERVICE_POLICIES:
        await tx.rights.attach(
            Attachment(
                account_id=account_id,
                kind=Kind.ROLE,
                name=SERVICE_ROLE,
                policy=policy,
                system=True,
                attached_at=now,
            )
        )
