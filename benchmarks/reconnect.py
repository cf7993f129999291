"""`python -m benchmarks.reconnect`: the control plane is killed under 10,000 machines, and returns.

The machines are simulated, over real sockets; their pauses are the real agent's. One outage is
short, so that all come at once if anything lets them, and one is so long that every pause has grown
to its longest and nobody is online any more.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.costs import cpu_of_tree, descriptors, pss
from benchmarks.mortal import Flock, Mortal, flock
from benchmarks.origin import described
from benchmarks.plane import Plane

_AT_ONCE = 1000  # machines that join by one order
_BOUND = 60.0  # seconds in which all are to be back
_GIVEN_UP = 180.0  # seconds
_LOOK_EVERY = 0.25  # seconds
_WATCHED_FOR = 35.0  # seconds at least: so long a control plane that starts trusts its records
_NEVER = float("inf")
_KEPT = Path(__file__).parent / "reconnect.json"


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    outages = [
        _outage(options.machines, options.flocks, options.seed, seconds)
        for seconds in options.outages
    ]
    found = {
        **described("benchmarks.reconnect", arguments),
        "seed": options.seed,
        "machines": options.machines,
        "bound_seconds": _BOUND,
        "outages": outages,
    }
    text = json.dumps(found, indent=2) + "\n"
    Path("build").mkdir(exist_ok=True)
    Path("build/reconnect.json").write_text(text)
    if options.keep:
        _KEPT.write_text(text)
    return 0 if all(one["met"] for one in outages) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reconnect")
    parser.add_argument("--machines", type=int, default=10_000)
    parser.add_argument("--flocks", type=int, default=2, help="processes that simulate them")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--outages", type=float, nargs="+", default=[2.0, 130.0], help="seconds")
    parser.add_argument("--keep", action="store_true", help=f"write {_KEPT.name} in benchmarks/")
    return parser


def _outage(machines: int, flocks: int, seed: int, away: float) -> dict[str, Any]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cloudhand-bench-")))
        control = Mortal(folder)
        plane = control.start()
        stack.callback(control.end)
        crowds = [stack.enter_context(flock(plane.endpoint.url)) for _ in range(flocks)]
        _join(plane, crowds, machines, seed)
        _say(f"{machines} machines are online; the control plane is killed")
        before = [one.told() for one in crowds]
        control.kill()
        killed_at = time.time()
        time.sleep(away)
        start_at = time.time()
        plane = control.start()
        answers_at = time.time()
        found = _watch(plane, crowds, machines, answers_at)
        after = [one.told() for one in crowds]
        found |= {
            "away_seconds": round(answers_at - killed_at, 2),
            "start_seconds": round(answers_at - start_at, 2),
            **_traffic(before, after, start_at, answers_at + found["all_open_seconds"]),
            "plane_pss_mib": round(pss(plane.pid) / 2**20, 1),
            "plane_descriptors": descriptors(plane.pid),
        }
    found["met"] = max(found["all_open_seconds"], found["all_online_seconds"]) <= _BOUND
    # JSON has no word for what never came.
    found = {name: None if value == _NEVER else value for name, value in found.items()}
    for name, value in found.items():
        if not isinstance(value, (list, dict)):
            _say(f"  {name}: {value}")
    return found


def _join(plane: Plane, crowds: Sequence[Flock], machines: int, seed: int) -> None:
    joined = 0
    while joined < machines:
        count = min(_AT_ONCE, machines - joined)
        crowd = crowds[joined // _AT_ONCE % len(crowds)]
        crowd.join(plane.activations(count), seed=seed + joined, weather={})
        joined += count
    deadline = time.monotonic() + _GIVEN_UP
    while _sum(crowds, "open") < machines:
        if time.monotonic() > deadline:
            raise RuntimeError("the simulated machines did not come online")
        time.sleep(_LOOK_EVERY)


def _sum(crowds: Sequence[Flock], what: str) -> int:
    return sum(one.told()[what] for one in crowds)


def _watch(plane: Plane, crowds: Sequence[Flock], machines: int, began: float) -> dict[str, Any]:
    """How many are back, as they and as the API say, until all are by both."""
    series: list[tuple[float, int, int]] = []
    cpu = 0.0
    while True:
        online = plane.client.call("DescribeManagedInstances", {"Connected": True, "PageSize": 1})
        open_ = _sum(crowds, "open")
        now = time.time() - began
        series.append((round(now, 2), open_, online["TotalCount"]))
        whole = open_ == machines == online["TotalCount"]
        if whole and not cpu:
            cpu = cpu_of_tree(plane.pid)
        if (whole and now > _WATCHED_FOR) or now > _GIVEN_UP:
            break
        time.sleep(_LOOK_EVERY)
    opened = [(now, count) for now, count, _ in series]
    told = [(now, count) for now, _, count in series]
    return {
        "p50_open_seconds": _reached(opened, machines // 2),
        "p99_open_seconds": _reached(opened, machines * 99 // 100),
        "all_open_seconds": _reached(opened, machines),
        "p50_online_seconds": _reached(told, machines // 2),
        "p99_online_seconds": _reached(told, machines * 99 // 100),
        "all_online_seconds": _lasting(told, machines),
        "plane_cpu_seconds": round(cpu or cpu_of_tree(plane.pid), 2),
        "series": series,
    }


def _reached(series: Sequence[tuple[float, int]], wanted: int) -> float:
    return next((now for now, count in series if count >= wanted), _NEVER)


def _lasting(series: Sequence[tuple[float, int]], wanted: int) -> float:
    """From when on it was never less again: at its start a control plane trusts its records."""
    short = [number for number, (_, count) in enumerate(series) if count < wanted]
    if not short:
        return series[0][0]
    return series[short[-1] + 1][0] if short[-1] + 1 < len(series) else _NEVER


def _traffic(
    before: Sequence[dict[str, Any]],
    after: Sequence[dict[str, Any]],
    began: float,
    ended: float,
) -> dict[str, Any]:
    """Connections from when it was started until all were back, and failures over the outage."""
    seconds: Counter[int] = Counter()
    for one in after:
        seconds.update({int(second): count for second, count in one["by_second"].items()})
    first, last = int(began), int(min(ended, began + _GIVEN_UP))
    came = [seconds[second] for second in range(first, last + 1)]
    mean = sum(came) / len(came)
    return {
        "connections": sum(came),
        "busiest_second": max(came),
        "mean_second": round(mean, 1),
        "busiest_to_mean": round(max(came) / mean, 2) if mean else 0.0,
        "failed_attempts": sum(
            now["failures"] - then["failures"] for then, now in zip(before, after, strict=True)
        ),
        "connections_by_second": came,
    }


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
