"""On which machines a command is to run, whether it can, and what it is there before it begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from cloudhand.control.settings import ControlSettings
from cloudhand.core import command as commands
from cloudhand.core import frequency, ids
from cloudhand.core.command import CommandType
from cloudhand.core.errors import (
    CommandNotApplicable,
    FrequencyProblem,
    IncorrectState,
    InstanceNotFound,
    TooMany,
)
from cloudhand.core.ids import BootId, InstanceId
from cloudhand.core.instance import Agent
from cloudhand.core.instance import State as InstanceState
from cloudhand.core.invocation import Invocation, RepeatMode, State, Target
from cloudhand.core.orders import NewInvocation
from cloudhand.store.transaction import Transaction
from cloudhand.wire import schedule


@dataclass(frozen=True, kw_only=True)
class Machine:
    """An instance that a command is to run on, as far as that needs it."""

    instance_id: InstanceId
    agent: Agent | None
    boot_id: BootId | None


async def selected(tx: Transaction, new: NewInvocation) -> list[InstanceId]:
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


async def checked(
    tx: Transaction, instance_ids: Sequence[InstanceId], kind: CommandType
) -> list[Machine]:
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
    return [
        Machine(
            instance_id=instance_id,
            agent=agents.get(instance_id),
            boot_id=(own.get(instance_id) or agents[instance_id]).boot_id,
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


def first_moment(invocation: Invocation, agent: Agent | None, now: datetime) -> datetime | None:
    found = next_moment(invocation, agent, now)
    if found is None and invocation.frequency:
        raise FrequencyProblem(f"cannot follow {invocation.frequency!r}: it never comes again")
    return found


def targets_of(
    invocation: Invocation, machines: Sequence[Machine], now: datetime, settings: ControlSettings
) -> list[Target]:
    """FrequencyProblem for a machine on which it would never run."""
    if not invocation.repeat_mode.repeats:
        return [
            Target(
                invoke_id=invocation.id,
                instance_id=machine.instance_id,
                created_at=now,
                updated_at=now,
                deadline_at=now + settings.delivery_window,
            )
            for machine in machines
        ]
    return [
        Target(
            invoke_id=invocation.id,
            instance_id=machine.instance_id,
            state=State.SCHEDULED,
            created_at=now,
            updated_at=now,
            deadline_at=None,
            next_at=first_moment(invocation, machine.agent, now),
            on_boot=invocation.repeat_mode is not RepeatMode.PERIOD,
            boot_id=machine.boot_id,
        )
        for machine in machines
    ]


def next_moment(invocation: Invocation, agent: Agent | None, now: datetime) -> datetime | None:
    """When an invocation runs next on the machine of an agent; None: never again, of no period."""
    if not invocation.frequency:
        return None
    begin, where = invocation.created_at, _zone(agent)
    return frequency.read(invocation.frequency, begin=begin, where=where).after(now)


def _zone(agent: Agent | None) -> tzinfo:
    """The zone of a machine; UTC as long as it has not said one that is known here."""
    try:
        return schedule.zone(agent.time_zone) if agent is not None else UTC
    except ValueError:
        return UTC
