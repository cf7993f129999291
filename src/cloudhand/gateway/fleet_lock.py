"""FleetLock: other tools that restart machines ask the governor, too.

The protocol of Zincati, airlock and others: ``pre-reboot`` asks for a slot until it has one, and
``steady-state`` gives it back after the boot, as often as the tool likes. It knows no signature, so
who may ask is told by the address that the tool is given, which names a group's account and token.
https://coreos.github.io/zincati/development/fleetlock/protocol/
"""

from __future__ import annotations

import json
import logging
import re
from dataclasses import dataclass
from typing import Any, Protocol

from cloudhand.control.control import Control
from cloudhand.core.errors import ResourceNotFound
from cloudhand.core.governor import Granted, Refused, Wait
from cloudhand.gateway.channel import Receive, Send
from cloudhand.store.database import StoreError

log = logging.getLogger(__name__)

PREFIX = "/fleetlock/"
_PATH = re.compile(r"/fleetlock/(\d{16})/([0-9a-f]{48})/v1/(pre-reboot|steady-state)")
_HEADER = b"fleet-lock-protocol"
_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)
_BODY_LIMIT = 16 * 1024  # bytes

Answer = tuple[int, dict[str, str]]


class Accounts(Protocol):
    def of(self, account_id: str) -> Control | None: ...


@dataclass(frozen=True, kw_only=True)
class _Client:
    id: str
    group: str


class FleetLock:
    """An ASGI application for the paths under ``PREFIX``."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        try:
            status, said = await self._answer(scope, receive)
        except StoreError as error:
            log.error("store failed", extra={"error": str(error)})
            status, said = 503, _problem("store", "cannot store anything now")
        body = json.dumps(said).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Any, receive: Receive) -> Answer:
        found = _PATH.fullmatch(scope["path"])
        control = self._accounts.of(found[1]) if found else None
        if found is None or control is None:
            return 404, _problem("unknown_address", "the address is none that was given out")
        if scope["method"] != "POST":
            return 405, _problem("method", "the protocol asks by POST")
        if dict(scope["headers"]).get(_HEADER) != b"true":
            return 400, _problem("header", "fleet-lock-protocol must be true")
        try:
            client = _client(await _body(receive))
        except ValueError as error:
            return 400, _problem("body", str(error))
        try:
            return await _asked(control, client, token=found[2], what=found[3])
        except ResourceNotFound:
            return 404, _problem("unknown_group", f"the address is not that of {client.group}")


async def _asked(control: Control, client: _Client, *, token: str, what: str) -> Answer:
    if what == "steady-state":
        await control.governor.unlock(client.group, token, client.id)
        return 200, {}
    match await control.governor.lock(client.group, token, client.id):
        case Granted():
            return 200, {}
        case Wait(why=why):
            return 409, _problem("wait", why)
        case Refused(why=why):
            return 409, _problem("restart_limit", why)


def _client(body: bytes) -> _Client:
    """ValueError with a phrase."""
    try:
        said = json.loads(body)["client_params"]
        client = _Client(id=said["id"], group=said["group"])
        well = all(_ID.fullmatch(one) for one in (client.id, client.group))
    except (ValueError, KeyError, TypeError, RecursionError):
        well = False
    if not well:
        raise ValueError('the body must be {"client_params": {"id": "...", "group": "..."}}')
    return client


async def _body(receive: Receive) -> bytes:
    """ValueError when it is too large, or was cut off."""
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ValueError("the body was cut off")
        part = message.get("body", b"")
        size += len(part)
        if size > _BODY_LIMIT:
            raise ValueError(f"the body is longer than {_BODY_LIMIT} bytes")
        parts.append(part)
        more = message.get("more_body", False)
    return b"".join(parts)


def _problem(kind: str, value: str) -> dict[str, str]:
    return {"kind": kind, "value": value}
