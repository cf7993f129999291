"""The judge of the soak: each way of saying what is not true is found, and the truth is not."""

from __future__ import annotations

import ast
import base64
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.soak.checker import Asked, Checker, Fault, Outage
from benchmarks.soak.marks import Marks
from benchmarks.soak.plans import Plan
from tests.rules.sources import ROOT

_SOAK = ROOT / "benchmarks" / "soak"
_OUTSIDE = ("api", "checker", "growth", "marks", "plans")  # what judges

_PLAN = Plan(uid="7", code=0, seconds=1.0, size=11, timeout=60, late=False)
_ASKED = Asked(invoke_id="t-1", plan=_PLAN, machines=("mi-1",), at=1000.0)
_RESULT = {
    "InvocationStatus": "Success",
    "ExitCode": 0,
    "ErrorCode": "",
    "ErrorInfo": "",
    "Output": base64.b64encode(b"helloworld\n").decode(),
    "Dropped": 0,
    "DeadlineTime": "",
    "FinishedTime": "1970-01-01T00:16:42Z",
}
_START, _END = "start 7 mi-1 boot-1 - 1001000", "end 7 mi-1 boot-1 0 1002000"


def _found(
    marks: list[str],
    result: dict[str, Any] | None,
    asked: Asked = _ASKED,
    *,
    now: float = 1010.0,
    outages: list[Outage] | None = None,
) -> list[str]:
    faults = _judge(marks, result, asked, now=now, outages=outages or [])
    return [fault.kind for fault in faults]


def _judge(
    lines: list[str],
    result: dict[str, Any] | None,
    asked: Asked,
    *,
    now: float,
    outages: list[Outage],
) -> list[Fault]:
    marks = Marks(Path("/nonexistent"))
    for line in lines:
        marks.add(line)
    results = {"mi-1": result} if result is not None else {}
    return Checker(marks).judge(asked, results, outages, now)


def _said(**changes: object) -> dict[str, Any]:
    return {**_RESULT, **changes}


def _of(**changes: Any) -> Asked:
    return replace(_ASKED, plan=replace(_PLAN, **changes))


_ERROR = _said(InvocationStatus="Error", ErrorCode="InstanceRestarted", ExitCode=None, Output="")
_TERMINATED = _said(InvocationStatus="Terminated", ExitCode=None, Output="")
_POWER = {
    "Action": "restart",
    "Status": "Done",
    "DeadlineTime": "",
    "BootIdBefore": "boot-1",
    "BootIdAfter": "boot-2",
}
_RESTARTED = _said(ExitCode=194, PowerAction=_POWER)
_END_194, _DOWN = "end 7 mi-1 boot-1 194 1002000", "down - mi-1 boot-1 - 1003000"


def test_what_is_true_is_no_fault() -> None:
    assert _found([_START, _END], _RESULT) == []
    assert _found([_START, "down - mi-1 boot-1 - 1001500"], _ERROR) == []
    assert _found([_START], _TERMINATED, replace(_ASKED, stop_asked_at=1001.5)) == []
    assert _found([], _said(InvocationStatus="Aborted", ErrorCode="ClientNotOnline")) == []
    assert _found([_START, _END_194, _DOWN], _RESTARTED, _of(code=194)) == []
    overrun = _said(InvocationStatus="Timeout", ExitCode=None, Output="")
    assert _found([_START], overrun, _of(seconds=90.0)) == []
    waits = _said(InvocationStatus="Running", DeadlineTime="1970-01-01T00:16:55Z")
    assert _found([_START], waits) == []


@pytest.mark.parametrize(
    ("marks", "result", "asked"),
    [
        ([_START, _END], None, _ASKED),
        ([_START, _END], _ERROR, _ASKED),
        ([_START, _END], _TERMINATED, replace(_ASKED, stop_asked_at=1005.0)),
    ],
)
def test_lost(marks: list[str], result: dict[str, Any] | None, asked: Asked) -> None:
    assert _found(marks, result, asked) == ["lost"]


def test_twice() -> None:
    assert _found([_START, _START, _END], _RESULT) == ["twice"]


def test_stuck() -> None:
    waits = _said(InvocationStatus="Running", DeadlineTime="1970-01-01T00:16:50Z")
    assert _found([_START], waits, now=1041.0) == ["stuck"]
    assert _found([_START], waits, now=1039.0) == []
    away = [Outage(began=1005.0, ended=1039.0)]
    assert _found([_START], waits, now=1060.0, outages=away) == []
    assert _found([_START], waits, now=1070.0, outages=away) == ["stuck"]
    put_off = _said(InvocationStatus="Running", DeadlineTime="2100-01-01T00:00:00Z")
    assert _found([_START], put_off, now=1211.0) == ["stuck"]
    held = {**_POWER, "Status": "Ordered", "DeadlineTime": "1970-01-01T00:16:50Z"}
    restarting = _said(ExitCode=194, PowerAction=held)
    assert _found([_START, _END_194], restarting, _of(code=194), now=1041.0) == ["stuck"]


@pytest.mark.parametrize(
    ("marks", "result", "asked"),
    [
        ([_START, _END], _said(ExitCode=3, InvocationStatus="Failed"), _ASKED),
        ([_START, _END], _said(InvocationStatus="Failed"), _ASKED),
        ([_START], _RESULT, _ASKED),
        ([], _RESULT, _ASKED),
        ([_START, _END], _said(Dropped=1), _ASKED),
        ([_START, _END], _said(Output=""), _ASKED),
        ([_START], _ERROR, _ASKED),
        ([_START], _TERMINATED, _ASKED),
        ([_START], _said(InvocationStatus="Aborted", ErrorCode="ClientNotOnline"), _ASKED),
        ([_START], _said(InvocationStatus="Timeout"), _ASKED),
        ([], _said(InvocationStatus="Invalid"), _ASKED),
        ([_START], _said(InvocationStatus="Running"), _ASKED),
        ([_START, _END_194, _DOWN], _said(ExitCode=194), _of(code=194)),
        ([_START, _END_194], _RESTARTED, _of(code=194)),
        (
            [_START, _END_194, _DOWN],
            {**_RESTARTED, "PowerAction": {**_POWER, "Status": "Overdue"}},
            _of(code=194),
        ),
        (
            [_START, _END_194, _DOWN],
            {**_RESTARTED, "PowerAction": {**_POWER, "BootIdAfter": "boot-1"}},
            _of(code=194),
        ),
        (
            [_START, _END_194, _DOWN],
            {**_RESTARTED, "PowerAction": {**_POWER, "BootIdBefore": "boot-0"}},
            _of(code=194),
        ),
        ([_START, _END], _said(PowerAction=_POWER), _ASKED),
        (
            [_START, "late 7 mi-1 boot-1 - 1050000"],
            _said(InvocationStatus="Timeout"),
            _of(seconds=90.0),
        ),
    ],
)
def test_wrong(marks: list[str], result: dict[str, Any], asked: Asked) -> None:
    assert _found(marks, result, asked) == ["wrong"]


def test_power_switches_are_used_as_scripts_asked() -> None:
    marks = Marks(Path("/nonexistent"))
    order = "order - mi-1 boot-1 restart 1002500"
    for line in (_START, _END_194, order, _DOWN):
        marks.add(line)
    checker = Checker(marks)
    assert checker.of_orders("mi-1", {"7": "restart"}) == []
    assert [fault.kind for fault in checker.of_orders("mi-1", {"7": ""})] == ["wrong"]
    marks.add(order)
    assert [fault.kind for fault in checker.of_orders("mi-1", {"7": "restart"})] == ["wrong"]


@pytest.mark.parametrize("name", _OUTSIDE)
def test_who_judges_knows_nothing_of_what_is_judged(name: str) -> None:
    tree = ast.parse((_SOAK / f"{name}.py").read_text())
    modules = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    modules += [
        one.name for node in ast.walk(tree) if isinstance(node, ast.Import) for one in node.names
    ]
    assert not [module for module in modules if module.split(".")[0] == "cloudhand"]
    ours = [module for module in modules if module.startswith("benchmarks")]
    assert set(ours) <= {f"benchmarks.soak.{one}" for one in _OUTSIDE} | {"benchmarks.soak"}


@pytest.mark.skipif(
    not os.environ.get("CLOUDHAND_TEST_SOAK"),
    reason="make soak does more of it: CLOUDHAND_TEST_SOAK=1",
)
@pytest.mark.timeout(600)
def test_a_short_soak(tmp_path: Path) -> None:
    words = [
        "--hours",
        "0.01",
        "--agents",
        "6",
        "--simulated",
        "30",
        "--rate",
        "1",
        "--kills",
        "120",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.soak", *words, "--results", str(tmp_path / "soak.json")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
