"""What an instance, a report or a silence means for a session: an event, and why. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.core.agent_version import lacks_sessions
from cloudhand.core.instance import Agent
from cloudhand.core.instance import State as InstanceState
from cloudhand.core.session import ClosedReason, Connection, Event
from cloudhand.core.verdict import whereabouts
from cloudhand.wire.session import Report


@dataclass(frozen=True, kw_only=True)
class Verdict:
    event: Event
    reason: ClosedReason
    detail: str = ""  # the reason in words


ENDED = Verdict(event=Event.END_ASKED, reason=ClosedReason.CLIENT_CLOSED)
WENT_DOWN = Verdict(
    event=Event.GONE,
    reason=ClosedReason.INSTANCE_NOT_RUNNING,
    detail="the instance went down",
)
RESTARTED = Verdict(
    event=Event.GONE,
    reason=ClosedReason.AGENT_SOCKET_CLOSED,
    detail="the agent was started anew, and knows nothing of the session",
)

# What agents say went wrong, in the spellings of earlier and of later ones.
_MALFORMED = ("Process_data_error", "ProcessDataError")
_NOT_OPENED = ("Open_channel_failed", "OpenChannelFailed")


def refusal(*, instance: InstanceState | None, agent: Agent | None, online: bool) -> Verdict | None:
    """Why an instance is not asked for a session; None if it is.

    ``instance`` is None for a managed instance, which has no state.
    """
    if instance not in (None, InstanceState.RUNNING):
        return _failed(ClosedReason.INSTANCE_NOT_RUNNING, "the instance is not running")
    if agent is None or not online:
        return _failed(ClosedReason.AGENT_NOT_ONLINE, whereabouts(agent, online))
    if "sessions" in agent.refusals:
        return _failed(ClosedReason.REFUSED_BY_MACHINE, agent.refusals["sessions"])
    lacking = lacks_sessions(agent)
    return _failed(ClosedReason.AGENT_NEED_UPGRADE, lacking) if lacking else None


def of_report(said: Report) -> Verdict:
    """What an agent says of the end of a session."""
    if said.succeeded:
        return Verdict(event=Event.CLOSED, reason=ClosedReason.AGENT_SOCKET_CLOSED)
    detail = f"the agent reported {said.error_code or 'a failure'}"
    if said.error_code in _NOT_OPENED:
        detail += ": terminals are not carried here yet"
    malformed = said.error_code in _MALFORMED
    return _failed(
        ClosedReason.MESSAGE_FORMAT_INVALID if malformed else ClosedReason.AGENT_SOCKET_CLOSED,
        detail,
    )


def of_silence(
    connection: Connection, *, instance: InstanceState | None, agent: Agent | None, online: bool
) -> Verdict:
    """What to say at a connection's deadline. ``instance``: as of ``refusal``."""
    if instance not in (None, InstanceState.RUNNING):
        reason, detail = ClosedReason.INSTANCE_NOT_RUNNING, "the instance is not running"
    else:
        missing = "opened" if connection.fetched_at else "fetched"
        reason = ClosedReason.DELIVERY_TIMEOUT if online else ClosedReason.AGENT_NOT_ONLINE
        detail = f"{whereabouts(agent, online)}, and has not {missing} the session"
    return Verdict(event=Event.SILENT, reason=reason, detail=detail)


def gone(info: str) -> Verdict:
    """Of an instance that is no more."""
    return Verdict(event=Event.GONE, reason=ClosedReason.INSTANCE_NOT_EXISTS, detail=info)


def _failed(reason: ClosedReason, detail: str) -> Verdict:
    return Verdict(event=Event.FAILED, reason=reason, detail=detail)
