"""Ask for commands, stop them, and look at what became of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence

from cloudhand.control.commands import changed, keep, made
from cloudhand.control.pokes import Kick, Loop, Pokes
from cloudhand.control.settings import ControlSettings
from cloudhand.core import command as commands
from cloudhand.core import ids
from cloudhand.core.clock import Clock
from cloudhand.core.command import Command, CommandType, StoredCommand
from cloudhand.core.errors import (
    CommandNotApplicable,
    CommandNotFound,
    IncorrectState,
    InstanceNotFound,
    InstanceNotTargeted,
    InvocationNotFound,
    TooMany,
)
from cloudhand.core.ids import InstanceId, InvokeId, RandomBytes
from cloudhand.core.instance import State as InstanceState
from cloudhand.core.invocation import GRACE, TARGET, Event, Invocation, Target
from cloudhand.core.orders import (
    Asked,
    InvocationFilter,
    InvocationView,
    InvokeOrder,
    NewInvocation,
    Once,
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
        invoke_id = ids.invoke_id(self._random)

        async def work(tx: Transaction) -> tuple[Asked, Sequence[InstanceId]]:
            earlier = await tx.tokens.earlier(new.once, Asked)
            if earlier is not None:
                return earlier, ()
            command = await prepare(tx)
            commands.check_values(command, new.parameters)
            targets = await _selected(tx, new)
            await _check_instances(tx, targets, command.type)
            asked = Asked(command_id=command.id, invoke_id=invoke_id)
            await self._record(tx, _invocation(invoke_id, command, new, self._clock), targets)
            if new.once is not None and new.once.task_id is not None:
                await tx.task_invocations.add(invoke_id, new.once.task_id)
            await tx.tokens.remember(new.once, asked, at=self._clock.now())
            return asked, targets

        answer, kicked = await self._database.write(work)
        self._pokes.kick(kicked, Kick.RUN, answer.invoke_id)
        self._pokes.wake(Loop.DELIVERIES)
        return answer

    async def _record(
        self, tx: Transaction, invocation: Invocation, instance_ids: Sequence[InstanceId]
    ) -> None:
        now = invocation.created_at
        targets = [
            Target(
                invoke_id=invocation.id,
                instance_id=instance_id,
                created_at=now,
                updated_at=now,
                deadline_at=now + self._settings.delivery_window,
            )
            for instance_id in instance_ids
        ]
        await tx.invocations.add(invocation, targets)
        await tx.commands.count_invocation(invocation.command.id)

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
            targets = await tx.invocations.targets([invoke_id])
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
                if target.fetched_at is None and TARGET.hears(target.state, Event.CANCELLED):
                    await tx.invocations.move(
                        target, Event.CANCELLED, at=now, source="caller", stop_asked_at=now
                    )
                elif TARGET.hears(target.state, Event.STOP_ASKED):
                    await tx.invocations.move(
                        target,
                        Event.STOP_ASKED,
                        at=now,
                        source="caller",
                        stop_asked_at=now,
                        deadline_at=now + GRACE,
                    )
                    kicked.append(target.instance_id)
            await tx.tokens.remember(once, kicked, at=now)
            return kicked

        self._pokes.kick(await self._database.write(work), Kick.STOP, invoke_id)
        self._pokes.wake(Loop.DELIVERIES)

    async def find(
        self, wanted: InvocationFilter, window: Window, *, with_output: bool
    ) -> Page[InvocationView]:
        """Invocations with their targets; only the one on ``wanted.instance_id`` if given."""

        async def work(tx: Transaction) -> Page[InvocationView]:
            page = await tx.invocations.find(wanted, window)
            by_id = {invocation.id: invocation for invocation in page.items}
            targets = [
                target
                for target in await tx.invocations.targets(list(by_id))
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

    async def results(self, wanted: InvocationFilter, window: Window) -> Page[ResultView]:
        """Targets with their output; ``wanted.states`` are states of targets."""

        async def work(tx: Transaction) -> Page[ResultView]:
            page = await tx.invocations.find_targets(wanted, window)
            by_id = await tx.invocations.get_many(
                list({target.invoke_id: None for target in page.items})
            )
            views = await _results(tx, page.items, by_id, with_output=True)
            return Page(items=views, total=page.total, next=page.next)

        return await self._database.read(work)


async def _selected(tx: Transaction, new: NewInvocation) -> list[InstanceId]:
    """The instances that ids or tags name, each once, in the order given."""
    if new.instance_ids:
        return list(dict.fromkeys(new.instance_ids))
    tags = dict(new.instance_tags)
    found = [*await tx.instances.with_tags(tags), *await tx.managed.with_tags(tags)]
    if not found:
        raise InstanceNotFound([])
    if len(found) > commands.TARGET_LIMIT:
        raise TooMany("targets", commands.TARGET_LIMIT)
    return found


async def _check_instances(
    tx: Transaction, instance_ids: Sequence[InstanceId], kind: CommandType
) -> None:
    """The whole call fails if one instance does not exist, does not run, or does not fit."""
    own = {instance.id: instance for instance in await tx.instances.get_many(instance_ids)}
    missing = []
    for instance_id in instance_ids:
        if instance_id in own:
            continue
        if not ids.managed(instance_id) or await tx.managed.get(instance_id) is None:
            missing.append(instance_id)
    if missing:
        raise InstanceNotFound(missing)
    agents = await tx.agents.get_many(instance_ids)
    for instance_id in instance_ids:
        agent = agents.get(instance_id)
        windows = agent is not None and agent.os_type == "windows"
        if windows is (kind is CommandType.SHELL):
            raise CommandNotApplicable(instance_id, kind, "Windows" if windows else "Linux")
    for instance in own.values():
        if instance.state is not InstanceState.RUNNING:
            raise IncorrectState(instance.id, instance.state, "run a command on")


def _invocation(
    invoke_id: InvokeId, command: Command, new: NewInvocation, clock: Clock
) -> Invocation:
    return Invocation(
        id=invoke_id,
        command=command,
        created_at=clock.now(),
        repeat_mode=new.repeat_mode,
        username=new.username,
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
    keys = [(target.invoke_id, target.instance_id) for target in targets]
    outputs = await tx.outputs.joined(keys) if with_output else {}
    actions = await tx.power_actions.of(keys)
    return [
        ResultView(
            invocation=invocations[key[0]],
            target=target,
            output=outputs.get(key, b""),
            power_action=actions.get(key),
        )
        for key, target in zip(keys, targets, strict=True)
    ]
