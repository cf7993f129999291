"""The parameter store. The values of secret parameters are told only to whom asks for them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from cloudhand.core import ids
from cloudhand.core import stored_parameter as rules
from cloudhand.core.clock import Clock
from cloudhand.core.errors import (
    ConstraintsInvalid,
    NameTaken,
    StoredParameterNotFound,
    TooMany,
    ValueInvalid,
)
from cloudhand.core.ids import RandomBytes
from cloudhand.core.orders import (
    NewStoredParameter,
    NewStoredVersion,
    Once,
    StoredParameterFilter,
)
from cloudhand.core.page import Page, Window
from cloudhand.core.stored_parameter import VERSION_LIMIT, StoredParameter, StoredVersion, Type
from cloudhand.orchestration.programs import ProgramError, Programs
from cloudhand.store.database import Database
from cloudhand.store.transaction import Transaction


class StoredParameters:
    """``opened``: with the values of secret ones, which are left out otherwise."""

    def __init__(
        self, database: Database, clock: Clock, random: RandomBytes, programs: Programs
    ) -> None:
        self._database = database
        self._clock = clock
        self._random = random
        self._programs = programs

    async def create(self, order: NewStoredParameter) -> StoredParameter:
        """NameTaken; ConstraintsInvalid; ValueInvalid."""
        await self._check(order.name, order.type, order.constraints, order.value)
        now = self._clock.now()
        made = StoredParameter(
            id=ids.stored_parameter_id(self._random, secret=order.type is Type.SECRET),
            name=order.name,
            type=order.type,
            description=order.description,
            constraints=order.constraints,
            key_id=order.key_id,
            dkms_instance_id=order.dkms_instance_id,
            created_at=now,
            created_by=order.by,
            resource_group_id=order.resource_group_id,
            tags=order.tags,
            version=StoredVersion(number=1, value=order.value, created_at=now, created_by=order.by),
        )

        async def work(tx: Transaction) -> StoredParameter:
            earlier = await tx.tokens.earlier(order.once, StoredParameter)
            if earlier is not None:
                return earlier
            if not await tx.stored_parameters.add(made):
                raise NameTaken(order.name)
            await tx.tokens.remember(order.once, _untold(made), at=now)
            return _untold(made)

        return await self._database.write(work)

    async def _check(self, name: str, kind: Type, constraints: str, value: str) -> None:
        """Whether each item of the value keeps the constraints; none is told in what is wrong."""
        wanted = rules.constraints(constraints)
        for item in rules.items(kind, value):
            told = rules.broken(wanted, item)
            if told:
                raise ValueInvalid(name, told)
            if wanted.allowed_pattern and not await self._matches(wanted.allowed_pattern, item):
                raise ValueInvalid(name, "it does not fit its AllowedPattern")

    async def _matches(self, pattern: str, item: str) -> bool:
        try:
            return await self._programs.matches(pattern, item)
        except ProgramError as error:
            raise ConstraintsInvalid(f"AllowedPattern: {error}") from None

    async def update(self, order: NewStoredVersion) -> StoredParameter:
        """Add a version. StoredParameterNotFound; ConstraintsInvalid; ValueInvalid; TooMany."""
        while True:
            kept = await self.get(order.name, secret=order.secret)
            await self._check(order.name, kept.type, kept.constraints, order.value)
            updated = await self._updated(order, kept)
            if updated is not None:
                return updated

    async def _updated(
        self, order: NewStoredVersion, checked: StoredParameter
    ) -> StoredParameter | None:
        """None when it is not the one any more whose constraints were looked at."""
        now = self._clock.now()

        async def work(tx: Transaction) -> StoredParameter | None:
            earlier = await tx.tokens.earlier(order.once, StoredParameter)
            if earlier is not None:
                return earlier
            before = await _existing(tx, order.name, secret=order.secret)
            if before.id != checked.id:
                return None
            number = before.version.number + 1
            if number > VERSION_LIMIT:
                raise TooMany(f"versions of {order.name}", VERSION_LIMIT)
            after = _changed(before, order)
            version = StoredVersion(
                number=number, value=order.value, created_at=now, created_by=order.by
            )
            after = replace(after, version=version)
            await tx.stored_parameters.update(after)
            await tx.tokens.remember(order.once, _untold(after), at=now)
            return _untold(after)

        return await self._database.write(work)

    async def get(
        self, name: str, *, secret: bool, number: int | None = None, opened: bool = False
    ) -> StoredParameter:
        """StoredParameterNotFound."""

        async def work(tx: Transaction) -> StoredParameter:
            return await _existing(tx, name, secret=secret, number=number, opened=opened)

        return await self._database.read(work)

    async def get_many(
        self, names: Collection[str], *, secret: bool, opened: bool = False
    ) -> list[StoredParameter]:
        """Those that there are."""

        async def work(tx: Transaction) -> list[StoredParameter]:
            return await tx.stored_parameters.get_many(names, secret=secret, opened=opened)

        return await self._database.read(work)

    async def find(
        self, wanted: StoredParameterFilter, window: Window, *, opened: bool = False
    ) -> Page[StoredParameter]:
        async def work(tx: Transaction) -> Page[StoredParameter]:
            return await tx.stored_parameters.find(wanted, window, opened=opened)

        return await self._database.read(work)

    async def versions(
        self, name: str, window: Window, *, secret: bool, opened: bool = False
    ) -> tuple[StoredParameter, Page[StoredVersion]]:
        """The newest first; StoredParameterNotFound."""

        async def work(tx: Transaction) -> tuple[StoredParameter, Page[StoredVersion]]:
            found = await _existing(tx, name, secret=secret)
            return found, await tx.stored_parameters.versions(found, window, opened=opened)

        return await self._database.read(work)

    async def delete(self, name: str, *, secret: bool, once: Once | None = None) -> None:
        """StoredParameterNotFound."""
        now = self._clock.now()

        async def work(tx: Transaction) -> None:
            if await tx.tokens.earlier(once, bool):
                return
            if not await tx.stored_parameters.remove(name, secret=secret):
                raise StoredParameterNotFound(name)
            await tx.tokens.remember(once, True, at=now)

        await self._database.write(work)

    async def secrets(self, names: Collection[str]) -> dict[str, str]:
        """The values of secret ones in the clear, for a call that is made at once."""

        async def work(tx: Transaction) -> dict[str, str]:
            return await tx.stored_parameters.secrets(names)

        return await self._database.read(work)


async def _existing(
    tx: Transaction, name: str, *, secret: bool, number: int | None = None, opened: bool = False
) -> StoredParameter:
    found = await tx.stored_parameters.get(name, secret=secret, number=number, opened=opened)
    if found is None:
        raise StoredParameterNotFound(name, number)
    return found


def _untold(parameter: StoredParameter) -> StoredParameter:
    return replace(parameter, version=replace(parameter.version, value=None))


def _changed(before: StoredParameter, order: NewStoredVersion) -> StoredParameter:
    group, tags = order.resource_group_id, order.tags
    return replace(
        before,
        description=before.description if order.description is None else order.description,
        resource_group_id=before.resource_group_id if group is None else group,
        tags=before.tags if tags is None else tags,
    )
