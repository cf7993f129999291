"""What a report or a silence means for a file that was sent: an event and its reasons. Pure.

The error codes are the per-instance ErrorCode values of the published API.
"""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.core import file
from cloudhand.core.agent_version import age, since
from cloudhand.core.file import Event, FileTarget, State
from cloudhand.core.instance import Agent, AgentKind
from cloudhand.core.instance import State as InstanceState
from cloudhand.core.verdict import whereabouts
from cloudhand.wire import agent as wire


@dataclass(frozen=True, kw_only=True)
class Verdict:
    event: Event
    error_code: str = ""
    error_info: str = ""
    inferred: bool = False  # nobody who was there said so


NOT_RUNNING = ("InstanceNotRunning", "the instance is not running")

# What agents say is wrong (param of an invalid report), and what the API calls it.
_INVALID_CODES = {
    wire.REFUSED_BY_MACHINE: wire.REFUSED_BY_MACHINE,
    "FileNameInvalid": "FileNameInvalid",
    "FileExist": "FileAlreadyExists",
    "EmptyFile": "FileContentInvalid",
    "InvalidFileContent": "FileContentInvalid",
    "InvalidSignature": "FileContentInvalid",
    "InvalidFileMode": "FileAuthorityInvalid",
    "FileGroupNotExist": "UserGroupNotExists",
    "FileOwnerNotExist": "AccountNotExists",
}

# What agents could not do (errorcode of a finish report): create, chown, chmod, mkdir.
_FAILED_CODES = {
    "1": "FileCreateFail",
    "2": "FileAuthorityInvalid",
    "3": "FileAuthorityInvalid",
    "4": "FilePathInvalid",
}


def of_report(report: wire.Report) -> Verdict:
    if report.kind == wire.INVALID:
        code = _INVALID_CODES.get(report.param, "FileCreateFail")
        said = f"{report.param}: {report.value}".rstrip(": ")
        refused = report.value if report.param == wire.REFUSED_BY_MACHINE else said
        info = report.error_description or refused
        return Verdict(event=Event.REFUSED, error_code=code, error_info=info)
    if not report.error_code:
        return Verdict(event=Event.WRITTEN)
    code = _FAILED_CODES.get(report.error_code, "FileCreateFail")
    info = report.error_description or f"the agent reported error {report.error_code}"
    return Verdict(event=Event.FAILED, error_code=code, error_info=info)


def of_silence(
    target: FileTarget, *, instance: InstanceState | None, agent: Agent | None, online: bool
) -> Verdict:
    """What to say at a target's deadline, when its agent has not spoken.

    ``instance`` is None for a managed instance, which has no state.
    """
    if target.state is State.PENDING:
        code, info = _undelivered(instance, agent, online)
        return Verdict(event=Event.UNDELIVERED, error_code=code, error_info=info, inferred=True)
    if instance not in (None, InstanceState.RUNNING, InstanceState.REBOOTING):
        code, info = "InstanceNotRunning", "the instance went down, and did not come back in time"
    else:
        code = "ClientNotResponse" if online else "ClientNotRunning"
        info = f"{whereabouts(agent, online)}, and has not said what became of the file"
    info += "; what it says later replaces this"
    return Verdict(event=Event.SILENT, error_code=code, error_info=info, inferred=True)


def _undelivered(
    instance: InstanceState | None, agent: Agent | None, online: bool
) -> tuple[str, str]:
    if instance not in (None, InstanceState.RUNNING):
        return NOT_RUNNING
    code = "DeliveryTimeout" if online else "ClientNotRunning"
    return code, f"{whereabouts(agent, online)}, and has not fetched the file"


def refusal(agent: Agent | None) -> Verdict | None:
    """Why an agent is not handed a file; None if it is."""
    if agent is None or agent.kind is AgentKind.CLOUDHAND:
        return None
    first = file.TAKEN_SINCE.get(agent.os_type.lower())
    own = age(agent.version)
    if first is None or own is None or own >= first:
        return None
    return Verdict(
        event=Event.UNDELIVERED,
        error_code="ClientNeedUpgrade",
        error_info=f"the agent {agent.version} is too old to take files ({since(first)})",
    )
