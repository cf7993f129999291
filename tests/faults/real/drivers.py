"""Agents and control planes that stop at each fault point and ask what is to befall them there.

Each is the real program with a hook. What it is told: nothing, ``die``, ``die with holders``, or
``clock SECONDS FOR``, by which its clock is wrong for so many seconds.
"""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

# Asks the arena. Blocks until it has answered; where nobody listens any more, goes on.
_ASKING = """
import json, os, signal, socket, time

def ask(**said):
    try:
        with socket.create_connection(("127.0.0.1", PORT)) as arena:
            arena.sendall(json.dumps(said).encode() + b"\\n")
            return arena.makefile().readline().strip()
    except OSError:
        return ""

shift = [0.0, 0.0]  # seconds that the clock is wrong, and until when

def wrong():
    return shift[0] if time.monotonic() < shift[1] else 0.0

def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(word) for word in file.read().split()]

def obey(answer):
    if answer == "die with holders":
        for child in children(os.getpid()):
            os.kill(child, signal.SIGKILL)
    if answer.startswith("die"):
        os.kill(os.getpid(), signal.SIGKILL)
    if answer.startswith("clock"):
        shift[:] = float(answer.split()[1]), time.monotonic() + float(answer.split()[2])
"""

_AGENT = """
real = time.time
time.time = lambda: real() + wrong()

def who():
    if "CLOUDHAND_TEST_SEAT" in os.environ:
        return os.environ["CLOUDHAND_TEST_SEAT"]
    state = sys.argv[sys.argv.index("--state") + 1]
    with open(os.path.join(state, "identity.json")) as file:
        return json.load(file)["instance_id"]

from cloudhand import faults
faults.hook = lambda point: obey(ask(who=who(), point=point))
from cloudhand.agent.main import run
"""

# Who has not joined yet has no name to say it by.
_SAYS_BOOT = """
from cloudhand.agent.machine import boot_id
try:
    ask(who=who(), booted=boot_id())
except (OSError, KeyError, ValueError):
    pass
"""

# Whom a step is about is in the variables of who comes to it. Of a commit nobody knows.
_PLANE = """
import sys
from datetime import timedelta
from cloudhand import faults
from cloudhand.server import clock

armed = os.environ["CLOUDHAND_TEST_ARMED"]
real_now, real_time = clock.SystemClock.now, time.time
clock.SystemClock.now = lambda self: real_now(self) + timedelta(seconds=wrong())
time.time = lambda: real_time() + wrong()

def whom():
    # An instance, and the kind of a report, as far as either is known.
    frame, about = sys._getframe(2), ""
    while frame is not None:
        known = frame.f_locals
        about = about or getattr(known.get("report"), "kind", "")
        if "speaker" in known:
            return known["speaker"].id, about
        ids = getattr(known.get("new"), "instance_ids", None)
        if ids:
            return ids[0], about
        instance = getattr(known.get("instance"), "id", None)
        if instance:
            return instance, about
        frame = frame.f_back
    return "", about

def hook(point):
    try:
        with open(armed) as file:
            wanted = file.read().split()
    except OSError:
        return
    if point in wanted:
        who, about = whom()
        obey(ask(who=who, point=point, about=about))

faults.hook = hook
"""
_PLANE_RUNS = """
from cloudhand.cli.main import run
run()
"""
_OTHER_AGENT = """
from cloudhand.server import main
from pathlib import Path
main.ensure_agent = lambda: Path(os.environ["CLOUDHAND_TEST_AGENT"])
"""

# Called in place of shutdown.
_POWER = """#!{python} -S
{asking}
import sys
kind = {{"-h": "stop", "-r": "restart"}}[sys.argv[1]]
sys.exit(ask(who=os.environ["CLOUDHAND_TEST_SEAT"], power=kind) != "down")
"""


def _asking(port: int) -> str:
    return f"PORT = {port}\n{_ASKING}"


def agent(target: Path, pyz: Path, port: int) -> None:
    """A program that is the agent of ``pyz``, which may stand anywhere."""
    start = f"import sys\nsys.path.insert(0, {str(pyz)!r})\n"
    target.write_text(f"{start}{_asking(port)}{_AGENT}run()\n")


def packed_agent(target: Path, pyz: Path, port: int) -> None:
    """The agent's one file, for instances that boot with it."""
    with zipfile.ZipFile(pyz) as before, target.open("wb") as file:
        file.write(b"#!/usr/bin/env python3\n")
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as after:
            for name in before.namelist():
                if not name.startswith("__main__"):
                    after.writestr(name, before.read(name))
            after.writestr("__main__.py", f"import sys\n{_asking(port)}{_AGENT}{_SAYS_BOOT}run()\n")
    target.chmod(0o755)


def plane(port: int, *, packed: bool = False) -> str:
    """For ``python -c``, in place of the command `cloudhand`."""
    return f"{_asking(port)}{_PLANE}{_OTHER_AGENT if packed else ''}{_PLANE_RUNS}"


def power_command(target: Path, python: str, port: int) -> None:
    target.write_text(_POWER.format(python=python, asking=_asking(port)))
    target.chmod(target.stat().st_mode | stat.S_IXUSR)
