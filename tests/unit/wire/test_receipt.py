"""What is a receipt, and what is none."""

from __future__ import annotations

import json

import pytest

from cloudhand.wire.receipt import LISTED, Process, Receipt


def test_a_receipt_is_a_short_text() -> None:
    one = Receipt(how="cgroup", took=104, ended=2, pids=(7, 8), left=1, spared=(Process(9, "sh"),))
    text = '{"how":"cgroup","took":104,"ended":2,"pids":[7,8],"left":1,"spared":[[9,"sh"]]}'
    assert one.to_text() == text
    assert Receipt.from_text(text) == one
    longest = tuple(Process(4_194_304, "\x01" * 15) for _ in range(LISTED))
    full = Receipt(how="processes", took=9999, ended=99, survivors=longest, spared=longest)
    assert len(full.to_text()) < 5000


@pytest.mark.parametrize(
    "said",
    [
        "",
        "{",
        "[" * 100_000,
        "7",
        "[]",
        "{}",
        {"how": "magic"},
        {"took": "1"},
        {"took": -1},
        {"took": True},
        {"took": 1.5},
        {"ended": 10**10},
        {"pids": 1},
        {"pids": ["1"]},
        {"pids": [1] * (LISTED + 1)},
        {"survivors": [7]},
        {"survivors": [[7]]},
        {"survivors": [[7, 7]]},
        {"survivors": [["7", "sh"]]},
        {"spared": [[7, "x" * 65]]},
        {"spared": [[7, "\ud800"]]},
    ],
)
def test_what_is_no_receipt(said: object) -> None:
    text = json.dumps({"how": "cgroup", **said}) if isinstance(said, dict) else str(said)
    with pytest.raises(ValueError):
        Receipt.from_text(text)
