"""The files that a machine is sent, each written once.

What the journal says before a file is put into its place, and which names are there, tell a later
agent whether that was done.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Callable

from cloudhand.agent import log, machine, placing, rules
from cloudhand.agent.journal import Entry, Journal
from cloudhand.agent.placing import Place, Unwritable
from cloudhand.agent.prepare import Refused
from cloudhand.agent.reporter import Reporter
from cloudhand.agent.rulebook import Rulebook
from cloudhand.agent.workers import Workers
from cloudhand.wire import agent as wire


class Files:
    def __init__(
        self, *, journal: Journal, reporter: Reporter, workers: Workers, rulebook: Rulebook
    ) -> None:
        self._journal = journal
        self._reporter = reporter
        self._workers = workers
        self._rulebook = rulebook

    def accept(self, task: wire.FileTask) -> None:
        """Begin to write a file; one that is known changes nothing."""
        if self._journal.entry(task.task_id) is not None:
            return
        try:
            self._rulebook.check(rules.FILES, task.owner)
            place = placing.place_of(task)
            detail = {"file": asdict(place)}
            entry = self._journal.accept(task.task_id, boot_id=machine.boot_id(), detail=detail)
        except Refused as refused:
            self._workers.do(self._reporter.say_once, _invalid(task.task_id, refused))
        except OSError as error:
            log.error(f"file {task.task_id}: not journalled, so not written: {error}")
            report = _failed(task.task_id, Unwritable("1", f"cannot write the journal: {error}"))
            self._workers.do(self._reporter.say_once, report)
        else:
            if entry is not None:
                self._workers.do(self._write, task, entry, place)

    def take_up(self, entry: Entry) -> None:
        """Go on where an earlier agent ended."""
        if entry.report is not None:
            self._reporter.ended_before(entry)
            return
        place = Place(**entry.task["file"])
        if entry.placing:
            self._end(entry, lambda: placing.put_again(place))
            return
        # Nothing is in its place yet, and the control plane hands it out again.
        placing.clear(place)
        self._journal.drop(entry.task_id)

    def _write(self, task: wire.FileTask, entry: Entry, place: Place) -> None:
        def announce() -> None:
            self._journal.placing(task.task_id)

        self._end(entry, lambda: placing.write(place, task.content, announce))

    def _end(self, entry: Entry, step: "Callable[[], None]") -> None:
        try:
            step()
            report = wire.Report(kind=wire.FINISH, task_id=entry.task_id, file=True)
            log.info(f"file {entry.task_id}: written")
        except Refused as refused:
            report = _invalid(entry.task_id, refused)
        except Unwritable as unwritable:
            log.error(f"file {entry.task_id}: {unwritable}")
            report = _failed(entry.task_id, unwritable)
        self._reporter.ended(entry, report)


def _invalid(task_id: str, refused: Refused) -> wire.Report:
    return wire.Report(
        kind=wire.INVALID, task_id=task_id, param=refused.param, value=refused.value, file=True
    )


def _failed(task_id: str, unwritable: Unwritable) -> wire.Report:
    return wire.Report(
        kind=wire.FINISH,
        task_id=task_id,
        error_code=unwritable.code,
        error_description=str(unwritable),
        file=True,
    )
