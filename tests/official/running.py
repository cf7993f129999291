"""One task on a machine with the published agent: checked, run, watched and told of."""

from __future__ import annotations

import asyncio
import base64
import binascii
import pwd
import re
from collections.abc import Mapping
from enum import Enum, auto
from pathlib import Path
from typing import Any, Protocol

from tests.official.host import Host, Process, Ran
from tests.official.network import Lost

_HEAD = 6000  # bytes; once more have been sent, the rest is kept to the end
_PIECE = 2048  # bytes that are read at a time
_SMALLEST_QUOTA, _SHORTEST_INTERVAL = 12_000, 1_000
_AGENTS_OWN = re.compile(r"\{\{\s*ACS::(\w+)\s*\}\}")
_POWER = {False: {193: "stop", 194: "restart"}, True: {3009: "stop", 3010: "restart"}}
_ENDINGS = {"RunShellScript": "sh", "RunBatScript": "bat", "RunPowerShellScript": "ps1"}


class Reporter(Protocol):
    """The agent, as far as a task needs it."""

    host: Host

    async def pause(self, seconds: float) -> None: ...

    async def say(self, kind: str, query: Mapping[str, object], body: bytes = b"") -> Any:
        """Once; Lost."""

    async def say_at_last(self, kind: str, query: Mapping[str, object], body: bytes = b"") -> None:
        """Four times at most, and then nothing more."""


class Problem(Exception):
    """What is wrong with a task, as param and value of a report."""


class _End(Enum):
    ENDED = auto()
    OVERRAN = auto()
    STOPPED = auto()


class Run:
    def __init__(self, agent: Reporter, item: Mapping[str, Any], instance_id: str) -> None:
        self._agent = agent
        self._host = agent.host
        self._task = item["task"]
        self._output = item["output"]
        self._instance_id = instance_id
        self._process: Process | None = None
        self._started = 0
        self._sent = 0
        self._held = bytearray()  # read, and not sent
        self._unsaid = bytearray()  # of a running report that was lost, by newer agents
        self.begun = False
        self.stopped = asyncio.Event()
        self.silent = False  # a stop that came while it waited is all that is ever said of it

    @property
    def id(self) -> str:
        return str(self._task["taskID"])

    async def check(self) -> None:
        """A dry run."""
        try:
            self._checked()
        except Problem as problem:
            await self._refuse(problem)
        else:
            await self._agent.say("verified", self._who())

    async def carry_out(self) -> None:
        self.begun = True
        try:
            content = self._filled(self._checked())
        except Problem as problem:
            await self._refuse(problem)
            return
        path = self._path()
        if path.exists():
            await self._break(-9, "ScriptFileExisted: script file already exists")
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o755)
        self._started = self._host.milliseconds()
        if self._output["sendStart"]:
            await self._tell(b"")
        if self._host.manner.windows:
            await self._ran(self._host.runner(content))
            return
        # Kept apart from the script, so that it is what a signal ends, and the script is not.
        outer = f"{path}\nexit $?"
        self._process = self._host.run(["/bin/sh", "-c", outer], cwd=self._directory())
        await self._watch(self._process)
        if self._host.manner.newer or b"oos-secret" in content:
            path.unlink()

    def _checked(self) -> bytes:
        windows = self._host.manner.windows
        if self._task["type"] not in _ENDINGS or (
            windows is (self._task["type"] == "RunShellScript")
        ):
            raise Problem("TypeInvalid", f"TypeInvalid_{self._task['type']}")
        try:
            content = base64.b64decode(self._task["commandContent"], validate=True)
        except binascii.Error as error:
            raise Problem("CommandContentInvalid", str(error)) from error
        if self._task["username"]:
            self._check_user(self._task["username"])
        if not self._directory().is_dir():
            raise Problem("workingDirectory", "WorkingDirectoryNotExist: <nil>")
        return content

    def _check_user(self, user: str) -> None:
        if self._host.manner.windows:
            self._check_password(user)
            return
        try:
            found = pwd.getpwnam(user)
        except KeyError:
            found = None
        if found is None or found.pw_uid == 0:
            why = f"user: unknown user {user}" if found is None else "not allowed"
            raise Problem("UsernameOrPasswordInvalid", f"UserInvalid_{user}: {why}")
        if not self._task["workingDirectory"] and not Path(found.pw_dir).is_dir():
            raise Problem("workingDirectory", "DefaultWorkingDirectoryNotAvailable: <nil>")

    def _check_password(self, user: str) -> None:
        name = self._task["windowsPasswordName"]
        if not self._host.secrets:
            raise Problem("RoleNameFailed", "cannot find the role of the instance")
        if name not in self._host.secrets:
            raise Problem("ParameterFailed", f"cannot read {name}")
        if self._host.secrets[name] != "right":
            why = f"UsernameOrPasswordInvalid_{user}: the user name or password is incorrect"
            raise Problem("UsernameOrPasswordInvalid", why)

    def _filled(self, content: bytes) -> bytes:
        if not self._task["enableParameter"]:
            return content
        known = {
            **self._task["builtInParameter"],
            "InstanceId": self._instance_id,
            "CommandId": self._task["commandId"],
            "InvokeId": self.id,
        }

        def value_of(match: re.Match[str]) -> str:
            if match.group(1) not in known:
                raise Problem("InvalidEnvironmentParameter", f"unknown parameter {match.group()}")
            return str(known[match.group(1)])

        return _AGENTS_OWN.sub(value_of, content.decode(errors="surrogateescape")).encode(
            errors="surrogateescape"
        )

    def _path(self) -> Path:
        name, version = self._task["commandName"], self._task["invokeVersion"]
        before = f"{name}-" if name else ""
        after = f".iv{version}" if version > 0 else ""
        ending = _ENDINGS[self._task["type"]]
        return self._host.scripts / f"{before}{self.id}{after}.{ending}"

    def _directory(self) -> Path:
        given = self._task["workingDirectory"]
        return Path(given) if given and not self._host.manner.windows else self._host.folder

    async def _ran(self, ran: Ran) -> None:
        """By a Windows machine: its output comes in its own code page."""
        page = self._host.manner.code_page
        try:
            self._held += ran.output.decode(page).encode()
        except UnicodeDecodeError:
            self._held += ran.output
        await self._finish(ran.exit_code)

    async def _watch(self, process: Process) -> None:
        seconds = self._task["timeOut"]
        limit = int(seconds) if seconds.lstrip("-").isdigit() else 3600
        overdue = asyncio.ensure_future(self._host.after(limit if limit > 0 else 10**9))
        try:
            while (end := await self._next(process, overdue)) is None:
                await self._tick(process)
        finally:
            overdue.cancel()
        if end is _End.ENDED:
            await self._agent.pause(0.2)
            self._collect(process)
            await self._finish(process.exit_code)
        elif end is _End.OVERRAN:
            self._end(process)
            self._collect(process)
            body, dropped = self._rest()
            await self._final("timeout", body, exitCode=1, dropped=dropped)
        else:
            await self._stop(process)

    async def _next(self, process: Process, overdue: asyncio.Future[None]) -> _End | None:
        """What happens next to it; None: it is time for a report."""
        interval = max(self._output["interval"], _SHORTEST_INTERVAL) / 1000
        tick = asyncio.ensure_future(self._host.after(interval))
        ended = asyncio.ensure_future(process.ended.wait())
        stopped = asyncio.ensure_future(self.stopped.wait())
        begun = asyncio.ensure_future(process.begun.wait())
        own: set[asyncio.Future[Any]] = {tick, ended, stopped, begun}
        try:
            # Time passes only once it has said that it will not end by itself.
            await asyncio.wait({ended, stopped, begun}, return_when=asyncio.FIRST_COMPLETED)
            self._host.network.work.busy -= 1
            try:
                waits: set[asyncio.Future[Any]] = {tick, ended, stopped, overdue}
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                self._host.network.work.busy += 1
        finally:
            for one in own:
                one.cancel()
        if self.stopped.is_set():
            return _End.STOPPED
        if process.ended.is_set():
            return _End.ENDED
        return _End.OVERRAN if overdue.done() else None

    async def _tick(self, process: Process) -> None:
        piece = bytes(process.unread[:_PIECE])
        del process.unread[:_PIECE]
        if self._sent > _HEAD:
            self._held += piece
            piece = b""
        if piece or not self._output["skipEmpty"]:
            self._sent += len(piece)
            await self._tell(piece)

    async def _tell(self, piece: bytes) -> None:
        """What of it is lost is so for good, and counts as sent."""
        query = self._who() | {"start": self._started}
        self._unsaid += piece
        try:
            await self._agent.say("running", query, bytes(self._unsaid))
        except Lost:
            if self._host.manner.newer:
                return  # with the next piece
        self._unsaid.clear()

    def _collect(self, process: Process) -> None:
        self._held += process.unread
        process.unread.clear()

    def _rest(self) -> tuple[bytes, int]:
        """The tail that still fits, and how much before it does not."""
        quota = max(self._output["logQuota"], _SMALLEST_QUOTA) - self._sent
        dropped = max(len(self._held) - quota, 0)
        return bytes(self._unsaid) + bytes(self._held[dropped:]), dropped

    async def _finish(self, code: int) -> None:
        body, dropped = self._rest()
        await self._final("finish", body, exitCode=code, dropped=dropped)
        action = _POWER[self._host.manner.windows].get(code)
        build = int(self._host.manner.version.rpartition(".")[2])
        if action is not None and build >= 317:
            await self._agent.pause(0.1)
            self._host.shut_down(action)

    async def _stop(self, process: Process) -> None:
        if self._host.manner.newer:
            self._end(process)
            await process.ended.wait()
            self._collect(process)
            body, dropped = self._rest()
            await self._final("stopped", body, exitcode=0, dropped=dropped, result="killed")
            return
        # Before anything is ended; what was not read by then is lost.
        said = {"exitcode": 0, "dropped": 0, "result": "killed"}
        await self._agent.say_at_last(
            "stopped", self._who() | self._when() | said, bytes(self._held)
        )
        self._end(process)

    def _end(self, process: Process) -> None:
        if self._host.manner.newer and self._task["terminationMode"] == "ProcessTree":
            process.kill_tree()
        else:
            process.kill_leader()

    async def _break(self, code: object, description: str) -> None:
        said: dict[str, object] = {"start": 0, "end": 0, "exitCode": 0, "dropped": 0}
        said |= {"errCode": code, "errDesc": description}
        await self._agent.say_at_last("error", self._who() | said)

    async def _refuse(self, problem: Problem) -> None:
        param, value = problem.args
        await self._agent.say_at_last("invalid", self._who() | {"param": param, "value": value})

    async def _final(self, kind: str, body: bytes, **said: object) -> None:
        if self.silent:
            return
        await self._agent.say_at_last(kind, self._who() | self._when() | said, body)

    def _when(self) -> dict[str, object]:
        return {"start": self._started, "end": self._host.milliseconds()}

    def _who(self) -> dict[str, object]:
        return {"taskId": self.id, "invokeVersion": self._task["invokeVersion"]}
