"""The table that compares systems: its rule, and that it says what was played."""

from __future__ import annotations

import ast
import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.peers import page, verdict
from benchmarks.peers.faults import FAULTS
from benchmarks.peers.verdict import Kind, Said, Truth, Verdict, judge
from tests.rules.sources import ROOT

_RAW = ROOT / "benchmarks" / "peers" / "raw"
_SAID = Said(kind=Kind.ENDED, exit_code=3, output="one\ntwo")
_TRUTH = Truth(
    began=1,
    ended=1,
    exit_code=3,
    output="one\ntwo",
    left=(),
    restarts=0,
    restart_asked=False,
    stop_asked=False,
    there=True,
)
_CUT_OFF = replace(_TRUTH, ended=0)
_RESTARTED = replace(_TRUTH, restarts=1, restart_asked=True)
_STOPPED = replace(_SAID, kind=Kind.STOPPED, exit_code=None)
_UNKNOWN = replace(_SAID, kind=Kind.UNKNOWN, exit_code=None)
_REFUSED = replace(_SAID, kind=Kind.REFUSED, exit_code=None)


@pytest.mark.parametrize(
    ("said", "truth", "expected"),
    [
        (_SAID, _TRUTH, Verdict.RIGHT),
        (_SAID, replace(_TRUTH, began=2), Verdict.TWICE),
        (_SAID, _CUT_OFF, Verdict.WRONG),
        (_SAID, replace(_TRUTH, exit_code=0), Verdict.WRONG),
        (replace(_SAID, output="two"), _TRUTH, Verdict.SILENT),
        (replace(_SAID, output="two", tells_missing=True), _TRUTH, Verdict.RIGHT),
        (_SAID, replace(_TRUTH, stop_asked=True, left=("sleep",)), Verdict.SILENT),
        (replace(_SAID, restarted=True), _RESTARTED, Verdict.RIGHT),
        (replace(_SAID, restarted=True), replace(_RESTARTED, restarts=2), Verdict.TWICE),
        (replace(_SAID, restarted=True), replace(_RESTARTED, restarts=0), Verdict.WRONG),
        (replace(_SAID, restarted=False), _RESTARTED, Verdict.WRONG),
        (_SAID, _RESTARTED, Verdict.LOST),
        (_STOPPED, _CUT_OFF, Verdict.RIGHT),
        (_STOPPED, _TRUTH, Verdict.WRONG),
        (_STOPPED, replace(_CUT_OFF, left=("sleep",)), Verdict.SILENT),
        (replace(_STOPPED, tells_left=True), replace(_CUT_OFF, left=("sleep",)), Verdict.RIGHT),
        (_UNKNOWN, _TRUTH, Verdict.LOST),
        (_UNKNOWN, replace(_CUT_OFF, there=False), Verdict.RIGHT),
        (_REFUSED, replace(_CUT_OFF, began=0), Verdict.RIGHT),
        (_REFUSED, _TRUTH, Verdict.WRONG),
        (replace(_SAID, kind=Kind.NOTHING), _TRUTH, Verdict.STUCK),
    ],
)
def test_the_rule(said: Said, truth: Truth, expected: Verdict) -> None:
    assert judge(said, truth)[0] is expected


def test_the_rule_knows_no_system() -> None:
    tree = ast.parse(Path(verdict.__file__).read_text())
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)} | {
        name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
    }
    assert imported == {"__future__", "dataclasses", "enum"}


def test_the_harness_knows_cloudhand_only_by_its_command() -> None:
    for path in (ROOT / "benchmarks" / "peers").glob("*.py"):
        assert "import cloudhand" not in path.read_text()
        assert "from cloudhand" not in path.read_text()


def test_the_tables_say_what_was_played() -> None:
    for name, text in page.pages().items():
        assert (ROOT / name).read_text() == text, f"{name} is stale: run 'make docs'"


def test_all_was_played_and_can_be_looked_at() -> None:
    played = json.loads((ROOT / "benchmarks" / "peers.json").read_text())
    names = [fault.name for fault in FAULTS]
    assert [fault["name"] for fault in played["faults"]] == names
    for system, one in played["systems"].items():
        assert list(one["faults"]) == names
        # Without this the harness did not hear it, and all else means nothing.
        assert one["faults"]["nothing"]["verdict"] == Verdict.RIGHT
        assert {verdict["verdict"] for verdict in one["faults"].values()} <= set(Verdict)
        for name in names:
            raw = (_RAW / f"{name}-{system}.log").read_text()
            assert f"{one['faults'][name]['verdict']}: " in raw.splitlines()[-1]
    assert sum(path.stat().st_size for path in _RAW.iterdir()) < 500_000
