"""Small rules that no other tool knows."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rules.sources import ROOT, Source, below, ours

_WRITTEN = {".py", ".md", ".toml", ".sql", ".yml", ".yaml", ".txt", ".sh", ".cfg", ""}
# Spelled in pieces, so that this file does not break its own rule.
_ELSEWHERE = re.compile(r"\.\./" + r"shared|(?<![\w}.*])/" + r"work(?=[/ '\"`)]|$)", re.MULTILINE)
_LATER = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")


def _written() -> Iterator[Path]:
    """All that somebody wrote by hand, as far as it is in the repository."""
    folders = ["src", "tests", "scripts", "docs", "examples", ".ci", "benchmarks"]
    found = [path for folder in folders for path in (ROOT / folder).rglob("*")]
    for path in [*ROOT.iterdir(), *found]:
        kept = path.suffix in _WRITTEN and "__pycache__" not in path.parts
        if path.is_file() and kept and path.name != ".git":
            yield path


def _matches(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in _written()
        for match in pattern.finditer(path.read_text(errors="replace"))
    ]


def test_nothing_speaks_of_where_it_was_written() -> None:
    assert _matches(_ELSEWHERE) == []


def test_nothing_is_put_off() -> None:
    assert _matches(_LATER) == []


def _calls(source: Source, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(source.tree):
        match node:
            case ast.Call(func=ast.Name(id=called) | ast.Attribute(attr=called)):
                if called == name:
                    yield node


def _lets_others_go_on(call: ast.Call) -> bool:
    return bool(call.args) and isinstance(call.args[0], ast.Constant) and call.args[0].value == 0


def test_no_test_sleeps() -> None:
    """Programs of users may, who have nothing else to wait by."""
    sleeping = [
        source.at(call)
        for source in below("tests")
        if "programs" not in source.path.parts
        for call in _calls(source, "sleep")
        if not _lets_others_go_on(call)
    ]
    assert sleeping == []


def test_whoever_catches_everything_says_why() -> None:
    """Only the outermost loops may, and what must clean up before it raises again."""
    silent = []
    for source in ours():
        text = source.text.splitlines()
        for node in ast.walk(source.tree):
            if not isinstance(node, ast.ExceptHandler):
                continue
            broad = node.type is None or (
                isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException")
            )
            raises = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
            if broad and not raises and "#" not in text[node.lineno - 1]:
                silent.append(source.at(node))
    assert silent == []


def _dataclasses(source: Source) -> Iterator[tuple[ast.ClassDef, dict[str, object]]]:
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.ClassDef):
            continue
        for decorator in node.decorator_list:
            match decorator:
                case ast.Name(id="dataclass"):
                    yield node, {}
                case ast.Call(func=ast.Name(id="dataclass"), keywords=words):
                    yield node, {w.arg or "": ast.literal_eval(w.value) for w in words}


# Kept in one place by one owner, whose state they are.
_MUTABLE = frozenset[str]()
# Of the wire and the agent, which run on Python 3.9, and so know no kw_only.
_OLD = ("cloudhand.wire", "cloudhand.agent")
_FEW = 4  # statements in their bodies
# Alternatives of a union, with few fields, which are matched by their places.
_ALTERNATIVES = (
    "cloudhand.orchestration.action",
    "cloudhand.orchestration.conductor",
    "cloudhand.orchestration.expression",
)


def test_dataclasses_do_not_change() -> None:
    changing = {
        f"{source.module}.{node.name}"
        for source in ours()
        for node, words in _dataclasses(source)
        if not words.get("frozen")
    }
    assert changing == _MUTABLE


def test_the_fields_of_dataclasses_are_named_where_they_are_given() -> None:
    positional = [
        source.at(node)
        for source in ours()
        for node, words in _dataclasses(source)
        if not source.module.startswith(_OLD)
        and not words.get("kw_only")
        and not (source.module in _ALTERNATIVES and len(node.body) <= _FEW)
    ]
    assert positional == []


@pytest.mark.parametrize("name", ["utils", "common", "helpers", "base", "services", "managers"])
def test_no_module_is_a_drawer(name: str) -> None:
    assert [str(source.path) for source in ours() if source.path.stem == name] == []


def test_tests_are_packages() -> None:
    """Where they are not, two files of one name are one module, and the whole suite stops."""
    folders = {path.parent for path in (ROOT / "tests").rglob("test_*.py")}
    assert [folder for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []
