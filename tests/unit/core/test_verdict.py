"""What a report or a silence means."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cloudhand.core import verdict
from cloudhand.core.command import Command, CommandType
from cloudhand.core.ids import CommandId, InstanceId, InvokeId
from cloudhand.core.instance import Agent, AgentKind
from cloudhand.core.instance import State as InstanceState
from cloudhand.core.invocation import Event, Invocation, State, Target
from cloudhand.core.power import ExitCodePolicy, Kind
from cloudhand.wire import agent as wire

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RUNNING = Target(
    invoke_id=InvokeId("t-1"),
    instance_id=InstanceId("i-1"),
    state=State.RUNNING,
    created_at=NOW,
    updated_at=NOW,
    deadline_at=NOW,
    fetched_at=NOW,
    started_at=NOW,
)
OURS = Agent(
    instance_id=InstanceId("i-1"),
    kind=AgentKind.CLOUDHAND,
    key=b"k",
    machine_id="m",
    version=wire.COMPATIBLE_VERSION,
)
PUBLISHED = replace(OURS, kind=AgentKind.PUBLISHED, version="2.2.3.578")


ASKED = Invocation(
    id=InvokeId("t-1"),
    command=Command(id=CommandId("c-1"), type=CommandType.SHELL, content=b"true", timeout=10),
    created_at=NOW,
)


def judge(
    report: wire.Report,
    *,
    agent: Agent = OURS,
    target: Target = RUNNING,
    policy: ExitCodePolicy = ExitCodePolicy.SUCCESS,
    invocation: Invocation = ASKED,
) -> verdict.Verdict:
    return verdict.of_report(
        report, target=target, agent=agent, policy=policy, invocation=invocation
    )


def finish(code: int, power: str = "") -> wire.Report:
    return wire.Report(kind=wire.FINISH, task_id="t-1", start=1, end=2, exit_code=code, power=power)


@pytest.mark.parametrize(
    "report, agent, event, code, kind",
    [
        (finish(0), OURS, Event.SUCCEEDED, "", None),
        (finish(3), OURS, Event.FAILED, "ExitCodeNonzero", None),
        (finish(194, "restart"), OURS, Event.SUCCEEDED, "", Kind.RESTART),
        (finish(193, "stop"), OURS, Event.SUCCEEDED, "", Kind.STOP),
        # Our agent says when it acts; one that does not act has only a non-zero exit code.
        (finish(194), OURS, Event.FAILED, "ExitCodeNonzero", None),
        (finish(194), PUBLISHED, Event.SUCCEEDED, "", Kind.RESTART),
        (
            finish(194),
            replace(PUBLISHED, version="2.2.3.316"),
            Event.FAILED,
            "ExitCodeNonzero",
            None,
        ),
    ],
)
def test_ends(
    report: wire.Report, agent: Agent, event: Event, code: str, kind: Kind | None
) -> None:
    said = judge(report, agent=agent)
    assert (said.event, said.error_code, said.power) == (event, code, kind)
    assert said.exit_code == report.exit_code


@pytest.mark.parametrize("policy", list(ExitCodePolicy))
@pytest.mark.parametrize(("code", "kind"), [(193, Kind.STOP), (194, Kind.RESTART)])
def test_a_machine_that_refuses_power_has_it_said_with_the_result(
    policy: ExitCodePolicy, code: int, kind: Kind
) -> None:
    said = judge(replace(finish(code), refusal="the machine refuses: /r, line 1"), policy=policy)
    assert said == verdict.Verdict(
        event=Event.FAILED,
        exit_code=code,
        error_code="RefusedByMachine",
        error_info=f"exit code {code} asks for a {kind}; the machine refuses: /r, line 1",
        power=kind,
        power_refused=True,
    )


def test_a_refusal_of_what_no_exit_code_asks_for_says_nothing() -> None:
    said = judge(replace(finish(3), refusal="why"))
    assert (said.error_code, said.power, said.power_refused) == ("ExitCodeNonzero", None, False)


def test_documented_policy_fails_the_target_and_keeps_the_action() -> None:
    said = judge(finish(194, "restart"), policy=ExitCodePolicy.DOCUMENTED)
    assert (said.event, said.error_code, said.power) == (
        Event.FAILED,
        "ExitCodeNonzero",
        Kind.RESTART,
    )


@pytest.mark.parametrize("code", [193, 194])
def test_a_timeout_or_a_stop_with_such_a_code_is_no_power_action(code: int) -> None:
    for kind in (wire.TIMEOUT, wire.STOPPED):
        report = wire.Report(kind=kind, task_id="t-1", start=1, end=2, exit_code=code)
        assert judge(report, agent=PUBLISHED).power is None


@pytest.mark.parametrize(
    ("agent", "mode", "survivors", "ended"),
    [
        (OURS, "", (), "its whole tree was ended"),
        (OURS, "", (7, 8), "its tree was ended; still running: 7, 8"),
        (OURS, "Process", (), "its shell was ended"),
        (PUBLISHED, "", (), "its shell was ended"),
        (PUBLISHED, "ProcessTree", (), "its shell was ended"),
        (replace(PUBLISHED, version="2.2.3.631"), "", (), "its shell was ended"),
        (replace(PUBLISHED, version="2.2.3.631"), "ProcessTree", (), "its whole tree was ended"),
    ],
)
def test_a_timeout_names_its_bound_and_what_was_ended_and_has_no_exit_code(
    agent: Agent, mode: str, survivors: tuple[int, ...], ended: str
) -> None:
    report = wire.Report(
        kind=wire.TIMEOUT, task_id="t-1", start=1, end=2, exit_code=1, survivors=survivors
    )
    said = judge(report, agent=agent, invocation=replace(ASKED, termination_mode=mode))
    assert said.exit_code is None
    assert said.error_info == f"the command ran longer than its timeout of 10 s; {ended}"


def test_a_stop_that_left_survivors_says_so() -> None:
    report = wire.Report(kind=wire.STOPPED, task_id="t-1", start=1, end=2, survivors=(7, 8))
    said = judge(report)
    assert (said.event, said.error_code) == (Event.STOPPED, "TerminationException")
    assert "7, 8" in said.error_info


def test_a_stop_before_the_start_cancels() -> None:
    report = wire.Report(kind=wire.STOPPED, task_id="t-1", result="killed")
    assert judge(report, target=replace(RUNNING, started_at=None)).event is Event.CANCELLED


@pytest.mark.parametrize(
    "param, code",
    [
        ("TypeInvalid", "CommandNotApplicable"),
        ("workingDirectory", "DirectoryNotExists"),
        ("UsernameOrPasswordInvalid", "AccountNotExists"),
        ("InvalidEnvironmentParameter", "InvalidSystemBuiltInParameter"),
        ("RefusedByMachine", "RefusedByMachine"),
    ],
)
def test_refusals_have_the_published_codes(param: str, code: str) -> None:
    said = judge(wire.Report(kind=wire.INVALID, task_id="t-1", param=param, value="why"))
    assert (said.event, said.error_code, said.error_info) == (Event.REFUSED, code, "why")


def test_running_is_no_verdict() -> None:
    with pytest.raises(ValueError, match="running"):
        judge(wire.Report(kind=wire.RUNNING, task_id="t-1"))


@pytest.mark.parametrize(
    "target, instance, agent, online, event, code",
    [
        ("new", InstanceState.RUNNING, None, False, Event.UNDELIVERED, "ClientNotRunning"),
        ("new", InstanceState.RUNNING, OURS, False, Event.UNDELIVERED, "ClientNotOnline"),
        ("new", InstanceState.RUNNING, OURS, True, Event.UNDELIVERED, "DeliveryTimeout"),
        ("new", InstanceState.STOPPED, OURS, False, Event.UNDELIVERED, "InstanceNotRunning"),
        ("new", None, OURS, False, Event.UNDELIVERED, "ClientNotOnline"),
        ("running", InstanceState.RUNNING, OURS, True, Event.GONE, "ClientNotResponse"),
        ("running", InstanceState.RUNNING, OURS, False, Event.GONE, "ClientNotOnline"),
        ("running", InstanceState.STOPPED, OURS, False, Event.GONE, "InstanceNotRunning"),
        ("stopping", InstanceState.RUNNING, OURS, True, Event.GONE, "TerminationException"),
    ],
)
def test_silence(
    target: str,
    instance: InstanceState | None,
    agent: Agent | None,
    online: bool,
    event: Event,
    code: str,
) -> None:
    targets = {
        "new": replace(RUNNING, state=State.PENDING, fetched_at=None, started_at=None),
        "running": RUNNING,
        "stopping": replace(RUNNING, state=State.STOPPING),
    }
    said = verdict.of_silence(targets[target], instance=instance, agent=agent, online=online)
    assert (said.event, said.error_code, said.inferred) == (event, code, True)


@pytest.mark.parametrize(
    "agent, online, says",
    [
        (OURS, False, "the agent has never been online,"),
        (
            replace(OURS, last_seen_at=NOW),
            True,
            "the agent is online (its last heart-beat came at 2026-01-01T00:00:00Z), and has",
        ),
        (
            replace(OURS, last_seen_at=NOW),
            False,
            "the agent is not online (its last heart-beat came at 2026-01-01T00:00:00Z),",
        ),
        (
            replace(OURS, last_seen_at=NOW, gone_at=NOW + timedelta(seconds=20)),
            False,
            "the agent is not online since 2026-01-01T00:00:20Z (its last heart-beat",
        ),
    ],
)
def test_silence_says_what_is_known_of_the_agent(agent: Agent, online: bool, says: str) -> None:
    said = verdict.of_silence(RUNNING, instance=InstanceState.RUNNING, agent=agent, online=online)
    assert said.error_info.startswith(says)
