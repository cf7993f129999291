"""One run on one seat: asked for, spoilt at its point, healed, and told of."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from cloudhand.cli.errors import ApiError
from tests.faults.checker import Run, Sent
from tests.faults.real import link as links
from tests.faults.real.cells import Cell
from tests.faults.real.guest import Guest
from tests.faults.real.host import Caller, Host, marked, pause, wait_for
from tests.faults.real.scripts import Script, script
from tests.faults.real.seat import Seat

_OPEN = ("Pending", "Scheduled", "Running", "Stopping")
_OVER_WITHIN = 200.0  # seconds; longer than any deadline of a run
_QUIET_WITHIN = 30.0
_POWER_WITHIN = 150.0  # seconds for a restart to be known of once its agent is there
_JUST_ENDED = 0.3  # seconds after its last line in which nobody may have seen a script's end
_DAY = 86400

# By which spoilt link, and for how many seconds at least and at most.
_LINKS = {
    "connection cut": (links.CUT, 0.1, 3.0),
    "half-open connection": (links.HALF_OPEN, 0.5, 13.0),
    "5xx": (links.REFUSING, 0.5, 6.0),
    "slow 1 byte/s": (links.SLOW, 1.0, 9.0),
}
# Through which an agent is heard by the control plane, and it by the agent.
_HEARD = ("SIGKILL agent", "SIGKILL agent and holder", "duplicate", "clock +1 day", "clock -1 day")
_AFTER_END = ("agent.ack", "agent.before-power", "agent.power", "agent.after-power")


@dataclass
class _Strike:
    """What befell the run, as its witness saw it."""

    hit: threading.Event = field(default_factory=threading.Event)
    healed: threading.Event = field(default_factory=threading.Event)
    at: float = 0.0
    about: str = ""  # the kind of a report
    killed_holder: bool = False
    killed_between: bool = False
    unwritten: bool = False
    unwritable: bool = False
    spoilt_link: bool = False


class Play:
    def __init__(
        self, cell: Cell, seat: Seat | Guest, host: Host, caller: Caller, power: str
    ) -> None:
        """``power``: the command that takes the machine down, for its scripts."""
        self.cell = cell
        self.seat = seat
        self.host = host
        self.caller = caller
        self.lines = seat.outside(f"{cell.name}.lines")
        written_to = seat.inside(f"{cell.name}.lines")
        self.script: Script = script(cell, written_to, f"{power} -r now")
        self.chance = cell.chance()
        self._strike = _Strike()
        self._lock = threading.Lock()
        self._armed = False
        self._invoke_id = ""
        self._told_first: bool | None = None
        self._left_before = frozenset[str]()  # of what came before it on the seat

    @property
    def hit(self) -> bool:
        return self._strike.hit.is_set()

    def play(self) -> Run | Sent:
        if self.cell.fault != "SIGKILL control plane":
            return self._play()
        with nullcontext() if self.cell.point.startswith("agent.") else self.host.turn:
            wait_for(self.host.calm, _OVER_WITHIN)
            return self._play()

    def _play(self) -> Run | Sent:
        seat, cell = self.seat, self.cell
        seat.forget(self.chance)
        self._left_before = frozenset(seat.tasks)
        seat.before_down = self._before_down
        self._began = time.monotonic()
        self._arm(on=True)
        try:
            invoke_id = self._invoke_id = self._ask()
            told = self._follow(invoke_id)
        finally:
            self._arm(on=False)
        self._heal()
        told = self._settle(invoke_id, told)
        return self._seen(f"{cell.name} on {seat.name} {invoke_id}", told)

    def _seen(self, name: str, told: dict[str, Any] | None) -> Run | Sent:
        seat, strike = self.seat, self._strike
        assert self.cell.end != "file"
        return Run(
            name=name,
            end=self.cell.end,
            faults=self._faults(),
            lines=self.written(),
            produced=self.script.produced,
            told=told,
            boots=tuple(seat.boots),
            asked_of_machine=tuple(seat.asked),
            power_cuts=seat.cuts,
            away=self._away(),
            unwritten=strike.unwritten,
            killed_holder=strike.killed_holder,
            killed_between=strike.killed_between,
            unwritable=strike.unwritable,
            survivors=len(marked(self.script.mark)) if self._leaves_children else 0,
            told_first=self._told_first,
            machine_on=self._was_on,
        )

    def written(self) -> tuple[str, ...]:
        try:
            return tuple(self.lines.read_text().splitlines())
        except FileNotFoundError:
            return ()

    # Asked for, and followed to its end.

    def _ask(self) -> str:
        invoke_id: str = self.caller.call(
            "RunCommand",
            Type="RunShellScript",
            Name=self.cell.name,
            CommandContent=self.script.text,
            InstanceId=[self.seat.id],
            Timeout=self.script.timeout,
            ClientToken=f"{self.seat.name}-{self.cell.name}",
        )["InvokeId"]
        return invoke_id

    def _told(self, invoke_id: str) -> dict[str, Any] | None:
        return self.caller.told(invoke_id)

    def _follow(self, invoke_id: str) -> dict[str, Any] | None:
        """Until it has ended, and its point was hit or cannot be any more."""
        deadline = time.monotonic() + _OVER_WITHIN
        stop_at, look = 0.0, 0.05
        while True:
            told = self._told(invoke_id)
            if told is None or told["InvocationStatus"] not in _OPEN:
                break
            if time.monotonic() > deadline:
                return told
            if self.cell.end == "stop" and self.written():
                stop_at = stop_at or time.monotonic() + self.chance.uniform(0, 0.5)
                if stop_at <= time.monotonic():
                    self._stop(invoke_id)
                    stop_at = float("inf")
            pause(look)
            look = min(look * 1.4, 0.4)
        # What follows the end on the machine is still to come.
        wait_for(lambda: self.hit or self._quiet(), _QUIET_WITHIN)
        return told

    def _stop(self, invoke_id: str) -> None:
        try:
            self.caller.call("StopInvocation", InvokeId=invoke_id)
        except ApiError as error:
            if error.code != "InvalidOperation.InvokeAlreadyFinished":  # it has ended by itself
                raise

    def _quiet(self) -> bool:
        """Whether nothing of it is left to be seen to; an agent may come to its point again
        in the next boot."""
        if self.cell.point == "plane.beat" and self._went_down() and not self.hit:
            return False  # it beats when it has booted
        if self.seat.orders or (self._goes_down and not self._went_down()):
            return False
        return not self.seat.on or self._seen_to()

    def _seen_to(self) -> bool:
        """Whether its agent has put away what it had of it; what a disk did not let it put away
        may stay."""
        return self._strike.unwritable or self._left_before.issuperset(self.seat.tasks)

    @property
    def _leaves_children(self) -> bool:
        return self.cell.end in ("timeout", "stop")

    @property
    def _goes_down(self) -> bool:
        ended = any(line.startswith("end") for line in self.written())
        asks = self.cell.end in ("exit 193", "exit 194")
        return (asks and ended) or (self.cell.end == "reboot" and bool(self.written()))

    def _went_down(self) -> bool:
        return not self.seat.on or len(self.seat.boots) > 1

    def _heal(self) -> None:
        if self.hit:
            self._strike.healed.wait(60)
        self.seat.link.heal()

    def _settle(self, invoke_id: str, told: dict[str, Any] | None) -> dict[str, Any] | None:
        """What is told once machine and agent have come to rest."""
        wait_for(self._quiet, 100)
        if self.seat.on:
            # Whoever still speaks to nobody is to find out now, not with the next heart-beat.
            self.seat.link.drop()
            self.seat.online()
            wait_for(self._seen_to, _QUIET_WITHIN)
        self._was_on = self.seat.on
        told = self._told(invoke_id)
        if not self._was_on and told is not None and told["ErrorCode"].startswith("Client"):
            # The machine did not wait for long enough to be heard; it says all when it is back.
            self.seat.boot_by_hand(self.caller)
            wait_for(lambda: self._ended_by_itself(invoke_id), _OVER_WITHIN)
            return self._told(invoke_id)
        deadline = time.monotonic() + _POWER_WITHIN
        while _power_is_open(told) and self.seat.on and time.monotonic() < deadline:
            pause(0.1)
            told = self._told(invoke_id)
        return told

    def _ended_by_itself(self, invoke_id: str) -> bool:
        told = self._told(invoke_id)
        return told is not None and not told["ErrorCode"].startswith("Client")

    # What befalls it.

    def _arm(self, *, on: bool) -> None:
        with self._lock:
            self._armed = on
        if not self.cell.point.startswith("agent."):
            self.host.arm(self.cell.point, on=on)

    def met(self, point: str, about: str) -> str:
        """Called when the run's agent, or the control plane about it, has come to a point."""
        with self._lock:
            if not self._armed or point != self.cell.point or self.hit:
                return ""
            self._strike.hit.set()
        self._strike.at, self._strike.about = time.monotonic(), about
        try:
            return self._befall()
        finally:
            if not self._lasts:
                self._strike.healed.set()

    @property
    def _lasts(self) -> bool:
        return self.cell.fault in (*_LINKS, "disk full", "read-only disk")

    def _befall(self) -> str:
        fault, of_agent = self.cell.fault, self.cell.point.startswith("agent.")
        if fault in ("SIGKILL agent", "SIGKILL agent and holder"):
            return self._kill(of_agent, with_holders="holder" in fault)
        if fault == "SIGKILL control plane":
            if not of_agent:
                return "die"
            self.host.kill()
        elif fault in _LINKS:
            mode, least, most = _LINKS[fault]
            self._strike.spoilt_link = True
            self.seat.link.spoil(mode)
            self._later(self.chance.uniform(least, most), self.seat.link.heal)
        elif fault in ("duplicate", "reorder"):
            late = self.chance.random() < 0.4
            self.seat.link.spoil(
                links.DUPLICATE if fault == "duplicate" else links.LATE if late else links.REORDER
            )
        elif fault in ("disk full", "read-only disk"):
            self._spoil_disk(full=fault == "disk full")
        elif fault.startswith("clock"):
            days = -_DAY if "-" in fault else _DAY
            return f"clock {days} {self.chance.uniform(1, 6):.1f}"
        else:
            self._strike.unwritten = self._may_be_lost()
            self.seat.cut()
        return ""

    def _kill(self, of_agent: bool, *, with_holders: bool) -> str:
        self._strike.killed_between = self.cell.point == "agent.spawn"
        if with_holders:
            watched = not self.cell.point.startswith("agent.") and self._runs()
            self._strike.killed_holder = self.cell.point == "agent.spawned" or watched
        if of_agent:
            return "die with holders" if with_holders else "die"
        self.seat.kill_agent(with_holders=with_holders)
        return ""

    def _runs(self) -> bool:
        """Whether nobody can have seen the script's end yet, though it may have begun."""
        if not any(line.startswith("end") for line in self.written()):
            return True
        return time.time() - self.lines.stat().st_mtime < _JUST_ENDED

    def _may_be_lost(self) -> bool:
        """Whether a power cut may take the end with it: nobody else knows it, and it need not be
        on the disk, where only the end of one that goes down has to be."""
        point, about = self.cell.point, self._strike.about
        power = self.cell.end in ("exit 193", "exit 194")
        if point in _AFTER_END or (point == "agent.report" and power):
            return False
        if point == "plane.stored":
            return about == "running"
        return not (point == "plane.heard" and power and about == "finish")

    def _spoil_disk(self, *, full: bool) -> None:
        disk = self.seat.disk
        assert disk is not None, "only a seat with a disk of its own is given this fault"
        self._strike.unwritable = True
        if full:
            disk.room = self.chance.choice((0, 0, 40, 300))
        else:
            disk.read_only = True

        def heal() -> None:
            disk.room, disk.read_only = None, False

        self._later(self.chance.uniform(0.5, 4), heal)

    def _later(self, seconds: float, heal: Callable[[], object]) -> None:
        def healed() -> None:
            heal()
            self._strike.healed.set()

        threading.Timer(seconds, healed).start()

    def _before_down(self) -> None:
        """A machine that was asked for it stays until its agent has come to its last point."""
        if self.cell.point == "agent.after-power" and not self.hit:
            self._strike.hit.wait(3)
        if self.cell.end in ("exit 193", "exit 194") and self._all_speak():
            told = self._told(self._invoke_id)
            self._told_first = told is not None and told["InvocationStatus"] not in _OPEN

    def _all_speak(self) -> bool:
        """Whether nothing has kept agent and control plane from speaking to each other."""
        silent = self.hit and self.cell.fault not in _HEARD
        return bool(self._invoke_id) and not silent and not self.host.deaths_since(self._began)

    def _faults(self) -> tuple[str, ...]:
        own = (f"{self.cell.fault} at {self.cell.point}",) if self.hit else ()
        deaths = self.host.deaths_since(self._began)
        return (*own, *(("the control plane died",) if deaths else ()))

    def _away(self) -> float:
        """Seconds in which its agent and the control plane could not speak to each other."""
        away = self.host.away(self._began)
        if self._strike.spoilt_link:
            back = max(self.seat.link.fresh_at, self._strike.at)
            away += back - self._strike.at
        return away


def _power_is_open(told: dict[str, Any] | None) -> bool:
    action = (told or {}).get("PowerAction")
    return action is not None and action["Status"] in ("Ordered", "Held", "Down")
