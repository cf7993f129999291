"""Each fault point has one place, one name, and one line that says what it separates."""

from __future__ import annotations

import ast

from cloudhand import faults
from tests.rules.sources import ours


def _points() -> list[str]:
    found = []
    for source in ours():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "faults.point":
                (name,) = node.args
                assert isinstance(name, ast.Constant), f"no literal at {source.at(node)}"
                found.append(str(name.value))
    return found


def test_each_is_registered_and_stands_in_one_place() -> None:
    assert sorted(_points()) == sorted(faults.POINTS)


def test_only_tests_listen() -> None:
    assert [one.path for one in ours() if "faults.hook" in one.text] == []
