"""What a report, a silence or a restart means for a target: an event and its reasons. Pure.

The error codes are the per-instance ErrorCode values of the published API.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import assert_never

from cloudhand.core import power
from cloudhand.core.agent_version import ends_trees, lacks
from cloudhand.core.ids import BootId
from cloudhand.core.instance import Agent, AgentKind
from cloudhand.core.instance import State as InstanceState
from cloudhand.core.invocation import BY_HAND, Event, Invocation, Target
from cloudhand.core.invocation import State as TargetState
from cloudhand.wire import agent as wire
from cloudhand.wire import times


@dataclass(frozen=True, kw_only=True)
class Verdict:
    event: Event
    exit_code: int | None = None
    error_code: str = ""
    error_info: str = ""
    power: power.Kind | None = None  # the action that the agent takes next
    power_refused: bool = False  # or does not take
    inferred: bool = False  # nobody who was there said so


# What agents say is wrong (param of an invalid report), and what the API calls it.
_INVALID_CODES = {
    wire.REFUSED_BY_MACHINE: wire.REFUSED_BY_MACHINE,
    "TypeInvalid": "CommandNotApplicable",
    "CommandContentInvalid": "CommandContentDecodeError",
    "workingDirectory": "DirectoryNotExists",
    "UsernameOrPasswordInvalid": "AccountNotExists",
    "InvalidEnvironmentParameter": "InvalidSystemBuiltInParameter",
    "RoleNameFailed": "InstanceRoleInvalid",
    "ParameterStoreNotAccessible": "QueryParameterStoreFailed",
    "ParameterFailed": "QueryParameterStoreFailed",
}
# Where the API has another code for one of the reasons, by how that begins.
_INVALID_REASONS = {
    "workingDirectory": ("DefaultWorkingDirectoryNotAvailable",) * 2,
    "UsernameOrPasswordInvalid": ("UsernameOrPasswordInvalid_", "UserOrPasswordInvalid"),
}

# Codes that an error report may name itself; any other is an ExecutionException.
_NAMED_ERRORS = frozenset({"TaskConcurrencyLimit", "TerminationException", "ExecutionException"})

_INTERRUPTIONS = {
    "InstanceRestarted": "the instance was restarted while the command ran",
    "ClientRestarted": "the agent was restarted while the command ran, and keeps no journal",
    "ExecutionInterrupted": "the agent ended while the command ran, and nobody saw its end",
}


def of_report(
    report: wire.Report,
    *,
    target: Target,
    agent: Agent,
    policy: power.ExitCodePolicy,
    invocation: Invocation | None = None,
) -> Verdict:
    """What a final report says. A ``running`` report is no verdict: ValueError.

    ``invocation`` is needed for a ``timeout`` alone.
    """
    match report.kind:
        case wire.FINISH:
            return _finished(report, agent, policy)
        case wire.VERIFIED:
            return Verdict(event=Event.VERIFIED)
        case wire.TIMEOUT:
            assert invocation is not None
            return _overran(report, agent, invocation)
        case wire.STOPPED:
            return _stopped(report, target, agent)
        case wire.ERROR:
            return Verdict(event=Event.BROKE, error_code=_named(report), error_info=_why(report))
        case wire.INVALID:
            return _refused(report)
        case wire.INTERRUPTED:
            code = (
                report.error_code if report.error_code in _INTERRUPTIONS else "ExecutionInterrupted"
            )
            info = report.error_description or _INTERRUPTIONS[code]
            return Verdict(
                event=Event.INTERRUPTED, error_code=code, error_info=info + _survivors(report)
            )
        case _:
            raise ValueError(f"cannot judge a {report.kind} report")


def _finished(report: wire.Report, agent: Agent, policy: power.ExitCodePolicy) -> Verdict:
    refused = wire.POWER_BY_EXIT_CODE.get(report.exit_code) if report.refusal else None
    if refused:
        # The command did not do what it was written for.
        return Verdict(
            event=Event.FAILED,
            exit_code=report.exit_code,
            error_code=wire.REFUSED_BY_MACHINE,
            error_info=f"exit code {report.exit_code} asks for a {refused}; {report.refusal}",
            power=power.Kind(refused),
            power_refused=True,
        )
    kind = _announced(report, agent)
    honoured = kind is not None and policy is power.ExitCodePolicy.SUCCESS
    if report.exit_code == 0 or honoured:
        return Verdict(event=Event.SUCCEEDED, exit_code=report.exit_code, power=kind)
    return Verdict(
        event=Event.FAILED,
        exit_code=report.exit_code,
        error_code="ExitCodeNonzero",
        error_info="the exit code of the command is not 0",
        power=kind,
    )


def _announced(report: wire.Report, agent: Agent) -> power.Kind | None:
    """The power action to come: our agent says so itself, the published one acts by its version."""
    match agent.kind:
        case AgentKind.CLOUDHAND:
            return power.Kind(report.power) if report.power else None
        case AgentKind.PUBLISHED:
            return power.asked_by(
                report.exit_code, agent_version=agent.version, os_type=agent.os_type
            )
        case _:
            assert_never(agent.kind)


def _overran(report: wire.Report, agent: Agent, invocation: Invocation) -> Verdict:
    """Without the exit code of the report: a script that was ended has none of its own."""
    tree = "its tree" if report.survivors else "its whole tree"
    whole = tree if ends_trees(agent, invocation.termination_mode) else "its shell"
    bound = f"its timeout of {invocation.command.timeout} s"
    return Verdict(
        event=Event.OVERRAN,
        error_code="ExecutionTimeout",
        error_info=f"the command ran longer than {bound}; {whole} was ended{_survivors(report)}",
    )


def _refused(report: wire.Report) -> Verdict:
    code, info = _INVALID_CODES.get(report.param), report.value
    if code is None:
        code, info = "ExecutionException", f"{report.param}: {report.value}".strip(": ")
    start, special = _INVALID_REASONS.get(report.param, ("", code))
    if report.value.startswith(start):
        code = special
    return Verdict(event=Event.REFUSED, error_code=code, error_info=info)


def _stopped(report: wire.Report, target: Target, agent: Agent) -> Verdict:
    published = agent.kind is AgentKind.PUBLISHED
    if report.result == "failed":
        return Verdict(
            event=Event.BROKE, error_code="TerminationException", error_info=_why(report)
        )
    if not report.start and target.started_at is None:
        # Compat: what waited for its turn is started by a published agent all the same.
        return Verdict(event=Event.CANCELLED, inferred=published)
    if not report.start and published:
        # Compat: so it answers for what it does not know, or has ended without being heard.
        return replace(
            interrupted("ExecutionInterrupted"),
            error_info="when the agent was to stop the command it knew nothing of it any more,"
            " and has not said how it ended",
        )
    if report.survivors:
        return Verdict(
            event=Event.STOPPED,
            error_code="TerminationException",
            error_info="the command was stopped" + _survivors(report),
        )
    return Verdict(event=Event.STOPPED)


def _survivors(report: wire.Report) -> str:
    if not report.survivors:
        return ""
    return f"; still running: {', '.join(str(pid) for pid in report.survivors)}"


def _named(report: wire.Report) -> str:
    return report.error_code if report.error_code in _NAMED_ERRORS else "ExecutionException"


def _why(report: wire.Report) -> str:
    return report.error_description or f"the agent reported error {report.error_code}"


def interrupted(code: str) -> Verdict:
    """For a target that an agent which lived through its restart knows nothing of any more.

    Whoever has the end after all, as the other one of two agents with one identity, is heard.
    """
    return Verdict(
        event=Event.INTERRUPTED,
        error_code=code,
        error_info=_INTERRUPTIONS[code],
        inferred=True,
    )


def disproved(target: Target, boot_id: BootId | None) -> bool:
    """Whether somebody speaks in the boot that is said to be over: the other one of two agents."""
    return (
        target.error_code == "InstanceRestarted"
        and boot_id is not None
        and boot_id == target.boot_id
    )


def may_go_on(target: Target, boot_id: BootId | None) -> bool:
    """Whether a command that was said to have ended, and runs, is let run to its end."""
    return disproved(target, boot_id) or target.error_code == BY_HAND


def of_silence(
    target: Target, *, instance: InstanceState | None, agent: Agent | None, online: bool
) -> Verdict:
    """What to say at a target's deadline, when its agent has not spoken.

    ``instance`` is None for a managed instance, which has no state.
    """
    if target.state is TargetState.PENDING and target.fetched_at is None:
        code, info = _undelivered(instance, agent, online)
        return Verdict(event=Event.UNDELIVERED, error_code=code, error_info=info, inferred=True)
    if target.state is TargetState.STOPPING:
        return Verdict(
            event=Event.GONE,
            error_code="TerminationException",
            error_info=f"{whereabouts(agent, online)}, and has not said whether"
            " the command was stopped",
            inferred=True,
        )
    if instance not in (None, InstanceState.RUNNING, InstanceState.REBOOTING):
        code = "InstanceNotRunning"
        info = "the instance went down while the command ran, and did not come back in time"
    else:
        code = "ClientNotResponse" if online else "ClientNotOnline"
        missing = "started" if target.state is TargetState.PENDING else "ended"
        info = f"{whereabouts(agent, online)}, and has not said how the command {missing}"
        info += "; a result that comes later replaces this"
    return Verdict(event=Event.GONE, error_code=code, error_info=info, inferred=True)


def _undelivered(
    instance: InstanceState | None, agent: Agent | None, online: bool
) -> tuple[str, str]:
    if instance not in (None, InstanceState.RUNNING):
        return "InstanceNotRunning", "the instance is not running"
    if agent is None:
        return "ClientNotRunning", "no agent has ever joined from the instance"
    info = f"{whereabouts(agent, online)}, and has not fetched the command"
    if not online:
        return "ClientNotOnline", info
    if agent.kind is AgentKind.PUBLISHED:
        # Compat: it goes on to beat, and hears of no command.
        info += "; one that could not open its channel tries again after up to 30 minutes"
    return "DeliveryTimeout", info


def of_age(agent: Agent, invocation: Invocation) -> Verdict | None:
    """Why an agent is not handed a command: it would carry it out in another way than was asked."""
    lacking = lacks(agent, invocation)
    if not lacking:
        return None
    return Verdict(
        event=Event.UNDELIVERED,
        error_code="ClientNeedUpgrade",
        error_info=f"the agent {agent.version} is too old for {lacking}",
    )


def whereabouts(agent: Agent | None, online: bool) -> str:
    """What is known of an agent, and since when."""
    if agent is None or agent.last_seen_at is None:
        return "the agent has never been online"
    beat = f"its last heart-beat came at {times.second(agent.last_seen_at)}"
    if online:
        return f"the agent is online ({beat})"
    if agent.gone_at is not None:
        return f"the agent is not online since {times.second(agent.gone_at)} ({beat})"
    return f"the agent is not online ({beat})"
