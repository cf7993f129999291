"""On which machines a command is to run, whether it can, and what it is there before it begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from cloudhand.core import frequency, ids
from cloudhand.core.command import CommandType
from cloudhand.core.errors import (
    CommandNotApplicable,
    FrequencyProblem,
    IncorrectState,
    InstanceNotFound,
)
from cloudhand.core.ids import BootId, InstanceId
from cloudhand.core.instance import Instance, Told
from cloudhand.core.instance import State as InstanceState
from cloudhand.core.invocation import Invocation, RepeatMode, State, Target
from cloudhand.core.orders import NewInvocation
from cloudhand.store.transaction import Transaction
from cloudhand.wire import schedule

_UNKNOWN = Told()


@dataclass(frozen=True, kw_only=True)
class Machine:
    """An instance that a command is to run on, as far as that needs it."""

    instance_id: InstanceId
    time_zone: str  # empty: not known
    boot_id: BootId | None


async def selected(tx: Transaction, new: NewInvocation) -> list[InstanceId]:
    """The instances that ids or tags name, each once, in the order given."""
    if new.instance_ids:
        return list(dict.fromkeys(new.instance_ids))
    tags = dict(new.instance_tags)
    found = [*await tx.instances.with_tags(tags), *await tx.managed.with_tags(tags)]
    if not found:
        raise InstanceNotFound([])
    return found


async def present(
    tx: Transaction, instance_ids: Sequence[InstanceId]
) -> Mapping[InstanceId, Instance]:
    """Those of our own, by id; InstanceNotFound unless each of both kinds is there."""
    own = {instance.id: instance for instance in await tx.instances.get_many(instance_ids)}
    others = await tx.managed.present([one for one in instance_ids if ids.managed(one)])
    missing = [one for one in instance_ids if one not in own and one not in others]
    if missing:
        raise InstanceNotFound(missing)
    return own


async def checked(
    tx: Transaction, instance_ids: Sequence[InstanceId], kind: CommandType, *, waits: bool = False
) -> list[Machine]:
    """The whole call fails if one instance does not exist, does not run, or does not fit.

    ``waits``: it may run later.
    """
    own = await present(tx, instance_ids)
    told = await tx.agents.told(instance_ids)
    for instance_id in instance_ids:
        windows = told.get(instance_id, _UNKNOWN).os_type == "windows"
        if windows is (kind is CommandType.SHELL):
            raise CommandNotApplicable(instance_id, kind, "Windows" if windows else "Linux")
    for instance in own.values():
        comes = waits and instance.state is not InstanceState.RELEASING
        if instance.state is not InstanceState.RUNNING and not comes:
            raise IncorrectState(instance.id, instance.state, "run a command on")
    return [
        Machine(
            instance_id=instance_id,
            time_zone=told.get(instance_id, _UNKNOWN).time_zone,
            boot_id=(own.get(instance_id) or told[instance_id]).boot_id,
        )
        for instance_id in instance_ids
    ]


def check_frequency(invocation: Invocation) -> None:
    if not invocation.frequency:
        return
    timeout = timedelta(seconds=invocation.command.timeout)
    try:
        frequency.check(invocation.frequency, timeout=timeout, now=invocation.created_at)
    except ValueError as error:
        raise FrequencyProblem(str(error)) from None


def first_moment(invocation: Invocation, time_zone: str, now: datetime) -> datetime | None:
    found = next_moment(invocation, time_zone, now)
    if found is None and invocation.frequency:
        raise FrequencyProblem(f"cannot follow {invocation.frequency!r}: it never comes again")
    return found


async def add_targets(
    tx: Transaction,
    invocation: Invocation,
    machines: Sequence[Machine],
    now: datetime,
    window: timedelta,
) -> None:
    """FrequencyProblem for a machine on which it would never run.

    ``window``: how long each agent has to fetch what runs once.
    """
    if invocation.repeat_mode.repeats:
        await tx.targets.add([_scheduled(invocation, machine, now) for machine in machines])
        return
    alike = Target(
        invoke_id=invocation.id,
        instance_id=InstanceId(""),
        created_at=now,
        updated_at=now,
        deadline_at=now + window,
    )
    await tx.targets.add_alike(alike, [machine.instance_id for machine in machines])


def _scheduled(invocation: Invocation, machine: Machine, now: datetime) -> Target:
    return Target(
        invoke_id=invocation.id,
        instance_id=machine.instance_id,
        state=State.SCHEDULED,
        created_at=now,
        updated_at=now,
        deadline_at=None,
        next_at=first_moment(invocation, machine.time_zone, now),
        on_boot=invocation.repeat_mode is not RepeatMode.PERIOD,
        boot_id=machine.boot_id,
    )


def next_moment(invocation: Invocation, time_zone: str, now: datetime) -> datetime | None:
    """When an invocation runs next on a machine in this zone; None: never again, of no period."""
    if not invocation.frequency:
        return None
    begin, where = invocation.created_at, _zone(time_zone)
    return frequency.read(invocation.frequency, begin=begin, where=where).after(now)


def _zone(name: str) -> tzinfo:
    """UTC as long as the machine has not said one that is known here."""
    try:
        return schedule.zone(name)
    except ValueError:
        return UTC
