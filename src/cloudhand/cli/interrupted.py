"""What became of machines on which a script was cut off: whether it took them down itself."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from cloudhand.cli.fleet import Machine, machines
from cloudhand.cli.follow import Result
from cloudhand.cli.following import Following
from cloudhand.cli.people import called

# How targets end that nobody saw ending.
_INTERRUPTIONS = frozenset(
    {"InstanceRestarted", "ClientRestarted", "ExecutionInterrupted", "InstanceNotRunning"}
)
_BOUND = 60.0  # seconds
_PAUSE = 0.2  # seconds


def interrupted(result: Result) -> bool:
    return result.status == "Error" and result.error_code in _INTERRUPTIONS


def told(following: Following, before: Sequence[Machine], *, expected: bool) -> Iterator[str]:
    """A line for each machine that is in another boot than ``before``, or stopped.

    ``expected``: it is worth waiting for.
    """
    was = {machine.id: machine for machine in before}
    deadline = time.monotonic() + (_BOUND if expected else 0)
    while was:
        look = following.patience.ask(lambda: machines(following.client), "what was run")
        for machine in look:
            if machine.id in was and (line := _line(was[machine.id], machine)):
                del was[machine.id]
                yield f"{called(machine.id, following.names)} {line}"
        if time.monotonic() > deadline:
            return
        if was:
            time.sleep(_PAUSE)


def _line(before: Machine, now: Machine) -> str:
    if now.status == "Stopped":
        return f"the machine stopped while the script ran: boot {before.boot_id[:8]} is over"
    if before.boot_id and now.boot_id not in ("", before.boot_id):
        change = f"{before.boot_id[:8]}→{now.boot_id[:8]}"
        return f"the machine restarted while the script ran: boot {change}"
    return ""
