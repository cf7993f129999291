"""A terminal session, and every rule that changes what became of it on each instance.

The state of a connection changes by this table or nowhere. A session has none of its own: it is
open for as long as one of its connections is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from cloudhand.core.account import Kind
from cloudhand.core.ids import InstanceId, SessionId
from cloudhand.core.machine import Machine
from cloudhand.core.orders import Once

INSTANCE_LIMIT = 10  # instances that one call opens a session to
URL_VALID = timedelta(minutes=10)  # until a session that nobody has opened ends


class State(StrEnum):
    """State of a connection. The values are the wire's Status."""

    CONNECTING = "Connecting"  # the agent, or the user, is still to come
    CONNECTED = "Connected"  # both are there
    DISCONNECTED = "Disconnected"  # ended by one of them, or with the machine
    TERMINATED = "Terminated"  # ended by EndTerminalSession
    FAILED = "Failed"  # never came about, or broke


class Event(StrEnum):
    """What can happen to a connection."""

    OPENED = "opened"
    CLOSED = "closed"
    FAILED = "failed"
    SILENT = "silent"
    GONE = "gone"  # with its machine, or its agent
    END_ASKED = "end asked"


CONNECTION = Machine[State, Event](
    State.CONNECTING,
    {
        State.CONNECTING: {
            Event.OPENED: State.CONNECTED,
            Event.CLOSED: State.DISCONNECTED,
            Event.FAILED: State.FAILED,
            Event.SILENT: State.FAILED,
            Event.GONE: State.FAILED,
            Event.END_ASKED: State.TERMINATED,
        },
        State.CONNECTED: {
            Event.CLOSED: State.DISCONNECTED,
            Event.FAILED: State.FAILED,
            Event.SILENT: State.DISCONNECTED,
            Event.GONE: State.DISCONNECTED,
            Event.END_ASKED: State.TERMINATED,
        },
        State.DISCONNECTED: {},
        State.TERMINATED: {},
        State.FAILED: {},
    },
)


class ClosedReason(StrEnum):
    """Why a connection has ended, as the wire spells it."""

    INSTANCE_NOT_EXISTS = "InstanceNotExists"
    INSTANCE_NOT_RUNNING = "InstanceNotRunning"
    DELIVERY_TIMEOUT = "DeliveryTimeout"
    AGENT_NEED_UPGRADE = "AgentNeedUpgrade"
    AGENT_NOT_ONLINE = "AgentNotOnline"
    MESSAGE_FORMAT_INVALID = "MessageFormatInvalid"
    AGENT_SOCKET_CLOSED = "AgentSocketClosed"
    CLIENT_CLOSED = "ClientClosed"
    REFUSED_BY_MACHINE = "RefusedByMachine"  # ours: by rules of the machine


@dataclass(frozen=True, kw_only=True)
class Terminal:
    """What is opened on each instance: a shell, a command, or a way to a port."""

    command_line: str = ""  # empty: a shell
    username: str = ""  # empty: the agent's choice
    password_name: str = ""  # what its password, on Windows, is called where the agent reads it
    port_number: int | None = None
    target_server: str = ""  # where the port is; empty: on the instance itself


@dataclass(frozen=True, kw_only=True)
class Opener:
    """Who asked for a session, as it is told later, also when there is no such user any more."""

    kind: Kind
    principal_id: str
    client_ip: str


@dataclass(frozen=True, kw_only=True)
class Session:
    id: SessionId
    token_hash: bytes  # of what its URL holds
    created_at: datetime
    terminal: Terminal
    opener: Opener

    @property
    def expires_at(self) -> datetime:
        """From when on its URL opens nothing any more, unless it has been opened."""
        return self.created_at + URL_VALID


@dataclass(frozen=True, kw_only=True)
class Connection:
    """The part of a session that belongs to one instance."""

    session_id: SessionId
    instance_id: InstanceId
    state: State = State.CONNECTING
    version: int = 0
    started_at: datetime
    deadline_at: datetime | None  # when somebody must decide; None once final
    fetched_at: datetime | None = None
    ended_at: datetime | None = None
    closed_reason: str = ""
    detail: str = ""  # the reason in words

    @property
    def final(self) -> bool:
        return self.state in CONNECTION.final


@dataclass(frozen=True, kw_only=True)
class SessionOrder:
    """Open a session to instances."""

    instance_ids: Sequence[InstanceId]
    terminal: Terminal
    account_id: str  # which may have switched sessions off
    opener: Opener
    once: Once | None = None


@dataclass(frozen=True, kw_only=True)
class Started:
    id: SessionId
    token: str  # which is told here and never again


@dataclass(frozen=True, kw_only=True)
class SessionFilter:
    """All given ones must match; None means any."""

    session_id: SessionId | None = None
    instance_id: InstanceId | None = None


@dataclass(frozen=True, kw_only=True)
class SessionView:
    session: Session
    connections: Sequence[Connection]  # only that to the instance that was asked for, if one was
