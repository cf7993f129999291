"""What was accepted, started, ended and acknowledged: a restart neither repeats nor forgets.

One JSON object a line. A line is written before what it announces is done. Lines that must
survive a power cut are fsynced; the others survive the end of the process all the same.
"""

from __future__ import annotations

import errno
import json
import os
import threading
import time
from typing import Any, Dict, Iterator, List, NamedTuple, Optional

from cloudhand.agent import lasting, log, machine, spool

FILE = "journal"  # of a state
_REMEMBERED = 10_000  # acknowledged task ids
_COMPACT_AFTER = 1024 * 1024  # bytes written since the last time


class Output(NamedTuple):
    """By which what a power cut has left of an output is known to be all of it, or not."""

    size: int  # bytes that were kept of it
    crc: int
    told: int  # bytes of these that were acknowledged before its end


class Entry:
    """One task whose end is not acknowledged, as far as it has come."""

    def __init__(self, task_id: str) -> None:
        self.task_id = task_id
        self.accepted_at = 0.0
        self.boot_id = ""  # of the machine when it was accepted
        self.task: Dict[str, Any] = {}  # what of it matters once it runs
        self.started_at = 0.0
        self.started_tick = 0.0  # the same by the clock that nobody sets, within one boot
        self.holder_pid = 0
        self.holder_start = ""
        self.placing = False  # of a file: whether it may be in its place
        self.report: Optional[Dict[str, Any]] = None  # its final report, without the output
        self.output: Optional[Output] = None  # what its script has said, when it had ended
        self.power_asked = False

    @property
    def lives(self) -> bool:
        """Whether its holder is still there."""
        return bool(self.holder_pid) and machine.start_time(self.holder_pid) == self.holder_start

    @property
    def is_file(self) -> bool:
        return "file" in self.task

    def apply(self, line: "Dict[str, Any]") -> None:
        what = line["what"]
        if what == "accepted":
            self.accepted_at, self.boot_id = line["at"], line["boot"]
            self.task = line["detail"]
        elif what == "started":
            self.holder_pid, self.holder_start = line["pid"], line["start"]
            self.started_at, self.started_tick = line["began"], line["tick"]
        elif what == "placing":
            self.placing = True
        elif what == "ended":
            self.report = line["report"]
            self.output = Output(*line["output"]) if line.get("output") else None
        elif what == "power":
            self.power_asked = True

    def lines(self) -> "Iterator[Dict[str, Any]]":
        """What leads to this state when it is read."""
        yield {
            "task": self.task_id,
            "what": "accepted",
            "at": self.accepted_at,
            "boot": self.boot_id,
            "detail": self.task,
        }
        if self.holder_pid:
            yield {
                "task": self.task_id,
                "what": "started",
                "pid": self.holder_pid,
                "start": self.holder_start,
                "began": self.started_at,
                "tick": self.started_tick,
            }
        if self.placing:
            yield {"task": self.task_id, "what": "placing"}
        if self.report is not None:
            yield _ended(self.task_id, self.report, self.output)
        if self.power_asked:
            yield {"task": self.task_id, "what": "power"}


class Journal:
    """Open it once per process. OSError from any method that writes: nothing stands on the disk."""

    def __init__(self, state: str) -> None:
        self._path = os.path.join(state, FILE)
        self._lock = threading.Lock()
        self._open: Dict[str, Entry] = {}
        self._done: Dict[str, None] = {}  # ids of acknowledged tasks, oldest first
        for line in _lines(self._path):
            self._apply(line)
        self._drop_unstarted()
        self._written = 0
        self._torn = False  # whether what is there may end within a line
        file = self._compacted()
        if file is None:
            file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            self._torn = True
            self._sync_name()
        self._file = file

    def close(self) -> None:
        with self._lock:
            os.close(self._file)

    def entry(self, task_id: str) -> Optional[Entry]:
        """None for what was never accepted, and for what is acknowledged."""
        with self._lock:
            return self._open.get(task_id)

    def open_entries(self) -> "List[Entry]":
        """Tasks whose end is not acknowledged, oldest first."""
        with self._lock:
            return list(self._open.values())

    def acknowledged_report(self, task_id: str) -> "Optional[Dict[str, Any]]":
        """How a task ended that is acknowledged, without its output; None for any other task, and
        empty where the disk took none of it."""
        with self._lock:
            if task_id not in self._done:
                return None
        found: Dict[str, Any] = {}
        for line in _lines(self._path):  # rare enough to be no reason to keep it in memory
            if line["task"] == task_id and line["what"] in ("ended", "acknowledged"):
                found = line["report"] or found
        return found

    def accept(self, task_id: str, *, boot_id: str, detail: "Dict[str, Any]") -> Optional[Entry]:
        """Record that a task will run here; None if it is known, and must not run again."""
        with self._lock:
            if task_id in self._open or task_id in self._done:
                return None
            line = {
                "task": task_id,
                "what": "accepted",
                "at": time.time(),
                "boot": boot_id,
                "detail": detail,
            }
            self._write(line, durable=True)
            return self._open[task_id]

    def started(self, task_id: str, *, pid: int, start: str) -> None:
        """Record under which holder it will run, before the holder is told to run it."""
        line = {
            "task": task_id,
            "what": "started",
            "pid": pid,
            "start": start,
            "began": time.time(),
            "tick": time.monotonic(),
        }
        with self._lock:
            self._write(line, durable=False)

    def placing(self, task_id: str) -> None:
        """Record that a file, which is written as a whole, is about to be put into its place."""
        with self._lock:
            self._write({"task": task_id, "what": "placing"}, durable=True)

    def drop(self, task_id: str) -> None:
        """Forget a file of which nothing is in its place, so that it may be accepted again."""
        with self._lock:
            del self._open[task_id]

    def ended(
        self,
        task_id: str,
        report: "Dict[str, Any]",
        *,
        durable: bool,
        output: "Optional[Output]" = None,
    ) -> None:
        """OSError: it is told all the same, and the line of its acknowledgement has it."""
        line = _ended(task_id, report, output)
        with self._lock:
            try:
                self._write(line, durable=durable)
            except OSError:
                self._apply(line)
                raise

    def sync(self) -> None:
        with self._lock:
            os.fsync(self._file)

    def power_asked(self, task_id: str) -> None:
        """Record that the machine is about to be told to go down for this task."""
        with self._lock:
            self._write({"task": task_id, "what": "power"}, durable=True)

    def acknowledged(self, task_id: str) -> None:
        """Record that the end is known. Losing this costs one more report, no more, and that only
        from a later agent: OSError."""
        with self._lock:
            entry = self._open[task_id]
            line = {
                "task": task_id,
                "what": "acknowledged",
                "report": entry.report,
            }
            try:
                self._write(line, durable=False)
            except OSError:
                self._apply(line)
                raise
            file = self._compacted() if self._written > _COMPACT_AFTER else None
            if file is not None:
                os.close(self._file)
                self._file = file

    def _write(self, line: "Dict[str, Any]", *, durable: bool) -> None:
        # Ours must not begin in a torn line; an empty one does no harm.
        data = b"\n" * self._torn + _encoded(line)
        before = os.fstat(self._file).st_size
        try:
            if os.write(self._file, data) < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if durable:
                os.fsync(self._file)
        except OSError:
            self._torn = True  # if it cannot be taken back either
            os.ftruncate(self._file, before)
            raise
        self._torn = False
        self._written += len(data)
        self._apply(line)

    def _apply(self, line: "Dict[str, Any]") -> None:
        task_id = line["task"]
        if line["what"] == "acknowledged":
            self._open.pop(task_id, None)
            self._done[task_id] = None
            return
        self._open.setdefault(task_id, Entry(task_id)).apply(line)

    def _drop_unstarted(self) -> None:
        """Forget what provably never started: the control plane hands it out again.

        After a power cut it is no proof that nothing is said of a start.
        """
        boot_id = machine.boot_id()
        for entry in list(self._open.values()):
            started = entry.holder_pid or entry.report is not None or entry.is_file
            if not started and entry.boot_id == boot_id:
                del self._open[entry.task_id]

    def _compacted(self) -> Optional[int]:
        """Write what still matters anew; None if that cannot be, as on a full disk."""
        self._written = 0
        done = dict.fromkeys(list(self._done)[-_REMEMBERED:])
        part = self._path + ".part"
        try:
            file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
            try:
                self._write_anew(file, done)
                os.replace(part, self._path)
            except OSError:
                os.close(file)
                os.unlink(part)
                raise
        except OSError as error:
            log.warning(f"journal not compacted: {error}")
            return None
        self._done = done
        self._torn = False
        self._sync_name()
        return file

    def _sync_name(self) -> None:
        """Else a power cut brings back the one before, without what is fsynced from now on."""
        try:
            lasting.sync_names(os.path.dirname(self._path))
        except OSError as error:
            log.error(f"journal: its name may not survive a power cut: {error}")

    def _write_anew(self, file: int, done: "Dict[str, None]") -> None:
        for line in _lines(self._path):
            if line["what"] == "acknowledged" and line["task"] in done:
                spool.write_all(file, _encoded(line))
        for entry in self._open.values():
            spool.write_all(file, b"".join(_encoded(line) for line in entry.lines()))
        os.fsync(file)


def unfinished(path: str) -> "List[Entry]":
    """Tasks whose end was not acknowledged, of a journal that nobody writes any more."""
    found: Dict[str, Entry] = {}
    for line in _lines(path):
        if line["what"] == "acknowledged":
            found.pop(line["task"], None)
        else:
            found.setdefault(line["task"], Entry(line["task"])).apply(line)
    return list(found.values())


def _ended(task_id: str, report: "Dict[str, Any]", output: "Optional[Output]") -> "Dict[str, Any]":
    return {"task": task_id, "what": "ended", "report": report, "output": output}


def _encoded(line: "Dict[str, Any]") -> bytes:
    return json.dumps(line, separators=(",", ":")).encode() + b"\n"


def _lines(path: str) -> "Iterator[Dict[str, Any]]":
    try:
        with open(path, "rb") as file:
            for text in file:
                try:
                    line = json.loads(text)
                except ValueError:
                    continue  # torn by a power cut before anybody acted on it
                if isinstance(line, dict) and "task" in line and "what" in line:
                    yield line
    except FileNotFoundError:
        return
