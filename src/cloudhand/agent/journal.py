"""What was accepted, started, ended and acknowledged: a restart neither repeats nor forgets.

One JSON object a line. A line is written before what it announces is done. Lines that must
survive a power cut are fsynced; the others survive the end of the process all the same.
"""

from __future__ import annotations

import json
import os
import threading
import time
from typing import Any, Dict, List, Optional

_FILE = "journal"
_KEPT_FOR = 7 * 24 * 3600  # seconds that an acknowledged task id is remembered
_KEPT_AT_MOST = 10_000  # acknowledged task ids
_COMPACT_AT = 4 * 1024 * 1024  # bytes


class Entry:
    """One task, as far as it has come."""

    def __init__(self, task_id: str) -> None:
        self.task_id = task_id
        self.accepted_at = 0.0
        self.boot_id = ""  # of the machine when it was accepted
        self.task: Dict[str, Any] = {}  # as the worklist had it, without the script
        self.started_at = 0.0
        self.holder_pid = 0
        self.holder_start = ""
        self.report: Optional[Dict[str, Any]] = None  # its final report
        self.acknowledged = False
        self.power_asked = False

    def lines(self) -> "List[Dict[str, Any]]":
        """What leads to this state when it is read."""
        accepted = {"task": self.task_id, "at": self.accepted_at, "boot": self.boot_id}
        if self.acknowledged:
            return [{**accepted, "what": "acknowledged"}]
        lines = [{**accepted, "what": "accepted", "detail": self.task}]
        if self.holder_pid:
            lines.append(
                {
                    "task": self.task_id,
                    "what": "started",
                    "pid": self.holder_pid,
                    "start": self.holder_start,
                    "began": self.started_at,
                }
            )
        if self.report is not None:
            lines.append({"task": self.task_id, "what": "ended", "report": self.report})
        if self.power_asked:
            lines.append({"task": self.task_id, "what": "power"})
        return lines


class Journal:
    """Open it once per process. OSError from any method that writes: nothing was recorded."""

    def __init__(self, state: str) -> None:
        self._path = os.path.join(state, _FILE)
        self._lock = threading.Lock()
        self.entries: Dict[str, Entry] = {}
        self._read()
        self._file = self._rewritten()

    def close(self) -> None:
        with self._lock:
            os.close(self._file)

    def get(self, task_id: str) -> Optional[Entry]:
        return self.entries.get(task_id)

    def open_entries(self) -> "List[Entry]":
        """Tasks whose end is not acknowledged, oldest first."""
        with self._lock:
            return [entry for entry in self.entries.values() if not entry.acknowledged]

    def accept(self, task_id: str, *, boot_id: str, detail: "Dict[str, Any]") -> bool:
        """Record that a task will run here; False if it is known, and must not run again."""
        with self._lock:
            if task_id in self.entries:
                return False
            line = {
                "task": task_id,
                "what": "accepted",
                "at": time.time(),
                "boot": boot_id,
                "detail": detail,
            }
            self._write(line, durable=True)
            return True

    def started(self, task_id: str, *, pid: int, start: str) -> None:
        with self._lock:
            line = {
                "task": task_id,
                "what": "started",
                "pid": pid,
                "start": start,
                "began": time.time(),
            }
            self._write(line, durable=False)

    def ended(self, task_id: str, report: "Dict[str, Any]", *, durable: bool) -> None:
        with self._lock:
            self._write({"task": task_id, "what": "ended", "report": report}, durable=durable)

    def sync(self) -> None:
        with self._lock:
            os.fsync(self._file)

    def power_asked(self, task_id: str) -> None:
        """Record that the machine is about to be told to go down for this task."""
        with self._lock:
            self._write({"task": task_id, "what": "power"}, durable=True)

    def acknowledged(self, task_id: str) -> None:
        with self._lock:
            # Forgetting this costs one more report, which changes nothing.
            self._write({"task": task_id, "what": "acknowledged"}, durable=False)
            if os.fstat(self._file).st_size > _COMPACT_AT:
                os.close(self._file)
                self._file = self._rewritten()

    def _write(self, line: "Dict[str, Any]", *, durable: bool) -> None:
        data = json.dumps(line, separators=(",", ":")).encode() + b"\n"
        before = os.fstat(self._file).st_size
        try:
            written = os.write(self._file, data)
            if written < len(data):
                raise OSError("cannot write the journal: the disk is full")
            if durable:
                os.fsync(self._file)
        except OSError:
            os.ftruncate(self._file, before)
            raise
        self._apply(line)

    def _apply(self, line: "Dict[str, Any]") -> None:
        entry = self.entries.setdefault(line["task"], Entry(line["task"]))
        what = line["what"]
        entry.accepted_at = line.get("at", entry.accepted_at)
        entry.boot_id = line.get("boot", entry.boot_id)
        if what == "accepted":
            entry.task = line["detail"]
        elif what == "started":
            entry.holder_pid, entry.holder_start = line["pid"], line["start"]
            entry.started_at = line["began"]
        elif what == "ended":
            entry.report = line["report"]
        elif what == "power":
            entry.power_asked = True
        elif what == "acknowledged":
            entry.acknowledged = True
            entry.task, entry.report = {}, None

    def _read(self) -> None:
        try:
            with open(self._path, "rb") as file:
                lines = file.read().split(b"\n")
        except FileNotFoundError:
            return
        for text in lines:
            try:
                line = json.loads(text)
            except ValueError:
                continue  # empty, or torn by a power cut before anybody acted on it
            self._apply(line)

    def _rewritten(self) -> int:
        """Drop what is old, write the rest anew, and go on behind it."""
        self._forget()
        part = self._path + ".part"
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        lines = [line for entry in self.entries.values() for line in entry.lines()]
        text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
        view = memoryview(text.encode())
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
        os.replace(part, self._path)
        return descriptor

    def _forget(self) -> None:
        done = [entry for entry in self.entries.values() if entry.acknowledged]
        oldest = time.time() - _KEPT_FOR
        surplus = max(len(done) - _KEPT_AT_MOST, 0)
        for number, entry in enumerate(done):
            if number < surplus or entry.accepted_at < oldest:
                del self.entries[entry.task_id]
