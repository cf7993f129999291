"""Instances with a lifecycle, managed instances without one, and the agents of both.

The state of an instance changes by this table or nowhere. An "-ing" state is a standing order:
it stands until observation says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from cloudhand.core.ids import ActivationId, BootId, InstanceId
from cloudhand.core.machine import Machine

# The published description of CloudAssistantStatus: a heart-beat within the last two minutes.
ONLINE_WITHIN = timedelta(seconds=120)
# How long an agent whose channel was lost may take to open another, or to ask without one: ours
# asks every 5 seconds while it has none, the published one comes back after 6.
BACK_WITHIN = timedelta(seconds=15)
# How long it may take to be heard of after the start of a control plane: ours tries again every
# 30 seconds at most, and asks meanwhile as above.
HEARD_WITHIN = timedelta(seconds=30)


class State(StrEnum):
    """State of an instance. ``shown`` gives the wire's Status, which lacks the last three."""

    PENDING = "Pending"  # order: create
    STARTING = "Starting"  # order: start
    RUNNING = "Running"
    STOPPING = "Stopping"  # order: stop
    STOPPED = "Stopped"
    REBOOTING = "Rebooting"  # order: reboot, and start what went down; shown as Starting
    RELEASING = "Releasing"  # order: release; shown as Stopped
    RELEASED = "Released"  # a tombstone; never shown


class Event(StrEnum):
    CREATED = "created"
    CREATE_FAILED = "create failed"
    START_ASKED = "start asked"
    STOP_ASKED = "stop asked"
    REBOOT_ASKED = "reboot asked"
    RELEASE_ASKED = "release asked"
    RELEASE_FORCED = "release forced"
    START_FAILED = "start failed"
    SEEN_RUNNING = "seen running"  # in Rebooting: with another boot id than before
    SEEN_STOPPED = "seen stopped"
    SEEN_GONE = "seen gone"


INSTANCE = Machine[State, Event](
    State.PENDING,
    {
        State.PENDING: {
            Event.CREATED: State.STARTING,
            Event.SEEN_STOPPED: State.STOPPED,  # made, and left so
            Event.CREATE_FAILED: State.RELEASED,
            Event.RELEASE_ASKED: State.RELEASING,
            Event.RELEASE_FORCED: State.RELEASING,
        },
        State.STARTING: {
            Event.SEEN_RUNNING: State.RUNNING,
            Event.START_FAILED: State.STOPPED,
            Event.STOP_ASKED: State.STOPPING,
            Event.RELEASE_FORCED: State.RELEASING,
            Event.SEEN_GONE: State.RELEASED,
        },
        State.RUNNING: {
            Event.STOP_ASKED: State.STOPPING,
            Event.REBOOT_ASKED: State.REBOOTING,
            Event.RELEASE_FORCED: State.RELEASING,
            Event.SEEN_STOPPED: State.STOPPED,
            Event.SEEN_GONE: State.RELEASED,
        },
        State.REBOOTING: {
            Event.SEEN_RUNNING: State.RUNNING,
            Event.STOP_ASKED: State.STOPPING,
            Event.START_FAILED: State.STOPPED,
            Event.RELEASE_FORCED: State.RELEASING,
            Event.SEEN_GONE: State.RELEASED,
        },
        State.STOPPING: {
            Event.RELEASE_FORCED: State.RELEASING,
            Event.SEEN_STOPPED: State.STOPPED,
            Event.SEEN_GONE: State.RELEASED,
        },
        State.STOPPED: {
            Event.START_ASKED: State.STARTING,
            Event.RELEASE_ASKED: State.RELEASING,
            Event.RELEASE_FORCED: State.RELEASING,
            Event.SEEN_RUNNING: State.RUNNING,
            Event.SEEN_GONE: State.RELEASED,
        },
        State.RELEASING: {Event.SEEN_GONE: State.RELEASED},
        State.RELEASED: {},
    },
)

ORDERS = frozenset(
    {State.PENDING, State.STARTING, State.STOPPING, State.REBOOTING, State.RELEASING}
)

_SHOWN = {State.REBOOTING: "Starting", State.RELEASING: "Stopped"}


def shown(state: State) -> str:
    """The wire's Status."""
    return _SHOWN.get(state, state.value)


@dataclass(frozen=True, kw_only=True)
class Instance:
    id: InstanceId
    name: str
    hostname: str
    description: str = ""
    state: State = State.PENDING
    version: int = 0
    region_id: str
    zone_id: str
    image_id: str
    instance_type: str
    private_ip: str
    created_at: datetime
    started_at: datetime | None = None  # last time it was seen to run anew
    due_at: datetime | None = None  # when its standing order is looked at next
    # From when on the loop acts on the standing order; until then the machine does so by itself.
    ordered_at: datetime | None = None
    forced: bool = False  # the standing order cuts the power
    boot_id: BootId | None = None  # of the boot seen last
    from_boot_id: BootId | None = None  # in Rebooting: the boot that must end
    failure: str = ""  # what stood in the way of the standing order last
    activation_id: ActivationId | None = None
    user_data: bytes = b""
    tags: Mapping[str, str] = field(default_factory=dict)
    resource_group_id: str = ""
    deletion_protection: bool = False
    starts: bool = True  # by itself, once it is made


@dataclass(frozen=True, kw_only=True)
class ManagedInstance:
    """A machine that joined from outside. It is registered or deregistered, nothing else."""

    id: InstanceId
    name: str
    activation_id: ActivationId
    registered_at: datetime
    deregistered_at: datetime | None = None
    internet_ip: str = ""  # the address its registration came from
    tags: Mapping[str, str] = field(default_factory=dict)
    resource_group_id: str = ""


class AgentKind(StrEnum):
    CLOUDHAND = "cloudhand"  # ours: HMAC key, boot ids, inventory
    PUBLISHED = "published"  # the published agent: RSA key


@dataclass(frozen=True, kw_only=True)
class Agent:
    """The agent of an instance: who it is, and what it said last."""

    instance_id: InstanceId
    kind: AgentKind
    key: bytes  # HMAC key (kept sealed at rest), or the PEM of an RSA public key
    machine_id: str
    version: str  # as the published agent counts them
    os_type: str = "linux"
    os_version: str = ""
    hostname: str = ""
    intranet_ip: str = ""
    last_seen_at: datetime | None = None
    boot_id: BootId | None = None  # what it said with its last message
    uptime: timedelta | None = None  # since the machine's boot, at last_seen_at; published agents
    pid: int = 0
    invocation_count: int = 0
    last_invoked_at: datetime | None = None
    gone_at: datetime | None = None  # from when on it is not online, unless heard of since
    cloned_at: datetime | None = None  # when two were seen to speak as this one, last
    time_zone: str = ""  # of its machine, as an IANA name or an offset; empty: it never said
    # What its machine refused when it last beat (wire.REFUSABLE), and why.
    refusals: Mapping[str, str] = field(default_factory=dict)
    release: str = ""  # of ours: its own version
    package: str = ""  # of ours: SHA-256 of its one file; empty: it runs from its sources
    upgradable: bool = False  # it can upgrade itself


@dataclass(frozen=True, kw_only=True)
class Told:
    """What an agent has told of its machine, as far as commands need it."""

    os_type: str = "linux"
    time_zone: str = ""
    boot_id: BootId | None = None


def online(agent: Agent | None, *, now: datetime, boot_id: BootId | None = None) -> bool:
    """Whether the agent spoke lately, and, if ``boot_id`` is given, in that boot."""
    if agent is None or agent.last_seen_at is None:
        return False
    if agent.gone_at is not None and now >= agent.gone_at:
        return False
    if boot_id is not None and agent.boot_id is not None and agent.boot_id != boot_id:
        return False
    return now - agent.last_seen_at <= ONLINE_WITHIN


# How much sooner than the clock says a machine may seem to have booted, without having done so:
# clocks drift, and the published agent rounds its uptime to seconds.
UPTIME_SLACK = timedelta(seconds=90)


# How much longer than its pause a message may have been on its way: the agents give up after 5 s.
_UNDERWAY = timedelta(seconds=5)
# For so long after two spoke as one it counts as cloned: each beats about once a minute.
CLONED_FOR = timedelta(minutes=3)


@dataclass(frozen=True, kw_only=True)
class Beat:
    """What a heart-beat says of who sent it."""

    boot_id: BootId | None
    pid: int
    uptime: timedelta | None  # of the machine
    process_uptime: timedelta  # of the agent
    cold_start: bool  # no agent of its machine has started before it in this boot
    refusals: Mapping[str, str] = field(default_factory=dict)
    release: str = ""
    package: str = ""
    upgradable: bool = False


def lived(before: Agent, beat: Beat, *, now: datetime) -> bool:
    """Whether who beats ran when the last beat came, so that nothing has been restarted since."""
    if before.last_seen_at is None:
        return False
    return now - beat.process_uptime < before.last_seen_at - _UNDERWAY


def another(before: Agent, beat: Beat, *, now: datetime) -> bool:
    """Whether who beats is another process than who beat last, or one on another machine."""
    if (beat.boot_id, beat.pid or before.pid) != (before.boot_id, before.pid):
        return True
    if before.uptime is None or beat.uptime is None or before.last_seen_at is None:
        return False
    # A machine that is held for a while counts less than the clock, and none counts more.
    return beat.uptime > before.uptime + (now - before.last_seen_at) + UPTIME_SLACK


def cloned(agent: Agent | None, *, now: datetime) -> bool:
    """Whether two agents lately spoke as this one, so that what it says of boots means nothing."""
    return agent is not None and agent.cloned_at is not None and now < agent.cloned_at + CLONED_FOR


def replaced(before: Agent, beat: Beat) -> bool:
    """Whether who beats is another process than who beat last."""
    return before.pid != 0 and beat.pid not in (0, before.pid)


def restarted(agent: Agent, beat: Beat, *, now: datetime) -> bool:
    """Whether a beat of a published agent shows a restart of its machine since it spoke last."""
    if beat.cold_start and replaced(agent, beat):
        return True
    if beat.uptime is None or agent.uptime is None or agent.last_seen_at is None:
        return False
    expected = agent.uptime + (now - agent.last_seen_at)
    # Less than before is a restart also of a machine that had just booted.
    return beat.uptime < max(agent.uptime, expected - UPTIME_SLACK)
