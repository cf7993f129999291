"""The upgrade of an agent to the release that its control plane offers. Pure.

One is asked for, handed out with the agent's next fetch, and ends with what the agent tells of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from cloudhand.core.ids import InstanceId, UpgradeId, managed
from cloudhand.core.instance import Agent, AgentKind, cloned, online
from cloudhand.core.machine import Machine

# In which an agent that is online fetches what it is told of.
FETCHED_WITHIN = timedelta(seconds=60)
# In which its outcome is told: up to 60 s each to fetch the package, to try it, and to come back
# from the one that was.
TOLD_WITHIN = timedelta(seconds=240)
# The rule of a machine's own that is about it.
_RULE = "upgrades"


class State(StrEnum):
    """Order of life: the first two, then one of the others."""

    ASKED = "Asked"
    TRYING = "Trying"  # its agent has been told
    UPGRADED = "Upgraded"  # the new agent has been online, and is what is started from now on
    ROLLED_BACK = "RolledBack"  # it was not, and the old one is back
    REFUSED = "Refused"  # nothing was tried
    TIMED_OUT = "TimedOut"  # nobody told what became of it


class Event(StrEnum):
    FETCHED = "fetched"
    UPGRADED = "upgraded"
    ROLLED_BACK = "rolled back"
    REFUSED = "refused"
    EXPIRED = "expired"


UPGRADE = Machine[State, Event](
    State.ASKED,
    {
        State.ASKED: {
            Event.FETCHED: State.TRYING,
            Event.REFUSED: State.REFUSED,
            Event.UPGRADED: State.UPGRADED,  # it ran that already
            Event.EXPIRED: State.TIMED_OUT,
        },
        State.TRYING: {
            Event.UPGRADED: State.UPGRADED,
            Event.ROLLED_BACK: State.ROLLED_BACK,
            Event.REFUSED: State.REFUSED,
            Event.EXPIRED: State.TIMED_OUT,
        },
        State.UPGRADED: {},
        State.ROLLED_BACK: {},
        State.REFUSED: {},
        State.TIMED_OUT: {},
    },
)


@dataclass(frozen=True, kw_only=True)
class Release:
    """What a control plane offers to its agents."""

    manifest: str  # as it is signed; wire.release.Manifest
    signature: str  # hex
    key: str  # of releases, the public part: what is_signed checks it by, hex
    version: str
    digest: str  # SHA-256 of the package, hex
    package: bytes


@dataclass(frozen=True, kw_only=True)
class Upgrade:
    """The last one of an instance."""

    id: UpgradeId
    instance_id: InstanceId
    state: State = State.ASKED
    version: int = 0
    from_release: str  # version of the agent before
    from_package: str  # digest of its package
    to_release: str
    to_package: str
    reason: str = ""  # of a state that is no success, a clause
    automatic: bool = False  # nobody asked for it: AgentUpgradeConfig did
    asked_at: datetime
    deadline_at: datetime | None = None  # None once final
    ended_at: datetime | None = None
    # What has failed on its machine last, until something has not: others are asked for meanwhile.
    failed_package: str = ""
    failed_at: datetime | None = None

    @property
    def final(self) -> bool:
        return self.state in UPGRADE.final


def ended(upgrade: Upgrade, state: State, *, at: datetime) -> Upgrade:
    """In a final state, and what is known of its machine from then on."""
    over = replace(upgrade, state=state, deadline_at=None, ended_at=at)
    if state is State.UPGRADED:
        return replace(over, failed_package="", failed_at=None)
    if state is State.REFUSED:  # nothing was tried
        return over
    return replace(over, failed_package=upgrade.to_package, failed_at=at)


def refusal(agent: Agent | None, *, now: datetime) -> str:
    """Why the agent of an instance cannot be asked to upgrade itself, a clause; empty if it can."""
    if agent is None:
        return "no agent of it has registered"
    if agent.kind is AgentKind.PUBLISHED:
        return "its agent is a published one, which others make and upgrade"
    if not managed(agent.instance_id):
        return "the instance is this control plane's, and starts with the agent of that each time"
    if not online(agent, now=now):
        return "its agent is offline"
    if cloned(agent, now=now):
        return "two agents speak as this one"
    if not agent.upgradable:
        return (
            "its agent was not installed by the line of `cloudhand invite`, or by an older"
            " release's: paste one there"
        )
    return agent.refusals.get(_RULE, "")
