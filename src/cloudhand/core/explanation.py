"""Why something waits, or how it ended: whose move is next, until when, and how one knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from cloudhand.core.ids import InstanceId


class Kind(StrEnum):
    """What is explained."""

    INVOCATION = "Invocation"
    TARGET = "Target"  # a command on one machine
    FILE_TARGET = "FileTarget"
    POWER_ACTION = "PowerAction"
    INSTANCE = "Instance"
    EXECUTION = "Execution"
    TASK = "Task"


class Owner(StrEnum):
    """Whose move is next."""

    AGENT = "Agent"
    MACHINE = "Machine"  # its script, or its system
    CONTROL_PLANE = "ControlPlane"
    GOVERNOR = "Governor"
    PERSON = "Person"
    CLOCK = "Clock"
    OTHERS = "Others"  # what is explained beneath it
    NOBODY = "Nobody"


class Cause(StrEnum):
    """What it waits for. Each is said in words, too."""

    # Of all
    ENDED = "Ended"
    OVERDUE = "Overdue"  # its deadline is past, and nobody has decided
    # On the way to a machine
    MACHINE_STOPPED = "MachineStopped"
    MACHINE_STARTS = "MachineStarts"
    MACHINE_STOPS = "MachineStops"
    MACHINE_RESTARTS = "MachineRestarts"
    PROVIDER_FAILS = "ProviderFails"  # a standing order of an instance cannot be carried out
    NO_AGENT = "NoAgent"
    AGENT_AWAY = "AgentAway"
    AGENT_SILENCED = "AgentSilenced"  # by a fault that was made on purpose
    AGENT_CLONED = "AgentCloned"
    AGENT_DEAF = "AgentDeaf"  # it beats, and hears no kick
    # Of a command, or a file
    NOT_FETCHED = "NotFetched"
    MACHINE_FULL = "MachineFull"
    NOT_BEGUN = "NotBegun"
    RUNS = "Runs"
    TIME_IS_OVER = "TimeIsOver"
    BEING_STOPPED = "BeingStopped"
    NEXT_MOMENT = "NextMoment"
    NEXT_BOOT = "NextBoot"
    # Of a restart or a stop
    TURN = "Turn"
    NOT_MOVED = "NotMoved"  # it was to go down, and its agent still speaks in the old boot
    # Of a machine
    NOTHING = "Nothing"
    # Of an execution
    TAKEN_UP_SOON = "TakenUpSoon"
    APPROVAL = "Approval"
    PAUSE = "Pause"
    RISK = "RiskConfirmation"
    BATCH = "BatchPause"
    FAILURE = "FailurePause"
    TRIGGER = "Trigger"
    PARTS = "Parts"  # what is explained beneath it
    LOOKS_AGAIN = "LooksAgain"  # its action looks at a moment, and at each change
    BEING_CANCELLED = "BeingCancelled"


@dataclass(frozen=True, kw_only=True)
class Fact:
    """Something that was seen; ``text`` is a sentence without its time and its full stop."""

    text: str
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Barrier:
    """What is in the way to a machine: a clause, whose machine "its" is."""

    cause: Cause
    because: str
    owner: Owner
    since: datetime | None = None
    facts: Sequence[Fact] = ()


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Of one thing. ``because`` and ``then`` are clauses; "it" is the thing."""

    kind: Kind
    id: str  # of the invocation, where it is a target
    instance_id: InstanceId | None = None
    name: str = ""  # of a task
    state: str
    cause: Cause
    because: str
    owner: Owner
    since: datetime | None = None
    until: datetime | None = None  # None: nothing happens by itself
    then: str = ""  # what happens at ``until`` at the latest, if nothing else does
    facts: Sequence[Fact] = field(default=())
    depth: int = 0  # it is a part of what stands above it with a smaller one
