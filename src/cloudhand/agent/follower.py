"""Follow a script to its end; end it when asked or when its time is over; say what happened."""

from __future__ import annotations

import threading
import time
from typing import Any, Callable, Dict, Optional

from cloudhand import faults
from cloudhand.agent import spool
from cloudhand.agent.ending import Ending
from cloudhand.agent.holders import Holder
from cloudhand.agent.journal import Entry
from cloudhand.agent.reporter import Progress
from cloudhand.agent.rulebook import Rulebook
from cloudhand.agent.watch import ScriptEnd, Watch
from cloudhand.wire import agent as wire
from cloudhand.wire.receipt import Receipt

_FIRST_REPORT = 0.1  # seconds after the start; what ends sooner sends only its end
_HOLDER_BOUND = 15.0  # seconds for a holder to end after its script was ended
_GOING_DOWN = 2.0  # seconds in which a machine that ends a holder tells the agent to end, too


class Follower:
    """``folder``: that of a task, by its id. ``stop``: marks a task as one to be stopped."""

    def __init__(
        self,
        *,
        gateway: wire.Gateway,
        folder: Callable[[str], str],
        stop: Callable[[str], object],
        closing: threading.Event,
        ending: threading.Event,
        rulebook: Rulebook,
    ) -> None:
        self._gateway = gateway
        self._folder = folder
        self._stop = stop
        self._closing = closing
        self._ending = ending
        self._rulebook = rulebook

    def follow(self, entry: Entry, watch: Watch, holder: Optional[Holder]) -> Optional[wire.Report]:
        """Watch a script to its end; the final report, or None when the agent itself ends.

        ``holder`` None: that of an earlier agent, which ends with its script.
        """
        progress: Optional[Progress] = None
        ended = ScriptEnd(entry, holder, watch)
        try:
            if not ended.wait_until(entry.started_tick + _FIRST_REPORT):
                progress = self._progress(entry)
                progress.begin()
            timeout = entry.task["timeout"]
            until = entry.started_tick + timeout if timeout else None
            over = ended.wait_until(until, or_closing=self._closing)
            if self._closing.is_set() and not over:
                return None
            if over:
                faults.point("agent.exit")
                if self._going_down(entry):
                    return None
                # An earlier agent may have ended it, and not have come to say so.
                how = spool.ended_for(self._folder(entry.task_id))
                receipt = self._rest(entry) if how else None
                return self._final(entry, how, receipt, progress)
            how = wire.STOPPED if watch.stopped else wire.TIMEOUT
            spool.end_for(self._folder(entry.task_id), how)
            receipt = self._end(entry, watch, ended)
            ended.wait_until(time.monotonic() + _HOLDER_BOUND, regardless=True)
            return self._final(entry, how, receipt, progress)
        finally:
            if progress is not None:
                progress.end()
            ended.close()

    def _going_down(self, entry: Entry) -> bool:
        """Whether the agent is ended with the holder of a script, whose end nobody saw.

        Then the machine may be going down, and the next agent knows by its boot what happened.
        """
        unseen = spool.read_end(self._folder(entry.task_id)) is None
        return unseen and self._ending.wait(_GOING_DOWN)

    def _progress(self, entry: Entry) -> Progress:
        return Progress(
            self._gateway,
            task_id=entry.task_id,
            folder=self._folder(entry.task_id),
            start=int(entry.started_at * 1000),
            interval=entry.task["interval"] / 1000,
            on_stop=lambda: self._stop(entry.task_id),
        )

    def _end(self, entry: Entry, watch: Watch, ended: ScriptEnd) -> Receipt:
        heard_at = watch.stopped_at or time.monotonic()
        ending = Ending(entry, self._folder(entry.task_id), heard_at=heard_at)

        def over(at_most: float) -> bool:
            return ended.wait_until(time.monotonic() + at_most, regardless=True)

        if entry.task["mode"] == "Process":
            return ending.first_only(over)
        return ending.whole(over)

    def _rest(self, entry: Entry) -> Optional[Receipt]:
        """End what an earlier agent may have left of a tree that it was ending."""
        if entry.task["mode"] == "Process":
            return None
        return Ending(entry, self._folder(entry.task_id), heard_at=time.monotonic()).at_once()

    def _final(
        self, entry: Entry, how: str, receipt: Optional[Receipt], progress: Optional[Progress]
    ) -> wire.Report:
        offset = progress.acknowledged if progress is not None else 0
        folder = self._folder(entry.task_id)
        ended = spool.read_end(folder)
        if ended is None:
            receipt = receipt or Ending(entry, folder, heard_at=time.monotonic()).at_once()
            report = self.interrupted(entry, "ExecutionInterrupted", receipt)
            if how != wire.STOPPED:
                return report
            return wire.Report(**{**vars(report), "kind": how, "result": "killed"})
        common: Dict[str, Any] = {
            "task_id": entry.task_id,
            "offset": offset,
            "start": ended.start,
            "end": ended.end,
            "dropped": ended.total - spool.kept_size(folder),
            **_told(receipt),
        }
        if how == wire.STOPPED:
            return wire.Report(kind=how, result="killed", **common)
        if how == wire.TIMEOUT:
            return wire.Report(kind=how, exit_code=1, **common)
        power = wire.POWER_BY_EXIT_CODE.get(ended.exit_code, "") if ended.by_itself else ""
        # Said with the result, so that nobody is told that the machine goes down when it does not.
        refusal = self._rulebook.refusal(power) if power else ""
        return wire.Report(
            kind=wire.FINISH,
            exit_code=ended.exit_code,
            power="" if refusal else power,
            refusal=refusal,
            **common,
        )

    def interrupted(self, entry: Entry, code: str, receipt: Optional[Receipt]) -> wire.Report:
        return wire.Report(
            kind=wire.INTERRUPTED,
            task_id=entry.task_id,
            error_code=code,
            offset=0,
            start=int((entry.started_at or entry.accepted_at) * 1000),
            end=int(time.time() * 1000),
            **_told(receipt),
        )


def _told(receipt: Optional[Receipt]) -> "Dict[str, Any]":
    """The fields of a report for it."""
    if receipt is None:
        return {}
    return {"receipt": receipt, "survivors": tuple(one.pid for one in receipt.survivors)}
