"""Instances of a supervisor of a test's own, each with a guest that does what the test says."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest

from cloudhand.control.provider import Boot, Power
from cloudhand.core.ids import BootId, InstanceId
from cloudhand.providers.sandbox import probe
from cloudhand.providers.sandbox.instance import remove_tree
from cloudhand.providers.sandbox.plan import Mode
from cloudhand.providers.sandbox.provider import SandboxProvider
from tests.system.waiting import until

BOUND = 20.0  # seconds for anything that is waited for
NOBODY = 12345
OUR_NAMESPACE = os.readlink("/proc/self/ns/pid")
_GUEST = Path(__file__).with_name("guest.py")
_SOURCE = Path(probe.__file__).parents[3]
_numbers = count(1)


class Ended(NamedTuple):
    code: int
    output: str


@dataclass(frozen=True, kw_only=True)
class Guest:
    """One boot of an instance, as seen from inside."""

    instance_id: InstanceId
    boot_id: BootId
    namespace: str
    python_path: str
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def run(self, *words: str) -> Ended:
        """Run a program; code -1 and no output if the guest has gone meanwhile."""
        async with asyncio.timeout(BOUND):
            try:
                self.writer.write(json.dumps({"words": words}).encode() + b"\n")
                await self.writer.drain()
                line = await self.reader.readline()
            except OSError:
                line = b""
        return Ended(**json.loads(line)) if line else Ended(-1, "")

    async def shell(self, script: str) -> Ended:
        return await self.run("sh", "-c", script)

    async def python(self, program: str) -> Ended:
        return await self.run(self.python_path, "-S", "-E", "-c", program)

    async def power(self, command: str) -> None:
        """Have the instance end itself; refused where that could hit this machine.

        There are either other processes than ours, or the first tool found asks the instance.
        """
        tool = command.split(maxsplit=1)[0]
        guard = (
            f'[ "$(readlink /proc/self/ns/pid)" != "{OUR_NAMESPACE}" ] ||'
            f" case $(command -v {tool}) in */run/bin/*) ;; *) exit 99 ;; esac"
        )
        done = await self.shell(f"{{ {guard}; }} && {command}")
        assert done.code in (-1, 0, -signal.SIGTERM, -signal.SIGKILL), done

    async def gone(self) -> None:
        async with asyncio.timeout(BOUND):
            with contextlib.suppress(OSError):
                while await self.reader.read(65536):
                    pass

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


class Switchboard:
    """Where guests call."""

    def __init__(self) -> None:
        self.called: list[Guest] = []
        self.witnesses: list[Guest] = []
        self._news = asyncio.Condition()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for guest in (*self.called, *self.witnesses):
            await guest.close()
        await self._server.wait_closed()

    async def forget(self, instance_id: InstanceId) -> None:
        for guests in (self.called, self.witnesses):
            for guest in [one for one in guests if one.instance_id == instance_id]:
                await guest.close()
                guests.remove(guest)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said = json.loads(await reader.readline())
        guest = Guest(
            instance_id=said["instance"],
            boot_id=said["boot"],
            namespace=said["namespace"],
            python_path=said["python"],
            reader=reader,
            writer=writer,
        )
        async with self._news:
            (self.witnesses if said["kind"] == "witness" else self.called).append(guest)
            self._news.notify_all()

    async def first(self, guests: list[Guest], wanted: Callable[[Guest], bool]) -> Guest:
        async with asyncio.timeout(BOUND), self._news:
            await self._news.wait_for(lambda: any(map(wanted, guests)))
        return next(guest for guest in guests if wanted(guest))


@dataclass(frozen=True, kw_only=True)
class Who:
    """Who holds instances, in which way."""

    mode: Mode
    user: int | None  # None: who we are
    python: str

    @property
    def options(self) -> dict[str, object]:
        given: dict[str, object] = {
            "env": {"PATH": os.environ["PATH"], "PYTHONPATH": str(_SOURCE)},
            "start_new_session": True,
            "stdin": subprocess.DEVNULL,
        }
        if self.user is not None:
            given.update(user=self.user, group=self.user, extra_groups=[])
        return given

    def start(self, *words: str, **options: object) -> subprocess.Popen[bytes]:
        """Start a Python program as this user."""
        return subprocess.Popen([self.python, *words], **(self.options | options))  # type: ignore[call-overload,no-any-return]


class Fleet:
    def __init__(self, who: Who, folder: Path) -> None:
        self.who = who
        self.folder = folder
        self.state = folder / "sandbox"
        self.board = Switchboard()
        self.process: subprocess.Popen[bytes] | None = None
        self.provider = self.another_provider()

    @property
    def mode(self) -> Mode:
        return self.who.mode

    def another_provider(self) -> SandboxProvider:
        return SandboxProvider(
            self.state, mode=self.who.mode, agent=self.folder / "guest.py", tether=False
        )

    def supervise(self) -> None:
        """Start a supervisor as the one that is meant to hold the instances."""
        self.process = self.who.start(
            *("-m", "cloudhand.providers.sandbox.supervisor", str(self.state)),
            *(str(self.folder / "guest.py"), self.who.mode.value, "-1", ""),
        )
        until((self.state / "supervisor.sock").exists, at_most=BOUND, what="its start")

    def boot(self, user_data: bytes = b"") -> Boot:
        """What a new instance is told."""
        name = f"i-test{next(_numbers)}"
        return Boot(
            instance_id=InstanceId(name),
            hostname=name,
            region_id="cn-hangzhou",
            server_url=self.board.url,
            activation_id="a",
            activation_code="c",
            user_data=user_data,
        )

    async def new(self, user_data: bytes = b"") -> Guest:
        """An instance that runs."""
        boot = self.boot(user_data)
        await self.provider.create(boot)
        await self.provider.start(boot.instance_id)
        return await self.guest(boot.instance_id)

    async def guest(self, instance_id: InstanceId) -> Guest:
        """Of the first boot."""
        return await self.board.first(self.board.called, lambda one: one.instance_id == instance_id)

    async def guest_after(self, guest: Guest) -> Guest:
        """Of the boot that follows that of this guest."""
        known = {one.boot_id for one in self.board.called[: self.board.called.index(guest) + 1]}
        return await self.board.first(
            self.board.called,
            lambda one: one.instance_id == guest.instance_id and one.boot_id not in known,
        )

    async def witness(self, guest: Guest) -> Guest:
        """A process of the instance that heeds no polite request to end."""
        await guest.run("witness")
        return await self.board.first(
            self.board.witnesses, lambda one: one.boot_id == guest.boot_id
        )

    async def stopped(self, instance_id: InstanceId) -> None:
        changes = self.provider.changes()
        async with asyncio.timeout(BOUND):
            while (await self.provider.observe(instance_id)).power is not Power.STOPPED:
                await anext(changes)

    async def release(self, guest: Guest) -> None:
        await self.provider.release(guest.instance_id)
        await self.board.forget(guest.instance_id)

    async def open(self) -> None:
        await self.board.open()
        self.supervise()
        await self.provider.observe(InstanceId("i-none"))  # now it is connected

    async def close(self) -> None:
        await self.provider.shutdown()
        await self.provider.close()
        if self.process is not None:
            self.process.wait(BOUND)
        await self.board.close()


@asynccontextmanager
async def fleet_of(who: Who) -> AsyncIterator[Fleet]:
    """With a supervisor that runs; leaves neither mounts nor files."""
    folder = Path(tempfile.mkdtemp(prefix="fleet-"))
    mounts = Path("/proc/self/mountinfo").read_text()
    try:
        shutil.copy(_GUEST, folder / "guest.py")
        (folder / "guest.py").chmod(0o644)
        (folder / "sandbox").mkdir(mode=0o700)
        if who.user is not None:
            for path in (folder, folder / "sandbox"):
                os.chown(path, who.user, who.user)
        fleet = Fleet(who, folder)
        await fleet.open()
        try:
            yield fleet
        finally:
            await fleet.close()
        assert Path("/proc/self/mountinfo").read_text() == mounts
    finally:
        remove_tree(str(folder))


@cache
def python_for(user: int | None) -> str | None:
    """An interpreter that this user may run; ours may lie where only root may go."""
    if user is None:
        return sys.executable
    for path in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        who = Who(mode=Mode.PROCESSES, user=user, python=path)
        with contextlib.suppress(OSError):
            program = "import cloudhand.providers.sandbox.supervisor"
            trial = who.start("-c", program, stderr=subprocess.DEVNULL, cwd="/")
            if trial.wait(BOUND) == 0:
                return path
    return None


def somebody(mode: Mode) -> Who:
    """Who may hold instances of this mode; skips where nobody may."""
    root = os.geteuid() == 0
    if mode is Mode.NAMESPACES_ROOT and not root:
        pytest.skip("only root makes instances with ids of their own")
    user = NOBODY if root and mode is not Mode.NAMESPACES_ROOT else None
    python = python_for(user)
    if python is None:
        pytest.skip(f"user {user} may run no Python with our sources")
    return Who(mode=mode, user=user, python=python)


@cache
def refusal(who: Who) -> str:
    """Why the kernel makes no such instances here; empty if it does."""
    program = (
        "import sys; from cloudhand.providers.sandbox import probe, plan;"
        f" sys.stdout.write(probe.attempt(plan.Mode({who.mode.value!r})))"
    )
    said, _ = who.start("-c", program, stdout=subprocess.PIPE, cwd="/").communicate()
    return said.decode().strip()
