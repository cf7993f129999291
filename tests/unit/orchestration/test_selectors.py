"""Which program a selector means."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from cloudhand.orchestration import selectors
from cloudhand.orchestration.programs import ProgramError
from cloudhand.programs.pool import Pool


@pytest.fixture
async def programs() -> AsyncIterator[Pool]:
    pool = Pool()
    yield pool
    await pool.close()


@pytest.mark.parametrize(
    ("selector", "program"),
    [
        ("InvokeId", ".InvokeId"),
        (".InvokeId", ".InvokeId"),
        ("Instances.Instance[].InstanceId", ".Instances.Instance[].InstanceId"),
        (" Status ", ".Status"),
        ("_x", "._x"),
        (".", "."),
        ("Code | not", ".Code | not"),
        ("length", ".length"),
        ("Items[] | select(.a)", ".Items[] | select(.a)"),
        ("map(.a)", "map(.a)"),
        ("if .a then 1 else 2 end", "if .a then 1 else 2 end"),
        ("iffy", ".iffy"),
        ("reduce .[] as $x (0; . + $x)", "reduce .[] as $x (0; . + $x)"),
        ("foreach .[] as $x (0; . + $x)", "foreach .[] as $x (0; . + $x)"),
        ("def f: 1; f", "def f: 1; f"),
        ("try error", "try error"),
        ("label $out | 1", "label $out | 1"),
        ('"text"', '"text"'),
        ("[.a]", "[.a]"),
        ("{a: 1}", "{a: 1}"),
        ("(1)", "(1)"),
        ("-1", "-1"),
        ("1", "1"),
        ('a["b.c"]', '.a["b.c"]'),
        ("ünicode", "ünicode"),
    ],
)
def test_program(selector: str, program: str) -> None:
    assert selectors.program(selector) == program


@pytest.mark.parametrize(
    ("selector", "kind", "document", "value"),
    [
        ("a[]", "List", {"a": [1, 2]}, [1, 2]),
        ("a[]", "List", {"a": []}, []),
        ("a", "List", {"a": None}, [None]),
        ("a", "List", {"a": [1, 2]}, [[1, 2]]),
        ("a[]", "array", {"a": [1]}, [1]),
        ("a[]", "String", {"a": [1, 2]}, 1),
        ("a[]", "String", {"a": []}, None),
        ("a", "Json", {"a": [1, 2]}, [1, 2]),
        ("a", "Number", {"a": "x"}, "x"),
        ("a", "String", {"a": 5}, 5),
        ("b", "String", {"a": 1}, None),
        ("empty", "String", {"empty": 1}, 1),
        (".a, .b", "List", {"a": 1, "b": 2}, [1, 2]),
    ],
)
async def test_what_is_selected(
    programs: Pool, selector: str, kind: str, document: Any, value: Any
) -> None:
    found = await selectors.select(selector, document, kind=kind, programs=programs)
    assert found == value


async def test_what_cannot_be_selected(programs: Pool) -> None:
    with pytest.raises(ProgramError, match="Cannot iterate over null"):
        await selectors.select("a[]", {}, kind="List", programs=programs)
    assert await selectors.select("a[]?", {}, kind="List", programs=programs) == []
