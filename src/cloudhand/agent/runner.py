"""Run tasks: accept, start, end. To follow them is the follower's, to tell the reporter's.

One thread per task. Everything that a later agent must know to go on is in the journal and in
the folder of the task before it is acted upon.
"""

from __future__ import annotations

import errno
import os
import threading
from dataclasses import replace
from typing import Dict, Optional

from cloudhand import faults
from cloudhand.agent import cgroups, log, machine, rules, spool
from cloudhand.agent.files import Files
from cloudhand.agent.follower import Follower
from cloudhand.agent.holder import Script
from cloudhand.agent.holders import Holder, Holders
from cloudhand.agent.identity import Identity
from cloudhand.agent.journal import Entry, Journal
from cloudhand.agent.power import Power
from cloudhand.agent.prepare import Prepared, Refused, prepare, write
from cloudhand.agent.reporter import Reporter
from cloudhand.agent.rulebook import Rulebook
from cloudhand.agent.watch import Watch
from cloudhand.agent.workers import Workers
from cloudhand.wire import agent as wire
from cloudhand.wire import bounds

_OPEN_AT_MOST = 60  # tasks taken; the control plane offers the others again
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


class Runner:
    def __init__(
        self,
        *,
        gateway: wire.Gateway,
        identity: Identity,
        state: str,
        power: Power,
        rulebook: Rulebook,
        ending: threading.Event,
    ) -> None:
        """``ending``: set as soon as the agent is told to end, which takes until it is closed."""
        self._gateway = gateway
        self._identity = identity
        self._rulebook = rulebook
        tasks = os.path.join(state, spool.TASKS)
        spool.make(tasks)
        self._journal = Journal(state)
        self._closing = threading.Event()
        self._reporter = Reporter(
            gateway=gateway,
            journal=self._journal,
            power=power,
            tasks=tasks,
            closing=self._closing,
            refusal=rulebook.refusal,
        )
        self._folder = self._reporter.folder
        self._follower = Follower(
            gateway=gateway,
            folder=self._folder,
            stop=self._stop_watched,
            closing=self._closing,
            ending=ending,
            rulebook=rulebook,
        )
        self._home = cgroups.home()
        cgroups.sweep(self._home)
        self._holders = Holders()
        self._workers = Workers()
        self._files = Files(
            journal=self._journal,
            reporter=self._reporter,
            workers=self._workers,
            rulebook=rulebook,
        )
        self._changed = threading.Condition()  # guards what follows
        self._free_slots = bounds.SCRIPTS_AT_ONCE
        self._watches: Dict[str, Watch] = {}

    def close(self, *, at_most: float) -> None:
        """Let go: scripts run on under their holders, and a later agent follows them."""
        self._closing.set()
        with self._changed:
            for watch in self._watches.values():
                watch.wake()
            self._changed.notify_all()
        all_done = self._workers.close(at_most=at_most)
        self._holders.close()
        if all_done:
            self._journal.close()

    def tidy(self) -> None:
        self._holders.prune()
        cgroups.sweep(self._home)
        self._workers.catch_up()

    def recover(self) -> None:
        """Take up what an earlier agent left."""
        for entry in self._journal.open_entries():
            log.info(f"task {entry.task_id}: taken up again")
            if entry.is_file:
                self._workers.do(self._files.take_up, entry)
            else:
                self._workers.do(self._take_up, entry, self._watch(entry.task_id))

    def inventory(self) -> wire.Inventory:
        entries = self._journal.open_entries()
        running = [e.task_id for e in entries if e.report is None and e.lives]
        others = [e.task_id for e in entries if e.task_id not in running]
        return wire.Inventory(machine.boot_id(), tuple(running), tuple(others))

    def take(self, worklist: wire.Worklist) -> None:
        """Begin what is new in a worklist; what is known already changes nothing."""
        for file in worklist.file:
            if self._is_new(file.task_id):
                self._files.accept(file)
        for task in worklist.test:
            self._workers.do(self._verify, task)
        for task in worklist.run:
            if self._is_new(task.task_id):
                self._accept(task)
        for task_id in worklist.stop:
            self.stop(task_id)

    def _is_new(self, task_id: str) -> bool:
        """Whether it can be accepted; what is over is told again."""
        if self._journal.acknowledged_report(task_id) is None:
            return len(self._journal.open_entries()) < _OPEN_AT_MOST
        self._workers.do(self._reporter.say_again, task_id)
        return False

    def stop(self, task_id: str) -> None:
        if self._stop_watched(task_id):
            return
        if self._journal.acknowledged_report(task_id) is not None:
            self._workers.do(self._reporter.say_again, task_id)
        elif self._journal.entry(task_id) is None:
            # It never came here: say so, that nobody waits for it.
            report = wire.Report(kind=wire.STOPPED, task_id=task_id, result="killed")
            self._workers.do(self._reporter.say_once, report)

    def _stop_watched(self, task_id: str) -> bool:
        with self._changed:
            watch = self._watches.get(task_id)
            if watch is not None:
                watch.stop()
                self._changed.notify_all()
            return watch is not None

    def _accept(self, task: wire.Task) -> None:
        if self._journal.entry(task.task_id) is not None:
            return
        faults.point("agent.before-journal")
        detail = {
            "timeout": task.timeout,
            "interval": task.interval,
            "mode": task.termination_mode,
            "powerWait": task.power_wait,
        }
        try:
            watch = Watch()
        except OSError as error:  # nothing is journalled, so it is offered again
            log.error(f"task {task.task_id}: not accepted yet: {error}")
            return
        try:
            entry = self._journal.accept(task.task_id, boot_id=machine.boot_id(), detail=detail)
        except OSError as error:
            watch.close()
            log.error(f"task {task.task_id}: not journalled, so not run: {error}")
            report = _broken(task.task_id, "cannot write the journal", error)
            self._workers.do(self._reporter.say_once, report)
            return
        faults.point("agent.after-journal")
        if entry is None:
            watch.close()
            return
        with self._changed:
            self._watches[task.task_id] = watch
        self._workers.do(self._run, task, entry, watch)

    def _run(self, task: wire.Task, entry: Entry, watch: Watch) -> None:
        report: Optional[wire.Report] = None
        if self._slot(watch):
            try:
                report = self._run_now(task, entry, watch)
            finally:
                with self._changed:
                    self._free_slots += 1
                    self._changed.notify_all()
        elif watch.stopped:
            report = wire.Report(kind=wire.STOPPED, task_id=task.task_id, result="killed")
        self._unwatch(task.task_id)
        if report is not None:
            self._reporter.ended(entry, report)

    def _slot(self, watch: Watch) -> bool:
        """Wait for a place among those that run; False when it is not wanted any more."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._free_slots > 0 or watch.stopped or self._closing.is_set()
            )
            wanted = not watch.stopped and not self._closing.is_set()
            self._free_slots -= wanted
            return wanted

    def _run_now(self, task: wire.Task, entry: Entry, watch: Watch) -> Optional[wire.Report]:
        try:
            holder = self._started(task)
        except Refused as refused:
            return wire.Report(
                kind=wire.INVALID, task_id=task.task_id, param=refused.param, value=refused.value
            )
        except OSError as error:
            log.error(f"task {task.task_id}: not started: {error}")
            return _broken(task.task_id, "cannot start the script", error)
        report = self._follower.follow(entry, watch, holder)
        if report is None:
            holder.let_go()
        else:
            self._holders.give_back(holder)
        return report

    def _started(self, task: wire.Task) -> Holder:
        """Start the script; Refused or OSError when it does not run and never will."""
        folder = self._folder(task.task_id)
        prepared = self._prepared(task)
        spool.make(folder)
        write(prepared)
        while True:
            holder = self._holders.take()
            try:
                # From this line on nobody may assume that the script did not run.
                self._journal.started(task.task_id, pid=holder.pid, start=holder.start)
                faults.point("agent.spawn")
                holder.give(self._placed(prepared.script))
            except (BrokenPipeError, ConnectionResetError):
                holder.let_go()  # it went because it had had nothing to do
            except OSError:
                holder.let_go()
                raise
            else:
                faults.point("agent.spawned")
                log.info(f"task {task.task_id}: started")
                return holder

    def _placed(self, script: Script) -> Script:
        return replace(script, cgroup=cgroups.fresh(self._home)) if self._home else script

    def _prepared(self, task: wire.Task) -> Prepared:
        """Refused, by the machine's own rules first."""
        self._rulebook.check(rules.COMMANDS, task.username)
        return prepare(task, self._folder(task.task_id), self._identity)

    def _take_up(self, entry: Entry, watch: Watch) -> None:
        if entry.report is not None:
            self._unwatch(entry.task_id)
            self._reporter.ended_before(entry)
            return
        report: Optional[wire.Report]
        if entry.boot_id != machine.boot_id():
            spool.drop_zeros(self._folder(entry.task_id))
            report = self._follower.interrupted(entry, "InstanceRestarted", None)
        else:
            report = self._follower.follow(entry, watch, None)
        self._unwatch(entry.task_id)
        if report is not None:
            self._reporter.ended(entry, report)

    def _verify(self, task: wire.Task) -> None:
        try:
            self._prepared(task)
            report = wire.Report(kind=wire.VERIFIED, task_id=task.task_id)
        except Refused as refused:
            report = wire.Report(
                kind=wire.INVALID, task_id=task.task_id, param=refused.param, value=refused.value
            )
        self._reporter.say_once(report)

    def _watch(self, task_id: str) -> Watch:
        watch = Watch()
        with self._changed:
            self._watches[task_id] = watch
        return watch

    def _unwatch(self, task_id: str) -> None:
        with self._changed:
            self._watches.pop(task_id).close()


def _broken(task_id: str, what: str, error: OSError) -> wire.Report:
    code = "NoEnoughSpace" if error.errno in _NO_SPACE else "ExecuteScriptFailed"
    why = f"{what}: {error}"
    return wire.Report(kind=wire.ERROR, task_id=task_id, error_code=code, error_description=why)
