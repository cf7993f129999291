"""What becomes of a file that is sent."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cloudhand.core import file_verdict, instance
from cloudhand.core.file import (
    FILE_TARGET,
    Event,
    FileTarget,
    Overall,
    State,
    corrected,
    overall,
)
from cloudhand.core.ids import InstanceId, InvokeId
from cloudhand.core.instance import Agent, AgentKind
from cloudhand.core.machine import IllegalMove
from cloudhand.wire import agent as wire

NOW = datetime(2026, 1, 2, tzinfo=UTC)
TARGET = FileTarget(
    invoke_id=InvokeId("f-1"),
    instance_id=InstanceId("i-1"),
    created_at=NOW,
    updated_at=NOW,
    deadline_at=NOW,
)
AGENT = Agent(
    instance_id=InstanceId("i-1"),
    kind=AgentKind.PUBLISHED,
    key=b"",
    machine_id="machine",
    version="2.2.3.578",
    last_seen_at=NOW,
)


@pytest.mark.parametrize(
    "states, whole",
    [
        ("Success", Overall.SUCCESS),
        ("Success Success", Overall.SUCCESS),
        ("Success Pending Running Failed", Overall.PENDING),
        ("Success Running Failed", Overall.RUNNING),
        ("Failed Invalid Aborted Timeout Error", Overall.FAILED),
        ("Aborted", Overall.FAILED),
        ("Success Aborted", Overall.PARTIAL_FAILED),
    ],
)
def test_the_whole(states: str, whole: Overall) -> None:
    assert overall(State(state) for state in states.split()) is whole


@pytest.mark.parametrize(
    "report, event, code",
    [
        ({}, Event.WRITTEN, ""),
        ({"error_code": "1"}, Event.FAILED, "FileCreateFail"),
        ({"error_code": "2"}, Event.FAILED, "FileAuthorityInvalid"),
        ({"error_code": "3"}, Event.FAILED, "FileAuthorityInvalid"),
        ({"error_code": "4"}, Event.FAILED, "FilePathInvalid"),
        ({"error_code": "unknown"}, Event.FAILED, "FileCreateFail"),
        *(
            ({"kind": wire.INVALID, "param": param}, Event.REFUSED, code)
            for param, code in (
                ("FileNameInvalid", "FileNameInvalid"),
                ("FileExist", "FileAlreadyExists"),
                ("EmptyFile", "FileContentInvalid"),
                ("InvalidFileContent", "FileContentInvalid"),
                ("InvalidSignature", "FileContentInvalid"),
                ("InvalidFileMode", "FileAuthorityInvalid"),
                ("FileGroupNotExist", "UserGroupNotExists"),
                ("FileOwnerNotExist", "AccountNotExists"),
                ("something new", "FileCreateFail"),
            )
        ),
    ],
)
def test_what_a_report_means(report: dict[str, str], event: Event, code: str) -> None:
    given = {"kind": wire.FINISH, "task_id": "f-1", **report}
    said = file_verdict.of_report(wire.Report(file=True, **given))  # type: ignore[arg-type]
    assert (said.event, said.error_code, said.inferred) == (event, code, False)
    assert bool(said.error_info) is bool(code)


def test_what_the_machine_refuses_is_told_in_its_words() -> None:
    report = wire.Report(
        kind=wire.INVALID, task_id="f-1", param="RefusedByMachine", value="/r, line 1", file=True
    )
    said = file_verdict.of_report(report)
    assert (said.event, said.error_code) == (Event.REFUSED, "RefusedByMachine")
    assert said.error_info == "/r, line 1"


@pytest.mark.parametrize(
    "state, of_instance, online, event, code",
    [
        (State.PENDING, instance.State.STOPPED, False, Event.UNDELIVERED, "InstanceNotRunning"),
        (State.PENDING, instance.State.RUNNING, True, Event.UNDELIVERED, "DeliveryTimeout"),
        (State.PENDING, None, False, Event.UNDELIVERED, "ClientNotRunning"),
        (State.RUNNING, instance.State.STOPPED, False, Event.SILENT, "InstanceNotRunning"),
        (State.RUNNING, instance.State.REBOOTING, False, Event.SILENT, "ClientNotRunning"),
        (State.RUNNING, None, True, Event.SILENT, "ClientNotResponse"),
    ],
)
def test_what_a_silence_means(
    state: State, of_instance: instance.State | None, online: bool, event: Event, code: str
) -> None:
    target = replace(TARGET, state=state)
    said = file_verdict.of_silence(target, instance=of_instance, agent=AGENT, online=online)
    assert (said.event, said.error_code, said.inferred) == (event, code, True)
    assert FILE_TARGET.move(state, said.event) in FILE_TARGET.final


def test_an_inferred_verdict_is_corrected_by_testimony_and_no_other_is() -> None:
    silent = replace(TARGET, state=State.TIMEOUT, inferred=True)
    assert corrected(silent, Event.WRITTEN) is State.SUCCESS
    assert corrected(silent, Event.REFUSED) is State.INVALID
    with pytest.raises(IllegalMove):
        corrected(replace(silent, inferred=False), Event.WRITTEN)


@pytest.mark.parametrize(
    "system, version, taken",
    [
        ("linux", "1.0.2.568", False),
        ("linux", "1.0.2.569", True),
        ("linux", "2.2.3.578", True),
        ("windows", "1.0.0.148", False),
        ("windows", "1.0.0.149", True),
        ("freebsd", "1.0.0.1", True),
        ("linux", "nightly", True),
    ],
)
def test_agents_that_are_too_old_get_no_files(system: str, version: str, taken: bool) -> None:
    agent = replace(AGENT, os_type=system, version=version)
    assert (file_verdict.refusal(agent) is None) is taken
    assert file_verdict.refusal(replace(agent, kind=AgentKind.CLOUDHAND)) is None


def test_one_that_is_too_old_is_told_since_when_others_do() -> None:
    said = file_verdict.refusal(replace(AGENT, os_type="linux", version="1.0.2.568"))
    assert said is not None
    assert said.error_code == "ClientNeedUpgrade"
    assert said.error_info == "the agent 1.0.2.568 is too old to take files (since 1.x.2.569)"
