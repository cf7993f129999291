"""What processes cost, as the kernel counts it."""

from __future__ import annotations

import os
import re
import resource
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

_HOLDER_BOUND = 60.0  # seconds; a holder leaves when it has had nothing to do for ten
_TICK = 1 / os.sysconf("SC_CLK_TCK")
_PSS = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)


def cpu_of_threads(pid: int) -> float:
    """Seconds that the living threads of a process have run, to the nanosecond."""
    return sum(int(text.split()[0]) for text in _of_threads(pid, "schedstat")) / 1e9


def cpu_of_tree(pid: int) -> float:
    """Seconds of a process, its living children, and all that these have waited for; by ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = sum(int(field) for field in fields[11:15]) * _TICK
    return own + sum(cpu_of_tree(child) for child in children(pid))


def children(pid: int) -> list[int]:
    return [int(word) for text in _of_threads(pid, "children") for word in text.split()]


def _of_threads(pid: int, name: str) -> Iterator[str]:
    for thread in os.listdir(f"/proc/{pid}/task"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            yield Path(f"/proc/{pid}/task/{thread}/{name}").read_text()


def pss(pid: int) -> int:
    """Bytes: what it has alone, and its share of what it has with others."""
    found = _PSS.search(Path(f"/proc/{pid}/smaps_rollup").read_text())
    assert found is not None
    return int(found[1]) * 1024


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def cpu_of_spawn(arguments: list[str], times: int) -> float:
    """Seconds of CPU of one fork, exec and wait, ours and the child's; mean of many."""
    null = os.open("/dev/null", os.O_WRONLY)
    try:
        before = _used()
        for _ in range(times):
            actions = [(os.POSIX_SPAWN_DUP2, null, 1)]
            pid = os.posix_spawn(arguments[0], arguments, os.environ, file_actions=actions)
            os.waitpid(pid, 0)
        return (_used() - before) / times
    finally:
        os.close(null)


def cpu_of_kernel(times: int) -> float:
    """The unit of the ratios: `sh -c 'echo helloworld'`, started and waited for."""
    return cpu_of_spawn(["/bin/sh", "-c", "echo helloworld"], times)


def _used() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def fsyncs(folder: Path, times: int) -> list[float]:
    """Seconds of each append with fsync to a file in ``folder``."""
    descriptor = os.open(folder / "fsync", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    taken = []
    try:
        for _ in range(times):
            began = time.perf_counter()
            os.write(descriptor, b"x" * 200)
            os.fsync(descriptor)
            taken.append(time.perf_counter() - began)
    finally:
        os.close(descriptor)
    return taken


def await_idle(agents: Sequence[int]) -> None:
    """Until no holder is left that could share the memory of its agent."""
    deadline = time.monotonic() + _HOLDER_BOUND
    while any(_living(child) for agent in agents for child in children(agent)):
        if time.monotonic() > deadline:
            raise RuntimeError("the agents did not become idle")
        time.sleep(0.1)


def _living(pid: int) -> bool:
    try:
        return pss(pid) > 0
    except (OSError, AssertionError):  # it has ended, and has no memory any more
        return False
