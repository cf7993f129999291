"""``python -m tests.faults.virtual``: make the runs in virtual time, judge them, write down what
came of it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import random
import sys
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from tests.faults.parts import played
from tests.faults.tally import Tally
from tests.faults.virtual.rounds import ROUND, Cell, Round, cells
from tests.faults.virtual.site import Site
from tests.faults.virtual.storm import Storm
from tests.stillness import StillLoop

_ROUNDS_OF_A_SITE = 6
_WAVES_OF_A_SITE = 20
_STORMED = 50  # machines, as many as one call may name


def _words() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.virtual", description=__doc__)
    parser.add_argument("--runs", type=int, default=8500, help="each with a fault at a step")
    parser.add_argument("--dispatches", type=int, default=0, help="in a storm of commands")
    parser.add_argument("--points", default="", help="only these, separated by commas")
    parser.add_argument("--faults", default="", help="only these")
    parser.add_argument("--until-found", action="store_true", help="end with the first finding")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("build/faults/virtual.json"))
    parser.add_argument("--worker", type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args()


class Worker:
    def __init__(self, words: argparse.Namespace) -> None:
        self._seed = f"{words.seed}/{words.worker}"
        self._points, self._faults = _named(words.points), _named(words.faults)
        self._until_found = words.until_found
        self._runs = words.runs // words.workers
        self._dispatches = words.dispatches // words.workers
        self.tally = Tally("virtual", words.seed)
        self.dispatches = 0
        self.boots = 0
        self.kills = 0

    async def work(self) -> None:
        await self._rounds()
        await self._storms()

    async def _rounds(self) -> None:
        chance = random.Random(self._seed)
        ahead = self._endless(chance)
        while self.tally.runs < self._runs and not self._enough:
            with tempfile.TemporaryDirectory() as folder:
                async with Site(Path(folder), random.Random(chance.random())) as site:
                    await site.made(ROUND)
                    for _ in range(_ROUNDS_OF_A_SITE):
                        if not self._enough:
                            await self._round(site, next(ahead), chance)
                    self._count(site)
            self._say()

    @property
    def _enough(self) -> bool:
        return self._until_found and bool(self.tally.findings)

    def _endless(self, chance: random.Random) -> Iterator[list[Cell]]:
        while True:
            yield from cells(chance, points=self._points, faults=self._faults)

    async def _round(self, site: Site, some: list[Cell], chance: random.Random) -> None:
        for one in await Round(site, some, chance).play():
            self.tally.add(one.run(), one.cell.point, one.cell.fault, one.hit)

    async def _storms(self) -> None:
        for number in count():
            if self.dispatches >= self._dispatches:
                return
            chance = random.Random(f"{self._seed}/storm/{number}")
            with tempfile.TemporaryDirectory() as folder:
                async with Site(Path(folder), random.Random(chance.random())) as site:
                    await site.made(_STORMED)
                    storm = Storm(site, chance)
                    for _ in range(_WAVES_OF_A_SITE):
                        await storm.wave(self.tally)
                    self._count(site)
            self._say()

    def _count(self, site: Site) -> None:
        self.dispatches += site.fleet.dispatches
        self.boots += site.fleet.boots
        self.kills += site.kills

    def _say(self) -> None:
        tally = self.tally
        found = sum(tally.counts().values())
        print(
            f"[{self._seed}] {tally.seconds:4.0f} s: {tally.runs} runs, {tally.hits} hit,"
            f" {self.dispatches} dispatches, {self.boots} boots, {self.kills} kills, {found} found",
            flush=True,
        )

    def to_json(self) -> dict[str, object]:
        counted = {
            "dispatches": self.dispatches,
            "virtual_boots": self.boots,
            "kills": self.kills,
        }
        return {**self.tally.to_json(), **counted}


def _named(text: str) -> list[str]:
    return [one for one in text.split(",") if one]


def _work(words: argparse.Namespace) -> int:
    logging.disable(logging.CRITICAL)  # of loops that die, which is what this is about
    worker = Worker(words)
    with asyncio.Runner(loop_factory=StillLoop) as runner:
        runner.run(worker.work())
    words.out.write_text(json.dumps(worker.to_json()))
    return 0


def main() -> int:
    words = _words()
    words.out.parent.mkdir(parents=True, exist_ok=True)
    if words.worker:
        return _work(words)
    tally = Tally("virtual", words.seed)
    told, broken = played("tests.faults.virtual", workers=words.workers, out=words.out)
    for one in told:
        tally.merge(Tally.from_json(one))
    counted = {name: sum(one[name] for one in told) for name in _COUNTED}
    words.out.write_text(json.dumps({**tally.to_json(), **counted}, indent=1) + "\n")
    print(tally.say())
    print(", ".join(f"{number} {name.replace('_', ' ')}" for name, number in counted.items()))
    if broken:
        print(f"{broken} workers could not do what they were to do: see above")
    return bool(broken or tally.findings or tally.never())


_COUNTED = ("dispatches", "virtual_boots", "kills")

if __name__ == "__main__":
    sys.exit(main())
