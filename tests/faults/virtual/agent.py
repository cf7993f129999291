"""A simulated agent: it does in virtual time what ours does, in the same order, step by step.

The steps have the names that they have in ours, so that a fault can strike at each of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from cloudhand.control.speaker import Speaker
from cloudhand.wire import agent as wire
from tests.faults.virtual.ground import Plan
from tests.faults.virtual.journal import Entry
from tests.faults.virtual.link import Unavailable
from tests.faults.virtual.machine import Machine, Script

_RETRY_FIRST, _RETRY_LAST = 0.25, 15.0  # seconds between reports that were not acknowledged
_POLL_EVERY = 5.0  # seconds between looks for work where no kick comes through
_BEAT_EVERY = 60.0
_FIRST_WORD = 0.25  # seconds after the start of a script


class Agent:
    """One process; ``kill`` ends it at whatever it is doing."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._ground = machine.ground
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped: dict[str, asyncio.Event] = {}
        self._pid = machine.ground.next_pid()
        self._began = machine.ground.tick
        self._spawn(self._life())

    def kill(self) -> None:
        tasks, self._tasks = self._tasks, set()
        for task in tasks:
            task.cancel()

    def kicked(self, task_id: str) -> None:
        self._spawn(self._fetch("kickoff", task_id))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._ground.spawn(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _point(self, name: str, task_id: str) -> None:
        if self._ground.strikes(self._machine.instance_id, name, task_id):
            # Whoever struck may have ended this very process.
            await asyncio.sleep(0)

    async def _ask(self, ask: Any, *said: Any, **more: Any) -> Any:
        async def question() -> Any:
            desk = self._ground.desk
            speaker = await self._speaker()
            return await getattr(desk, ask)(speaker, *said, **more)

        return await self._machine.link.ask(question)

    async def _speaker(self) -> Speaker:
        agent = await self._ground.control.agents.get(self._machine.instance_id)
        assert agent is not None
        return Speaker(agent=agent, boot_id=self._boot_id)

    async def _life(self) -> None:
        self._boot_id = self._machine.boot_id
        machine = self._machine
        entries = machine.disk.entries
        for task_id in [i for i, e in entries.items() if not e.started and e.report is None]:
            if entries[task_id].boot_id == self._boot_id:
                del entries[task_id]  # it never began, and is handed out again
        found = list(entries.items())  # what comes now is not taken up: it has just begun
        while not await self._came():
            await self._ground.rest(_RETRY_FIRST)
        for task_id, entry in found:
            self._spawn(self._take_up(task_id, entry))
        beat_at, channel = self._ground.tick + _BEAT_EVERY, -1
        while True:
            # As long as the same channel is open it is told when there is something.
            if channel != self._ground.channels or not machine.link.carries_kicks:
                channel = self._ground.channels if machine.link.carries_kicks else -1
                await self._fetch("startup", "")
            await self._ground.rest(_POLL_EVERY)
            if self._ground.tick >= beat_at and await self._beat(cold=False):
                beat_at = self._ground.tick + _BEAT_EVERY

    async def _came(self) -> bool:
        """Whether it is known, and has said what it has."""
        machine = self._machine
        if not machine.registered:

            async def register() -> wire.Registered:
                return await self._ground.register(machine.boot)

            try:
                await machine.link.ask(register)
            except Unavailable:
                return False
            machine.registered = True
        if not await self._beat(cold=True):
            return False
        running = [i for i in machine.disk.entries if i in machine.scripts]
        others = [i for i in machine.disk.entries if i not in machine.scripts]
        said = wire.Inventory(self._boot_id, tuple(running), tuple(others))
        try:
            orders = await self._ask("inventory", said)
        except Unavailable:
            return False
        for task_id in orders.stop:
            self._stop(task_id)
        return True

    async def _beat(self, *, cold: bool) -> bool:
        beat = wire.Heartbeat(
            uptime=1_000,
            timestamp=0,
            pid=self._pid,
            process_uptime=int((self._ground.tick - self._began) * 1000),
            index=0 if cold else 1,
            seq_no=1,
            release="0.1.0",
            package="0" * 64,
            upgradable=False,
            cold_start=cold,
        )
        try:
            await self._ask("beat", beat, version=wire.COMPATIBLE_VERSION)
        except Unavailable:
            return False
        return True

    async def _fetch(self, reason: str, task_id: str) -> None:
        try:
            worklist = await self._ask("fetch", wire.Fetch(reason=reason, task_id=task_id))
        except Unavailable:
            return
        for task in worklist.run:
            self._ground.dispatches += 1
            await self._accept(task)
        for stopped in worklist.stop:
            self._stop(stopped)

    def _stop(self, task_id: str) -> None:
        disk = self._machine.disk
        if task_id in self._stopped:
            self._stopped[task_id].set()
        elif task_id in disk.acknowledged:
            self._spawn(self._say_once(disk.acknowledged[task_id]))
        elif task_id not in disk.entries:
            self._spawn(
                self._say_once(wire.Report(kind=wire.STOPPED, task_id=task_id, result="killed"))
            )

    async def _say_once(self, report: wire.Report) -> None:
        try:
            await self._ask("report", replace(report, power="", offset=None, output=b""))
        except Unavailable:
            return

    async def _accept(self, task: wire.Task) -> None:
        disk = self._machine.disk
        if task.task_id in disk.acknowledged:
            await self._say_once(disk.acknowledged[task.task_id])
            return
        if task.task_id in disk.entries or task.task_id in self._stopped:
            return
        self._stopped[task.task_id] = asyncio.Event()
        await self._point("agent.before-journal", task.task_id)
        entry = disk.entries[task.task_id] = Entry(self._boot_id)
        disk.sync()
        await self._point("agent.after-journal", task.task_id)
        self._spawn(self._run(task, entry))

    async def _run(self, task: wire.Task, entry: Entry) -> None:
        entry.started = True
        await self._point("agent.spawn", task.task_id)
        script = self._machine.begin(task)
        await self._point("agent.spawned", task.task_id)
        await self._follow(task.task_id, entry, script)

    async def _take_up(self, task_id: str, entry: Entry) -> None:
        if entry.report is not None:
            await self._tell(task_id, entry)
            return
        self._stopped.setdefault(task_id, asyncio.Event())
        script = self._machine.scripts.get(task_id)
        if entry.boot_id != self._boot_id:
            await self._ended(task_id, entry, _interrupted(task_id, "InstanceRestarted"))
        elif script is not None:
            await self._follow(task_id, entry, script)
        elif task_id in self._machine.disk.ends:
            await self._ended(task_id, entry, self._final(task_id))
        elif task_id in self._machine.disk.ending:
            kind = self._machine.disk.ending[task_id]
            await self._ended(task_id, entry, self._ended_by_us(task_id, kind))
        else:
            await self._ended(task_id, entry, _interrupted(task_id, "ExecutionInterrupted"))

    async def _follow(self, task_id: str, entry: Entry, script: Script) -> None:
        heard = [0]  # bytes of output that the control plane has
        self._spawn(self._progress(task_id, script, heard))
        over = await self._ground.first_of(
            script.over, self._stopped[task_id], within=float(script.task.timeout)
        )
        if over is script.over:
            await self._point("agent.exit", task_id)
            if task_id in self._machine.disk.ends:
                report = self._final(task_id, heard[0])
            else:
                report = _interrupted(task_id, "ExecutionInterrupted")
        else:
            kind = wire.STOPPED if over is self._stopped[task_id] else wire.TIMEOUT
            self._machine.disk.ending[task_id] = kind
            self._machine.end_script(script)
            self._machine.scripts.pop(task_id, None)
            report = self._ended_by_us(task_id, kind, heard[0])
        await self._ended(task_id, entry, report)

    def _ended_by_us(self, task_id: str, kind: str, heard: int = 0) -> wire.Report:
        return wire.Report(
            kind=kind,
            task_id=task_id,
            start=1_000,
            end=2_000,
            offset=heard,
            output=self._plan(task_id).output[heard:],
            exit_code=1 if kind == wire.TIMEOUT else 0,
            result="killed" if kind == wire.STOPPED else "",
        )

    async def _progress(self, task_id: str, script: Script, heard: list[int]) -> None:
        await self._ground.rest(_FIRST_WORD)
        if script.over.is_set():
            return
        half = script.plan.output[: script.said // 2]
        report = wire.Report(kind=wire.RUNNING, task_id=task_id, start=1_000, offset=0, output=half)
        try:
            ack = await self._ask("report", report)
        except Unavailable:
            return
        heard[0] = len(half)
        if ack.stop:
            self._stop(task_id)

    def _plan(self, task_id: str) -> Plan:
        return self._ground.plan_of(self._machine.instance_id, task_id)

    def _final(self, task_id: str, heard: int = 0) -> wire.Report:
        code = self._machine.disk.ends[task_id]
        return wire.Report(
            kind=wire.FINISH,
            task_id=task_id,
            start=1_000,
            end=2_000,
            offset=heard,
            output=self._plan(task_id).output[heard:],
            exit_code=code,
            power=wire.POWER_BY_EXIT_CODE.get(code, ""),
        )

    async def _ended(self, task_id: str, entry: Entry, report: wire.Report) -> None:
        await self._point("agent.spool", task_id)
        entry.report = report
        if report.power:
            self._machine.disk.sync(end_of=task_id)
        await self._tell(task_id, entry)

    async def _tell(self, task_id: str, entry: Entry) -> None:
        report = entry.report
        assert report is not None
        heard = False
        if report.power and entry.boot_id == self._boot_id:
            heard = await self._deliver(report, within=60.0)
            await self._point("agent.before-power", task_id)
            self._machine.disk.sync(end_of=task_id)
            await self._point("agent.power", task_id)
            self._machine.ask(report.power)
            await self._point("agent.after-power", task_id)
        await self._point("agent.report", task_id)
        if not heard:
            await self._deliver(report)
        await self._point("agent.ack", task_id)
        self._machine.disk.entries.pop(task_id, None)
        self._machine.disk.acknowledged[task_id] = report
        self._stopped.pop(task_id, None)

    async def _deliver(self, report: wire.Report, within: float = float("inf")) -> bool:
        """Whether it was acknowledged in so many seconds."""
        pause, until, saved = _RETRY_FIRST, self._ground.tick + within, False
        while self._ground.tick < until:
            try:
                ack = await self._ask("report", report)
            except Unavailable:
                pass
            else:
                if ack.proceed:
                    return True
            if not saved:
                self._machine.disk.sync(end_of=report.task_id)
                saved = True
            await self._ground.rest(pause)
            pause = min(pause * 2, _RETRY_LAST)
        return False


def _interrupted(task_id: str, code: str) -> wire.Report:
    return wire.Report(
        kind=wire.INTERRUPTED, task_id=task_id, error_code=code, offset=0, start=1_000, end=2_000
    )
