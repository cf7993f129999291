"""The published agent, as one process of it behaves on the wire, with its faults.

It asks only at its start and after kicks; is deaf for half an hour after a refused handshake; says
an end four times and no more; runs each id once; ends no more than the outer shell; takes a 400 for
success. All its waiting is by the clock that it is given.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from tests.official import filing, go
from tests.official.host import Host
from tests.official.network import Lost
from tests.official.running import Run

_TIMER = 1800  # seconds, of the channel
_NEWER_TIMER = 300
_AT_ONCE = 10  # tasks
_TRIES = 4
_WITH_ID = re.compile(r"kick_vm (task|file|session) (run|stop|create|start) (\S+)")
_CRASHES = re.compile(r"kick_vm (agent|task|session|file|status)")
_NOTHING = ("kick_vm noop", "kick_vm task run", "kick_vm task stop")


class Agent:
    def __init__(self, host: Host) -> None:
        self.host = host
        self.pid = host.new_pid()
        self.kicks: list[str] = []
        self.answers: list[str] = []
        self.runs: dict[str, Run] = {}
        self.sessions: list[str] = []  # that it was given, by their channels
        self.may_fetch = False
        self.deaf = False  # its reader has crashed
        self.socket: ClientConnection | None = None
        self._started_at = host.clock.now()
        self._cold = host.cold
        self._acknowledged = 0
        self._beats = 0
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._tried = asyncio.Event()  # the first handshake
        self._healthy = asyncio.Event()  # a heart-beat was answered
        self._tasks: asyncio.TaskGroup | None = None
        host.cold = False

    async def live(self) -> None:
        """Until it is cancelled, which is how it dies: without a word."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                tasks.create_task(self._working(self._begin))
        finally:
            if self.socket is not None:
                self.socket.transport.abort()

    def _spawn(self, work: Callable[..., Awaitable[None]], *told: Any) -> None:
        assert self._tasks is not None
        self._tasks.create_task(self._working(work, *told))

    async def _working(self, work: Callable[..., Awaitable[None]], *told: Any) -> None:
        """Time does not pass before it has got as far as to wait for it."""
        self.host.network.work.busy += 1
        try:
            await work(*told)
        finally:
            self.host.network.work.busy -= 1

    async def pause(self, seconds: float) -> None:
        await self._idly(self.host.after(seconds))

    async def _idly(self, waiting: Awaitable[Any]) -> Any:
        self.host.network.work.busy -= 1
        try:
            return await waiting
        finally:
            self.host.network.work.busy += 1

    async def _begin(self) -> None:
        await self._check_update()
        self._spawn(self._keep_channel)
        await self._tried.wait()
        for _ in range(3):
            if await self._beat():
                break
        self.may_fetch = True
        self._spawn(self._keep_beating)
        self._spawn(self._keep_configured)
        cold = "true" if self._cold else "false"
        await self.fetch({"reason": "startup", "cold_start": cold})
        await self.post("/luban/api/metrics", {"eventId": "agent.startup", "eventTime": 0})

    async def ask(
        self, path: str, query: Mapping[str, object], body: bytes = b"", *, method: str = "POST"
    ) -> tuple[int, bytes]:
        """Status and body; Lost."""
        return await self.host.network.ask(
            method, path, urlencode(query, quote_via=quote), body, self.host.signed()
        )

    async def post(self, path: str, said: Mapping[str, object]) -> dict[str, Any]:
        """The answer; empty when there is none that can be used."""
        try:
            status, body = await self.ask(path, {}, json.dumps(said).encode())
            found: dict[str, Any] = json.loads(body) if status <= 400 else {}
        except (Lost, ValueError):
            return {}
        return found

    async def _check_update(self) -> None:
        for attempt in range(3):
            try:
                status, body = await self.ask("/luban/api/v1/update/update_check", {}, b"{}")
            except Lost:
                status, body = 599, b""
            if status <= 400:
                if json.loads(body).get("need_update"):
                    self.host.problems.append("told to update itself")
                return
            if attempt < 2:
                await self.pause(5)

    # The heart-beat

    async def _beat(self) -> bool:
        now = self.host.clock.now()
        query: dict[str, object] = {
            "uptime": int((now - self.host.booted_at).total_seconds()) * 1000,
            "timestamp": self.host.milliseconds(),
            "pid": self.pid,
            "process_uptime": (now - self._started_at) // timedelta(milliseconds=1),
            "index": self._acknowledged,
            "seq_no": self._beats,
        }
        if self._acknowledged == 0:
            cold = "true" if self._cold else "false"
            query |= {"virt_type": "kvm", "os_version": "x", "az": "unknown"}
            query |= {"machineid": self.host.machine_id, "cold_start": cold}
        self._beats += 1
        try:
            status, body = await self.ask("/luban/api/heart-beat", query, method="GET")
        except Lost:
            return False
        if status > 400:
            return False
        self._acknowledged += 1
        self._healthy.set()
        interval = json.loads(body).get("nextInterval")
        if not isinstance(interval, int | float) or not 55_000 <= interval <= 65_000:
            self.host.problems.append(f"told to beat in {interval!r} ms")
        return True

    async def _keep_beating(self) -> None:
        while True:
            await self.pause(60)
            if not await self._beat():
                await self.pause(3)
                await self._beat()

    async def _keep_configured(self) -> None:
        """Asks for what the control plane does not serve: soon, then daily once it has said so."""
        await self.pause(90)
        path = "/luban/api/instance/list_instance_state_configurations"
        while True:
            answer = await self.post(path, {"agentName": "aliyunAssist"})
            served = answer.get("errCode") != "ServiceNotSupported"
            await self.pause(_TIMER if served else 24 * 3600)

    # The kick channel

    async def _keep_channel(self) -> None:
        while True:
            opened = await self._opened()
            self._tried.set()
            if not opened:
                await self._wait_for_timer()
                continue
            await self._listen()
            await self.pause(5)  # five reads that fail
            await self.client_report("switch_channel_in_wsk", "start:read failed")
            await self.pause(1)

    async def _opened(self) -> bool:
        headers = self.host.signed()
        agent = headers.pop("User-Agent")
        try:
            self.socket = await self.host.network.connect(
                "/luban/notify_server", headers, user_agent_header=agent
            )
            await self.socket.ping(b"keepalive")
        except (Lost, ConnectionClosed):
            self.socket = None
            return False
        return True

    async def _wait_for_timer(self) -> None:
        """The timer counts from the start of the agent."""
        timer = _NEWER_TIMER if self.host.manner.newer else _TIMER
        passed = (self.host.clock.now() - self._started_at).total_seconds()
        waits: list[asyncio.Future[Any]] = [
            asyncio.ensure_future(self.host.after(timer - passed % timer))
        ]
        if self.host.manner.newer:
            self._healthy.clear()
            waits.append(asyncio.ensure_future(self._healthy.wait()))
        try:
            await self._idly(asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED))
        finally:
            for one in waits:
                one.cancel()

    async def _listen(self) -> None:
        assert self.socket is not None
        try:
            while True:
                text = await self._idly(self.socket.recv(decode=True))
                self.kicks.append(text)
                if not self.deaf:
                    await self._hear(text)
        except ConnectionClosed:
            self.socket = None

    async def _hear(self, kick: str) -> None:
        assert self.socket is not None
        if _CRASHES.fullmatch(kick):
            self.deaf = True
            self.host.problems.append(f"crashed by {kick!r}")
            return
        named = _WITH_ID.fullmatch(kick)
        known = named is not None or kick == "kick_vm" or kick in _NOTHING
        if not known:
            self.host.problems.append(f"cannot understand {kick!r}")
        self.answers.append(f"{'accept' if known else 'unknow'}:{kick}")
        await self.socket.send(self.answers[-1])
        if not self.may_fetch:
            return
        match named.groups() if named is not None else ():
            case ("session", "start", channel_id):
                self._spawn(self._begin_session, channel_id)
            case ("session", *_):
                pass  # none goes on for so long that it could be stopped
            case (_, _, task_id):
                self._spawn(self._kicked, task_id)
            case _ if kick == "kick_vm":
                self._spawn(self._kicked, "")

    async def _kicked(self, task_id: str) -> None:
        query = {"reason": "kickoff"} | ({"taskId": task_id} if task_id else {})
        if not await self.fetch(query):
            await self.pause(3)
            await self.fetch({"reason": "kickoff"})

    # Work

    async def fetch(self, query: Mapping[str, object]) -> bool:
        """As ``take_up``, of the list that it asks for."""
        said = {**query, "currentTime": self.host.milliseconds(), "offset": 0, "timeZone": "UTC"}
        body = await self._listed("/luban/api/v1/task/list", said)
        return body is not None and await self.take_up(body)

    async def _listed(self, path: str, query: Mapping[str, object]) -> bytes | None:
        for attempt in range(_TRIES):
            try:
                status, body = await self.ask(path, query)
            except Lost:
                status, body = 599, b""
            if status <= 400:
                return body
            if attempt < _TRIES - 1:
                await self.pause(2)
        return None

    async def take_up(self, body: bytes) -> bool:
        """Do what a list says, in the agent's order; whether there was anything but tests in it."""
        try:
            work = go.read(body, go.WORK)
        except go.Unusable as error:
            self.host.problems.append(f"cannot read a list: {error}")
            return False
        for item in work["file"]:
            await self._write(item["task"])
        for item in work["run"]:
            self._begin_run(item, work["instanceId"])
        for item in work["stop"]:
            await self._end_run(item["task"])
        for item in work["test"]:
            self._spawn(Run(self, item, work["instanceId"]).check)
        return any(work[kind] for kind in ("file", "run", "stop", "session"))

    async def _begin_session(self, channel_id: str) -> None:
        body = await self._listed("/luban/api/v1/session/list", {"channelId": channel_id})
        try:
            found = go.read(body or b"{}", go.SESSIONS)["session"]
        except go.Unusable as error:
            self.host.problems.append(f"cannot read a list of sessions: {error}")
            return
        for item in found:  # one after the other
            await self._open_session(item)

    async def _open_session(self, item: Mapping[str, Any]) -> None:
        if 0 < item["flowLimit"] < (16384 if item["portNumber"] else 8192):
            self.host.problems.append(f"crashed by a rate of {item['flowLimit']}")
        if len(item["channelId"]) > 32:
            self.host.problems.append(f"cannot put {item['channelId']} into a frame")
        if item["channelId"] in self.sessions:
            await self._say_of_session(item, "Session_id_duplicate")
            return
        self.sessions.append(item["channelId"])
        headers = self.host.signed()
        agent = headers.pop("User-Agent")
        path = f"/luban/session/backend?channelId={item['channelId']}"
        try:
            socket = await self.host.network.connect(path, headers, user_agent_header=agent)
        except Lost:
            await self._say_of_session(item, "Open_channel_failed")
        else:
            socket.transport.abort()
            self.host.problems.append("let open its end of a session, where it knows no further")

    async def _say_of_session(self, item: Mapping[str, Any], code: str) -> None:
        said = {"channelId": item["channelId"], "status": "Failed", "errorcode": code}
        with suppress(Lost):
            await self.ask("/luban/api/v1/session/status", said)

    async def _write(self, task: Mapping[str, Any]) -> None:
        kind, said = filing.write(task)
        who = {"taskId": task["taskID"], "taskType": "sendfile"}
        # Nothing of it is escaped; and it is said once.
        query = "&".join(f"{name}={value}" for name, value in {**who, **said}.items())
        with suppress(Lost):
            path = f"/luban/api/v1/task/{kind}"
            await self.host.network.ask("POST", path, query, b"", self.host.signed())

    def _begin_run(self, item: Mapping[str, Any], instance_id: str) -> None:
        if item["repeat"] != "Once" or item["task"]["cron"]:
            self.host.problems.append("given a schedule, which it forgets when it restarts")
            return
        run = Run(self, item, instance_id)
        if run.id not in self.runs:
            self.runs[run.id] = run
            self._spawn(self._run, run)

    async def _run(self, run: Run) -> None:
        await self._idly(self._slots.acquire())
        try:
            await run.carry_out()
        finally:
            self._slots.release()
            self.runs.pop(run.id, None)

    async def _end_run(self, task: Mapping[str, Any]) -> None:
        run = self.runs.get(task["taskID"])
        if run is not None and run.begun:
            run.stopped.set()
            return
        if run is not None:
            run.silent = True  # it runs all the same, later
        said = {"start": 0, "end": 0, "exitcode": 0, "dropped": 0, "result": "killed"}
        who = {"taskId": task["taskID"], "invokeVersion": task["invokeVersion"]}
        await self.say_at_last("stopped", who | said)

    async def say(self, kind: str, query: Mapping[str, object], body: bytes = b"") -> Any:
        status, answer = await self.ask(f"/luban/api/v1/task/{kind}", query, body)
        if status > 400:
            raise Lost
        if self.host.manner.newer:
            self._heed(json.loads(answer), str(query["taskId"]))
        return answer

    def _heed(self, answer: Mapping[str, Any], task_id: str) -> None:
        run = self.runs.get(task_id)
        if answer.get("errorCode") in ("TaskNotFound", "TaskStatusInvalid") and run is not None:
            run.stopped.set()

    async def say_at_last(self, kind: str, query: Mapping[str, object], body: bytes = b"") -> None:
        for attempt in range(_TRIES):
            try:
                await self.say(kind, query, body)
            except Lost:
                if attempt < _TRIES - 1:
                    await self.pause(2)
            else:
                return

    async def client_report(self, kind: str, info: str) -> None:
        await self.post("/luban/api/v1/exception/client_report", {"type": kind, "info": info})
