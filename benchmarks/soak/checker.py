"""Whether what the control plane says is true. It imports nothing of what it judges.

It knows what was asked (`Asked`), what machines wrote (`Marks`), and what the API answers.

- lost: it was asked for and acknowledged, and there is no result, although the script ended.
- twice: a script started more than once on one machine.
- stuck: what has not ended 30 s after it had to.
- wrong: what the machine's own marks contradict.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from benchmarks.soak.marks import Mark, Marks
from benchmarks.soak.plans import Plan

KINDS = ("lost", "twice", "stuck", "wrong")
UNFINISHED = ("Pending", "Scheduled", "Running", "Stopping")
_POWER_UNFINISHED = ("Ordered", "Held", "Down")
_SUCCESSES = (0, 193, 194)
_TOO_LATE = 30.0  # seconds after a deadline
_DELIVERY, _GRACE = 60.0, 60.0  # seconds that the documents give an agent that is away
_BY_THE_CLOCK = 2.0  # seconds: moments of the API are whole, and marks are written beside them
_ABOUT_TO = 10.0  # seconds in which a script that is about to end, and its agent, may be cut off


@dataclass(frozen=True, kw_only=True)
class Fault:
    kind: str  # of KINDS
    invoke_id: str
    machine: str
    why: str


@dataclass(kw_only=True)
class Asked:
    """One command that the control plane has acknowledged."""

    invoke_id: str
    plan: Plan
    machines: tuple[str, ...]
    at: float  # seconds since the epoch
    stop_asked_at: float | None = None
    final: bool = field(default=False)  # every target, as far as was last seen


@dataclass(frozen=True, kw_only=True)
class Outage:
    """Of the control plane, which says nothing meanwhile."""

    began: float
    ended: float | None


class Checker:
    def __init__(self, marks: Marks) -> None:
        self._marks = marks

    def judge(
        self,
        asked: Asked,
        results: Mapping[str, dict[str, Any]],
        outages: list[Outage],
        now: float,
    ) -> list[Fault]:
        """Of all its targets."""
        found = []
        for machine in asked.machines:
            result = results.get(machine)
            for kind, why in self._of(asked, machine, result, outages, now):
                found.append(Fault(kind=kind, invoke_id=asked.invoke_id, machine=machine, why=why))
        return found

    def _of(
        self,
        asked: Asked,
        machine: str,
        result: dict[str, Any] | None,
        outages: list[Outage],
        now: float,
    ) -> Iterator[tuple[str, str]]:
        starts = self._marks.of(asked.plan.uid, machine, "start")
        if len(starts) > 1:
            yield "twice", f"{len(starts)} starts"
        if result is None:
            yield "lost", "the API knows nothing of it"
            return
        status = result["InvocationStatus"]
        if status in UNFINISHED:
            yield from _stuck(asked, result, outages, now)
            return
        ends = self._marks.of(asked.plan.uid, machine, "end")
        if status in ("Success", "Failed"):
            yield from self._of_end(asked, result, ends)
        elif ends and self._should_be_known(asked, result, ends[0]):
            yield "lost", f"{status} {result['ErrorCode']}, but the script ended at {ends[0].at}"
        else:
            yield from self._of_no_end(asked, machine, result, starts)
        yield from self._of_power(asked, result, ends, outages, now)

    def _of_end(
        self, asked: Asked, result: dict[str, Any], ends: list[Mark]
    ) -> Iterator[tuple[str, str]]:
        code = result.get("ExitCode")
        if not ends:
            yield "wrong", f"{result['InvocationStatus']} {code}, but the script did not end"
            return
        if str(code) != ends[0].word:
            yield "wrong", f"exit code {code}, but the script ended with {ends[0].word}"
        if (result["InvocationStatus"] == "Success") is not (code in _SUCCESSES):
            yield "wrong", f"{result['InvocationStatus']} with exit code {code}"
        kept = len(base64.b64decode(result["Output"]))
        if kept + result["Dropped"] != asked.plan.size:
            yield "wrong", f"{kept} kept + {result['Dropped']} dropped are not {asked.plan.size}"

    def _should_be_known(self, asked: Asked, result: dict[str, Any], end: Mark) -> bool:
        """Whether nothing came between a script's last word and whoever had to hear its end."""
        down = self._marks.down_after(end)
        if down is not None and down - end.at < _ABOUT_TO:
            return False
        if result["InvocationStatus"] in ("Terminated", "Cancelled") and asked.stop_asked_at:
            return end.at < asked.stop_asked_at - _BY_THE_CLOCK
        return True

    def _of_no_end(
        self, asked: Asked, machine: str, result: dict[str, Any], starts: list[Mark]
    ) -> Iterator[tuple[str, str]]:
        status, code = result["InvocationStatus"], result["ErrorCode"]
        match status:
            case "Timeout":
                if not asked.plan.overruns:
                    yield "wrong", f"Timeout of {asked.plan.timeout} s, for {asked.plan.seconds} s"
                yield from self._survivors(asked, machine, result)
            case "Terminated":
                if asked.stop_asked_at is None:
                    yield "wrong", "Terminated, and nobody asked for that"
                yield from self._survivors(asked, machine, result)
            case "Cancelled" | "Aborted" if starts:
                yield "wrong", f"{status} {code}, but the script started at {starts[0].at}"
            case "Cancelled" if asked.stop_asked_at is None:
                yield "wrong", "Cancelled, and nobody asked for that"
            case "Error" if starts and self._marks.down_after(starts[0]) is None:
                yield "wrong", f"Error {code}, but its machine never went down"
            case "Invalid":
                yield "wrong", f"Invalid {code}: {result['ErrorInfo']}"

    def _survivors(
        self, asked: Asked, machine: str, result: dict[str, Any]
    ) -> Iterator[tuple[str, str]]:
        for mark in self._marks.of(asked.plan.uid, machine, "late"):
            if mark.at > _moment(result["FinishedTime"]) + _BY_THE_CLOCK:
                yield "wrong", f"{result['InvocationStatus']}, but a child wrote at {mark.at}"

    def _of_power(
        self,
        asked: Asked,
        result: dict[str, Any],
        ends: list[Mark],
        outages: list[Outage],
        now: float,
    ) -> Iterator[tuple[str, str]]:
        action = result.get("PowerAction")
        if action is None:
            if asked.plan.power and result["InvocationStatus"] == "Success":
                yield "wrong", f"exit code {result.get('ExitCode')} without a power action"
            return
        if not ends or action["Action"] != asked.plan.power:
            yield "wrong", f"a {action['Action']} that nobody asked for"
            return
        end, down = ends[0], self._marks.down_after(ends[0])
        if action["BootIdBefore"] != end.boot:
            yield "wrong", f"boot {action['BootIdBefore']} before, but the script ran in {end.boot}"
        if action["Status"] in _POWER_UNFINISHED:
            if _past(action["DeadlineTime"], outages, now):
                yield "stuck", f"{action['Action']} is {action['Status']}"
        elif action["Status"] != "Done":
            yield "wrong", f"{action['Action']} is {action['Status']}; the boot ended at {down}"
        elif down is None:
            yield "wrong", f"{action['Action']} is Done, but the boot has not ended"
        elif action["BootIdAfter"] == end.boot:
            yield "wrong", f"{action['Action']} is Done within one boot"

    def of_orders(self, machine: str, codes: Mapping[str, str]) -> list[Fault]:
        """That a power switch was used exactly as scripts of that boot asked.

        ``codes``: what each script asks for by its exit code, by uid.
        """
        marks = self._marks.of_machine[machine]
        found = []
        for boot in {mark.boot for mark in marks if mark.what == "order"}:
            in_boot = [mark for mark in marks if mark.boot == boot]
            orders = [mark.word for mark in in_boot if mark.what == "order"]
            asked = [codes.get(mark.uid, "") for mark in in_boot if mark.what == "end"]
            # An agent that was killed between the order and its note of it orders again.
            spare = sum(mark.what == "crash" for mark in in_boot)
            for what in ("stop", "restart"):
                wanted, got = asked.count(what), orders.count(what)
                if got > wanted + (spare if wanted else 0):
                    why = f"{got} orders to {what} in boot {boot}, and {wanted} scripts asked"
                    found.append(Fault(kind="wrong", invoke_id="-", machine=machine, why=why))
        return found


def _stuck(
    asked: Asked, result: dict[str, Any], outages: list[Outage], now: float
) -> Iterator[tuple[str, str]]:
    status, deadline = result["InvocationStatus"], result["DeadlineTime"]
    if not deadline:
        yield "wrong", f"{status} without a deadline"
    elif _past(deadline, outages, now):
        yield "stuck", f"{status} past {deadline}"
    away = sum(
        (outage.ended or now) - outage.began + _GRACE
        for outage in outages
        if outage.ended is None or outage.ended > asked.at
    )
    if now > asked.at + _DELIVERY + asked.plan.timeout + _GRACE + away + _TOO_LATE:
        yield "stuck", f"{status} {now - asked.at:.0f} s after it was asked for"


def _past(deadline: str, outages: list[Outage], now: float) -> bool:
    """By more than is allowed, of which no second counts in which nobody could decide."""
    late_at = _moment(deadline) + _TOO_LATE
    if outages:
        back = outages[-1].ended
        if back is None:
            return False
        late_at = max(late_at, back + _TOO_LATE)
    return bool(deadline) and now > late_at


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp() if text else 0.0
