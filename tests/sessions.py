"""Terminal sessions, as tests ask for them and look at them."""

from __future__ import annotations

from cloudhand.core import account
from cloudhand.core.account import Kind
from cloudhand.core.ids import InstanceId, SessionId
from cloudhand.core.session import (
    Connection,
    Opener,
    SessionFilter,
    SessionOrder,
    SessionView,
    Started,
    Terminal,
)
from tests.world import ALL, World

OWNER = account.owner("1000000000000001")
OPENER = Opener(kind=Kind.OWNER, principal_id=OWNER.account_id, client_ip="192.0.2.1")
SHELL = Terminal()


async def start(
    world: World, *ids: InstanceId, terminal: Terminal = SHELL, **order: object
) -> Started:
    given = SessionOrder(
        instance_ids=ids,
        terminal=terminal,
        by=OWNER,
        opener=OPENER,
        **order,  # type: ignore[arg-type]
    )
    return await world.control.sessions.start(given)


async def views(world: World, **wanted: object) -> list[SessionView]:
    page = await world.control.sessions.find(SessionFilter(**wanted), ALL)  # type: ignore[arg-type]
    return list(page.items)


async def connection(world: World, session_id: SessionId) -> Connection:
    """That of a session to one instance."""
    (view,) = await views(world, session_id=session_id)
    (found,) = view.connections
    return found


async def told(world: World, session_id: SessionId) -> tuple[str, str]:
    """The state of its connection, and why that has ended."""
    found = await connection(world, session_id)
    return found.state.value, found.closed_reason
