"""The chain of records: whatever is changed, taken out or put in is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudhand.wire.audit import FIRST, Broken, Link, check, link, read


def chain(count: int) -> list[Link]:
    links: list[Link] = []
    for number in range(count):
        record = {"who": "ann", "what": f"t-{number} \u2028 键"}
        links.append(link(links[-1] if links else None, record))
    return links


def test_a_chain_is_whole_from_wherever_it_is_kept() -> None:
    links = chain(5)
    assert check(links) == (5, links[-1])
    assert check(links[2:]) == (3, links[-1])
    assert check([]) == (0, None)
    assert links[0].record == {
        "number": 1,
        "who": "ann",
        "what": "t-0 \u2028 键",
        "previous": FIRST,
    }


@given(st.dictionaries(st.text(), st.recursive(st.text() | st.integers(), st.lists)))
def test_a_line_is_read_as_it_was_written(record: dict[str, object]) -> None:
    record.pop("number", None)
    one = link(None, record)
    assert "\n" not in one.line
    assert read(one.line) == one
    assert json.loads(one.line) == {**one.record, "digest": one.digest}


def changed(links: list[Link]) -> list[Link]:
    links[2] = replace(links[2], text=links[2].text.replace("ann", "bob"))
    return links


def made_anew(links: list[Link]) -> list[Link]:
    """Changed with a digest that fits."""
    links[2] = link(links[1], {"who": "bob"})
    return links


def taken_out(links: list[Link]) -> list[Link]:
    return [*links[:2], *links[3:]]


def exchanged(links: list[Link]) -> list[Link]:
    links[2], links[3] = links[3], links[2]
    return links


def twice(links: list[Link]) -> list[Link]:
    return [*links[:3], *links[2:]]


def begun_anew(links: list[Link]) -> list[Link]:
    return [link(Link(number=0, text="{}", digest="1" * 64), {"who": "ann"}), *links[1:]]


@pytest.mark.parametrize(
    ("tamper", "says"),
    [
        (changed, "record 3 was changed"),
        (made_anew, "record 4 does not follow record 3"),
        (taken_out, "after record 2 comes 4: some are missing"),
        (exchanged, "after record 2 comes 4"),
        (twice, "after record 3 comes 3"),
        (begun_anew, "record 1 does not begin the chain"),
    ],
)
def test_what_was_done_to_a_chain_is_told(
    tamper: Callable[[list[Link]], list[Link]], says: str
) -> None:
    with pytest.raises(Broken, match=says):
        check(tamper(chain(6)))


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{}",
        '{"number":1}',
        '{"number":"1","digest":"' + "0" * 64 + '"}',
        '["number","digest":"' + "0" * 64 + '"}',
        '{"who":"ann","digest":"' + "0" * 64 + '"}',
        chain(1)[0].line[:-1],
    ],
)
def test_what_is_no_record_is_told(line: str) -> None:
    with pytest.raises(Broken, match="this is no record"):
        read(line)
