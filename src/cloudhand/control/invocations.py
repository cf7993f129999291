"""Ask for commands, stop them, and look at what became of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime, timedelta

from cloudhand import faults
from cloudhand.control.commands import changed, keep, made
from cloudhand.control.pokes import Kick, Loop, Pokes
from cloudhand.control.scripts import revealed
from cloudhand.control.settings import ControlSettings
from cloudhand.control.targeting import add_targets, check_frequency, checked, selected
from cloudhand.core import command as commands
from cloudhand.core import ids
from cloudhand.core.clock import Clock
from cloudhand.core.command import Command, StoredCommand
from cloudhand.core.errors import (
    CommandNotFound,
    InstanceNotTargeted,
    InvocationNotFound,
    TooMany,
)
from cloudhand.core.ids import InstanceId, InvokeId, RandomBytes
from cloudhand.core.invocation import GRACE, TARGET, Event, Invocation, State, Target
from cloudhand.core.orders import (
    Asked,
    InvocationFilter,
    InvocationView,
    InvokeOrder,
    NewInvocation,
    Once,
    OutputOrder,
    OutputPiece,
    ResultView,
    RunOrder,
)
from cloudhand.core.page import Page, Window
from cloudhand.store.database import Database
from cloudhand.store.transaction import Transaction


class Invocations:
    def __init__(
        self,
        database: Database,
        clock: Clock,
        random: RandomBytes,
        pokes: Pokes,
        settings: ControlSettings,
    ) -> None:
        self._database = database
        self._clock = clock
        self._random = random
        self._pokes = pokes
        self._settings = settings

    async def run(self, order: RunOrder) -> Asked:
        """Record that a command shall run on instances; all of them or none."""
        new, now = order.command, self._clock.now()
        command = made(new, ids.command_id(self._random))

        async def prepare(tx: Transaction) -> Command:
            if order.keep_command:
                stored = StoredCommand(
                    command=command,
                    created_at=now,
                    resource_group_id=new.resource_group_id,
                    tags=new.tags,
                )
                await keep(tx, stored, at_most=self._settings.commands_limit)
            return command

        return await self._ask(order.invocation, prepare)

    async def invoke(self, order: InvokeOrder) -> Asked:
        """As ``run``, of a stored command as it is now; CommandNotFound."""

        async def prepare(tx: Transaction) -> Command:
            stored = await tx.commands.get(order.command_id)
            if stored is None:
                raise CommandNotFound(order.command_id)
            return changed(stored.command, order.change)

        return await self._ask(order.invocation, prepare)

    async def _ask(
        self, new: NewInvocation, prepare: Callable[[Transaction], Awaitable[Command]]
    ) -> Asked:
        invoke_id, now = ids.invoke_id(self._random), self._clock.now()

        async def work(tx: Transaction) -> tuple[Asked, Sequence[InstanceId]]:
            earlier = await tx.tokens.earlier(new.once, Asked)
            if earlier is not None:
                return earlier, ()
            await self._check_quota(tx, now)
            command = await prepare(tx)
            commands.check_values(command, new.parameters)
            commands.check_user(command, new.username, new.password_name)
            targets = await selected(tx, new)
            if len(targets) > self._settings.targets_limit:
                raise TooMany("targets", self._settings.targets_limit)
            waits = new.wait_online is not None
            machines = await checked(tx, targets, command.type, waits=waits)
            asked = Asked(command_id=command.id, invoke_id=invoke_id)
            invocation = _invocation(invoke_id, command, new, now)
            check_frequency(invocation)
            await revealed(tx, invocation, self._settings, now)  # whether they can be read
            await tx.invocations.add(invocation)
            window = max(new.wait_online or timedelta(), self._settings.delivery_window)
            await add_targets(tx, invocation, machines, now, window)
            await tx.commands.count_invocation(command.id)
            if new.once is not None and new.once.task_id is not None:
                await tx.task_invocations.add(invoke_id, new.once.task_id)
            await tx.tokens.remember(new.once, asked, at=now)
            return asked, targets

        faults.point("plane.asked")
        answer, kicked = await self._database.write(work)
        faults.point("plane.recorded")
        if new.repeat_mode.repeats:
            self._pokes.wake(Loop.SCHEDULES)
            return answer
        self._pokes.kick(kicked, Kick.RUN, answer.invoke_id)
        self._pokes.wake(Loop.DELIVERIES)
        return answer

    async def _check_quota(self, tx: Transaction, now: datetime) -> None:
        limit = self._settings.invocations_per_day
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        if limit and await tx.invocations.count_since(midnight) >= limit:
            raise TooMany("invocations", limit, since="00:00 UTC")

    async def stop(
        self,
        invoke_id: InvokeId,
        *,
        only: Collection[InstanceId] = (),
        once: Once | None = None,
    ) -> None:
        """Ask every unfinished target, or only those on the given instances, to stop."""
        now = self._clock.now()

        async def work(tx: Transaction) -> list[InstanceId]:
            earlier = await tx.tokens.earlier(once, list[InstanceId])
            if earlier is not None:
                return earlier
            targets = await tx.targets.of([invoke_id])
            if not targets:
                raise InvocationNotFound(invoke_id)
            strangers = set(only) - {target.instance_id for target in targets}
            if strangers:
                raise InstanceNotTargeted(invoke_id, sorted(strangers))
            kicked = []
            for target in targets:
                if only and target.instance_id not in only:
                    continue
                # Asking again what is being done already, or is over, changes nothing.
                waits = target.state is State.SCHEDULED or target.fetched_at is None
                if waits and TARGET.hears(target.state, Event.CANCELLED):
                    await tx.targets.move(
                        target,
                        Event.CANCELLED,
                        at=now,
                        source="caller",
                        stop_asked_at=now,
                        next_at=None,
                        on_boot=False,
                    )
                elif TARGET.hears(target.state, Event.STOP_ASKED):
                    await tx.targets.move(
                        target,
                        Event.STOP_ASKED,
                        at=now,
                        source="caller",
                        stop_asked_at=now,
                        deadline_at=now + GRACE,
                        next_at=None,
                        on_boot=False,
                    )
                    kicked.append(target.instance_id)
            await tx.tokens.remember(once, kicked, at=now)
            return kicked

        self._pokes.kick(await self._database.write(work), Kick.STOP, invoke_id)
        self._pokes.wake(Loop.DELIVERIES)

    async def machines(self, invoke_id: InvokeId) -> list[InstanceId]:
        """Where it was asked for; none if there is no such invocation."""

        async def work(tx: Transaction) -> list[InstanceId]:
            return [target.instance_id for target in await tx.targets.of([invoke_id])]

        return await self._database.read(work)

    async def find(
        self, wanted: InvocationFilter, window: Window, *, with_output: bool
    ) -> Page[InvocationView]:
        """Invocations with their targets; only the one on ``wanted.instance_id`` if given."""

        async def work(tx: Transaction) -> Page[InvocationView]:
            page = await tx.invocations.find(wanted, window)
            by_id = {invocation.id: invocation for invocation in page.items}
            targets = [
                target
                for target in await tx.targets.of(list(by_id))
                if wanted.instance_id in (None, target.instance_id)
            ]
            views = await _results(tx, targets, by_id, with_output=with_output)
            return Page(
                items=[
                    InvocationView(
                        invocation=invocation,
                        results=[view for view in views if view.invocation is invocation],
                    )
                    for invocation in page.items
                ],
                total=page.total,
                next=page.next,
            )

        return await self._database.read(work)

    async def results(
        self, wanted: InvocationFilter, window: Window, *, with_history: bool = False
    ) -> Page[ResultView]:
        """Targets with their output; ``wanted.states`` are states of targets.

        ``with_history``: all runs of ``wanted.invoke_id`` instead, if it is one that repeats.
        """

        async def work(tx: Transaction) -> Page[ResultView]:
            if with_history and await _repeats(tx, wanted.invoke_id):
                page = await tx.past_runs.find(wanted, window)
            else:
                page = await tx.targets.find(wanted, window)
            by_id = await tx.invocations.get_many(
                list({target.invoke_id: None for target in page.items})
            )
            views = await _results(tx, page.items, by_id, with_output=True)
            return Page(items=views, total=page.total, next=page.next)

        return await self._database.read(work)

    async def output(self, wanted: OutputOrder) -> OutputPiece:
        """A piece of what a run has said, and how much there is; InstanceNotTargeted."""

        async def work(tx: Transaction) -> OutputPiece:
            target = await tx.targets.get(wanted.invoke_id, wanted.instance_id)
            if target is not None and wanted.run:
                target = await tx.targets.run((wanted.invoke_id, wanted.instance_id, wanted.run))
            if target is None:
                raise InstanceNotTargeted(wanted.invoke_id, [wanted.instance_id])
            begin, piece = await tx.outputs.piece(
                target.key, offset=wanted.offset, at_most=wanted.at_most
            )
            return OutputPiece(
                target=target,
                begin=begin,
                output=piece,
                size=await tx.outputs.size(target.key),
            )

        return await self._database.read(work)


async def _repeats(tx: Transaction, invoke_id: InvokeId | None) -> bool:
    invocation = await tx.invocations.get(invoke_id) if invoke_id is not None else None
    return invocation is not None and invocation.repeat_mode.repeats


def _invocation(
    invoke_id: InvokeId, command: Command, new: NewInvocation, now: datetime
) -> Invocation:
    return Invocation(
        id=invoke_id,
        command=command,
        created_at=now,
        repeat_mode=new.repeat_mode,
        frequency=new.frequency,
        username=new.username,
        password_name=new.password_name,
        by=new.by,
        parameters=new.parameters,
        termination_mode=new.termination_mode,
        resource_group_id=new.resource_group_id,
        tags=new.tags,
    )


async def _results(
    tx: Transaction,
    targets: Sequence[Target],
    invocations: dict[InvokeId, Invocation],
    *,
    with_output: bool,
) -> list[ResultView]:
    keys = [target.key for target in targets]
    sizes = await tx.outputs.sizes(keys)
    outputs = await tx.outputs.tails(sizes, commands.SHOWN_LIMIT) if with_output else {}
    actions = await tx.power_actions.of(keys)
    return [
        ResultView(
            invocation=invocations[key[0]],
            target=target,
            output=outputs.get(key, b""),
            dropped=target.dropped + max(sizes.get(key, 0) - commands.SHOWN_LIMIT, 0),
            power_action=actions.get(key),
        )
        for key, target in zip(keys, targets, strict=True)
    ]
