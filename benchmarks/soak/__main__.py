"""`python -m benchmarks.soak --hours H`: everything at random, and whether what is said is true."""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.origin import described
from benchmarks.soak.checker import KINDS
from benchmarks.soak.course import Course, Options

_RESULTS = Path("build/soak.json")
_KEPT = Path(__file__).parents[1] / "soak.json"


def main(arguments: Sequence[str]) -> int:
    """1 when anything was lost, twice, stuck or wrong."""
    given = _parser().parse_args(arguments)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and end what was started, on the way
    options = Options(
        hours=given.hours,
        agents=given.agents,
        simulated=given.simulated,
        own=given.agents // 10 if given.own is None else given.own,
        seed=given.seed,
        rate=given.rate,
        kills=given.kills,
    )
    about = described("benchmarks.soak", arguments)
    folder = Path(tempfile.mkdtemp(prefix="cloudhand-soak-"))
    found = {**about, **Course(options, folder).run()}
    text = json.dumps(found, indent=2) + "\n"
    given.results.parent.mkdir(exist_ok=True)
    given.results.write_text(text)
    if given.keep:
        _KEPT.write_text(text)
    for fault in found["faults"][:50]:
        print(f"{fault['kind']}: {fault['invoke_id']} on {fault['machine']}: {fault['why']}")
    for name, value in found.items():
        if name not in ("faults", "samples"):
            print(f"{name}: {value}")
    bad = sum(found[kind] for kind in KINDS)
    if bad:
        print(f"what the machines wrote, and the logs, are kept in {folder}")
    else:
        shutil.rmtree(folder)
    return 1 if bad else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak")
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--agents", type=int, default=200, help="real ones")
    parser.add_argument("--simulated", type=int, default=2000)
    parser.add_argument("--own", type=int, help="of the real ones, instances (default: a tenth)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=2.0, help="of commands, a second")
    parser.add_argument("--kills", type=float, default=60.0, help="of the control plane, an hour")
    parser.add_argument("--results", type=Path, default=_RESULTS)
    parser.add_argument("--keep", action="store_true", help=f"write {_KEPT.name} in benchmarks/")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
