"""Runs on sandbox instances that really restart, stop, and are started again."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Self

from cloudhand.agent_dist.build import build
from tests.faults.checker import End
from tests.faults.real import drivers
from tests.faults.real.cells import LIFE, Cell
from tests.faults.real.guest import Guest
from tests.faults.real.hooks import Hooks
from tests.faults.real.host import Caller, Host
from tests.faults.real.play import Play
from tests.faults.real.record import Record
from tests.faults.tally import Tally

_PASS = 10_000  # what numbers of runs grow by when the same cells come again
_ENDS: tuple[End, ...] = ("exit 194", "exit 193", "reboot")
_FAULTS_OF_AGENT = ("SIGKILL agent", "SIGKILL agent and holder", "SIGKILL control plane",
                    "clock +1 day", "clock -1 day")  # fmt: skip
_OF_PLANE = ("plane.asked", "plane.recorded", "plane.handed-out", "plane.heard", "plane.stored",
             "plane.beat", "plane.ordered", "plane.carried-out", "store.commit")  # fmt: skip
_NOT_BY_REBOOT = ("agent.exit", "agent.before-power", "agent.power", "agent.after-power",
                  "plane.ordered", "plane.carried-out")  # fmt: skip


def cells(seed: int) -> list[Cell]:
    """Each cell that an instance may meet, in an order that the seed gives."""
    keys = [
        (point, fault, end)
        for points, faults in ((LIFE, _FAULTS_OF_AGENT), (_OF_PLANE, _FAULTS_OF_AGENT[2:3]))
        for point in points
        for fault in faults
        for end in _ENDS
        if end != "reboot" or point not in _NOT_BY_REBOOT
    ]
    random.Random(f"boots {seed}").shuffle(keys)
    return [
        Cell(number=number, point=point, fault=fault, end=end, seed=seed)
        for number, (point, fault, end) in enumerate(keys, start=1)
    ]


class Boots:
    """Instances of a control plane that boot with an agent that asks. A context manager."""

    def __init__(self, root: Path, *, instances: int) -> None:
        self.root = root
        self.errors: list[str] = []
        self._wanted = instances
        self._plays: dict[str, Play] = {}
        self.guests: list[Guest] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self.hooks = Hooks()
        pyz, armed = self.root / "agent.pyz", self.root / "armed.pyz"
        build(pyz)
        drivers.packed_agent(armed, pyz, self.hooks.port)
        self.hooks.listen("", self._met_by_anybody)
        self.host = Host(self.root / "plane", self.hooks.port, "--output-limit", "1", agent=armed)
        try:
            ids = self.host.plane.instances(self._wanted)
            for instance_id in ids:
                boot_id = self.host.plane.boot_id(instance_id)
                guest = Guest(instance_id, self.host.plane.state, boot_id)
                self.hooks.listen(instance_id, self._asking(instance_id))
                self.hooks.listen_for_boots(instance_id, guest.booted)
                self.guests.append(guest)
            self.host.plane.hang_up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for guest in self.guests:
            for left in guest.outside("x").parent.glob(f"cloudhand-test-{guest.id}-*"):
                left.unlink()
        self.host.close()
        self.hooks.close()

    @property
    def boots(self) -> int:
        return sum(len(guest.every_boot) for guest in self.guests)

    def _asking(self, instance_id: str) -> Callable[[str, str], str]:
        def met(point: str, about: str) -> str:
            play = self._plays.get(instance_id)
            return play.met(point, about) if play is not None else ""

        return met

    def _met_by_anybody(self, point: str, about: str) -> str:
        for play in list(self._plays.values()):
            if play.cell.point == point and not play.hit:
                return play.met(point, about)
        return ""

    def run(
        self, meant: Sequence[Cell], boots: int, tally: Tally, say: Callable[[str], None]
    ) -> None:
        """These runs, again and again, until there were so many boots."""
        waiting = again_and_again(meant)
        record = Record(self.root, tally, say)
        threads = [
            threading.Thread(target=self._sit, args=(guest, waiting, boots, record), daemon=True)
            for guest in self.guests
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        record.look_again()
        tally.boots += self.boots

    def _sit(self, guest: Guest, waiting: Iterator[Cell], boots: int, record: Record) -> None:
        caller = self.host.caller()
        while self.boots < boots:
            with self._lock:
                cell = next(waiting)
            play = Play(cell, guest, self.host, caller, "shutdown")
            self._plays[guest.name] = play
            began = time.monotonic()
            try:
                record.add(play, play.play(), time.monotonic() - began)
                self._refresh(guest, caller)
            except Exception as error:  # an outermost loop: one must not end the others
                self.errors.append(f"{play.cell.name} {play.cell.key} on {guest.name}: {error!r}")
                record.say(self.errors[-1])
                break
            finally:
                del self._plays[guest.name]
        caller.close()

    def _refresh(self, guest: Guest, caller: Caller) -> None:
        if not guest.on:
            guest.boot_by_hand(caller)
        assert guest.ready(caller), f"{guest.id} does not come online"


def again_and_again(meant: Sequence[Cell]) -> Iterator[Cell]:
    """Each time under another number: who asks twice by one name is told of the first time."""
    for times in count():
        yield from (replace(cell, number=cell.number + times * _PASS) for cell in meant)
