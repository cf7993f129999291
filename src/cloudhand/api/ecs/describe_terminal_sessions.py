"""DescribeTerminalSessions: sessions and what became of them, newest first.

An id that nobody knows gives an empty list. With InstanceId only the connections to that instance
are told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api.bind import text
from cloudhand.api.ecs import fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.api.paging import Paging, following
from cloudhand.core.ids import InstanceId, SessionId
from cloudhand.core.session import Connection, SessionFilter, SessionView, State
from cloudhand.wire import times


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    instance_id: InstanceId = text("InstanceId")
    session_id: SessionId = text("SessionId")
    page: Paging = following(size=100, usual=10, or_less=True)


class ConnectionShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    instance_id: str
    status: str
    start_time: str
    end_time: str
    closed_reason: str
    failed_detail: str


class Connections(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    connection: Sequence[ConnectionShape]


class Session(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    session_id: str
    creation_time: str
    username: str
    identity_type: str
    principal_id: str
    client_ip: str = msgspec.field(name="ClientIP")
    port_number: int | msgspec.UnsetType  # of a way to a port alone
    target_server: str
    connections: Connections


class Sessions(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    session: Sequence[Session]


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    next_token: str
    sessions: Sessions


@operation(ECS, access="read")
async def describe_terminal_sessions(call: Call, params: Params) -> Result:
    wanted = SessionFilter(
        session_id=params.session_id or None, instance_id=params.instance_id or None
    )
    found = await call.control.sessions.find(wanted, params.page.window)
    return Result(
        next_token=params.page.next_token(found),
        sessions=Sessions(session=[_session(view) for view in found.items]),
    )


def _session(view: SessionView) -> Session:
    session, terminal = view.session, view.session.terminal
    port = terminal.port_number
    return Session(
        session_id=session.id,
        creation_time=times.second(session.created_at),
        username=terminal.username,
        identity_type=session.opener.kind.value,
        principal_id=session.opener.principal_id,
        client_ip=session.opener.client_ip,
        port_number=msgspec.UNSET if port is None else port,
        target_server=terminal.target_server,
        connections=Connections(connection=[_connection(one) for one in view.connections]),
    )


def _connection(connection: Connection) -> ConnectionShape:
    return ConnectionShape(
        instance_id=connection.instance_id,
        status=connection.state.value,
        start_time=times.second(connection.started_at),
        end_time=times.second(connection.ended_at),
        closed_reason=connection.closed_reason,
        failed_detail=connection.detail if connection.state is State.FAILED else "",
    )
