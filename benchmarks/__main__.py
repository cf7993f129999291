"""`python -m benchmarks [--quick] [--results FILE] [--page FILE] [NAME ...]`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import assert_never

from rich.console import Console
from rich.table import Table

from benchmarks import (
    accepting,
    agent_cpu,
    agent_memory,
    control_cpu,
    latency,
    orchestration,
    pages,
    plane_memory,
    prompt,
    scaling,
    silence,
    templates,
)
from benchmarks.figure import Figure, NotMeasured, Outcome

MEASURES: dict[str, Callable[..., list[Outcome]]] = {
    "control_cpu": control_cpu.measure,
    "agent_cpu": agent_cpu.measure,
    "latency": latency.measure,
    "agent_memory": agent_memory.measure,
    "silence": silence.measure,
    "plane_memory": plane_memory.measure,
    "scaling": scaling.measure,
    "orchestration": orchestration.measure,
    "templates": templates.measure,
    "pages": pages.measure,
    "accepting": accepting.measure,
    "prompt": prompt.measure,
}
_HEADINGS = ["figure", "value", "target", "met", "from"]
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
    if options.page:
        options.page.write_text(_page(outcomes))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("names", nargs="*", choices=[[], *MEASURES], metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="see that it works; no true figures")
    parser.add_argument("--results", type=Path, help="where the figures are written as JSON")
    parser.add_argument("--page", type=Path, help="where the table is written as Markdown")
    return parser


def _show(outcomes: list[Outcome]) -> None:
    table = Table(title=f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for heading in _HEADINGS:
        table.add_column(heading, overflow="fold")
    for outcome in outcomes:
        table.add_row(*_row(outcome))
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def _page(outcomes: list[Outcome]) -> str:
    """The same table in Markdown, and what it was measured on."""
    rows = [_HEADINGS, ["---"] * len(_HEADINGS), *(_row(outcome) for outcome in outcomes)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"""# Benchmarks

Each is a ratio of two things that were measured in one run, or a size, so that the speed of the
machine should not matter. It does all the same where Python is set against the kernel or the disk:
the same code meets all targets on one shared machine and misses some of these on another. Compare
runs of one machine. `make bench` measures them on yours.

{table}

Measured on {datetime.now(UTC).date()} with Python {platform.python_version()} on {os.cpu_count()}
cores of {platform.machine()}, Linux {platform.release()}, by `python -m benchmarks --page FILE`.
"""


def _row(outcome: Outcome) -> list[str]:
    match outcome:
        case NotMeasured(name=name, reason=reason):
            return [name, "", "", "", f"not measured: {reason}"]
        case Figure() as figure:
            value = f"{figure.value:.2f} {figure.unit}"
            sign = "<=" if figure.better == "lower" else ">="
            met = "yes" if figure.met else "no"
            return [figure.name, value, f"{sign} {figure.target:g}", met, figure.raw]
        case _:
            assert_never(outcome)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
