"""The reference pages say all that is declared."""

from __future__ import annotations

from cloudhand.api import reference
from cloudhand.api.ecs.operations import OPERATIONS


def test_every_operation_parameter_and_error_is_on_a_page() -> None:
    pages = reference.pages()
    for name, operation in OPERATIONS.items():
        section = pages["operations.md"].partition(f"## {name}\n")[2].partition("\n## ")[0]
        for parameter in operation.parameters.values():
            assert all(f"`{one}`" in section for one in parameter.names), (name, parameter.names)
        for error in operation.declared:
            assert f"`{error.code}`" in section
            assert f"| `{error.code}` | {error.status} | " in pages["errors.md"]


def test_operations_are_listed_in_the_order_of_their_names() -> None:
    assert list(OPERATIONS) == sorted(OPERATIONS)


def test_every_operation_says_what_it_does() -> None:
    for name, operation in OPERATIONS.items():
        assert operation.summary.startswith(f"{name}: ")
