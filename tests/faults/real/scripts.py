"""The scripts of runs, and what is known of them beforehand."""

from __future__ import annotations

from dataclasses import dataclass

from tests.faults.real.cells import Cell

_LARGE = 1_300_000  # bytes; more than is kept of an output
_TIMEOUT = 2  # seconds, of a script that is to run into it
_PATIENCE = 120

# What a shell shows of the boot that it runs in; a plain process is told its own.
_BOOT = '"${CLOUDHAND_BOOT_ID:-$(cat /proc/sys/kernel/random/boot_id)}"'


@dataclass(frozen=True, kw_only=True)
class Script:
    text: str
    produced: bytes  # all that it says
    timeout: int  # seconds
    mark: str  # of its processes


def script(cell: Cell, lines: str, power: str) -> Script:
    """``lines``: where it leaves them; ``power``: the command that restarts the machine."""
    chance = cell.chance()
    mark = f"CLOUDHAND_TEST_RUN={lines}"
    said, produced = "echo helloworld", b"helloworld\n"
    if chance.random() < 0.08:
        said = f"{said}; head -c {_LARGE} /dev/zero | tr '\\000' x; echo; echo bye"
        produced += b"x" * _LARGE + b"\nbye\n"
    parts = [
        f"boot={_BOOT}",
        f'echo "begin $boot" >> {lines}',
        f"export {mark}",
        said,
    ]
    rest = chance.choice((0, 0, 0.05, 0.15, 0.4))
    if rest:
        parts.append(f"sleep {rest}")
    if cell.end in ("timeout", "stop"):
        stubborn = "trap '' TERM HUP; sleep 1000; sleep 1000"
        parts += [
            f'setsid sh -c "{stubborn}" > /dev/null 2>&1 &',
            "nohup sleep 1000 > /dev/null 2>&1 &",
            "exec sleep 1000",  # a shell would say how it was ended
        ]
    elif cell.end == "reboot":
        parts += [power, "exec sleep 1000"]
    else:
        code = cell.end.removeprefix("exit ")
        parts += [f'echo "end $boot {code}" >> {lines}', f"exit {code}"]
    timeout = _TIMEOUT if cell.end == "timeout" else _PATIENCE
    return Script(text="\n".join(parts), produced=produced, timeout=timeout, mark=mark)
