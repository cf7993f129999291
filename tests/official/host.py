"""A machine with the published agent on it: what outlives the agent, and what outlives a boot."""

from __future__ import annotations

import asyncio
import base64
import itertools
import os
import signal
import subprocess
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from cloudhand.core.clock import Clock
from tests.official.network import Network

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_pids = itertools.count(1000)


@dataclass(frozen=True, kw_only=True)
class Manner:
    """Which system and which version it is."""

    version: str = "2.2.3.578"
    newer: bool = False  # as single files of later versions show
    windows: bool = False
    code_page: str = "utf-8"  # of the output of a Windows machine

    @property
    def user_agent(self) -> str:
        return f"{'windows' if self.windows else 'linux'}_amd64/{self.version}"


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What a Windows machine makes of a script; here a test says it."""

    exit_code: int = 0
    output: bytes = b""


class Process:
    """A script under its outer shell, in a group of its own, with both outputs in one stream."""

    def __init__(self, words: list[str], *, cwd: Path, env: dict[str, str]) -> None:
        self.unread = bytearray()
        self.begun = asyncio.Event()  # it has said that it will not end by itself
        self.ended = asyncio.Event()
        self.exit_code = -1  # of an outer shell that a signal ended, too
        read_end, write_end = os.pipe()
        with os.fdopen(write_end, "wb") as output:
            self._popen = subprocess.Popen(
                words,
                cwd=cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._read_end = read_end
        self._watch = os.pidfd_open(self._popen.pid)
        os.set_blocking(read_end, False)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(read_end, self._take)
        self._loop.add_reader(self._watch, self._over)

    def _take(self) -> None:
        with suppress(BlockingIOError):
            piece = os.read(self._read_end, 65536)
            self.unread += piece
            if b"begun" in self.unread:
                self.begun.set()
            if not piece:
                self._loop.remove_reader(self._read_end)

    def _over(self) -> None:
        self._loop.remove_reader(self._watch)
        # It is not reaped, so that nobody else is given the number of its group.
        found = os.waitid(os.P_PIDFD, self._watch, os.WEXITED | os.WNOWAIT)
        if found is not None and found.si_code == os.CLD_EXITED:
            self.exit_code = found.si_status
        before = -1
        while before != len(self.unread):
            before = len(self.unread)
            self._take()
        self.ended.set()

    def kill_leader(self) -> None:
        """What the outer shell has started goes on."""
        if not self.ended.is_set():
            self._popen.kill()

    def kill_tree(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._popen.pid, signal.SIGKILL)

    @property
    def survivors(self) -> list[int]:
        """Of its group, without the outer shell."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                pid, (state, _, group) = int(stat.parent.name), _stat(stat)
                if int(group) == self._popen.pid != pid and state not in "ZX":
                    found.append(pid)
        return found

    async def nobody_is_left(self) -> None:
        """Who was killed takes a moment to go."""
        async with asyncio.timeout(30):
            while self.survivors:
                await asyncio.sleep(0)

    def close(self) -> None:
        self.kill_tree()
        self._popen.wait()
        for descriptor in (self._read_end, self._watch):
            self._loop.remove_reader(descriptor)
            os.close(descriptor)


def _stat(path: Path) -> list[str]:
    """State, parent and group."""
    return path.read_text().rpartition(")")[2].split()[:3]


@dataclass(kw_only=True)
class Host:
    """Narrow on purpose: a test registers it, boots it, and breaks it; the rest it does itself."""

    network: Network
    clock: Clock
    folder: Path  # its own, and the home of whoever runs its scripts
    key: rsa.RSAPrivateKey
    machine_id: str = "machine-1"
    manner: Manner = field(default_factory=Manner)
    runner: Callable[[bytes], Ran] = lambda script: Ran()  # of a Windows machine
    secrets: dict[str, str] = field(default_factory=dict)  # that its role may read
    instance_id: str = ""  # empty: it is not registered
    booted_at: datetime = _EPOCH
    cold: bool = True  # no agent has started since the boot
    asked_for: list[str] = field(default_factory=list)  # power actions
    going_down: asyncio.Event = field(default_factory=asyncio.Event)
    processes: list[Process] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)  # what an agent could not make sense of

    async def after(self, seconds: float) -> None:
        await self.clock.sleep_until(self.clock.now() + timedelta(seconds=seconds))

    def milliseconds(self) -> int:
        return (self.clock.now() - _EPOCH) // timedelta(milliseconds=1)

    @property
    def scripts(self) -> Path:
        return self.folder / "work" / "script"

    def registration(self, activation_id: str, code: str) -> dict[str, object]:
        pem = self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return {
            "activationId": activation_id,
            "activationCode": code,
            "machineId": self.machine_id,
            "regionId": "cn-hangzhou",
            "instanceName": "",
            "hostname": "web-1",
            "intranetIp": "10.1.2.3",
            "osVersion": "Linux_#1 SMP_x86_64",
            "osType": "windows" if self.manner.windows else "linux",
            "agentVersion": self.manner.version,
            "publicKey": base64.b64encode(pem).decode(),
            "tag": [],
        }

    def signed(self) -> dict[str, str]:
        """Of neither method, path nor body; once deregistered it goes on without."""
        headers = {"User-Agent": self.manner.user_agent}
        if not self.instance_id:
            return headers
        at, request_id = str(self.milliseconds()), str(uuid.uuid4())
        text = self.instance_id + self.machine_id + at + request_id
        mark = self.key.sign(text.encode(), padding.PKCS1v15(), hashes.MD5())
        return headers | {
            "X-Acs-Instance-Id": self.instance_id,
            "X-Acs-Timestamp": at,
            "X-Acs-Request-Id": request_id,
            "X-Acs-Signature": base64.b64encode(mark).decode(),
        }

    def new_pid(self) -> int:
        return next(_pids)

    def run(self, words: list[str], *, cwd: Path) -> Process:
        process = Process(words, cwd=cwd, env={**os.environ, "HOME": str(self.folder)})
        self.processes.append(process)
        return process

    async def let_end(self) -> None:
        """What it runs waits for a file ``go``. Its end takes real time: none passes meanwhile."""
        (self.folder / "go").touch()
        async with asyncio.timeout(30):
            await self.processes[-1].ended.wait()

    def shut_down(self, action: str) -> None:
        self.asked_for.append(action)
        self.going_down.set()

    def lose_power(self) -> None:
        for process in self.processes:
            process.close()
        self.processes.clear()

    def boot(self) -> None:
        self.booted_at = self.clock.now() - timedelta(seconds=5)  # the agent is not the first
        self.cold = True
        self.going_down.clear()
