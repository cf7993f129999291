"""``python -m tests.faults``: the fault matrix, in virtual time and with real agents and boots.

With ``--keep`` what was counted is kept for the reliability card, one file for each time.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cloudhand
from cloudhand import faults
from tests.faults.checker import KINDS

_KEPT = ("runs", "hits", *KINDS, "boots", "points")
_COUNTED = ("dispatches", "virtual_boots", "kills")


def _words() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--virtual", type=int, default=9000, help="runs in virtual time")
    parser.add_argument(
        "--real", type=int, default=1500, help="runs with agents that are processes"
    )
    parser.add_argument("--boots", type=int, default=300, help="of sandbox instances")
    parser.add_argument("--dispatches", type=int, default=0, help="more, in a storm of commands")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("build/faults"))
    parser.add_argument("--keep", type=Path, help="a directory for what was counted")
    return parser.parse_args()


def _play(tier: str, out: Path, *words: str) -> dict[str, Any] | None:
    """What a half of the matrix has written down; None when it could not be played."""
    told = out / f"{tier}.json"
    told.unlink(missing_ok=True)
    subprocess.run(
        [sys.executable, "-m", f"tests.faults.{tier}", *words, f"--out={told}"], check=False
    )
    return dict(json.loads(told.read_text())) if told.exists() else None


def _kept(words: argparse.Namespace, tiers: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": f"python -m tests.faults {' '.join(sys.argv[1:])}",
        "seed": words.seed,
        "machine": {
            "cores": len(os.sched_getaffinity(0)),
            "architecture": platform.machine(),
            "linux": platform.release(),
        },
        "versions": {"cloudhand": cloudhand.__version__, "python": platform.python_version()},
        "tiers": {
            tier: {name: told[name] for name in (*_KEPT, *_COUNTED) if name in told}
            for tier, told in tiers.items()
        },
    }


def main() -> int:
    words = _words()
    words.out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    seed = f"--seed={words.seed}"
    told = {
        "virtual": _play(
            "virtual",
            words.out,
            seed,
            f"--runs={words.virtual}",
            f"--dispatches={words.dispatches}",
        ),
        "real": _play("real", words.out, seed, f"--runs={words.real}", f"--boots={words.boots}"),
    }
    tiers = {tier: one for tier, one in told.items() if one is not None}
    runs, hits = (sum(one[name] for one in tiers.values()) for name in ("runs", "hits"))
    found = {kind: sum(one[kind] for one in tiers.values()) for kind in KINDS}
    said = ", ".join(f"{kind} {count}" for kind, count in found.items())
    print(f"{runs} runs, {hits} struck at their point, in {time.monotonic() - began:.0f} s: {said}")
    hit = {point for one in tiers.values() for point, count in one["points"].items() if count}
    wanted = {point for one in tiers.values() for point in one["points"]} & set(faults.POINTS)
    if wanted - hit:
        print(f"never hit: {', '.join(sorted(wanted - hit))}")
    if words.keep is not None:
        kept = _kept(words, tiers)
        words.keep.mkdir(parents=True, exist_ok=True)
        name = f"{kept['date'][:19].replace(':', '')}-seed{words.seed}.json"
        (words.keep / name).write_text(json.dumps(kept, indent=1) + "\n")
    return int(len(tiers) < len(told) or any(found.values()) or bool(wanted - hit))


if __name__ == "__main__":
    sys.exit(main())
