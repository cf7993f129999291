"""What a simulated machine does with its tasks: it runs nothing, and tells the truth about that.

A script says in its first line what is to become of it: ``#plan {"uid": "7", "code": 194, ...}``.
The journal outlives the machine, as a disk does; what runs lives as long as its boot.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.link import Link, Refused
from cloudhand.agent.backoff import Backoff
from cloudhand.agent.reporter import PIECE, RETRY_FIRST, RETRY_LAST
from cloudhand.wire import agent as wire

_MARK = b"#plan "
_OUTPUT = b"helloworld\n"
_KEPT = 24 * 1024  # bytes of output that a simulated machine keeps of any task


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What becomes of a script."""

    uid: str = ""  # empty: it leaves no marks
    code: int = 0
    seconds: float = 0.0  # that it runs
    size: int = len(_OUTPUT)  # bytes of output

    @classmethod
    def of(cls, script: bytes) -> Plan:
        line = script.partition(b"\n")[0]
        if not line.startswith(_MARK):
            return cls()
        said = json.loads(line.removeprefix(_MARK))
        return cls(**{name: said[name] for name in ("uid", "code", "seconds", "size")})


@dataclass(frozen=True, kw_only=True)
class Mischief:
    """What goes wrong between a machine and its control plane, as chances of each report."""

    twice: float = 0.0  # it is sent again although it was acknowledged
    unheard: float = 0.0  # the line is cut before the acknowledgement comes


@dataclass
class Entry:
    task: wire.Task
    boot_id: str
    plan: Plan
    start: int  # ms since the epoch
    report: wire.Report | None = None  # once it has ended
    acknowledged: bool = False
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    told: bool = False  # somebody tells of its end


class Tasks:
    def __init__(
        self,
        link: Link,
        *,
        random: Random,
        mischief: Mischief,
        marks: Path | None,
        power: Callable[[str], None],
    ) -> None:
        """``power`` stops or restarts the machine, and returns before that is done."""
        self.acknowledged = 0
        self._link = link
        self._random = random
        self._mischief = mischief
        self._marks = marks
        self._power = power
        self._journal: dict[str, Entry] = {}
        self._scripts: set[asyncio.Task[None]] = set()  # of this boot
        self._telling: set[asyncio.Task[None]] = set()  # of this agent

    def inventory(self) -> wire.Inventory:
        mine = [entry for entry in self._journal.values() if not entry.acknowledged]
        running = [entry.task.task_id for entry in mine if entry.report is None]
        ended = [entry.task.task_id for entry in mine if entry.report is not None]
        return wire.Inventory(self._link.boot_id, tuple(running), tuple(ended))

    def take(self, worklist: wire.Worklist) -> None:
        """Begin what is new; what is known already is never begun again."""
        for task in worklist.run:
            known = self._journal.get(task.task_id)
            if known is None:
                self._begin(task)
            elif known.acknowledged:
                self._tell(known)
        for task_id in worklist.stop:
            self.stop(task_id)

    def stop(self, task_id: str) -> None:
        known = self._journal.get(task_id)
        if known is None:
            never = wire.Report(kind=wire.STOPPED, task_id=task_id, result="killed")
            self._own(self._telling, self._say(never))
        elif known.report is None:
            known.stop.set()
        elif known.acknowledged:
            self._tell(known)

    def agent_ended(self) -> None:
        """Scripts run on; nobody tells of them."""
        telling, self._telling = self._telling, set()
        for task in telling:
            task.cancel()
        for entry in self._journal.values():
            entry.told = False

    def boot_ended(self) -> None:
        self.agent_ended()
        scripts, self._scripts = self._scripts, set()
        for task in scripts:
            task.cancel()
        self._write("down", "-", self._link.boot_id, "-")
        now = _now()
        for entry in self._journal.values():
            if entry.report is None:
                entry.report = wire.Report(
                    kind=wire.INTERRUPTED,
                    task_id=entry.task.task_id,
                    start=entry.start,
                    end=now,
                    error_code="InstanceRestarted",
                )

    def agent_began(self) -> None:
        """Tell of what an earlier agent has not been able to."""
        for entry in self._journal.values():
            if entry.report is not None and not entry.acknowledged:
                self._tell(entry)

    def _begin(self, task: wire.Task) -> None:
        entry = Entry(task, self._link.boot_id, Plan.of(task.content), _now())
        self._journal[task.task_id] = entry
        self._own(self._scripts, self._run(entry))
        if entry.plan.seconds:
            started = wire.Report(kind=wire.RUNNING, task_id=task.task_id, start=entry.start)
            self._own(self._telling, self._say(replace(started, offset=0)))

    async def _run(self, entry: Entry) -> None:
        plan, task = entry.plan, entry.task
        self._mark("start", entry)
        bound = min(plan.seconds, float(task.timeout or plan.seconds))
        stopped = False
        if bound:
            try:
                await asyncio.wait_for(entry.stop.wait(), bound)
                stopped = True
            except TimeoutError:
                pass
        report = wire.Report(
            kind=wire.FINISH, task_id=task.task_id, start=entry.start, end=_now(), offset=0
        )
        if stopped:
            report = replace(report, kind=wire.STOPPED, result="killed")
        elif plan.seconds > bound:
            report = replace(report, kind=wire.TIMEOUT)
        else:
            self._mark("end", entry, str(plan.code))
            power = wire.POWER_BY_EXIT_CODE.get(plan.code, "")
            dropped = max(plan.size - _KEPT, 0)
            report = replace(report, exit_code=plan.code, power=power, dropped=dropped)
        entry.report = report
        self._tell(entry)

    def _tell(self, entry: Entry) -> None:
        if not entry.told:
            entry.told = True
            self._own(self._telling, self._until_acknowledged(entry))

    async def _until_acknowledged(self, entry: Entry) -> None:
        assert entry.report is not None
        report = entry.report
        if entry.acknowledged:  # whatever power action followed is long done
            report = replace(report, power="")
        ends = report.kind == wire.FINISH
        output = output_of(entry.plan.size) if ends and report.offset is not None else b""
        backoff = Backoff(RETRY_FIRST, RETRY_LAST)
        while True:
            try:
                ack = await self._report(replace(report, output=output))
                if ack.proceed:
                    break
                pause = ack.hold / 1000
            except OSError:
                pause = backoff.pause()
            except Refused as refusal:
                if refusal.status < 500:
                    break
                pause = backoff.pause()
            await asyncio.sleep(pause)
        if report.power and not ack.refused and entry.boot_id == self._link.boot_id:
            self._mark("order", entry, report.power)
            self._power(report.power)
        self.acknowledged += not entry.acknowledged
        entry.acknowledged, entry.told = True, False

    async def _report(self, report: wire.Report) -> wire.Ack:
        if self._random.random() < self._mischief.unheard:
            asyncio.get_running_loop().call_later(0.002, self._link.cut)
        path = wire.REPORT_PATH + report.kind
        answer = await self._link.ask("POST", path, report.to_query(), report.output)
        if self._random.random() < self._mischief.twice:
            answer = await self._link.ask("POST", path, report.to_query(), report.output)
        return wire.Ack.from_json(answer)

    async def _say(self, report: wire.Report) -> None:
        """What need not be heard."""
        try:
            ack = await self._report(report)
        except (OSError, Refused):
            return
        if ack.stop:
            self.stop(report.task_id)

    def _own(self, tasks: set[asyncio.Task[None]], work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    def _mark(self, what: str, entry: Entry, word: str = "-") -> None:
        if entry.plan.uid:
            self._write(what, entry.plan.uid, entry.boot_id, word)

    def _write(self, what: str, uid: str, boot_id: str, word: str) -> None:
        if self._marks is not None:
            words = (what, uid, self._link.instance_id, boot_id, word, str(_now()))
            with (self._marks / self._link.instance_id).open("a") as file:
                file.write(" ".join(words) + "\n")


def output_of(size: int) -> bytes:
    """What is kept of so many bytes."""
    return (_OUTPUT * (size // len(_OUTPUT) + 1))[: min(size, _KEPT)]


def _now() -> int:
    return int(time.time() * 1000)


assert _KEPT <= PIECE  # so that one report holds it
