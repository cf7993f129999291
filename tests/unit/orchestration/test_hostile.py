"""Whatever is given as a template, it is one, or what is wrong is told: nothing else happens."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudhand.core.errors import TemplateInvalid
from cloudhand.orchestration.actions.library import Library
from cloudhand.orchestration.document import LIMIT, read

_ROOT = Path(__file__).parents[3]
# Those of the corpus, by which mutations come far.
TEXTS = sorted(
    path.read_text()
    for path in [
        *(_ROOT / "tests" / "rehearsals" / "templates").glob("*.yml"),
        *(_ROOT / "examples" / "templates").glob("*/template.yml"),
    ]
)
_fuzz = settings(max_examples=int(os.environ.get("CLOUDHAND_TEST_EXAMPLES", "100")), deadline=None)

_SNIPPETS = st.sampled_from(
    ["{{", "}}", "{{ ", "&a", "*a", "!!python/object:os.system ", "!!binary x", "<<: ", "? ", "- ",
     ": ", "\n", "\t", "\x00", "'", '"', "|", ">", "%YAML 9\n", "---\n", "...", "Fn::", "ACS::",
     "{{ oos-secret:x }}", "{{ ACS::TaskLoopItem }}", "1e999", ".nan", "-0", "0o7", "~", "null",
     "[", "]", "{", "}", "\U0001f600", "\u2028", "\ufeff"]
)  # fmt: skip


@pytest.fixture(scope="module")
def library() -> Library:
    return Library({})


def told(library: Library, text: str) -> list[str]:
    """What is wrong; nothing if it is a template."""
    try:
        library.parse(text)
    except TemplateInvalid as error:
        assert error.problems
        return [str(problem) for problem in error.problems]
    return []


@_fuzz
@given(st.data())
def test_a_template_that_was_changed_somewhere(library: Library, data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(TEXTS))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(start + 40, len(text))))
        put = data.draw(_SNIPPETS | st.text(max_size=5) | st.just(text[end : end + 200]))
        text = text[:start] + put + text[end:]
    told(library, text)


_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["{{ it }}", "{{ task.out }}", "ACS::END", "all", "10%", ".", "PT1M"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["Fn::If", "Fn::Equals", "Fn::Sub", "Fn::Jq", "Fn::Select", "Type", "x"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


def _places(value: Any) -> list[list[Any]]:
    """Where something stands in plain data: what holds it, and its key."""
    found: list[list[Any]] = []
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in pairs:
        found.append([value, key])
        if isinstance(one, dict | list):
            found += _places(one)
    return found


@_fuzz
@given(st.data())
def test_a_template_with_something_else_in_a_place(library: Library, data: st.DataObject) -> None:
    document = read(data.draw(st.sampled_from(TEXTS))).data
    for _ in range(data.draw(st.integers(1, 3))):
        holder, key = data.draw(st.sampled_from(_places(document)))
        if key in (holder if isinstance(holder, dict) else range(len(holder))):
            holder[key] = data.draw(_VALUES)
    told(library, json.dumps(document))


@_fuzz
@given(st.text(max_size=300) | st.binary(max_size=300).map(lambda raw: raw.decode("latin-1")))
def test_any_text(library: Library, text: str) -> None:
    assert told(library, text)


def _with(value: str) -> str:
    """A template with a value in the properties of its task."""
    return (
        "FormatVersion: OOS-2019-06-01\nTasks:\n  - Name: a\n    Action: ACS::Sleep\n"
        f"    Properties: {{Duration: {value}}}\n"
    )


@pytest.mark.parametrize(
    "value",
    [
        "'" + "{{ " * 10_000 + "'",
        "'" + "{{ a }}" * 5_000 + "'",
        "'" + "{{" * 20_000 + "}}" * 8_000 + "'",
        "{'Fn::Join': " * 20 + "[]" + "}" * 20,
        "[" * 60 + "]" * 60,
        "'" + "x" * 60_000 + "'",
        "9" * 5_000,
        "1e" + "9" * 5_000,
        "'{{ " + "a." * 10_000 + "b }}'",
        "'" + "\\u0000" * 5_000 + "'",
    ],
    ids=lambda value: value[:12],
)
def test_much_of_one_thing_is_read_or_refused(library: Library, value: str) -> None:
    assert len(_with(value)) < LIMIT + 1000
    told(library, _with(value))
