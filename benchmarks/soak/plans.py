"""Random scripts, each of which says in its first line what is to become of it.

A script writes one line to the file of its machine when it starts and one when it is about to
end: ``start UID MACHINE BOOT - MS`` and ``end UID MACHINE BOOT CODE MS``. What outlives a script
that was ended writes ``late UID MACHINE BOOT - MS``.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

STOP, RESTART = 193, 194
_LINE = "helloworld"
_CODES = ((0, 70), (3, 16), (RESTART, 8), (STOP, 4), (255, 2))  # with weights
_LONG = 30.0  # seconds; beyond any timeout that is given on purpose
_TIMEOUT, _SHORT_TIMEOUT = 60, 10  # seconds, as the API takes them


@dataclass(frozen=True, kw_only=True)
class Plan:
    uid: str
    code: int
    seconds: float  # that the script runs
    size: int  # bytes of output
    timeout: int  # seconds
    late: bool  # whether it leaves a child behind that would write a line after its end

    @property
    def overruns(self) -> bool:
        return self.seconds > self.timeout

    @property
    def power(self) -> str:
        return {STOP: "stop", RESTART: "restart"}.get(self.code, "")


def draw(uid: str, random: Random) -> Plan:
    codes, weights = zip(*_CODES, strict=True)
    kind = random.random()
    seconds = 0.0 if kind < 0.6 else random.uniform(0.2, 6.0)
    if kind > 0.94:
        seconds = _LONG
    short = seconds == _LONG and random.random() < 0.7
    return Plan(
        uid=uid,
        code=0 if seconds == _LONG else random.choices(codes, weights)[0],
        seconds=round(seconds, 2),
        size=random.choice((11, 11, 11, 1100, 22_000, 330_000)),
        timeout=_SHORT_TIMEOUT if short else _TIMEOUT,
        late=seconds == _LONG,
    )


def census(uid: str) -> Plan:
    """What every machine runs at the end, to show in which boot it is."""
    return Plan(uid=uid, code=0, seconds=0.0, size=11, timeout=_TIMEOUT, late=False)


def script(plan: Plan, marks: Path) -> str:
    """{{ACS::InstanceId}} is what the agent puts in; simulated machines read the first line."""
    machine = "{{ACS::InstanceId}}"
    words = f"{plan.uid} {machine} $CLOUDHAND_BOOT_ID"
    mark = f'echo "$1 {words} $2 $(date +%s%3N)" >> {marks}/{machine}'
    # It would be heard of only if it outlived the timeout or the stop that ends its parent.
    late = f"(sleep {plan.seconds + 10}; mark late -) &\n" if plan.late else ""
    return (
        f"#plan {json.dumps(asdict(plan))}\n"
        f"mark() {{ {mark}; }}\n"
        "mark start -\n"
        f"{late}"
        f"yes {_LINE} | head -c {plan.size}\n"
        f"{f'sleep {plan.seconds}' if plan.seconds else ':'}\n"
        f"mark end {plan.code}\n"
        f"exit {plan.code}\n"
    )
