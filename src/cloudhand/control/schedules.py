"""Run again what is due, on the machines whose time it is.

What came due while nobody looked is made up for once. What comes due while a run goes on is left
out, so that no two runs of a command meet on a machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from cloudhand.control.commands import keep
from cloudhand.control.pokes import Kick, Loop, Pokes
from cloudhand.control.scripts import revealed
from cloudhand.control.settings import ControlSettings
from cloudhand.control.targeting import (
    add_targets,
    check_frequency,
    checked,
    first_moment,
    next_moment,
)
from cloudhand.core import command as commands
from cloudhand.core import ids
from cloudhand.core.clock import Clock
from cloudhand.core.errors import (
    FrequencyProblem,
    InvocationEnded,
    InvocationNotFound,
    NotRepeating,
    TooMany,
)
from cloudhand.core.ids import InstanceId, InvokeId, RandomBytes
from cloudhand.core.instance import Told
from cloudhand.core.invocation import Event, Invocation, RepeatMode, State, Target
from cloudhand.core.orders import Asked, InvocationChange
from cloudhand.store.database import Database
from cloudhand.store.transaction import Transaction


class Schedules:
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

    async def fire(self) -> datetime | None:
        """Begin every run that is due; when the next one is."""
        now = self._clock.now()

        async def work(tx: Transaction) -> tuple[Sequence[InstanceId], datetime | None]:
            coming = await tx.targets.coming(now)
            invocations = await tx.invocations.get_many(list({t.invoke_id: None for t in coming}))
            told = await tx.agents.told(list({t.instance_id: None for t in coming}))
            begun = []
            for target in coming:
                next_at = next_moment(
                    invocations[target.invoke_id], _zone_of(told, target.instance_id), now
                )
                if target.state is State.SCHEDULED:
                    await tx.targets.fire(
                        target,
                        at=now,
                        source="schedule",
                        next_at=next_at,
                        deadline_at=now + self._settings.delivery_window,
                    )
                    begun.append(target.instance_id)
                else:
                    await tx.targets.move(
                        target, Event.LEFT_OUT, at=now, source="schedule", next_at=next_at
                    )
            return begun, await tx.targets.next_moment()

        begun, due = await self._database.write(work)
        if begun:
            self._pokes.kick(dict.fromkeys(begun), Kick.RUN, InvokeId(""))
            self._pokes.wake(Loop.DELIVERIES)
        return due

    async def modify(self, invoke_id: InvokeId, change: InvocationChange) -> Asked:
        """Change what runs from the next run on, and when, and on which further instances.

        InvocationNotFound, NotRepeating, InvocationEnded, ParameterProblem, FrequencyProblem,
        TooMany, and what ``run`` refuses of instances.
        """
        now = self._clock.now()

        async def work(tx: Transaction) -> Asked:
            earlier = await tx.tokens.earlier(change.once, Asked)
            if earlier is not None:
                return earlier
            before = await tx.invocations.get(invoke_id)
            if before is None:
                raise InvocationNotFound(invoke_id)
            targets = await tx.targets.of([invoke_id])
            _check_changing(before, targets, change)
            after = await self._changed(tx, before, change)
            await self._add_instances(tx, after, targets, change.more_instance_ids)
            if change.frequency is not None:
                told = await tx.agents.told([target.instance_id for target in targets])
                for target in targets:
                    if target.comes_again:
                        zone = _zone_of(told, target.instance_id)
                        await tx.targets.note(target, next_at=first_moment(after, zone, now))
            await tx.invocations.change(after)
            asked = Asked(command_id=after.command.id, invoke_id=invoke_id)
            await tx.tokens.remember(change.once, asked, at=now)
            return asked

        asked = await self._database.write(work)
        self._pokes.wake(Loop.SCHEDULES)
        return asked

    async def _changed(
        self, tx: Transaction, before: Invocation, change: InvocationChange
    ) -> Invocation:
        """With another script it is another command; a stored one if the old one is stored."""
        command = before.command
        if change.enable_parameter is not None:
            command = replace(command, enable_parameter=change.enable_parameter)
        if change.content is not None and change.content != command.content:
            command = replace(command, id=ids.command_id(self._random), content=change.content)
            stored = await tx.commands.get(before.command.id)
            if stored is not None:
                kept = replace(
                    stored, command=command, created_at=self._clock.now(), invoke_count=0
                )
                await keep(tx, kept, at_most=self._settings.commands_limit)
        parameters = before.parameters if change.parameters is None else change.parameters
        commands.check_values(command, parameters)
        frequency = before.frequency if change.frequency is None else change.frequency
        after = replace(
            before, command=command, parameters=parameters, frequency=frequency, by=change.by
        )
        check_frequency(after)
        await revealed(tx, after, self._settings, self._clock.now())
        return after

    async def _add_instances(
        self,
        tx: Transaction,
        invocation: Invocation,
        targets: Sequence[Target],
        instance_ids: Sequence[InstanceId],
    ) -> None:
        known = {target.instance_id for target in targets}
        more = [one for one in dict.fromkeys(instance_ids) if one not in known]
        if len(known) + len(more) > self._settings.targets_limit:
            raise TooMany("targets", self._settings.targets_limit)
        machines = await checked(tx, more, invocation.command.type)
        await add_targets(
            tx, invocation, machines, self._clock.now(), self._settings.delivery_window
        )


def _check_changing(
    invocation: Invocation, targets: Sequence[Target], change: InvocationChange
) -> None:
    if not invocation.repeat_mode.repeats:
        raise NotRepeating(invocation.id)
    if all(target.final for target in targets):
        raise InvocationEnded(invocation.id)
    if change.frequency is not None and invocation.repeat_mode is not RepeatMode.PERIOD:
        raise FrequencyProblem(f"cannot give a frequency to {invocation.repeat_mode}")


def _zone_of(told: Mapping[InstanceId, Told], instance_id: InstanceId) -> str:
    return told[instance_id].time_zone if instance_id in told else ""
