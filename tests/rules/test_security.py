"""Each attack that the page of security tells of is one that a test carries out."""

from __future__ import annotations

import re

from tests.rules.sources import ROOT, below, functions

_PAGE = ROOT / "docs" / "explanation" / "security.md"
_ROW = re.compile(r"^\| (\d+) \|.*\| (.*) \|$", re.MULTILINE)
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def _stories(text: str) -> list[tuple[int, list[tuple[str, str]]]]:
    return [(int(number), _TEST.findall(tests)) for number, tests in _ROW.findall(text)]


def _missing(stories: list[tuple[int, list[tuple[str, str]]]]) -> list[str]:
    there = {
        (str(source.path), function.name)
        for source in below("tests")
        for function in functions(source.tree)
    }
    return [
        f"{number}: {path}::{name}"
        for number, tests in stories
        for path, name in tests or [("", "no test")]
        if (path, name) not in there
    ]


def test_each_story_has_a_test() -> None:
    stories = _stories(_PAGE.read_text())
    assert [number for number, _ in stories] == list(range(1, len(stories) + 1))
    assert len(stories) >= 20
    assert _missing(stories) == []


def test_a_story_without_one_is_found() -> None:
    text = (
        "| 1 | who | what | `tests/rules/test_security.py::test_nothing` |\n| 2 | who | what | |\n"
    )
    told = _missing(_stories(text.replace("| |", "|  |")))
    assert told == ["1: tests/rules/test_security.py::test_nothing", "2: ::no test"]
