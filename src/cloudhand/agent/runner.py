"""Run tasks: journal, start, watch, end, report; and what follows a power exit code.

One thread per task. Everything that a later agent must know to go on is in the journal and in
the folder of the task before it is acted upon.
"""

from __future__ import annotations

import logging
import os
import random
import select
import shutil
import threading
import time
from typing import Any, Dict, List, Optional

from cloudhand import faults
from cloudhand.agent import holder, machine, process
from cloudhand.agent.identity import Identity
from cloudhand.agent.journal import Entry, Journal
from cloudhand.agent.output import Kept
from cloudhand.agent.power import Power
from cloudhand.agent.prepare import Refused, prepare, write
from cloudhand.wire import agent as wire

log = logging.getLogger(__name__)

_AT_ONCE = 10  # scripts that run at the same time
_OPEN_AT_MOST = 60  # tasks taken; the control plane offers the others again
_FIRST_REPORT = 0.1  # seconds after the start; what ends sooner sends only its end
_RETRY_FIRST, _RETRY_LAST = 0.2, 15.0  # seconds between reports that were not acknowledged
_HOLDER_BOUND = 15.0  # seconds for a holder to end after its script was ended
_NO_SPACE = "NoEnoughSpace"


class Watch:
    """A task that is being followed, and how its thread is told to stop it."""

    def __init__(self) -> None:
        self.reading, self._writing = os.pipe()
        self.stopped = False

    def stop(self) -> None:
        if not self.stopped:
            self.stopped = True
            os.write(self._writing, b"s")

    def close(self) -> None:
        os.close(self.reading)
        os.close(self._writing)


class Runner:
    def __init__(
        self, *, gateway: wire.Gateway, identity: Identity, state: str, power: Power
    ) -> None:
        self._gateway = gateway
        self._identity = identity
        self._power = power
        self._tasks_folder = os.path.join(state, "tasks")
        os.makedirs(self._tasks_folder, mode=0o711, exist_ok=True)
        self._journal = Journal(state)
        self._slots = threading.Semaphore(_AT_ONCE)
        self._lock = threading.Lock()
        self._watches: Dict[str, Watch] = {}
        self._threads: List[threading.Thread] = []
        self._closing = threading.Event()

    def close(self) -> None:
        """Let go: scripts run on under their holders, and a later agent follows them."""
        self._closing.set()
        with self._lock:
            watches = list(self._watches.values())
        for watch in watches:
            os.write(watch._writing, b"c")
        for thread in self._threads:
            thread.join()
        self._journal.close()

    def recover(self) -> None:
        """Take up what an earlier agent left."""
        for entry in self._journal.open_entries():
            log.info("task %s: taken up again", entry.task_id)
            self._thread(self._take_up, entry)

    def inventory(self) -> wire.Inventory:
        entries = self._journal.open_entries()
        running = [e.task_id for e in entries if e.report is None and self._lives(e)]
        others = [e.task_id for e in entries if e.task_id not in running]
        return wire.Inventory(machine.boot_id(), tuple(running), tuple(others))

    def take(self, worklist: wire.Worklist) -> None:
        """Begin what is new in a worklist; what is known already changes nothing."""
        for task in worklist.test:
            self._thread(self._verify, task)
        for task in worklist.run:
            if self._journal.get(task.task_id) is not None:
                self._repeated(task.task_id)
            elif len(self._journal.open_entries()) < _OPEN_AT_MOST:
                self._accept(task)
        for task_id in worklist.stop:
            self.stop(task_id)

    def stop(self, task_id: str) -> None:
        with self._lock:
            watch = self._watches.get(task_id)
        if watch is not None:
            watch.stop()
        elif self._journal.get(task_id) is None:
            # It never came here: say so, that nobody waits for it.
            report = wire.Report(kind=wire.STOPPED, task_id=task_id, result="killed")
            self._thread(self._say_once, report)

    def _repeated(self, task_id: str) -> None:
        entry = self._journal.get(task_id)
        if entry is not None and entry.acknowledged:
            # The control plane has lost what it had acknowledged; the script does not run again.
            report = wire.Report(
                kind=wire.INTERRUPTED,
                task_id=task_id,
                error_code="ExecutionInterrupted",
                error_description="the command ran here before and its result was acknowledged",
            )
            self._thread(self._say_once, report)

    def _accept(self, task: wire.Task) -> None:
        faults.point("agent.before-journal")
        detail = {
            "timeout": task.timeout,
            "quota": task.log_quota,
            "interval": task.interval,
            "mode": task.termination_mode,
            "powerWait": task.power_wait,
        }
        try:
            if not self._journal.accept(task.task_id, boot_id=machine.boot_id(), detail=detail):
                return
        except OSError as error:
            log.error("task %s: not journalled, so not run: %s", task.task_id, error)
            report = wire.Report(
                kind=wire.ERROR,
                task_id=task.task_id,
                error_code=_NO_SPACE,
                error_description=f"{_NO_SPACE}: cannot write the journal: {error}",
            )
            self._thread(self._say_once, report)
            return
        faults.point("agent.after-journal")
        watch = self._watch(task.task_id)
        self._thread(self._run, task, watch)

    def _run(self, task: wire.Task, watch: Watch) -> None:
        entry = self._journal.entries[task.task_id]
        with self._slots:
            report = self._started(task, entry, watch)
            if report is None:
                report = self._followed(entry, watch)
        self._unwatch(task.task_id)
        if report is not None:
            self._finish(entry, report)

    def _started(self, task: wire.Task, entry: Entry, watch: Watch) -> Optional[wire.Report]:
        """Start the script; a report when that cannot be done, or need not any more."""
        if watch.stopped:
            return wire.Report(kind=wire.STOPPED, task_id=task.task_id, result="killed")
        folder = self._folder(task.task_id)
        try:
            os.makedirs(folder, mode=0o711, exist_ok=True)
            prepared = prepare(task, folder, self._identity)
            write(prepared)
            faults.point("agent.spawn")
            pid = holder.start(prepared.script)
        except Refused as refused:
            return wire.Report(
                kind=wire.INVALID, task_id=task.task_id, param=refused.param, value=refused.value
            )
        except OSError as error:
            log.error("task %s: not started: %s", task.task_id, error)
            return wire.Report(
                kind=wire.ERROR,
                task_id=task.task_id,
                error_code="ExecuteScriptFailed",
                error_description=f"cannot start the script: {error}",
            )
        self._journal.started(task.task_id, pid=pid, start=machine.start_time(pid))
        log.info("task %s: started", task.task_id)
        return None

    def _take_up(self, entry: Entry) -> None:
        if entry.report is not None:
            self._finish(entry, wire.Report(**_tuples(entry.report)), again=True)
            return
        if entry.boot_id != machine.boot_id():
            self._finish(entry, self._interrupted(entry, "InstanceRestarted"))
            return
        watch = self._watch(entry.task_id)
        report = self._followed(entry, watch)
        self._unwatch(entry.task_id)
        if report is not None:
            self._finish(entry, report)

    def _followed(self, entry: Entry, watch: Watch) -> Optional[wire.Report]:
        """Watch a holder to its end; the final report, or None when the agent itself ends."""
        folder = self._folder(entry.task_id)
        begun = entry.started_at or entry.accepted_at
        how = ""  # why we ended it: stopped or timeout
        survivors: List[int] = []
        offset = 0
        next_report = begun + _FIRST_REPORT
        limit = begun + entry.task["timeout"] if entry.task["timeout"] else 0.0
        while self._lives(entry):
            if self._closing.is_set():
                return None
            self._wait(entry, watch, next_report, 0.0 if how else limit)
            now = time.time()
            if not how and (watch.stopped or (limit and now >= limit)):
                how = "stopped" if watch.stopped else "timeout"
                survivors = self._end_tree(entry, folder)
                self._wait_for_holder(entry)
                break
            if now >= next_report:
                offset = self._progress(entry, folder, begun, offset, watch)
                next_report = now + entry.task["interval"] / 1000
        _bury(entry.holder_pid)
        faults.point("agent.exit")
        return self._final(entry, folder, how, survivors)

    def _wait(self, entry: Entry, watch: Watch, next_report: float, limit: float) -> None:
        """Until the holder ends, somebody wants a stop, or something is due."""
        due = min(next_report, limit) if limit else next_report
        poll = select.poll()
        poll.register(watch.reading, select.POLLIN)
        try:
            pidfd = os.pidfd_open(entry.holder_pid)
        except OSError:
            return
        poll.register(pidfd, select.POLLIN)
        poll.poll(max(due - time.time(), 0) * 1000)
        os.close(pidfd)
        _bury(entry.holder_pid)

    def _wait_for_holder(self, entry: Entry) -> None:
        deadline = time.monotonic() + _HOLDER_BOUND
        while self._lives(entry) and time.monotonic() < deadline:
            time.sleep(0.01)

    def _end_tree(self, entry: Entry, folder: str) -> "List[int]":
        if entry.task["mode"] == "Process":
            pid = holder.script_pid(folder)
            return process.end(lambda: {pid} if machine.start_time(pid) else set())
        with open(os.path.join(folder, holder.STOP), "wb"):
            pass  # the holder stays until the tree is gone, so that nothing escapes it
        return process.end(lambda: process.descendants(entry.holder_pid))

    def _progress(self, entry: Entry, folder: str, begun: float, offset: int, watch: Watch) -> int:
        """Report that it runs, and what is new of the output's head; the place reached."""
        piece = holder.read_head(folder, offset)
        report = wire.Report(
            kind=wire.RUNNING,
            task_id=entry.task_id,
            output=piece,
            offset=offset,
            start=int(begun * 1000),
        )
        try:
            ack = self._gateway.report(report)
        except wire.Unavailable:
            return offset  # the same piece again, next time
        except wire.Rejected as error:
            log.warning("task %s: report refused: %s", entry.task_id, error)
            return offset
        if ack.stop:
            watch.stop()
        return offset + len(piece)

    def _final(self, entry: Entry, folder: str, how: str, survivors: "List[int]") -> wire.Report:
        ended = holder.read_end(folder)
        if ended is None:
            survivors = survivors or process.kill(lambda: process.marked(entry.task_id))
            report = self._interrupted(entry, "ExecutionInterrupted", survivors)
            if how != "stopped":
                return report
        start = ended.start if ended else int(entry.accepted_at * 1000)
        end = ended.end if ended else int(time.time() * 1000)
        kept = ended.kept if ended else _head_only(folder)
        common: Dict[str, Any] = {
            "task_id": entry.task_id,
            "output": kept.after(0),
            "offset": 0,
            "start": start,
            "end": end,
            "dropped": kept.dropped,
            "survivors": tuple(survivors),
        }
        if how == "stopped":
            return wire.Report(kind=wire.STOPPED, result="killed", **common)
        assert ended is not None
        if how == "timeout":
            return wire.Report(kind=wire.TIMEOUT, exit_code=1, **common)
        power = wire.POWER_BY_EXIT_CODE.get(ended.exit_code, "") if ended.by_itself else ""
        return wire.Report(kind=wire.FINISH, exit_code=ended.exit_code, power=power, **common)

    def _interrupted(
        self, entry: Entry, code: str, survivors: "Optional[List[int]]" = None
    ) -> wire.Report:
        kept = _head_only(self._folder(entry.task_id))
        return wire.Report(
            kind=wire.INTERRUPTED,
            task_id=entry.task_id,
            error_code=code,
            output=kept.head,
            offset=0,
            start=int(entry.accepted_at * 1000),
            end=int(time.time() * 1000),
            survivors=tuple(survivors or ()),
        )

    def _finish(self, entry: Entry, report: wire.Report, *, again: bool = False) -> None:
        """Make the end of a task known, and do what its exit code asks for."""
        if again:
            report = self._with_output(report)
        else:
            # With a power action to come, it must survive the machine's going down.
            faults.point("agent.spool")
            self._record_end(report, durable=bool(report.power))
        faults.point("agent.report")
        act = bool(report.power) and not entry.power_asked and entry.boot_id == machine.boot_id()
        acknowledged = self._deliver(report, give_up_at=self._give_up_at(entry) if act else None)
        if act and not self._closing.is_set():
            self._journal.power_asked(entry.task_id)
            faults.point("agent.power")
            self._power.act(report.power)
        if not acknowledged:
            acknowledged = self._deliver(report, give_up_at=None)
        if acknowledged:
            faults.point("agent.ack")
            self._journal.acknowledged(entry.task_id)
            shutil.rmtree(self._folder(entry.task_id), ignore_errors=True)
            log.info("task %s: %s, acknowledged", entry.task_id, report.kind)

    def _record_end(self, report: wire.Report, *, durable: bool) -> None:
        values = {k: v for k, v in vars(report).items() if k != "output"}
        path = os.path.join(self._folder(report.task_id), "kept")
        try:
            os.makedirs(self._folder(report.task_id), mode=0o711, exist_ok=True)
            with open(path, "wb") as file:
                file.write(report.output)
                file.flush()
                if durable:
                    os.fsync(file.fileno())
            self._journal.ended(report.task_id, values, durable=durable)
        except OSError as error:
            log.error("task %s: end not journalled: %s", report.task_id, error)

    def _with_output(self, report: wire.Report) -> wire.Report:
        try:
            with open(os.path.join(self._folder(report.task_id), "kept"), "rb") as file:
                return wire.Report(**{**vars(report), "output": file.read()})
        except OSError:
            return report

    def _give_up_at(self, entry: Entry) -> float:
        return time.monotonic() + float(entry.task.get("powerWait", 60))

    def _deliver(self, report: wire.Report, *, give_up_at: "Optional[float]") -> bool:
        """Report until it is acknowledged; False when the time, or the agent, ended before."""
        wait = _RETRY_FIRST
        while not self._closing.is_set():
            pause = random.uniform(wait / 2, wait)
            try:
                ack = self._gateway.report(report)
                if ack.proceed:
                    return True
                pause = ack.hold / 1000
            except wire.Unavailable as error:
                log.info("task %s: not reported yet: %s", report.task_id, error)
            except wire.Rejected as error:
                log.warning("task %s: report refused: %s", report.task_id, error)
                return True
            if give_up_at is not None and time.monotonic() + pause >= give_up_at:
                return False
            self._closing.wait(pause)
            wait = min(wait * 2, _RETRY_LAST)
        return False

    def _verify(self, task: wire.Task) -> None:
        try:
            prepare(task, self._folder(task.task_id), self._identity)
            report = wire.Report(kind=wire.VERIFIED, task_id=task.task_id)
        except Refused as refused:
            report = wire.Report(
                kind=wire.INVALID, task_id=task.task_id, param=refused.param, value=refused.value
            )
        self._say_once(report)

    def _say_once(self, report: wire.Report) -> None:
        """Say what need not be kept: the control plane asks again if it is lost."""
        try:
            self._gateway.report(report)
        except (wire.Unavailable, wire.Rejected) as error:
            log.info("task %s: not said: %s", report.task_id, error)

    def _lives(self, entry: Entry) -> bool:
        pid = entry.holder_pid
        return bool(pid) and machine.start_time(pid) == entry.holder_start != ""

    def _folder(self, task_id: str) -> str:
        return os.path.join(self._tasks_folder, task_id)

    def _watch(self, task_id: str) -> Watch:
        watch = Watch()
        with self._lock:
            self._watches[task_id] = watch
        return watch

    def _unwatch(self, task_id: str) -> None:
        with self._lock:
            self._watches.pop(task_id).close()

    def _thread(self, target: Any, *arguments: Any) -> None:
        thread = threading.Thread(target=target, args=arguments, name="task", daemon=True)
        with self._lock:
            self._threads = [t for t in self._threads if t.is_alive()] + [thread]
            thread.start()


def _head_only(folder: str) -> Kept:
    head = holder.read_head(folder, 0)
    return Kept(head, b"", len(head))


def _tuples(values: "Dict[str, Any]") -> "Dict[str, Any]":
    """JSON has no tuples."""
    return {**values, "survivors": tuple(values.get("survivors", ()))}


def _bury(pid: int) -> None:
    """Take the status of a holder of ours that has ended; one of an earlier agent is not ours."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass
