"""What is in the way to a machine, and what a machine waits for. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cloudhand.core.explanation import Barrier, Cause, Explanation, Fact, Kind, Owner
from cloudhand.core.ids import FaultId, InstanceId
from cloudhand.core.instance import (
    ONLINE_WITHIN,
    ORDERS,
    Agent,
    AgentKind,
    Instance,
    State,
    cloned,
    online,
)
from cloudhand.core.power import PowerAction
from cloudhand.core.power import State as PowerState
from cloudhand.wire import bounds

_MOVES_WITHIN = timedelta(seconds=bounds.DOWN_WITHIN)


@dataclass(frozen=True, kw_only=True)
class Site:
    """What is known of a machine."""

    id: InstanceId
    instance: Instance | None = None  # None: it joined from outside, or is no more
    present: bool = True
    agent: Agent | None = None
    silenced_by: FaultId | None = None
    running: int = 0  # commands that run there
    moved_at: datetime | None = None  # when it came into its state
    turn: str = ""  # what its turn to restart waits for, where a governor has it wait
    turn_since: datetime | None = None

    @property
    def state(self) -> str:
        if not self.present:
            return State.RELEASED.value
        return self.instance.state.value if self.instance is not None else "Managed"


# What is done about each standing order, and what it makes of a command that is on its way there.
_ORDERED: Mapping[State, tuple[Cause, str]] = {
    State.PENDING: (Cause.MACHINE_STARTS, "is being made"),
    State.STARTING: (Cause.MACHINE_STARTS, "starts, and runs once its agent is online"),
    State.STOPPING: (Cause.MACHINE_STOPS, "shuts down"),
    State.REBOOTING: (
        Cause.MACHINE_RESTARTS,
        "restarts, and runs again once its agent is online in another boot",
    ),
    State.RELEASING: (Cause.MACHINE_STOPS, "is being released"),
}


def within_reach(site: Site, now: datetime) -> bool:
    """Whether its agent can be spoken to."""
    boot_id = site.instance.boot_id if site.instance is not None else None
    return online(site.agent, now=now, boot_id=boot_id)


def stays_within_reach(site: Site, now: datetime, until: datetime | None) -> bool:
    """Whether it could be then, as far as is known now."""
    agent = site.agent
    if site.silenced_by is not None or agent is None or not within_reach(site, now):
        return False
    return agent.gone_at is None or until is None or until < agent.gone_at


def barrier(site: Site, now: datetime) -> Barrier | None:
    """What is in the way to its agent; None if nothing is known to be."""
    instance = site.instance
    if instance is not None and instance.state is State.STOPPED:
        return Barrier(
            cause=Cause.MACHINE_STOPPED,
            because="its machine is stopped, and starts when somebody starts it",
            owner=Owner.PERSON,
            since=site.moved_at,
            facts=[*_failure(instance)],
        )
    # A machine that is to restart runs until it does.
    moves = instance is not None and instance.state in ORDERS
    if instance is not None and moves and not _still_runs(site, now):
        return _order(site, instance, now)
    return _silence(site, now)


def _still_runs(site: Site, now: datetime) -> bool:
    restarts = site.instance is not None and site.instance.state is State.REBOOTING
    return restarts and within_reach(site, now)


def _order(site: Site, instance: Instance, now: datetime) -> Barrier:
    cause, does = _ORDERED[instance.state]
    owner = Owner.CONTROL_PLANE
    if site.turn:
        cause, does, owner = (
            Cause.TURN,
            site.turn,
            Owner.GOVERNOR,
        )
    elif instance.failure:
        cause = Cause.PROVIDER_FAILS
        does = f"{does}, which does not succeed: {instance.failure}"
    return Barrier(
        cause=cause,
        because=f"its machine {does}",
        owner=owner,
        since=site.turn_since if site.turn else site.moved_at,
        facts=[*_spoke(site.agent, now)],
    )


def _silence(site: Site, now: datetime) -> Barrier | None:
    agent = site.agent
    if site.silenced_by is not None:
        return Barrier(
            cause=Cause.AGENT_SILENCED,
            because=f"its agent is not heard, which somebody wants: {site.silenced_by}",
            owner=Owner.PERSON,
            since=agent.last_seen_at if agent is not None else None,
            facts=[*_spoke(agent, now)],
        )
    if agent is None or agent.last_seen_at is None:
        return Barrier(
            cause=Cause.NO_AGENT,
            because="no agent has ever been online there",
            owner=Owner.MACHINE,
            since=site.moved_at,
        )
    if within_reach(site, now):
        return None
    return Barrier(
        cause=Cause.AGENT_AWAY,
        because="its agent is not online",
        owner=Owner.AGENT,
        since=_away_since(agent, now),
        facts=[*_spoke(agent, now), *_in_boot(site)],
    )


def _away_since(agent: Agent, now: datetime) -> datetime | None:
    if agent.gone_at is not None and now >= agent.gone_at:
        return agent.gone_at
    return agent.last_seen_at + ONLINE_WITHIN if agent.last_seen_at is not None else None


def _spoke(agent: Agent | None, now: datetime) -> Iterator[Fact]:
    if agent is None:
        return
    if agent.last_seen_at is not None:
        yield Fact(text="its agent beat last", at=agent.last_seen_at)
    if agent.gone_at is not None and now >= agent.gone_at:
        yield Fact(text="its agent's channel had ended, and it was given up", at=agent.gone_at)
    for what, why in agent.refusals.items():
        yield Fact(text=f"its machine refuses {what}: {why}", at=agent.last_seen_at)


def _in_boot(site: Site) -> Iterator[Fact]:
    instance, agent = site.instance, site.agent
    if instance is None or agent is None or instance.boot_id is None:
        return
    if agent.boot_id is not None and agent.boot_id != instance.boot_id:
        yield Fact(text=f"its agent spoke in boot {agent.boot_id}, it runs in {instance.boot_id}")


def _failure(instance: Instance) -> Iterator[Fact]:
    if instance.failure:
        yield Fact(text=f"what was asked of it last did not succeed: {instance.failure}")


def of_clones(site: Site, now: datetime) -> Barrier | None:
    """Two agents that speak as one are in nobody's way, and take each other's commands."""
    agent = site.agent
    if agent is None or not cloned(agent, now=now):
        return None
    return Barrier(
        cause=Cause.AGENT_CLONED,
        because="two agents speak as its one: its machine was copied, and either may have it",
        owner=Owner.PERSON,
        since=agent.cloned_at,
        facts=[*_spoke(agent, now)],
    )


def of_machine(site: Site, now: datetime) -> Explanation:
    """What a machine waits for."""
    if not site.present:
        return _at_rest(site, Cause.ENDED, "it is no more", [])
    found = barrier(site, now) or of_clones(site, now) or _restart_to_come(site, now)
    if found is None:
        facts = [*_spoke(site.agent, now), *_busy(site)]
        return _at_rest(site, Cause.NOTHING, "it runs, and its agent is online", facts)
    return Explanation(
        kind=Kind.INSTANCE,
        id=site.id,
        state=site.state,
        cause=found.cause,
        because=_itself(found.because),
        owner=found.owner,
        since=found.since,
        until=_looked_at(site),
        then="it is looked at again" if _looked_at(site) else "",
        facts=[*found.facts, *_busy(site)],
    )


def _at_rest(site: Site, cause: Cause, because: str, facts: Sequence[Fact]) -> Explanation:
    return Explanation(
        kind=Kind.INSTANCE,
        id=site.id,
        state=site.state,
        cause=cause,
        because=because,
        owner=Owner.NOBODY,
        since=site.moved_at,
        facts=facts,
    )


def _restart_to_come(site: Site, now: datetime) -> Barrier | None:
    """A machine that is to restart, and whose agent is still online."""
    instance = site.instance
    if instance is not None and instance.state is State.REBOOTING:
        return _order(site, instance, now)
    return None


def _itself(clause: str) -> str:
    return (
        "it " + clause.removeprefix("its machine ") if clause.startswith("its machine ") else clause
    )


def _looked_at(site: Site) -> datetime | None:
    instance = site.instance
    return instance.due_at if instance is not None and instance.state in ORDERS else None


def _busy(site: Site) -> Iterator[Fact]:
    if site.running:
        yield Fact(text=f"commands that run there: {site.running}")
    if site.agent is not None and site.agent.kind is AgentKind.PUBLISHED:
        yield Fact(text=f"its agent is a published one, {site.agent.version}")


def of_power_action(action: PowerAction, site: Site, now: datetime) -> Explanation:
    """What a stop or restart waits for that a command asked for, and that is not over."""
    cause, because, owner, since = _of_action(action, site, now)
    return Explanation(
        kind=Kind.POWER_ACTION,
        id=action.id,
        instance_id=action.instance_id,
        state=action.state.value,
        cause=cause,
        because=because,
        owner=owner,
        since=since,
        # Who waits for its turn has no bound of its own: each time it asks it has another.
        until=None if action.state is PowerState.HELD else action.deadline_at,
        then=""
        if action.state is PowerState.HELD
        else "it is overdue, which is told; what the machine does later still counts",
        facts=[
            Fact(text=f"{action.invoke_id} asked for a {action.kind}", at=action.asked_at),
            *_told(action),
            *_spoke(site.agent, now),
        ],
    )


def _of_action(
    action: PowerAction, site: Site, now: datetime
) -> tuple[Cause, str, Owner, datetime | None]:
    agent = site.agent
    if action.state is PowerState.HELD:
        return Cause.TURN, f"it {action.reason}", Owner.GOVERNOR, action.asked_at
    if action.state is PowerState.DOWN:
        because = "the machine went down, and nobody has heard of it in another boot"
        return Cause.MACHINE_STARTS, because, Owner.MACHINE, action.ordered_at
    ordered_at = action.ordered_at or action.asked_at
    speaks = agent is not None and agent.boot_id == action.boot_id_before
    beat = agent.last_seen_at if agent is not None else None
    if speaks and beat is not None and beat - ordered_at >= _MOVES_WITHIN:
        because = "the machine was told to go down, and its agent still speaks in the old boot"
        return Cause.NOT_MOVED, because, Owner.PERSON, ordered_at
    restarts = action.kind.value == "restart"
    cause = Cause.MACHINE_RESTARTS if restarts else Cause.MACHINE_STOPS
    because = f"the machine was told to {action.kind}, and has not been seen to"
    return cause, because, Owner.MACHINE, ordered_at


def _told(action: PowerAction) -> Iterator[Fact]:
    if action.ordered_at is not None:
        yield Fact(text="its agent was told to proceed", at=action.ordered_at)
    if action.boot_id_before is not None:
        yield Fact(text=f"it ran in boot {action.boot_id_before} then")
