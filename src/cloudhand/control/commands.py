"""Keep commands, change them, let them go. What runs goes on with what it was given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from cloudhand.control.settings import ControlSettings
from cloudhand.core import command as commands
from cloudhand.core import ids
from cloudhand.core.clock import Clock
from cloudhand.core.command import Command, StoredCommand
from cloudhand.core.errors import CommandNotFound, TooMany
from cloudhand.core.ids import CommandId, RandomBytes
from cloudhand.core.orders import CommandChange, CommandFilter, NewCommand, Once
from cloudhand.core.page import Page, Window
from cloudhand.store.database import Database
from cloudhand.store.transaction import Transaction


class Commands:
    def __init__(
        self, database: Database, clock: Clock, random: RandomBytes, settings: ControlSettings
    ) -> None:
        self._database = database
        self._clock = clock
        self._random = random
        self._settings = settings

    async def create(self, new: NewCommand, *, once: Once | None = None) -> CommandId:
        """ParameterProblem; TooMany."""
        stored = StoredCommand(
            command=made(new, ids.command_id(self._random)),
            created_at=self._clock.now(),
            resource_group_id=new.resource_group_id,
            tags=new.tags,
        )

        async def work(tx: Transaction) -> CommandId:
            earlier = await tx.tokens.earlier(once, CommandId)
            if earlier is not None:
                return earlier
            await keep(tx, stored, at_most=self._settings.commands_limit)
            await tx.tokens.remember(once, stored.command.id, at=stored.created_at)
            return stored.command.id

        return await self._database.write(work)

    async def find(self, wanted: CommandFilter, window: Window) -> Page[StoredCommand]:
        async def work(tx: Transaction) -> Page[StoredCommand]:
            return await tx.commands.find(wanted, window)

        return await self._database.read(work)

    async def modify(
        self, command_id: CommandId, change: CommandChange, *, once: Once | None = None
    ) -> None:
        """CommandNotFound."""

        async def work(tx: Transaction) -> None:
            if await tx.tokens.earlier(once, bool):
                return
            stored = await tx.commands.get(command_id)
            if stored is None:
                raise CommandNotFound(command_id)
            await tx.commands.update(changed(stored.command, change))
            await tx.tokens.remember(once, True, at=self._clock.now())

        await self._database.write(work)

    async def delete(self, command_id: CommandId, *, once: Once | None = None) -> None:
        """CommandNotFound. Its invocations stay."""

        async def work(tx: Transaction) -> None:
            if await tx.tokens.earlier(once, bool):
                return
            if not await tx.commands.remove(command_id):
                raise CommandNotFound(command_id)
            await tx.tokens.remember(once, True, at=self._clock.now())

        await self._database.write(work)


async def keep(tx: Transaction, stored: StoredCommand, *, at_most: int) -> None:
    """ParameterProblem; TooMany."""
    commands.check(stored.command)
    if await tx.commands.total() >= at_most:
        raise TooMany("commands", at_most)
    await tx.commands.add(stored)


def made(new: NewCommand, command_id: CommandId) -> Command:
    return Command(
        id=command_id,
        type=new.type,
        content=new.content,
        name=new.name,
        description=new.description,
        working_dir=new.working_dir,
        timeout=new.timeout,
        enable_parameter=new.enable_parameter,
        launcher=new.launcher,
    )


def changed(command: Command, change: CommandChange) -> Command:
    changes: Mapping[str, object] = vars(change)
    return replace(command, **{name: new for name, new in changes.items() if new is not None})  # type: ignore[arg-type]
