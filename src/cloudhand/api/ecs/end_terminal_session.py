"""EndTerminalSession: end a session for good; its URL opens nothing any more.

One that has ended stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.api.bind import text
from cloudhand.api.ecs import fields, session_errors
from cloudhand.api.ecs.product import ECS
from cloudhand.api.ecs.shapes import Done
from cloudhand.api.operation import Call, operation
from cloudhand.core.errors import SessionNotFound
from cloudhand.core.ids import SessionId


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    session_id: SessionId = text("SessionId", required=True)


@operation(ECS, access="write", errors={SessionNotFound: session_errors.NO_SUCH_SESSION})
async def end_terminal_session(call: Call, params: Params) -> Done:
    await call.control.sessions.end(params.session_id)
    return Done()
