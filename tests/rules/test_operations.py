"""One operation, one file; each in its table, on its page, and in a test."""

from __future__ import annotations

import ast
import tomllib

from cloudhand.api.ecs.operations import OPERATIONS
from tests.rules.sources import ROOT, Source, below


def _declared(source: Source) -> list[str]:
    """The functions that are declared operations in a file."""
    return [
        node.name
        for node in ast.walk(source.tree)
        if isinstance(node, ast.AsyncFunctionDef)
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call)
        and isinstance(decorator.func, ast.Name)
        and decorator.func.id == "operation"
    ]


def _by_file() -> dict[str, list[str]]:
    declared = {source.path.stem: _declared(source) for source in below("src/cloudhand/api/ecs")}
    return {name: found for name, found in declared.items() if found}


def _wire_name(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def test_each_file_declares_the_operation_that_it_is_named_for() -> None:
    assert {name: found for name, found in _by_file().items() if found != [name]} == {}


def test_what_is_declared_is_in_the_table() -> None:
    assert {_wire_name(name) for name in _by_file()} == set(OPERATIONS)


def test_the_table_is_in_the_order_of_names() -> None:
    assert list(OPERATIONS) == sorted(OPERATIONS)


def test_each_operation_has_a_page() -> None:
    pages = "\n".join(path.read_text() for path in (ROOT / "docs" / "reference").rglob("*.md"))
    assert [name for name in OPERATIONS if name not in pages] == []


def test_each_operation_is_called_by_a_test() -> None:
    tests = "\n".join(
        source.text for source in below("tests/api", "tests/compat", "tests/system", "tests/cli")
    )
    assert [
        name
        for name, found in zip(OPERATIONS, sorted(_by_file()), strict=True)
        if name not in tests and f"{found}(" not in tests and f"{name}Request" not in tests
    ] == []


def test_each_operation_is_kept_apart_from_the_others() -> None:
    """The tool that checks the floors must know them all."""
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    apart = next(c["modules"] for c in linter["contracts"] if c["type"] == "independence")
    assert set(apart) == {f"cloudhand.api.ecs.{name}" for name in _by_file()}
