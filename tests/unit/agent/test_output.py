"""What is kept of an output, whatever the pieces in which it comes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudhand.agent.output import Keeper

TAIL = 24 * 1024


def kept(quota: int, pieces: list[bytes]) -> tuple[bytes, bytes]:
    """Head and tail."""
    keeper = Keeper(quota)
    head = b"".join(keeper.feed(piece) for piece in pieces)
    assert keeper.total == sum(map(len, pieces))
    return head, keeper.tail


@given(st.lists(st.binary(max_size=50)), st.integers(0, 100))
def test_what_fits_is_whole_and_of_what_does_not_head_and_tail_are_left(
    pieces: list[bytes], quota: int
) -> None:
    said = b"".join(pieces)
    head, tail = kept(quota, pieces)
    assert said.startswith(head)
    assert said.endswith(tail)
    assert len(head) + len(tail) == min(len(said), quota)


@pytest.mark.parametrize("quota", [TAIL * 3, 10 * 1024 * 1024])
def test_of_a_large_quota_the_tail_has_what_is_shown(quota: int) -> None:
    said = bytes(range(256)) * (quota // 256 + 200)
    head, tail = kept(quota, [said[at : at + 65536] for at in range(0, len(said), 65536)])
    assert (head, tail) == (said[: quota - TAIL], said[-TAIL:])


def test_a_head_that_ended_early_takes_no_more() -> None:
    keeper = Keeper(100)
    assert keeper.feed(b"x" * 30) == b"x" * 30
    keeper.end_head(10)  # the last ten could not be written
    assert keeper.feed(b"y" * 40) == b""
    assert (keeper.tail, keeper.total) == (b"y" * 40, 70)
