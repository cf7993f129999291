"""StartTerminalSession: open a terminal, or a way to a port, on instances.

Whether an instance can be reached is no matter of the call: where one cannot,
DescribeTerminalSessions says so. What is typed and shown is not carried yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlencode

import msgspec

from cloudhand.api.bind import (
    UNREADABLE,
    Coverage,
    Flat,
    custom,
    longest,
    many,
    one_of,
    text,
    whole,
)
from cloudhand.api.ecs import errors, fields, session_errors
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.api.ram.principal import principal_id
from cloudhand.api.refusal import Refused
from cloudhand.core.errors import InstanceNotFound, SessionsDisabled, TokenReused, TooMany
from cloudhand.core.ids import InstanceId
from cloudhand.core.session import INSTANCE_LIMIT, Opener, SessionOrder, Started, Terminal
from cloudhand.wire.session import USER_PATH


class _Encryption(
    msgspec.Struct, frozen=True, kw_only=True, rename="pascal", forbid_unknown_fields=True
):
    enabled: bool = False
    mode: Literal["Auto", "Kms"] | None = None
    key_id: str = msgspec.field(name="KMSKeyId", default="")

    @property
    def sound(self) -> bool:
        if self.key_id and self.mode != "Kms":
            return False
        return self.enabled or self.mode is None


def _encryption() -> Any:
    def read(flat: Flat, wire: str) -> None:
        try:
            given = msgspec.json.decode(flat.get(wire) or "{}", type=_Encryption)
        except (msgspec.MsgspecError, *UNREADABLE):
            raise Refused(session_errors.BAD_ENCRYPTION) from None
        if not given.sound:
            raise Refused(session_errors.BAD_ENCRYPTION)
        if given.enabled:
            raise Refused(session_errors.NOT_ENCRYPTED)

    return custom(
        read,
        kind="JSON",
        names=("EncryptionOptions",),
        note="to enable it is refused: sessions are not encrypted from end to end",
        errors=(session_errors.BAD_ENCRYPTION, session_errors.NOT_ENCRYPTED),
        default=None,
        coverage=Coverage.REFUSED,
    )


def _port() -> Any:
    def read(flat: Flat, wire: str) -> int | None:
        if not flat.get(wire):
            return None
        return whole(flat, wire, 0, range(1, 65536), session_errors.BAD_PORT)

    return custom(
        read,
        kind="Integer",
        note="1 to 65535; a TCP port instead of a terminal",
        errors=(session_errors.BAD_PORT,),
        default=None,
    )


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    instance_ids: tuple[InstanceId, ...] = many(
        "InstanceId", at_most=INSTANCE_LIMIT, too_many=errors.TOO_MANY_TARGETS, required=True
    )
    command_line: str = text(
        "CommandLine",
        longest(512, session_errors.COMMAND_LINE_TOO_LONG),
        note="instead of a shell; one instance, and no port",
    )
    port_number: int | None = _port()
    target_server: str = text(
        "TargetServer",
        longest(128, session_errors.TARGET_SERVER_TOO_LONG),
        note="where the port is, as seen from the instance, of which there is one; default itself",
    )
    username: str = text(
        "Username",
        longest(255, errors.USERNAME_TOO_LONG),
        note="default that of the agent: ecs-assist-user, or System; it refuses root",
    )
    password_name: str = text(
        "PasswordName",
        longest(255, session_errors.PASSWORD_NAME_TOO_LONG),
        note="on Windows; its agent reads the password itself",
    )
    connection_type: str = text(
        "ConnectionType",
        one_of(("Internet", "Intranet"), session_errors.BAD_CONNECTION_TYPE),
        note="without effect: there is one network",
        coverage=Coverage.WITHOUT_EFFECT,
    )
    encryption_options: None = _encryption()
    client_token: str = fields.client_token()


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    session_id: str
    security_token: str
    web_socket_url: str


@operation(
    ECS,
    access="write",
    errors={
        InstanceNotFound: errors.NO_SUCH_TARGET,
        SessionsDisabled: session_errors.DISABLED,
        TokenReused: errors.TOKEN_REUSED,
        TooMany: session_errors.of_room,
    },
    refuses=(
        session_errors.TOO_MANY_SESSIONS,
        session_errors.COMMAND_LINE_CONFLICT,
        session_errors.PORT_MISSING,
        session_errors.ONE_INSTANCE,
    ),
)
async def start_terminal_session(call: Call, params: Params) -> Result:
    _check(params)
    order = SessionOrder(
        instance_ids=params.instance_ids,
        terminal=Terminal(
            command_line=params.command_line,
            username=params.username,
            password_name=params.password_name,
            port_number=params.port_number,
            target_server=params.target_server,
        ),
        account_id=call.caller.account_id,
        opener=Opener(
            kind=call.caller.kind,
            principal_id=await principal_id(call),
            client_ip=call.context.get("acs:sourceip", ""),
        ),
        once=call.once(params.client_token),
    )
    started = await call.control.sessions.start(order)
    return Result(
        session_id=started.id,
        security_token=started.token,
        web_socket_url=_url(call, started),
    )


def _check(params: Params) -> None:
    problems = []
    if params.command_line and (params.port_number is not None or params.target_server):
        problems.append(session_errors.COMMAND_LINE_CONFLICT)
    if params.target_server and params.port_number is None:
        problems.append(session_errors.PORT_MISSING)
    if len(params.instance_ids) > 1 and (params.command_line or params.target_server):
        problems.append(session_errors.ONE_INSTANCE)
    if problems:
        raise Refused(*problems)


def _url(call: Call, started: Started) -> str:
    """At the address that the caller has used."""
    scheme = "wss" if call.context.get("acs:securetransport") == "true" else "ws"
    query = urlencode({"sessionId": started.id, "token": started.token})
    return f"{scheme}://{call.host}{USER_PATH}?{query}"
