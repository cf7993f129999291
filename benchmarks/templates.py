"""What templates cost a whole control plane: loops of commands, and executions that wait."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from statistics import median
from typing import Any

from benchmarks.costs import cpu_of_threads
from benchmarks.crowd import Crowd, crowd
from benchmarks.figure import Figure, Outcome, middle
from benchmarks.plane import ECHO, Plane, plane
from cloudhand.cli.client import OOS

_AT_ONCE = 50
_COMMANDS = {
    "FormatVersion": "OOS-2019-06-01",
    "Parameters": {"instances": {"Type": "List"}},
    "Tasks": [
        {
            "Name": "run",
            "Action": "ACS::ECS::RunCommand",
            "Properties": {
                "instanceId": "{{ ACS::TaskLoopItem }}",
                "commandType": "RunShellScript",
                "commandContent": ECHO,
            },
            "Loop": {
                "Items": "{{ instances }}",
                "RateControl": {"Mode": "Concurrency", "Concurrency": _AT_ONCE},
            },
        }
    ],
}
_WAITING = {
    "FormatVersion": "OOS-2019-06-01",
    "Tasks": [{"Name": "wait", "Action": "ACS::Sleep", "Properties": {"Duration": "PT23H"}}],
}
_SMALL_REPEATED = 4  # times in a round: each costs little, and little is noisy


def measure(*, quick: bool) -> list[Outcome]:
    return [_loops(quick=quick), _waits(quick=quick)]


def _loops(*, quick: bool) -> Figure:
    sizes, rounds = ((2, 6, 12, 24), 2) if quick else ((10, 60, 500, 1000), 3)
    least, small, large, most = sizes
    few: list[float] = []
    many: list[float] = []
    with plane() as control, crowd(control) as fleet:
        fleet.join(most)
        before = _rows(control)
        began = time.perf_counter()
        _cost(control, fleet, most)
        took, rows = time.perf_counter() - began, _rows(control) - before
        for _ in range(rounds):
            low = median(_cost(control, fleet, least) for _ in range(_SMALL_REPEATED))
            high = median(_cost(control, fleet, small) for _ in range(_SMALL_REPEATED))
            few.append((high - low) / (small - least))
            less, more = _cost(control, fleet, large), _cost(control, fleet, most)
            many.append((more - less) / (most - large))
    return Figure(
        name="marginal CPU per item of ACS::ECS::RunCommand, large loop / small loop",
        value=median(many) / median(few),
        unit="ratio",
        target=1.3,
        raw=f"{middle(many)} between {large} and {most} items / {middle(few)} between {least} and"
        f" {small}; {rows / most:.0f} rows an item, and {took:.0f} s for {most} of them,"
        f" {_AT_ONCE} at once",
    )


def _cost(control: Plane, fleet: Crowd, items: int) -> float:
    """Seconds of the control plane's CPU for a loop over so many simulated agents."""
    done = fleet.count().acknowledged
    before = cpu_of_threads(control.pid)
    execution_id = _start(control, _COMMANDS, instances=fleet.ids[:items])
    fleet.until(done + items)
    state = _until(control, execution_id, "Success", "Failed", "Cancelled")
    if state["Status"] != "Success":
        raise RuntimeError(f"the loop ended {state['Status']}: {state['StatusMessage']}")
    return cpu_of_threads(control.pid) - before


def _waits(*, quick: bool) -> Figure:
    executions, seconds = (20, 1.0) if quick else (1000, 20.0)
    with plane() as control:
        for _ in range(executions):
            last = _start(control, _WAITING)
        _until(control, last, "Running")
        while _begun(control) < executions:
            time.sleep(0.1)
        alone = cpu_of_threads(control.pid)
        time.sleep(seconds)
        spent = cpu_of_threads(control.pid) - alone
    return Figure(
        name="CPU of a control plane with waiting executions, between their due times",
        value=100 * spent / seconds,
        unit="% of a core",
        target=1,
        raw=f"{1000 * spent:.0f} ms in {seconds:.0f} s, with {executions} executions that wait",
    )


def _start(control: Plane, template: dict[str, Any], **parameters: object) -> str:
    order = {"TemplateContent": json.dumps(template), "Parameters": json.dumps(parameters)}
    started: str = control.client.call("StartExecution", order, version=OOS)["Execution"][
        "ExecutionId"
    ]
    return started


def _until(control: Plane, execution_id: str, *states: str) -> dict[str, Any]:
    while True:
        answer = control.client.call("ListExecutions", {"ExecutionId": execution_id}, version=OOS)
        found: dict[str, Any] = answer["Executions"][0]
        if found["Status"] in states:
            return found
        time.sleep(0.05)


def _begun(control: Plane) -> int:
    """Tasks that have begun to wait."""
    with closing(_opened(control)) as database:
        query = "SELECT count(*) FROM task_executions WHERE state = 'Running'"
        found: int = database.execute(query).fetchone()[0]
    return found


def _rows(control: Plane) -> int:
    """Of all tables."""
    with closing(_opened(control)) as database:
        names = database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        return sum(
            database.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for (name,) in names
        )


def _opened(control: Plane) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{control.state / 'cloudhand.sqlite'}?mode=ro", uri=True)
