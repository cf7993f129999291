"""One operation, one file; each in its table, on its page, and in a test."""

from __future__ import annotations

import ast
import tomllib

import pytest

from cloudhand.api.products import BY_PRODUCT
from tests.rules.sources import ROOT, Source, below

_EACH = pytest.mark.parametrize("product", BY_PRODUCT)


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


def _by_file(product: str) -> dict[str, list[str]]:
    folder = below(f"src/cloudhand/api/{product}")
    declared = {source.path.stem: _declared(source) for source in folder}
    return {name: found for name, found in declared.items() if found}


def _wire_name(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


@_EACH
def test_each_file_declares_the_operation_that_it_is_named_for(product: str) -> None:
    assert {name: found for name, found in _by_file(product).items() if found != [name]} == {}


@_EACH
def test_what_is_declared_is_in_the_table(product: str) -> None:
    assert {_wire_name(name) for name in _by_file(product)} == set(BY_PRODUCT[product])


@_EACH
def test_the_table_is_in_the_order_of_names(product: str) -> None:
    assert list(BY_PRODUCT[product]) == sorted(BY_PRODUCT[product])


@_EACH
def test_each_operation_has_a_page(product: str) -> None:
    pages = "\n".join(path.read_text() for path in (ROOT / "docs" / "reference").rglob("*.md"))
    assert [name for name in BY_PRODUCT[product] if f"## {name}\n" not in pages] == []


@_EACH
def test_each_operation_is_called_by_a_test(product: str) -> None:
    tests = "\n".join(
        source.text for source in below("tests/api", "tests/compat", "tests/system", "tests/cli")
    )
    # The store of parameters has two kinds, whose operations are called in the same way.
    tests += tests.replace("{kind}", "") + tests.replace("{kind}", "Secret")
    assert [
        name
        for name, found in zip(BY_PRODUCT[product], sorted(_by_file(product)), strict=True)
        if name not in tests and f"{found}(" not in tests and f"{name}Request" not in tests
    ] == []


def test_each_operation_is_kept_apart_from_the_others() -> None:
    """The tool that checks the floors must know them all."""
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    apart = next(c["modules"] for c in linter["contracts"] if c["type"] == "independence")
    assert set(apart) == {
        f"cloudhand.api.{product}.{name}" for product in BY_PRODUCT for name in _by_file(product)
    }
