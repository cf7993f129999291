"""The reference pages say all that is declared."""

from __future__ import annotations

import re

import pytest

from cloudhand.api import action_reference, reference
from cloudhand.api.products import BY_PRODUCT
from cloudhand.orchestration.actions import ACTIONS
from cloudhand.orchestration.actions.library import Library

_PAGES = {
    "ecs": "operations.md",
    "location": "operations-location.md",
    "oos": "operations-oos.md",
    "ram": "operations-ram.md",
    "sts": "operations-sts.md",
    "vpc": "operations-vpc.md",
}
_EACH = pytest.mark.parametrize("product", BY_PRODUCT)


@_EACH
def test_every_operation_parameter_and_error_is_on_a_page(product: str) -> None:
    pages = reference.pages()
    for name, operation in BY_PRODUCT[product].items():
        section = pages[_PAGES[product]].partition(f"## {name}\n")[2].partition("\n## ")[0]
        for parameter in operation.parameters.values():
            assert all(f"`{one}`" in section for one in parameter.names), (name, parameter.names)
        for error in operation.declared:
            assert f"`{error.code}`" in section
            assert f"| `{error.code}` | {error.status} | " in pages["errors.md"]


@_EACH
def test_every_operation_says_what_it_does(product: str) -> None:
    for name, operation in BY_PRODUCT[product].items():
        assert operation.summary.startswith(f"{name}: ")


def test_every_action_and_property_is_on_the_page() -> None:
    page = action_reference.pages()["actions.md"]
    for name, action in ACTIONS.items():
        section = page.partition(f"### {name}\n")[2].partition("\n### ")[0]
        assert all(f"| `{one}` |" in section for one in action.properties), name
        notes = [one.get("Description", "") for one in action.properties.values()]
        assert all(told in section for told in (action.detail, action.gives, *notes)), name
    library = Library({})
    for text in [*library.actions.values(), *library.public.values()]:
        section = page.partition(f"### {text.name}\n")[2].partition("\n### ")[0]
        template = library.parse(text.text)
        assert all(f"| `{one.name}` |" in section for one in template.parameters.values()), (
            text.name
        )
        assert all(f"`{one.name}` (" in section for one in template.outputs), text.name


def test_each_link_on_the_page_of_actions_leads_to_a_section() -> None:
    pages = {**action_reference.pages(), **reference.pages()}
    anchors = {
        name: {
            re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
            for title in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        }
        for name, text in pages.items()
    }
    links = re.findall(r"\]\((operations[\w-]*\.md|)#([\w-]+)\)", pages["actions.md"])
    assert links
    assert [one for one in links if one[1] not in anchors[one[0] or "actions.md"]] == []
