"""The judge of runs lets what is true pass, and finds each way in which it is not."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest

from tests.faults.checker import LOST, STUCK, TWICE, WRONG, Run, Sent, check
from tests.faults.tally import Tally


def _told(status: str = "Success", code: str = "", output: bytes = b"hello", **more: Any) -> Any:
    said = base64.b64encode(output).decode()
    return {"InvocationStatus": status, "ErrorCode": code, "Output": said, "Dropped": 0, **more}


_POWER = {"Action": "restart", "Status": "Done", "BootIdBefore": "b1", "BootIdAfter": "b2"}
_SENT = Sent(
    name="f", content=b"x", found=b"x", told={"InvocationStatus": "Success", "ErrorCode": ""}
)
_ENDED = Run(
    name="r",
    end="exit 0",
    lines=("begin b1", "end b1 0"),
    produced=b"hello",
    told=_told(ExitCode=0),
    boots=("b1",),
)
_RESTARTED = replace(
    _ENDED,
    end="exit 194",
    lines=("begin b1", "end b1 194"),
    told=_told(ExitCode=194, PowerAction=_POWER),
    boots=("b1", "b2"),
    asked_of_machine=("restart",),
)
_STOPPED = replace(_ENDED, end="stop", lines=("begin b1",), told=_told("Terminated"))
_CUT_OFF = replace(
    _ENDED,
    end="reboot",
    lines=("begin b1",),
    told=_told("Error", "InstanceRestarted"),
    boots=("b1", "b2"),
    asked_of_machine=("restart",),
)
_POWER_CUT = replace(_CUT_OFF, asked_of_machine=(), power_cuts=1, unwritten=True)
_SWITCHED_OFF = replace(
    _ENDED,
    end="exit 193",
    lines=("begin b1", "end b1 193"),
    told=_told(ExitCode=193, PowerAction={"Action": "stop", "Status": "Done"}),
    asked_of_machine=("stop",),
    machine_on=False,
)
_BACK_BY_ITSELF = replace(
    _SWITCHED_OFF, asked_of_machine=("stop", "stop"), boots=("b1", "b2"), power_cuts=1
)
_REFUSED = replace(_ENDED, lines=(), told=_told("Error", "X"), unwritable=True)


@pytest.mark.parametrize(
    "run",
    [
        _ENDED,
        _RESTARTED,
        _STOPPED,
        replace(_STOPPED, told=_told("Terminated", output=b"hel")),
        _CUT_OFF,
        _POWER_CUT,
        _SWITCHED_OFF,
        _BACK_BY_ITSELF,
        _REFUSED,
        _SENT,
        replace(_SENT, found=None, unwritable=True, told={**_told("Failed", "X")}),
    ],
)
def test_what_is_true_passes(run: Run | Sent) -> None:
    assert check(run) == []


@pytest.mark.parametrize(
    ("run", "kind"),
    [
        (replace(_ENDED, lines=(*_ENDED.lines, "begin b1")), TWICE),
        (replace(_ENDED, told=None), LOST),
        (replace(_ENDED, told=_told("Running")), STUCK),
        (replace(_ENDED, told=_told(ExitCode=3)), WRONG),
        (replace(_ENDED, told=_told("Failed", ExitCode=0)), WRONG),
        (replace(_ENDED, told=_told(output=b"hell", ExitCode=0)), LOST),
        (replace(_ENDED, told=_told(output=b"world", ExitCode=0)), WRONG),
        (replace(_ENDED, told={**_told(output=b"ell", ExitCode=0), "Dropped": 2}), WRONG),
        (replace(_ENDED, told=_told("Error", "ExecutionInterrupted")), LOST),
        (replace(_ENDED, lines=("begin b1",)), WRONG),
        (replace(_ENDED, asked_of_machine=("restart",)), WRONG),
        (replace(_ENDED, lines=(), told=_told("Aborted", "DeliveryTimeout")), LOST),
        (replace(_RESTARTED, asked_of_machine=("restart", "restart")), WRONG),
        (replace(_RESTARTED, asked_of_machine=()), WRONG),
        (replace(_RESTARTED, boots=("b1", "b2", "b3")), WRONG),
        (replace(_RESTARTED, told=_told(ExitCode=194)), WRONG),
        (
            replace(
                _RESTARTED,
                told=_told(ExitCode=194, PowerAction={**_POWER, "Status": "Ordered"}),
            ),
            STUCK,
        ),
        (replace(_STOPPED, survivors=1), WRONG),
        (replace(_STOPPED, end="timeout"), WRONG),
        (replace(_STOPPED, told=_told("Cancelled")), WRONG),
        (replace(_STOPPED, told=_told("Terminated", output=b"other")), WRONG),
        (replace(_CUT_OFF, boots=("b1",)), WRONG),
        (replace(_CUT_OFF, asked_of_machine=()), WRONG),
        (replace(_POWER_CUT, power_cuts=0), WRONG),
        (replace(_SWITCHED_OFF, machine_on=True), WRONG),
        (replace(_BACK_BY_ITSELF, power_cuts=0), WRONG),
        (replace(_BACK_BY_ITSELF, asked_of_machine=("stop",) * 3), WRONG),
        (replace(_RESTARTED, power_cuts=1, asked_of_machine=("restart",) * 2), WRONG),
        (replace(_REFUSED, unwritable=False), LOST),
        (replace(_REFUSED, lines=("begin b1",)), LOST),
        (replace(_SENT, found=None), LOST),
        (replace(_SENT, found=b""), WRONG),
        (replace(_SENT, parts=("part",)), WRONG),
        (replace(_SENT, told=_told("Failed", "X")), WRONG),
        (replace(_SENT, told=_told("Pending")), STUCK),
        (replace(_SENT, found=None, told=_told("Failed", "X")), LOST),
    ],
)
def test_what_is_not_is_found(run: Run | Sent, kind: str) -> None:
    assert {finding.kind for finding in check(run)} == {kind}


def test_a_tally_counts_by_cell_and_is_read_again() -> None:
    tally, other = Tally("real", 1), Tally("real", 1)
    tally.add(_ENDED, "agent.ack", "5xx", hit=True)
    tally.add(replace(_ENDED, told=None), "agent.ack", "5xx", hit=True)
    other.add(_ENDED, "agent.exit", "5xx", hit=False)
    other.boots = 3
    tally.merge(other)

    told = Tally.from_json(tally.to_json()).to_json()

    assert (told["runs"], told["hits"], told["lost"], told["boots"]) == (3, 2, 1, 3)
    assert told["cells"] == {"agent.ack|5xx|exit 0": 2}
    assert told["points"] == {"agent.ack": 2, "agent.exit": 0}
    assert tally.never() == ["agent.exit"]
    assert "never hit: agent.exit" in tally.say()
