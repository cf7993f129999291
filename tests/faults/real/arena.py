"""One control plane and many seats beside each other, on which runs are made one after another."""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from cloudhand.agent_dist.build import build
from tests.faults.disk import Disk
from tests.faults.real import drivers
from tests.faults.real.cells import Cell
from tests.faults.real.hooks import Hooks
from tests.faults.real.host import Host
from tests.faults.real.link import Ways
from tests.faults.real.play import Play
from tests.faults.real.record import Record
from tests.faults.real.seat import Seat
from tests.faults.real.sending import Sending
from tests.faults.tally import Tally

_OUTPUT_LIMIT = ("--output-limit", "1")  # MiB, so that a large output is soon larger


class Arena:
    """Use it in a with statement; what it leaves in ``root`` is for whoever looks for a cause."""

    def __init__(self, root: Path, *, seats: int, disks: int) -> None:
        """``disks``: how many of the seats have a disk that can be spoilt."""
        self.root = root
        self.errors: list[str] = []  # of the arena itself
        self._seats_wanted, self._disks_wanted = seats, disks
        self._plays: dict[str, Play] = {}  # by seat
        self._stack = ExitStack()
        self.seats: list[Seat] = []

    def __enter__(self) -> Self:
        self.hooks = Hooks()
        self._stack.callback(self.hooks.close)
        self._ways = Ways()
        self._stack.callback(self._ways.close)
        self._pyz = self.root / "agent.pyz"
        build(self._pyz)
        self._agent, self._power = self.root / "agent.py", self.root / "power"
        drivers.agent(self._agent, self._pyz, self.hooks.port)
        drivers.power_command(self._power, sys.executable, self.hooks.port)
        self.hooks.listen("", self._met_by_anybody)
        self.host = Host(self.root / "plane", self.hooks.port, "--plain-processes", *_OUTPUT_LIMIT)
        self._stack.callback(self.host.close)
        try:
            for number in range(1, self._seats_wanted + 1):
                self._furnish(number)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _furnish(self, number: int) -> None:
        root = self.root / f"seat-{number:02}"
        (root / "state").mkdir(parents=True)
        disk = Disk(root / "state") if number <= self._disks_wanted else None
        link = self._ways.link(lambda: self.host.port)
        seat = Seat(root, agent=self._agent, power=self._power, link=link, disk=disk)
        self._stack.callback(seat.close)
        caller = self.host.caller()
        seat.join(caller, self._pyz)
        caller.close()
        for who in (str(seat.root), seat.id):
            self.hooks.listen(who, self._asking(seat), seat.ordered)
        seat.boot()
        self.seats.append(seat)

    def _asking(self, seat: Seat) -> Callable[[str, str], str]:
        def met(point: str, about: str) -> str:
            play = self._plays.get(seat.name)
            return play.met(point, about) if play is not None else ""

        return met

    def _met_by_anybody(self, point: str, about: str) -> str:
        """A step of which nobody knows whom it is about is of the first who waits for it."""
        for play in list(self._plays.values()):
            if play.cell.point == point and not play.hit:
                return play.met(point, about)
        return ""

    def run(self, cells: Sequence[Cell], tally: Tally, say: Callable[[str], None]) -> None:
        """Make the runs, each on whatever seat is free first, and count them."""
        waiting: dict[bool, queue.SimpleQueue[Cell]] = {
            on_disk: queue.SimpleQueue() for on_disk in (True, False)
        }
        # Who wants the control plane killed, and not about itself, shares that with others: a start
        # takes longer than many a run.
        for cell in sorted(cells, key=lambda cell: cell.fault == "SIGKILL control plane"):
            waiting[cell.on_disk].put(cell)
        record = Record(self.root, tally, say)
        threads = [
            threading.Thread(target=self._sit, args=(seat, waiting, record), daemon=True)
            for seat in self.seats
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        record.look_again()

    def _sit(
        self, seat: Seat, waiting: dict[bool, queue.SimpleQueue[Cell]], record: Record
    ) -> None:
        caller = self.host.caller()
        while True:
            # A disk that can be spoilt costs more to use, so only who needs one has it.
            try:
                cell = waiting[seat.disk is not None].get_nowait()
            except queue.Empty:
                break
            kind = Sending if cell.end == "file" else Play
            play = kind(cell, seat, self.host, caller, str(self._power))
            self._plays[seat.name] = play
            began = time.monotonic()
            try:
                record.add(play, play.play(), time.monotonic() - began)
                self._refresh(seat)
            except Exception as error:  # an outermost loop: one seat must not end the others
                self.errors.append(f"{cell.name} {cell.key} on {seat.name}: {error!r}")
                record.say(self.errors[-1])
                break
            finally:
                del self._plays[seat.name]
        caller.close()

    def _refresh(self, seat: Seat) -> None:
        """Leave it as the next run wants to find it."""
        if not seat.on:
            seat.boot()
        seat.link.heal()
        seat.link.done.clear()
        assert seat.online(), f"{seat.name} does not come online"
