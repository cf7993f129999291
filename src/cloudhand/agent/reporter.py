"""Tell the control plane what became of tasks, until it has it; then what a result asks for.

An end is in the journal before it is told. A power exit code is acted upon when the control plane
has acknowledged the result, or when it has kept silent for too long.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import replace
from typing import Any, Callable, Dict, Optional

from cloudhand import faults
from cloudhand.agent import log, machine, spool
from cloudhand.agent.backoff import Backoff
from cloudhand.agent.journal import Entry, Journal, Output
from cloudhand.agent.power import Power
from cloudhand.wire import agent as wire
from cloudhand.wire.receipt import Receipt

RETRY_FIRST, RETRY_LAST = 0.2, 15.0  # seconds between reports that were not acknowledged
PIECE = 64 * 1024  # bytes of output in one report
_SILENCE = 60.0  # seconds after which a task without new output is said to run


class Reporter:
    def __init__(
        self,
        *,
        gateway: wire.Gateway,
        journal: Journal,
        power: Power,
        tasks: str,
        closing: threading.Event,
        refusal: Callable[[str], str],
    ) -> None:
        """``refusal``: why the machine does not stop or restart now; empty if it does."""
        self._refusal = refusal
        self._gateway = gateway
        self._journal = journal
        self._power = power
        self._tasks = tasks
        self._closing = closing

    def folder(self, task_id: str) -> str:
        return os.path.join(self._tasks, task_id)

    def ended(self, entry: Entry, report: wire.Report) -> None:
        """Journal the end of a task, and see to all that follows from it."""
        faults.point("agent.spool")
        try:
            if report.power:  # it must survive the machine's going down
                spool.sync(self.folder(entry.task_id))
            self._journal.ended(
                entry.task_id,
                _kept(report),
                durable=bool(report.power),
                output=self._output(report),
            )
        except OSError as error:
            log.error(f"task {entry.task_id}: end not journalled: {error}")
        self._tell(entry, report)

    def ended_before(self, entry: Entry) -> None:
        """See to an end that an earlier agent journalled."""
        assert entry.report is not None
        report, output = _revived(entry.report), entry.output
        if output is not None and entry.boot_id != machine.boot_id():
            report = self._after_a_boot(report, output)
        self._tell(entry, report)

    def _after_a_boot(self, report: wire.Report, output: Output) -> wire.Report:
        """Without its output where a power cut has taken of it; what was told stays told."""
        if self._output(replace(report, offset=output.told)) == output:
            return report
        lost = output.size - output.told
        return replace(report, offset=None, dropped=report.dropped + lost)

    def say_once(self, report: wire.Report) -> None:
        """Say what need not be kept: the control plane asks again if it is lost."""
        try:
            self._gateway.report(report)
        except (wire.Unavailable, wire.Rejected) as error:
            log.info(f"task {report.task_id}: not said: {error}")

    def say_again(self, task_id: str) -> None:
        """Say how an acknowledged task ended: the control plane has lost it. Nothing runs again."""
        values = self._journal.acknowledged_report(task_id)
        if not values:
            report = wire.Report(
                kind=wire.INTERRUPTED,
                task_id=task_id,
                error_code="ExecutionInterrupted",
                error_description="the command ran here before and its result was acknowledged",
            )
        else:
            # Whatever power action followed is long done.
            report = _revived({**values, "power": "", "offset": None})
        self.say_once(report)

    def _output(self, report: wire.Report) -> Optional[Output]:
        """OSError."""
        if report.offset is None:
            return None
        return Output(*spool.kept_sum(self.folder(report.task_id)), told=report.offset)

    def _tell(self, entry: Entry, report: wire.Report) -> None:
        ack = None
        acts = bool(report.power) and entry.boot_id == machine.boot_id()
        if acts:
            ack = self._deliver(report, acts=True, within=float(entry.task["powerWait"]))
            if self._closing.is_set():
                return
            refused = ack.refused if ack is not None else bool(self._refusal(report.power))
            if not refused:
                self._go_down(entry, report)
                acts = False
        faults.point("agent.report")
        if ack is None and self._deliver(report, acts=acts) is None:
            return
        faults.point("agent.ack")
        try:
            self._journal.acknowledged(entry.task_id)
        except OSError as error:
            log.error(f"task {entry.task_id}: acknowledgement not journalled: {error}")
        spool.remove(self.folder(entry.task_id))
        log.info(f"task {entry.task_id}: {report.kind}, acknowledged")

    def _go_down(self, entry: Entry, report: wire.Report) -> None:
        faults.point("agent.before-power")
        try:
            self._journal.power_asked(entry.task_id)
        except OSError as error:
            log.error(f"task {entry.task_id}: power action not journalled: {error}")
        faults.point("agent.power")
        self._power.act(report.power)
        faults.point("agent.after-power")

    def _deliver(
        self, report: wire.Report, *, acts: bool, within: Optional[float] = None
    ) -> Optional[wire.Ack]:
        """Report until it is acknowledged, and its power action may follow or is refused; None
        when the time, or the agent, ended before.

        ``acts``: the power action may still follow, unless the machine refuses it by then.
        """
        deadline = time.monotonic() + within if within is not None else None
        backoff = Backoff(RETRY_FIRST, RETRY_LAST)
        first = True
        while not self._closing.is_set():
            report = self._with_output(report)
            try:
                if self._more(report):
                    report = self._say_piece(report)
                    continue
                ack = self._ask(self._by_own_rules(report) if acts else report)
                if ack.proceed:
                    return ack
                deadline = None  # who was told to wait goes on with a word alone
                pause = ack.hold / 1000
            except wire.Rejected as error:
                log.warning(f"task {report.task_id}: report refused: {error}")
                return wire.Ack()
            except wire.Unavailable as error:
                log.info(f"task {report.task_id}: not reported yet: {error}")
                pause = backoff.pause()
            if first:
                self._save(report)
                first = False
            if deadline is not None:
                if time.monotonic() >= deadline:
                    return None
                pause = min(pause, deadline - time.monotonic())
            self._closing.wait(pause)
        return None

    def _ask(self, report: wire.Report) -> wire.Ack:
        """A word that came too late is none; Rejected or Unavailable."""
        asked_at = _Moment()
        ack = self._gateway.report(report)
        if report.refusal:
            return replace(ack, refused=True)
        return replace(ack, proceed=ack.proceed and not asked_at.is_past(ack.within))

    def _by_own_rules(self, report: wire.Report) -> wire.Report:
        """With the refusal of its machine, whose rules may have changed while it waited."""
        why = self._refusal(report.power) if report.power else ""
        return replace(report, power="", refusal=why) if why else report

    def _with_output(self, report: wire.Report) -> wire.Report:
        """With the piece of output that begins where it says, if it has any."""
        if report.offset is None:
            return report
        piece = spool.read_kept(self.folder(report.task_id), report.offset, PIECE)
        return wire.Report(**{**vars(report), "output": piece})

    def _more(self, report: wire.Report) -> bool:
        """Whether output follows what it holds."""
        if report.offset is None:
            return False
        return spool.kept_size(self.folder(report.task_id)) > report.offset + len(report.output)

    def _say_piece(self, report: wire.Report) -> wire.Report:
        """Say the output that it holds, ahead of the end; the report with what is left."""
        assert report.offset is not None
        piece = wire.Report(
            kind=wire.RUNNING,
            task_id=report.task_id,
            output=report.output,
            offset=report.offset,
            start=report.start,
        )
        self._gateway.report(piece)
        return wire.Report(**{**vars(report), "offset": report.offset + len(report.output)})

    def _save(self, report: wire.Report) -> None:
        """Nobody else has the result now, so let it survive a power cut here."""
        try:
            if report.offset is not None:
                spool.sync(self.folder(report.task_id))
            self._journal.sync()
        except OSError as error:
            log.error(f"task {report.task_id}: end not on disk: {error}")


class Progress:
    """Says that a task runs, and the head of its output as it grows, from a thread of its own:
    neither a stop nor a timeout waits for a server that is slow to answer.
    """

    def __init__(
        self,
        gateway: wire.Gateway,
        *,
        task_id: str,
        folder: str,
        start: int,
        interval: float,
        on_stop: Callable[[], object],
    ) -> None:
        self.acknowledged = 0  # bytes of the head
        self._gateway = gateway
        self._task_id = task_id
        self._folder = folder
        self._start = start
        self._interval = interval
        self._on_stop = on_stop
        self._over = threading.Event()

    def begin(self) -> None:
        thread = threading.Thread(target=self._run, name=f"progress {self._task_id}", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # as many run as the machine allows; the end is told
            log.warning(f"task {self._task_id}: its output is told at its end only: {error}")

    def end(self) -> None:
        self._over.set()

    def _run(self) -> None:
        said_at = time.monotonic()
        self._say()
        # Until there is a first output look often, since somebody may be waiting for it.
        look = Backoff(0.1, min(self._interval, 1.0))
        while not self._over.wait(self._interval if self.acknowledged else look.pause()):
            grown = spool.kept_size(self._folder) > self.acknowledged
            if grown or time.monotonic() - said_at >= _SILENCE:
                said_at = time.monotonic()
                self._say()

    def _say(self) -> None:
        """All that there is, piece by piece."""
        while self._say_piece() == PIECE and not self._over.is_set():
            pass

    def _say_piece(self) -> int:
        """How many bytes were said."""
        piece = spool.read_kept(self._folder, self.acknowledged, PIECE)
        report = wire.Report(
            kind=wire.RUNNING,
            task_id=self._task_id,
            output=piece,
            offset=self.acknowledged,
            start=self._start,
        )
        try:
            ack = self._gateway.report(report)
        except (wire.Unavailable, wire.Rejected) as error:
            log.info(f"task {self._task_id}: not reported yet: {error}")
            return 0  # the same piece again, next time
        self.acknowledged += len(piece)
        if ack.stop:
            self._on_stop()
        return len(piece)


class _Moment:
    """A moment before which nobody had answered what is asked then."""

    def __init__(self) -> None:
        self._tick, self._time = time.monotonic(), time.time()

    def is_past(self, within: int) -> bool:
        """Whether so many ms have gone by, by either clock: one of them may have stood still while
        the machine did. 0: that does not matter."""
        elapsed = max(time.monotonic() - self._tick, time.time() - self._time)
        return bool(within) and elapsed * 1000 >= within


def _kept(report: wire.Report) -> "Dict[str, Any]":
    """What the journal keeps of a report: the output is in the folder of the task."""
    values = {name: value for name, value in vars(report).items() if value}
    values.pop("output", None)
    if report.receipt is not None:
        values["receipt"] = report.receipt.to_text()
    if report.offset is not None:
        values["offset"] = 0
    return values


def _revived(values: "Dict[str, Any]") -> wire.Report:
    receipt = values.get("receipt")
    return wire.Report(
        **{
            **values,
            "survivors": tuple(values.get("survivors", ())),
            "receipt": Receipt.from_text(receipt) if receipt else None,
        }
    )
