"""A power action that a command asked for by its exit code: asked, ordered, down, done; or refused.

Also the one place that decides what such an exit code means for the target.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cloudhand.core.agent_version import age
from cloudhand.core.ids import BootId, InstanceId, InvokeId, PowerActionId
from cloudhand.core.machine import Machine
from cloudhand.wire.agent import POWER_BY_EXIT_CODE

# Published agents older than this report the exit code and do nothing about it.
_HONOURED_SINCE = (2, 3, 317)


class Kind(StrEnum):
    STOP = "stop"
    RESTART = "restart"


class State(StrEnum):
    """Order of life: ordered (the agent was told to proceed), down, done; or overdue.

    Under a governor it may be held before it is ordered, or refused.
    """

    ORDERED = "Ordered"
    HELD = "Held"  # the agent was told to wait for its turn
    DOWN = "Down"  # the machine does not run; the end of a stop is Done at once
    DONE = "Done"
    OVERDUE = "Overdue"  # not seen to happen within its bound
    REFUSED = "Refused"  # by the governor, or by the machine, which has rules of its own


class Event(StrEnum):
    TOLD_TO_WAIT = "told to wait"
    TOLD_TO_PROCEED = "told to proceed"
    REFUSED = "refused"
    WENT_DOWN = "went down"
    STOPPED = "stopped"  # seen stopped, which is all that a stop asks for
    BOOTED = "booted"  # a new boot was seen
    EXPIRED = "expired"


POWER = Machine[State, Event](
    State.ORDERED,
    {
        State.ORDERED: {
            Event.TOLD_TO_WAIT: State.HELD,
            Event.REFUSED: State.REFUSED,
            Event.WENT_DOWN: State.DOWN,
            Event.STOPPED: State.DONE,
            Event.BOOTED: State.DONE,
            Event.EXPIRED: State.OVERDUE,
        },
        State.HELD: {
            Event.TOLD_TO_PROCEED: State.ORDERED,
            Event.REFUSED: State.REFUSED,
            Event.WENT_DOWN: State.DOWN,
            Event.STOPPED: State.DONE,
            Event.BOOTED: State.DONE,
            Event.EXPIRED: State.OVERDUE,
        },
        State.DOWN: {Event.BOOTED: State.DONE, Event.EXPIRED: State.OVERDUE},
        State.DONE: {},
        State.OVERDUE: {},
        State.REFUSED: {},
    },
)


class ExitCodePolicy(StrEnum):
    """What a power exit code makes of its target."""

    SUCCESS = "success"  # the command did what it was written for
    DOCUMENTED = "documented"  # Failed, as the field descriptions say of any non-zero exit code


@dataclass(frozen=True, kw_only=True)
class PowerAction:
    id: PowerActionId
    instance_id: InstanceId
    invoke_id: InvokeId
    run: int  # of a command that repeats; else 0
    kind: Kind
    state: State = State.ORDERED
    version: int = 0
    asked_at: datetime
    deadline_at: datetime | None  # None once final
    boot_id_before: BootId | None
    boot_id_after: BootId | None = None
    done_at: datetime | None = None
    ordered_at: datetime | None  # when its agent was told to proceed
    reason: str = ""  # of Held: what it waits for; of Refused: why


def of_silence(action: PowerAction, *, managed: bool, online: bool) -> Event:
    """What to say at an action's deadline, when nobody has said that it was done.

    Nobody looks at the power of a managed instance: one that was to stop and whose agent has
    been silent since has stopped.
    """
    stopped = action.kind is Kind.STOP and managed and not online
    return Event.STOPPED if stopped else Event.EXPIRED


def exit_code(kind: Kind, *, windows: bool) -> int:
    """The one by which a command asks for it."""
    return next(
        code
        for code, name in POWER_BY_EXIT_CODE.items()
        if name == kind and _fits(code, windows=windows)
    )


def _fits(code: int, *, windows: bool) -> bool:
    """A shell of Unix says no code above 255, and Windows has no other power exit codes."""
    return windows is (code > 255)


def asked_by(code: int, *, agent_version: str, os_type: str) -> Kind | None:
    """The power action that an agent of this version carries out for an exit code, if any."""
    kind = POWER_BY_EXIT_CODE.get(code)
    own = _fits(code, windows=os_type == "windows")
    if not kind or not own or (age(agent_version) or (0, 0, 0)) < _HONOURED_SINCE:
        return None
    return Kind(kind)
