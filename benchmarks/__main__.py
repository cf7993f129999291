"""`python -m benchmarks [--quick] [--results FILE] [NAME ...]`: measure, and show the table."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import (
    agent_cpu,
    agent_memory,
    control_cpu,
    latency,
    plane_memory,
    prompt,
    scaling,
)
from benchmarks.figure import Figure, NotMeasured, Outcome

MEASURES: dict[str, Callable[..., list[Outcome]]] = {
    "control_cpu": control_cpu.measure,
    "agent_cpu": agent_cpu.measure,
    "latency": latency.measure,
    "agent_memory": agent_memory.measure,
    "plane_memory": plane_memory.measure,
    "scaling": scaling.measure,
    "prompt": prompt.measure,
}
_RESULTS = Path(__file__).parent / "results.json"


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    outcomes: list[Outcome] = []
    for name in options.names or MEASURES:
        began = time.monotonic()
        print(f"{name} ...", end=" ", file=sys.stderr, flush=True)
        outcomes += MEASURES[name](quick=options.quick)
        print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)
    _show(outcomes)
    figures = [outcome.to_json() for outcome in outcomes if isinstance(outcome, Figure)]
    # A part of the figures, or figures of next to nothing, must not take the place of the whole.
    if options.results or not (options.names or options.quick):
        path = options.results or _RESULTS
        path.write_text(json.dumps(figures, indent=2) + "\n")
        print(f"written to {path}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("names", nargs="*", choices=[[], *MEASURES], metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="see that it works; no true figures")
    parser.add_argument("--results", type=Path, help="where the figures are written as JSON")
    return parser


def _show(outcomes: list[Outcome]) -> None:
    table = Table(title=f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for heading in ("figure", "value", "target", "met", "from"):
        table.add_column(heading, overflow="fold")
    for outcome in outcomes:
        match outcome:
            case NotMeasured(name=name, reason=reason):
                table.add_row(name, "", "", "", f"not measured: {reason}")
            case Figure() as figure:
                met = "yes" if figure.met else "no"
                value = f"{figure.value:.2f} {figure.unit}"
                sign = "<=" if figure.better == "lower" else ">="
                table.add_row(figure.name, value, f"{sign} {figure.target:g}", met, figure.raw)
    Console(width=None if sys.stdout.isatty() else 160).print(table)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
