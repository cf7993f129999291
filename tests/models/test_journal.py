"""The agent's journal against what its documents promise, on a disk that fills, fails and is cut.

The model is the list of what was recorded, in order, each with how long the file was afterwards,
and how much of the file the disk has promised to keep. What a journal knows follows from that list
alone: what is kept of it is read from the beginning.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cloudhand.agent import journal, log, machine, spool
from cloudhand.agent.journal import Entry, Journal, unfinished
from tests.models.examples import played

_IDS = tuple(f"t-{number}" for number in range(4))
_ENDLESS = 1 << 40
_FULL = st.one_of(st.just(0), st.integers(0, 400))  # bytes that there is still room for


class Disk:
    """The module os, as the journal sees it. Nothing reaches the disk by itself: what an fsync has
    promised to keep is noted here."""

    def __init__(self) -> None:
        self.room = _ENDLESS  # bytes
        self.syncs = True
        self.kept: dict[int, int] = {}  # bytes that survive a power cut, by inode

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def open(self, path: str, flags: int, mode: int = 0o777) -> int:
        descriptor = os.open(path, flags, mode)
        if flags & os.O_TRUNC:  # it may have the inode of one that is no more
            self.kept.pop(os.fstat(descriptor).st_ino, None)
        return descriptor

    def write(self, descriptor: int, data: bytes) -> int:
        some = bytes(data)[: self.room]
        if data and not some:
            raise OSError(errno.ENOSPC, "no space left on device")
        self.room -= len(some)
        return os.write(descriptor, some)

    def fsync(self, descriptor: int) -> None:
        if not self.syncs:
            raise OSError(errno.EIO, "input/output error")
        found = os.fstat(descriptor)
        self.kept[found.st_ino] = found.st_size


@dataclass(frozen=True)
class Known:
    """What is to be known of a task that is open."""

    boot: str
    file: bool = False
    pid: int = 0
    placing: bool = False
    report: str | None = None
    power: bool = False

    @property
    def may_have_run(self) -> bool:
        return bool(self.pid) or self.report is not None or self.file


def _startable(known: Known) -> bool:
    return not known.may_have_run


def _droppable(known: Known) -> bool:
    """Of a file, whether nothing of it can be in its place."""
    return known.file and not known.placing and known.report is None


def _endable(known: Known) -> bool:
    return known.report is None


def _to_go_down(known: Known) -> bool:
    return known.report is not None and not known.power


@dataclass
class Kept:
    """What a journal is to know."""

    open: dict[str, Known] = field(default_factory=dict)
    done: dict[str, str | None] = field(default_factory=dict)  # reports, oldest first

    def read(self, task_id: str, what: str, value: Any) -> None:
        match what:
            case "accepted":
                # Perhaps once more, of what was dropped and of which nothing else was said.
                self.done.pop(task_id, None)  # it had been forgotten
                self.open[task_id] = value
            case "acknowledged":
                self.done[task_id] = value
                self.open.pop(task_id, None)
            case name:
                self.open[task_id] = replace(self.open[task_id], **{name: value})


@dataclass(frozen=True)
class Line:
    task_id: str
    what: str
    value: Any
    until: int  # how long the file was with it


class JournalLife(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.path = self.folder / journal.FILE
        self.disk = Disk()
        self.boot = 1
        self.written_anew = Kept()  # with what the file begins
        self.lines: list[Line] = []  # and what was recorded since
        self.kept = Kept()
        self.unwritten = set[str]()  # acknowledgements that the disk did not take
        self.patches: list[Any] = [
            patch.object(journal, "os", self.disk),
            patch.object(spool, "os", self.disk),
            patch.object(machine, "boot_id", lambda: f"boot-{self.boot}"),
            patch.object(journal, "time", SimpleNamespace(time=lambda: 1.5, monotonic=lambda: 2.5)),
            patch.object(log, "warning", lambda text: None),
        ]
        for one in self.patches:
            one.start()
        self.opened: Journal | None = Journal(str(self.folder))
        self.inode = self.path.stat().st_ino

    @property
    def journal(self) -> Journal:
        assert self.opened is not None
        return self.opened

    def _close(self) -> None:
        opened, self.opened = self.opened, None
        if opened is not None:
            opened.close()

    @initialize(compact_after=st.sampled_from([200, 1000, 1024 * 1024]))
    def compacts(self, compact_after: int) -> None:
        self._patch("_COMPACT_AFTER", compact_after)

    @initialize(remembered=st.sampled_from([2, 10_000]))
    def remembers(self, remembered: int) -> None:
        self.remembered = remembered
        self._patch("_REMEMBERED", remembered)

    def _patch(self, name: str, value: int) -> None:
        self.patches.append(patch.object(journal, name, value))
        self.patches[-1].start()

    def teardown(self) -> None:
        self._close()
        for one in self.patches:
            one.stop()
        shutil.rmtree(self.folder)

    # What an agent records

    @rule(task_id=st.sampled_from(_IDS), is_file=st.booleans())
    def accept(self, task_id: str, is_file: bool) -> None:
        known = Known(boot=f"boot-{self.boot}", file=is_file)
        detail: dict[str, Any] = {"file": {}} if is_file else {"timeout": 60}
        try:
            entry = self.journal.accept(task_id, boot_id=known.boot, detail=detail)
        except OSError:
            self._must_have_failed()
            return
        if task_id in self.kept.open or task_id in self._remembered():
            assert entry is None, "accepted twice"
        elif entry is not None or task_id not in self.kept.done:
            assert entry is not None, "what was never accepted is refused"
            self._recorded(task_id, "accepted", known, durable=True)

    def _remembered(self) -> list[str]:
        """The acknowledged tasks that may not be forgotten: those of late."""
        return list(self.kept.done)[-self.remembered :]

    @precondition(lambda self: self._that(_startable))
    @rule(data=st.data(), pid=st.integers(2, 99))
    def started(self, data: st.DataObject, pid: int) -> None:
        def write(task_id: str) -> None:
            self.journal.started(task_id, pid=pid, start="1")

        self._record(data, _startable, write, "pid", pid, durable=False)

    @precondition(lambda self: self._that(_droppable))
    @rule(data=st.data())
    def placing(self, data: st.DataObject) -> None:
        self._record(data, _droppable, self.journal.placing, "placing", True, durable=True)

    @precondition(lambda self: self._that(_endable))
    @rule(data=st.data(), name=st.sampled_from("abc"), durable=st.booleans())
    def ended(self, data: st.DataObject, name: str, durable: bool) -> None:
        def write(task_id: str) -> None:
            self.journal.ended(task_id, {"kind": name}, durable=durable)

        self._record(data, _endable, write, "report", name, durable)

    @precondition(lambda self: self._that(_to_go_down))
    @rule(data=st.data())
    def power_asked(self, data: st.DataObject) -> None:
        self._record(data, _to_go_down, self.journal.power_asked, "power", True, durable=True)

    @precondition(lambda self: self.kept.open)
    @rule(data=st.data())
    def acknowledged(self, data: st.DataObject) -> None:
        # Also of one whose end could not be recorded.
        name = data.draw(st.sampled_from(list(self.kept.open)))
        report = self.kept.open[name].report
        self._record_one(name, self.journal.acknowledged, "acknowledged", report, durable=False)

    @precondition(lambda self: self._that(_droppable))
    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        """Of a file of which nothing is in its place; a journal that is read anew has it again."""
        name = data.draw(st.sampled_from(self._that(_droppable)))
        self.journal.drop(name)
        del self.kept.open[name]

    def _that(self, may: Callable[[Known], bool]) -> list[str]:
        return [name for name, known in self.kept.open.items() if may(known)]

    @rule()
    def sync(self) -> None:
        try:
            self.journal.sync()
        except OSError:
            assert not self.disk.syncs

    def _record(
        self,
        data: st.DataObject,
        may: Callable[[Known], bool],
        write: Callable[[str], None],
        what: str,
        value: Any,
        durable: bool,
    ) -> None:
        self._record_one(data.draw(st.sampled_from(self._that(may))), write, what, value, durable)

    def _record_one(
        self, name: str, write: Callable[[str], None], what: str, value: Any, durable: bool
    ) -> None:
        try:
            write(name)
        except OSError:
            self._must_have_failed()
            if what in ("report", "acknowledged"):  # it is so all the same, for this agent
                self.kept.read(name, what, value)
                if what == "acknowledged":
                    self.unwritten.add(name)
            return
        self._recorded(name, what, value, durable=durable)

    def _must_have_failed(self) -> None:
        assert self.disk.room < 1000 or not self.disk.syncs, "it failed on a good disk"

    def _recorded(self, task_id: str, what: str, value: Any, *, durable: bool) -> None:
        self.unwritten.discard(task_id)
        self.kept.read(task_id, what, value)
        found = self.path.stat()
        self.lines.append(Line(task_id, what, value, found.st_size))
        if durable:
            assert self._kept_size() >= found.st_size, "said, and not on disk"
        self._look_for_a_new_file()

    def _look_for_a_new_file(self) -> None:
        """It is whole before it is there, and has what is known and no more."""
        inode = self.path.stat().st_ino
        if inode != self.inode:
            assert self._kept_size() == self.path.stat().st_size
            self.inode, self.lines, self.written_anew = inode, [], deepcopy(self.kept)
            for name in self.unwritten:
                self.written_anew.done.pop(name, None)

    def _kept_size(self) -> int:
        return self.disk.kept.get(self.path.stat().st_ino, 0)

    # What becomes of the disk

    @rule(room=_FULL)
    def fills(self, room: int) -> None:
        self.disk.room = room

    @precondition(lambda self: self.disk.room < _ENDLESS or not self.disk.syncs)
    @rule()
    def is_well_again(self) -> None:
        self.disk.room, self.disk.syncs = _ENDLESS, True

    @precondition(lambda self: self.disk.syncs)
    @rule()
    def fails(self) -> None:
        self.disk.syncs = False

    # What becomes of the agent

    @rule(room=st.one_of(st.just(_ENDLESS), _FULL))
    def agent_restarts(self, room: int) -> None:
        """Killed, within a boot: what was written is there, whether it was synced or not."""
        self._close()
        self.disk.room = room
        self._reopen(self.lines, same_boot=True)

    @rule(data=st.data(), room=st.one_of(st.just(_ENDLESS), _FULL), zeros=st.booleans())
    def power_is_cut(self, data: st.DataObject, room: int, zeros: bool) -> None:
        """What was not synced is cut anywhere, or reads as zeros from there on."""
        self._close()
        size, kept = self.path.stat().st_size, self._kept_size()
        cut = data.draw(st.integers(min(kept, size), size))
        os.truncate(self.path, cut)
        if zeros:
            os.truncate(self.path, size)
        self.boot += 1
        self.disk.room = room
        # A line without its end is whole, unless something else stands there.
        slack = 0 if zeros and cut < size else 1
        left = [line for line in self.lines if cut >= line.until - slack]
        self.disk.kept[self.path.stat().st_ino] = self.path.stat().st_size  # it is what is there
        self._reopen(left, same_boot=False)

    def _reopen(self, left: list[Line], *, same_boot: bool) -> None:
        kept = deepcopy(self.written_anew)
        for line in left:
            kept.read(line.task_id, line.what, line.value)
        assert {one.task_id for one in unfinished(str(self.path))} == set(kept.open)
        if same_boot:
            # The control plane hands it out again.
            kept.open = {
                name: one
                for name, one in kept.open.items()
                if one.may_have_run or one.boot != f"boot-{self.boot}"
            }
        self.lines, self.kept = left, kept
        self.unwritten.clear()
        self.opened = Journal(str(self.folder))
        self._look_for_a_new_file()

    @invariant()
    def it_knows_what_it_was_told(self) -> None:
        found = {entry.task_id: _known(entry) for entry in self.journal.open_entries()}
        assert found == self.kept.open
        for name in _IDS:
            entry = self.journal.entry(name)
            assert (entry is not None) is (name in self.kept.open)
        for name in self._remembered():
            report = self.kept.done[name]
            said = self.journal.acknowledged_report(name)
            if name not in self.unwritten:
                assert said == ({"kind": report} if report is not None else {})
        for name in self.kept.open:
            assert self.journal.acknowledged_report(name) is None


def _known(entry: Entry) -> Known:
    return Known(
        boot=entry.boot_id,
        file=entry.is_file,
        pid=entry.holder_pid,
        placing=entry.placing,
        report=entry.report["kind"] if entry.report is not None else None,
        power=entry.power_asked,
    )


TestJournal = JournalLife.TestCase
TestJournal.settings = played(times=30, steps=40)
