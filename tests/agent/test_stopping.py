"""A stop and a timeout end all that a script has started, soon, and say so with a receipt."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloudhand.agent import cgroups
from cloudhand.agent.machine import start_time
from cloudhand.wire import agent as wire
from cloudhand.wire import receipt
from tests.agent.conftest import Machine, task, wait_until
from tests.agent.gateway import FakeGateway

_ROUNDS = int(os.environ.get("CLOUDHAND_TEST_STOPS", "1"))
_BOUND = 2000  # ms from hearing of a stop until nothing is left
_BUSY = 4  # who would run for each processor; where there are more, all takes longer
_READ_ONLY = 'mount -o remount,bind,ro "$0" && exec "$@"'
_BOMB_AT_MOST = 120  # processes
_THREAD = (
    "import ctypes, threading, time; threading.Thread(target=time.sleep, args=({nap},)).start();"
    " ctypes.CDLL(None).pthread_exit(None)"
)
_BOMB = """
import os, resource, signal, sys, time
uid, most = map(int, sys.argv[1:])
if uid != os.getuid():
    os.setuid(uid)
resource.setrlimit(resource.RLIMIT_NPROC, (most, most))
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
while True:
    try:
        if os.fork() == 0 and os.getpid() % 2:
            os._exit(0)
    except OSError:
        time.sleep(0.001)
"""
# A program that is gone before anybody has looked, and has started the next.
_HOP = "cd $FOLDER; printf '#!/bin/sh\\nsetsid $0 {nap} &\\n' > hop; chmod +x hop"
# What scripts do, and how many processes are at least counted. {nap}: by what each is known.
_SCRIPTS = {
    "plain": ("sleep {nap} & echo ready; sleep {nap}", 3),
    "ignores": ("trap '' TERM; sleep {nap} & echo ready; while :; do sleep {nap}; done", 3),
    "double": ("(setsid sh -c 'sleep {nap} & sleep {nap} & exit' &); echo ready; sleep {nap}", 4),
    "nohup": ("nohup sleep {nap} & sh -c 'trap \"\" HUP; sleep {nap}' & echo ready; wait", 3),
    "unmarked": ("env -i setsid sleep {nap} & echo ready; wait", 2),
    "halted": ("sleep {nap} & kill -STOP $!; echo ready; kill -STOP $$", 2),
    "output": ("(trap '' TERM; exec setsid sleep {nap}) & echo ready; exec sleep {nap}", 2),
    "thread": (f'{sys.executable} -c "{_THREAD}" & echo ready; wait', 2),
    "hopping": (f"{_HOP}; $FOLDER/hop {{nap}}; echo ready; sleep {{nap}}", 2),
}


@pytest.fixture(params=[receipt.CGROUP, receipt.PROCESSES])
def way(request: pytest.FixtureRequest, machine: Machine) -> str:
    """How the agent of the machine is to follow scripts."""
    home = cgroups.home()
    if request.param == receipt.CGROUP and not home:
        pytest.skip("no cgroup (version 2) that this user may write: stops are tried without")
    if request.param == receipt.PROCESSES and home:
        if os.geteuid() != 0 or not shutil.which("unshare"):
            pytest.skip("cgroups can be written, and nothing here takes that away")
        point = next(str(above) for above in Path(home, "x").parents if os.path.ismount(above))
        machine.before = ("unshare", "--mount", "sh", "-c", _READ_ONLY, point)
    return str(request.param)


@pytest.fixture
def nap() -> Iterator[str]:
    """An argument that tells the processes of a test from all others, whatever they have become."""
    known = str(random.randrange(10**8, 10**9))
    yield known
    for pid in _with(known):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 9)


def _with(known: str) -> list[int]:
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            words = Path("/proc", name, "cmdline").read_bytes()
            if known.encode() in words and start_time(int(name)):
                found.append(int(name))
    return found


def _ready(gateway: FakeGateway, task_id: str) -> None:
    gateway.wait(lambda: b"ready\n" in gateway.output_of(task_id))


def _bound() -> float:
    crowd = os.getloadavg()[0] / len(os.sched_getaffinity(0))
    return _BOUND * max(crowd / _BUSY, 1.0)


def _receipt(end: wire.Report) -> receipt.Receipt:
    assert end.receipt is not None, end
    return end.receipt


def test_nothing_survives_and_it_is_soon(
    machine: Machine, gateway: FakeGateway, way: str, nap: str
) -> None:
    machine.start()
    said = [one for number in range(_ROUNDS) for one in _round(machine, gateway, number, way, nap)]
    took = sorted(one.took for one in said)
    print(f"{len(took)} stops by {way}: 99 % within {took[len(took) * 99 // 100]} ms")
    _keep(way, took, survivors=sum(one.survived for one in said))
    wait_until(lambda: not _cgroups_left())


def _keep(way: str, took: list[int], *, survivors: int) -> None:
    """For the reliability card, if that is wanted."""
    folder = os.environ.get("CLOUDHAND_TEST_KEEP")
    if folder:
        told = {
            "way": way,
            "stops": len(took),
            "p50_ms": took[len(took) // 2],
            "p99_ms": took[len(took) * 99 // 100],
            "worst_ms": took[-1],
            "survivors": survivors,
        }
        Path(folder, f"stops-{way}.json").write_text(json.dumps(told, indent=1) + "\n")


def _round(
    machine: Machine, gateway: FakeGateway, number: int, way: str, nap: str
) -> Iterator[receipt.Receipt]:
    """All scripts at once, stopped at once; what is said of each."""
    ids = {name: f"{name}-{number}" for name in _SCRIPTS}
    overran = f"overran-{number}"
    for name, (script, _) in _SCRIPTS.items():
        words = script.replace("{nap}", nap).replace("$FOLDER", str(machine.root))
        gateway.run(task(ids[name], words))
    gateway.run(task(overran, f"trap '' TERM; sleep {nap} & wait; sleep {nap}", timeout=1))
    for task_id in ids.values():
        _ready(gateway, task_id)
    assert len(_with(nap)) >= len(_SCRIPTS)
    for task_id in ids.values():
        gateway.stop(task_id)
    ends = {name: gateway.end_of(task_id) for name, task_id in ids.items()}
    assert gateway.end_of(overran).kind == wire.TIMEOUT
    assert _with(nap) == []
    for name, end in ends.items():
        said = _receipt(end)
        assert (end.kind, said.how, said.survived, said.left) == (wire.STOPPED, way, 0, 0), name
        assert said.ended >= _SCRIPTS[name][1] and said.pids, (name, said)
        assert said.took <= _bound(), (name, said)
        yield said
    assert _receipt(ends["ignores"]).took >= 1000  # it was asked politely first
    assert _receipt(ends["halted"]).took < 1000  # what is stopped hears that, too


def _cgroups_left() -> list[str]:
    """Those with our name that are empty: what others run just now is theirs."""
    home = cgroups.home()
    names = [name for name in os.listdir(home or "/none") if name.startswith("cloudhand-")]
    events = [Path(home, name, "cgroup.events") for name in names]
    return [str(path) for path in events if path.exists() and "populated 0" in path.read_text()]


def _bomb() -> str:
    """A script that forks as often as it can; as somebody, or by a limit, who can not too often."""
    uid = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else os.geteuid()
    threads = [path for path in Path("/proc").glob("[0-9]*/task/*") if _owner(path) == uid]
    return f"{sys.executable} -c '{_BOMB}' {uid} {_BOMB_AT_MOST + len(threads)}"


def _owner(path: Path) -> int:
    try:
        return path.stat().st_uid
    except OSError:
        return -1  # it has ended


def test_a_fork_bomb_ends(machine: Machine, gateway: FakeGateway, way: str) -> None:
    machine.start()
    gateway.run(task("bomb", _bomb(), timeout=20))
    wait_until(lambda: len(machine.processes()) > _BOMB_AT_MOST / 2)
    gateway.stop("bomb")
    said = _receipt(gateway.end_of("bomb"))
    print(f"fork bomb by {way}: {said.ended} processes in {said.took} ms")
    assert len(machine.processes()) <= 2  # agent and holder
    assert (said.how, said.survived) == (way, 0)
    assert said.ended > _BOMB_AT_MOST / 2
    assert len(said.pids) == receipt.LISTED
    assert said.took <= _bound()


def test_process_mode_ends_the_first_process_and_names_what_it_leaves(
    machine: Machine, gateway: FakeGateway, way: str, nap: str
) -> None:
    machine.start()
    script = f"sleep {nap} & setsid sleep {nap} & echo ready; exec sleep {nap}"
    gateway.run(task("t-1", script, termination_mode="Process"))
    _ready(gateway, "t-1")
    gateway.stop("t-1")
    said = _receipt(gateway.end_of("t-1"))
    assert (said.how, said.ended, said.survived, said.left) == (way, 1, 0, 2)
    assert [one.name for one in said.spared] == ["sleep", "sleep"]
    assert sorted(one.pid for one in said.spared) == sorted(_with(nap))
    assert said.took <= _bound()


def test_a_stop_that_comes_with_the_start(machine: Machine, gateway: FakeGateway, nap: str) -> None:
    """Its holder may be about to start it: it is not lost, nor found only much later."""
    machine.start()
    for number in range(8):
        gateway.run(task(f"t-{number}", f"trap '' TERM; sleep {nap}; sleep {nap}"))
        gateway.stop(f"t-{number}")
    for number in range(8):
        end = gateway.end_of(f"t-{number}", at_most=5)
        assert end.kind == wire.STOPPED
        assert end.receipt is None or end.receipt.took <= _bound()
    assert _with(nap) == []


def test_a_stop_by_the_next_agent_whose_holder_was_killed(
    machine: Machine, gateway: FakeGateway, way: str, nap: str
) -> None:
    """The kernel knows also what bears no mark and has lost its holder."""
    machine.start()
    unmarked = "env -i" if way == receipt.CGROUP else ""
    gateway.run(task("t-1", f"{unmarked} setsid sleep {nap} & echo ready; sleep {nap}"))
    _ready(gateway, "t-1")
    holder = machine.holder_of("t-1")
    machine.kill()
    os.kill(holder, 9)
    machine.start()
    end = gateway.end_of("t-1")
    assert (end.kind, end.error_code) == (wire.INTERRUPTED, "ExecutionInterrupted")
    said = _receipt(end)
    assert (said.how, said.ended, said.survived) == (way, 3, 0)
    assert _with(nap) == []


def test_what_ends_by_itself_has_no_receipt(machine: Machine, gateway: FakeGateway) -> None:
    machine.start()
    gateway.run(task("t-1", "exit 3"))
    assert gateway.end_of("t-1").receipt is None


needs_cgroups = pytest.mark.skipif(
    not cgroups.home(), reason="no cgroup (version 2) that this user may write"
)


@needs_cgroups
def test_who_leaves_its_cgroup_is_found_all_the_same(
    machine: Machine, gateway: FakeGateway, nap: str
) -> None:
    machine.start()
    leave = f"echo 0 > {cgroups.home()}/cgroup.procs; exec sleep {nap}"
    gateway.run(task("t-1", f"sh -c '{leave}' & echo ready; wait"))
    _ready(gateway, "t-1")
    wait_until(lambda: _with(f"sleep\0{nap}"))
    gateway.stop("t-1")
    said = _receipt(gateway.end_of("t-1"))
    assert (said.how, said.ended, said.survived) == (receipt.CGROUP, 2, 0)
    assert _with(nap) == []


@needs_cgroups
def test_left_overs_are_removed_and_nothing_else(machine: Machine, gateway: FakeGateway) -> None:
    """A script's own cgroups, too, but none in which something lives."""
    names = _names()
    # Agents of other tests remove what they find in the one that we share.
    own = Path(cgroups.home(), f"own-{names[0]}")
    machine.before = ("/bin/sh", "-c", f'echo $$ > {own}/cgroup.procs; exec "$@"', "sh")
    empty, foreign, busy = (own / name for name in names)
    for path in (own, empty, foreign, busy, busy / "below", empty / "below"):
        path.mkdir()
    with subprocess.Popen(["sleep", "1000"]) as child:
        (busy / "cgroup.procs").write_text(str(child.pid))
        machine.start()
        try:
            assert not empty.exists()
            assert foreign.exists() and (busy / "below").exists()
            gateway.run(task("t-1", "sleep 1000 & exit"))
            gateway.end_of("t-1")  # what runs on keeps its cgroup
            (left,) = (int(word) for word in _pids_below(own, busy.name))
            os.kill(left, 9)
        finally:
            child.kill()
            child.wait()
            foreign.rmdir()
            cgroups.remove(str(busy))
    machine.stop()
    machine.start()
    wait_until(lambda: not list(own.glob("cloudhand-*")))
    machine.stop()
    wait_until(lambda: not machine.processes())
    own.rmdir()


def _names() -> tuple[str, str, str]:
    tail = f"{os.getpid()}-{time.monotonic_ns()}"
    return f"cloudhand-{tail}", f"other-{tail}", f"cloudhand-{tail}-busy"


def _pids_below(home: Path, other: str) -> Iterator[str]:
    for path in home.glob("cloudhand-*/cgroup.procs"):
        if path.parent.name != other:
            yield from path.read_text().split()


@needs_cgroups
def test_before_linux_5_14_they_are_frozen_and_killed_one_by_one() -> None:
    path = cgroups.fresh(cgroups.home())
    pid = cgroups.fork_into(path)
    if pid == 0:
        os.execvp("sh", ["sh", "-c", "trap '' TERM; while :; do sleep 1000 & wait $!; done"])
    wait_until(lambda: len(cgroups.members(path)) == 2)
    cgroups.freeze(path)
    assert "frozen 1" in Path(path, "cgroup.events").read_text()
    cgroups.kill_each(path)
    os.waitpid(pid, 0)
    wait_until(lambda: not cgroups.members(path))
    cgroups.remove(path)
    assert not os.path.exists(path)
