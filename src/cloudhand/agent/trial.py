"""The trial of a new package, by the agent that would be replaced.

It notes what it is about to try, ends, and is started again by whoever starts it. Then, before it
does anything else, it starts the new package below itself and waits. The new one joins as agents
do; once it is online it makes its slot the current one and ends. If it does not within a minute, it
is killed, and the old agent goes on as it was. Whatever ends whom, and at which moment: the slot
that is current has worked, nothing is tried twice, and the note tells what became of it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass, replace
from typing import Any, Optional, Sequence

from cloudhand import faults
from cloudhand.agent import log, machine
from cloudhand.agent.identity import write_whole
from cloudhand.agent.slots import Slots

ONLINE_WITHIN = 60.0  # seconds
_STEP = 0.1  # seconds between looks
_ENDS_WITHIN = 5.0  # seconds; what was killed
_NOTE, _SAID = "upgrade", "upgrade.log"  # files of the state
_LAST_WORDS = 300  # bytes of what it said
_READY, _TRYING, UPGRADED, FAILED = "ready", "trying", "upgraded", "failed"  # stages of a note
# It begins only once its process is noted, so that it can be found and ended.
_HELD_BACK = 'read go && exec "$@" </dev/null'


@dataclass(frozen=True)
class Note:
    id: str  # of the upgrade
    slot: str  # of the new package
    stage: str = _READY
    reason: str = ""  # FAILED
    pid: int = 0  # TRYING: of the new agent; with both that follow it is known for certain
    start: str = ""
    boot: str = ""

    @property
    def ended(self) -> bool:
        return self.stage in (UPGRADED, FAILED)

    @property
    def lives(self) -> bool:
        """Whether the new agent, of a trial, is a process."""
        return (
            self.stage == _TRYING
            and self.boot == machine.boot_id()
            and bool(self.start)
            and self.start == machine.start_time(self.pid)
        )

    @property
    def is_mine(self) -> bool:
        """Whether this process is the one that is tried."""
        return self.pid == os.getpid() and self.lives


def load(state: str) -> Optional[Note]:
    """None where there is none that can be read: then nothing is tried."""
    try:
        return Note(**json.loads(machine.read(os.path.join(state, _NOTE))))
    except (ValueError, TypeError):
        return None


def save(state: str, note: Note) -> None:
    """OSError."""
    write_whole(os.path.join(state, _NOTE), json.dumps(vars(note)).encode(), mode=0o600)


def forget(state: str) -> None:
    for name in (_SAID, _NOTE):
        try:
            os.unlink(os.path.join(state, name))
        except FileNotFoundError:
            pass


def settle(slots: Slots, state: str, words: "Sequence[str]", told: threading.Event) -> bool:
    """Try what is to be tried; whether this agent is to end, since another is the current one.

    Nobody else settles meanwhile. ``words``: the new one is started with. ``told``: to end.
    """
    note = load(state)
    if note is not None and note.stage == _READY:
        try:
            _conclude(slots, state, note, _tried(slots, state, note, words, told))
        except OSError as error:
            _conclude(slots, state, note, f"it cannot be tried: {error}")
    elif note is not None and note.stage == _TRYING:
        if note.lives:
            _end(note)
        _conclude(slots, state, note, "the agent that tried it was ended meanwhile")
    return slots.current != slots.own


def _conclude(slots: Slots, state: str, note: Note, reason: str) -> None:
    """``reason``: why it failed, unless it did not."""
    faults.point("agent.trial-ended")
    if slots.current == note.slot:
        log.info("upgrade: the new agent was online, and is the current one")
        note = replace(note, stage=UPGRADED)
    else:
        log.warning(f"upgrade: back to the agent that was: {reason}")
        note = replace(note, stage=FAILED, reason=reason)
    try:
        save(state, note)
    except OSError as error:  # the agent must go on all the same
        log.error(f"upgrade: what became of it is not kept: {error}")


def _tried(
    slots: Slots, state: str, note: Note, words: "Sequence[str]", told: threading.Event
) -> str:
    """Why it failed, if it did; OSError."""
    import subprocess  # only a trial is worth its memory

    command = [sys.executable, slots.package(note.slot), *words]
    path = os.path.join(state, _SAID)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as said:
        process = subprocess.Popen(
            ["/bin/sh", "-c", _HELD_BACK, "sh", *command],
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=said,
        )
    try:
        pid = process.pid
        save(
            state,
            replace(
                note,
                stage=_TRYING,
                pid=pid,
                start=machine.start_time(pid),
                boot=machine.boot_id(),
            ),
        )
        faults.point("agent.trial-noted")
        log.info(f"upgrade: the new agent is tried, as process {pid}")
        _let_begin(process)
        code = _waited(process, told)
    finally:
        process.kill()
        process.wait()
    what = _Ended(code, told.is_set()).words
    last = _last_words(path)
    return f"{what}: {last}" if last else what


def _let_begin(process: Any) -> None:
    try:
        process.stdin.write(b"go\n")
        process.stdin.close()
    except OSError:
        pass  # it has ended, which is seen next


def _waited(process: Any, told: threading.Event) -> Optional[int]:
    """The exit code; None when it had to be ended."""
    deadline = time.monotonic() + ONLINE_WITHIN
    while process.poll() is None and time.monotonic() < deadline:
        if told.wait(_STEP):
            return None
    code: Optional[int] = process.poll()
    return code


@dataclass(frozen=True)
class _Ended:
    code: Optional[int]
    asked: bool  # this agent was to end

    @property
    def words(self) -> str:
        if self.code is not None:
            how = f"signal {-self.code}" if self.code < 0 else f"exit code {self.code}"
            return f"it ended with {how} before it was online"
        if self.asked:
            return "the agent was told to end before it was online"
        return f"it was not online within {ONLINE_WITHIN:.0f} s"


def _last_words(path: str) -> str:
    """The last line that is one, of what an agent said."""
    with open(path, "rb") as file:
        file.seek(max(os.fstat(file.fileno()).st_size - _LAST_WORDS, 0))
        lines = file.read().decode("utf-8", "replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _end(note: Note) -> None:
    try:
        os.kill(note.pid, signal.SIGKILL)
    except OSError:
        return  # it has ended
    deadline = time.monotonic() + _ENDS_WITHIN
    while note.lives and time.monotonic() < deadline:
        time.sleep(_STEP)
