"""Stop and restart machines of one's own: their agents do it, by the exit code of a command.

So the order is acknowledged as every power exit code is: reported first, then carried out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from cloudhand.control.targeting import Machine, add_targets
from cloudhand.core import ids, power
from cloudhand.core.command import Command, CommandType
from cloudhand.core.errors import CloudhandError, IncorrectState, InstanceNotFound
from cloudhand.core.ids import InstanceId, InvokeId, RandomBytes
from cloudhand.core.instance import Agent, AgentKind, Event, online
from cloudhand.core.invocation import Invocation
from cloudhand.core.power import Kind
from cloudhand.store.transaction import Transaction

_KINDS = {Event.STOP_ASKED: Kind.STOP, Event.REBOOT_ASKED: Kind.RESTART}
_NAMES = {Kind.STOP: "StopInstances", Kind.RESTART: "RebootInstances"}


def refusal(
    agent: Agent | None, instance_id: InstanceId, event: Event, now: datetime
) -> CloudhandError | None:
    """Why its agent cannot be asked; None if it can."""
    kind = _KINDS.get(event)
    if kind is None:
        return InstanceNotFound([instance_id])  # nobody but itself can start it
    if agent is None or not online(agent, now=now):
        return IncorrectState(instance_id, "offline", kind)
    if kind in agent.refusals:
        state = f"under rules of its own: {agent.refusals[kind]}"
        return IncorrectState(instance_id, state, kind)
    code = power.exit_code(kind, windows=_windows(agent))
    published = agent.kind is AgentKind.PUBLISHED
    if published and not power.asked_by(code, agent_version=agent.version, os_type=agent.os_type):
        state = f"spoken for by an agent {agent.version}, which is too old for that"
        return IncorrectState(instance_id, state, kind)
    return None


async def ask(
    tx: Transaction,
    agents: Mapping[InstanceId, Agent],
    event: Event,
    *,
    by: str,
    random: RandomBytes,
    now: datetime,
    window: timedelta,
) -> dict[InvokeId, list[InstanceId]]:
    """Record the commands that do it, one for each kind of machine, and for which machines."""
    asked = {}
    for windows in (False, True):
        those = [one for one, agent in agents.items() if _windows(agent) is windows]
        if those:
            invocation = _invocation(_KINDS[event], windows, by, random, now)
            await tx.invocations.add(invocation)
            await add_targets(tx, invocation, _machines(those, agents), now, window)
            asked[invocation.id] = those
    return asked


def _invocation(
    kind: Kind, windows: bool, by: str, random: RandomBytes, now: datetime
) -> Invocation:
    return Invocation(
        id=ids.invoke_id(random),
        command=Command(
            id=ids.command_id(random),
            type=CommandType.BATCH if windows else CommandType.SHELL,
            content=f"exit {power.exit_code(kind, windows=windows)}".encode(),
            name=_NAMES[kind],
        ),
        created_at=now,
        by=by,
    )


def _machines(
    instance_ids: Sequence[InstanceId], agents: Mapping[InstanceId, Agent]
) -> list[Machine]:
    return [
        Machine(instance_id=one, time_zone="", boot_id=agents[one].boot_id) for one in instance_ids
    ]


def _windows(agent: Agent) -> bool:
    return agent.os_type == "windows"
