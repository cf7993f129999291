"""``python -m tests.faults.real``: make the runs, judge them, and write down what came of it."""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from tests.faults.disk import Disk
from tests.faults.parts import played
from tests.faults.real.arena import Arena
from tests.faults.real.boots import Boots
from tests.faults.real.boots import cells as boots_cells
from tests.faults.real.cells import drawn
from tests.faults.tally import Tally

_SEATS, _DISKS, _INSTANCES = 18, 7, 5  # of a worker


def _words() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.real", description=__doc__)
    parser.add_argument("--runs", type=int, default=1500, help="with agents that are processes")
    parser.add_argument("--boots", type=int, default=300, help="of sandbox instances")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seats", type=int, default=_SEATS, help="of each worker")
    parser.add_argument("--disks", type=int, default=_DISKS, help="of these seats")
    parser.add_argument("--instances", type=int, default=_INSTANCES, help="of each worker")
    parser.add_argument("--points", default="", help="only these, separated by commas")
    parser.add_argument("--faults", default="", help="only these")
    parser.add_argument("--out", type=Path, default=Path("build/faults/real.json"))
    parser.add_argument("--worker", type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args()


def _work(words: argparse.Namespace) -> int:
    """The part of one worker."""
    points = [point for point in words.points.split(",") if point]
    faults = [fault for fault in words.faults.split(",") if fault]
    cells = drawn(words.seed, words.runs, points, faults=faults, disks=bool(words.disks))
    cells = cells[words.worker - 1 :: words.workers]
    boots = len(range(words.worker, words.boots + 1, words.workers))
    root = Path(tempfile.mkdtemp(prefix=f"cloudhand-arena-{words.worker}-"))
    tally, errors = Tally("real", words.seed), []

    def say(text: str) -> None:
        print(f"[{words.worker}] {tally.seconds:4.0f} s: {text}", flush=True)

    if cells:
        (root / "seats").mkdir()
        with Arena(root / "seats", seats=words.seats, disks=words.disks) as arena:
            say(f"{len(cells)} runs on {words.seats} seats, in {root}")
            arena.run(cells, tally, say)
            errors += arena.errors
    if boots:
        (root / "boots").mkdir()
        with Boots(root / "boots", instances=words.instances) as there:
            say(f"{boots} boots of {words.instances} instances, in {root}")
            mine = boots_cells(words.seed)[words.worker - 1 :: words.workers]
            there.run(mine, boots, tally, say)
            errors += there.errors
    words.out.write_text(json.dumps(tally.to_json()))
    if not tally.findings and not errors:
        shutil.rmtree(root)
    return bool(errors)


def _no_disk() -> str:
    """Why there cannot be one here; empty: there can."""
    with tempfile.TemporaryDirectory() as there:
        try:
            Disk(Path(there)).close()
        except OSError as error:
            return str(error)
    return ""


def _end(number: int, _: object) -> None:
    sys.exit(128 + number)


def main() -> int:
    words = _words()
    if words.disks and _no_disk():
        print(f"NO RUN WITH A DISK THAT IS FULL, READ-ONLY OR LOSES ITS POWER: {_no_disk()}")
        sys.argv.append("--disks=0")
    signal.signal(signal.SIGTERM, _end)
    words.out.parent.mkdir(parents=True, exist_ok=True)
    if words.worker:
        return _work(words)
    tally = Tally("real", words.seed)
    told, broken = played("tests.faults.real", workers=words.workers, out=words.out)
    for one in told:
        tally.merge(Tally.from_json(one))
    words.out.write_text(json.dumps(tally.to_json(), indent=1) + "\n")
    print(tally.say())
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{used.ru_utime + used.ru_stime:.0f} s of one core were used")
    if broken:
        print(f"{broken} workers could not do what they were to do: see above")
    return bool(broken or tally.findings or tally.never())


if __name__ == "__main__":
    sys.exit(main())
