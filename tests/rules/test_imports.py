"""Who needs whom is said at the head of each file, for the tool that checks the floors."""

from __future__ import annotations

import ast
import re
import sys
import tomllib

from tests.rules.sources import ROOT, Source, below, ours

# Loaded by programs of users, who bring what it stands on.
_OF_USERS = {"cloudhand.pytest", "cloudhand.passage.start_up_hook"}


def _imported(node: ast.AST) -> list[str]:
    match node:
        case ast.Import():
            return [alias.name for alias in node.names]
        case ast.ImportFrom():
            return ["." * node.level + (node.module or "")]
        case ast.Call(func=ast.Name(id="__import__") | ast.Attribute(attr="import_module")):
            return [str(arg.value) for arg in node.args[:1] if isinstance(arg, ast.Constant)]
        case _:
            return []


def _hidden(source: Source) -> list[str]:
    at_the_head = set(source.tree.body)
    return [
        f"{source.path}:{getattr(node, 'lineno', 0)} imports {name}"
        for node in ast.walk(source.tree)
        if node not in at_the_head
        for name in _imported(node)
        if name.startswith((".", "cloudhand", "tests"))
    ]


def test_no_import_of_ours_hides() -> None:
    """In a function, in a condition, or as a call."""
    assert [line for source in below("src", "tests", "scripts") for line in _hidden(source)] == []


def test_imports_are_absolute() -> None:
    relative = [
        source.at(node)
        for source in below("src", "tests")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == []


def test_the_package_does_not_know_its_tests() -> None:
    told = [
        f"{source.path} imports {name}"
        for source in ours()
        for node in ast.walk(source.tree)
        for name in _imported(node)
        if name.split(".")[0] in ("tests", "scripts", "benchmarks")
    ]
    assert told == []


_IN_ONE_FILE = {"tomli"}  # where the agent's Python has no tomllib; ours has
_IMPORTED_AS = {"prometheus-client": "prometheus_client", "PyYAML": "yaml"}


def _top_levels(source: Source) -> set[str]:
    found = [name for node in ast.walk(source.tree) for name in _imported(node)]
    foreign = {name.split(".")[0] for name in found} - {"cloudhand"} - sys.stdlib_module_names
    return {name for name in foreign if not name.startswith("_")}  # other Pythons' own


def test_what_is_imported_is_installed_with_it() -> None:
    """Otherwise only those who have the tests' libraries could start it."""
    imported = set[str]().union(
        *(_top_levels(source) for source in ours() if source.module not in _OF_USERS)
    )
    with (ROOT / "pyproject.toml").open("rb") as file:
        declared = tomllib.load(file)["project"]["dependencies"]
    installed = {re.split(r"[^\w-]", text, maxsplit=1)[0] for text in declared}
    assert imported - _IN_ONE_FILE - {_IMPORTED_AS.get(name, name) for name in installed} == set()
