"""The gateway over HTTP: routes under /luban, and where users open terminals, as a plain ASGI
application.

Every answer that is not a refusal has status 200: the published agent takes 400 for success and
retries others.
"""

from __future__ import annotations

import base64
import json
import logging
import re
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

from cloudhand.control.speaker import Speaker
from cloudhand.core.errors import MachineKnown, SessionNotFound
from cloudhand.core.ids import ActivationId, InstanceId, SessionId
from cloudhand.core.notice import Kind
from cloudhand.gateway.channel import Receive, Send, close
from cloudhand.gateway.doorkeeper import Knock, Refused
from cloudhand.gateway.office import Office, Offices
from cloudhand.store.database import StoreError
from cloudhand.wire import agent as wire
from cloudhand.wire import enclosed, notice, plugin, release, session
from cloudhand.wire.enclosed import Request, answer_to_bytes

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Answer = tuple[int, dict[str, Any]]

# With a body of which the rest is not read, and one refusal too many.
_HANGS_UP = (413, 429)
_BODY_LIMIT = 1024 * 1024  # bytes; the largest body is the rest of an output
_AGENT_VERSION = re.compile(r"/(\d+\.\d+\.\d+\.\d+)\Z")  # at the end of the User-Agent

_ONE_TOO_MANY: Answer = (
    429,
    {"code": 429, "reason": "rate", "message": "too much from this address was refused"},
)

# Headers of a channel's opening that hold for every request over it.
_SAID_ONCE = (wire.INSTANCE_HEADER, wire.EXTENSIONS_HEADER, "user-agent")

# What the published agent also asks, and the least it must be told to go on.
_UNSUPPORTED: dict[str, dict[str, Any]] = {
    "/luban/api/gshell": {"code": 200, "gshellSupport": "false"},
    "/luban/api/v1/update/update_check": {"need_update": 0, "flag": 0},
    plugin.LIST_PATH: {"code": 200, "pluginList": []},
    plugin.UPDATE_PATH: {"nextInterval": plugin.INTERVALS["refreshInterval"], "plugin": []},
    "/luban/api/instance/list_instance_state_configurations": {"errCode": "ServiceNotSupported"},
    "/luban/api/instance/put_inventory": {"errCode": "ServiceNotSupported"},
    "/luban/api/instance/put_instance_state_report": {"errCode": "ServiceNotSupported"},
}

_NOT_CARRIED = "terminals are not carried here yet"
# Close codes of a user's socket.
_UNSERVED = 4003
_NO_SESSION = 1008


class _TooLarge(Exception):
    pass


class _Gone(Exception):
    """Whoever asked has gone before the end of the request. What came of it means nothing: half
    of an output must not be taken for the whole."""


class GatewayApp:
    """An ASGI application for everything under /luban, and for the ends of users."""

    def __init__(self, offices: Offices) -> None:
        self._offices = offices
        self._asked: dict[str, Callable[[Office, Speaker, Knock], Awaitable[dict[str, Any]]]] = {
            wire.HEARTBEAT_PATH: self._beat,
            wire.INVENTORY_PATH: self._inventory,
            wire.TASK_LIST_PATH: self._fetch,
            wire.DEREGISTER_PATH: self._deregister,
            wire.STATUS_PATH: self._status,
            notice.METRICS_PATH: self._metric,
            notice.CLIENT_REPORT_PATH: self._client_report,
            plugin.REPORT_PATH: self._plugins,
            release.PACKAGE_PATH: self._package,
            release.UPGRADE_PATH: self._upgraded,
            session.LIST_PATH: self._sessions,
            session.STATUS_PATH: self._session_ended,
            **{wire.REPORT_PATH + kind: self._report for kind in wire.KINDS},
        }

    @property
    def paths(self) -> Collection[str]:
        """All that anybody may ask here, or open."""
        opened = (wire.CHANNEL_PATH, session.AGENT_PATH, session.USER_PATH)
        return {wire.CONNECTION_PATH, wire.REGISTER_PATH, *opened, *self._asked, *_UNSUPPORTED}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            opening = self._user if scope["path"] == session.USER_PATH else self._socket
            await opening(scope, receive, send)
            return
        try:
            status, body = await self._careful(scope["path"], self._answer(scope, receive))
        except _Gone:
            log.info("request cut off", extra={"path": scope["path"]})
            return
        if status == 200 and scope["path"] == wire.CONNECTION_PATH:
            await _reply(send, status, b"ok", b"text/plain")
        else:
            close = status in _HANGS_UP
            await _reply(send, status, json.dumps(body).encode(), b"application/json", close=close)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        path = scope["path"]
        if path == wire.CONNECTION_PATH:
            return 200, {}
        if path == session.USER_PATH:
            return 501, {"code": 501, "reason": "terminal", "message": _NOT_CARRIED}
        try:
            knock = _knock(scope, await _read(receive))
        except _TooLarge:
            return 413, {"code": 413, "reason": "size", "message": "the body is too large"}
        if path == wire.REGISTER_PATH:
            return await self._register(knock)
        return await self._known(await self._office(knock), path, knock)

    async def _office(self, knock: Knock) -> Office:
        instance_id = InstanceId(knock.headers.get(wire.INSTANCE_HEADER, ""))
        return await self._offices.of_agent(instance_id)

    async def _careful(self, path: str, answering: Awaitable[Answer]) -> Answer:
        """The answer, whatever goes wrong on the way to it but _Gone."""
        try:
            return await answering
        except ValueError as error:
            return 422, {"code": 422, "reason": "malformed", "message": str(error)}
        except wire.Rejected as error:
            return 403, {"code": 403, "reason": "rejected", "message": str(error)}
        except StoreError as error:
            log.error("store failed", extra={"error": str(error)})
            return 503, {"code": 503, "reason": "store", "message": "cannot store anything now"}
        except _Gone:
            raise
        except Exception:  # an outermost loop: one request must not end the gateway
            log.exception("request failed", extra={"path": path})
            return 500, {"code": 500, "reason": "internal", "message": "internal error"}

    async def _known(self, office: Office, path: str, knock: Knock) -> Answer:
        """To whom an answer is given only when we know who asks."""
        try:
            speaker = await office.doorkeeper.identify(knock)
        except Refused as refusal:
            if not office.doorkeeper.tolerates(knock.address):
                return _ONE_TOO_MANY
            log.info("agent refused", extra={"path": path, "reason": refusal.reason})
            said = {"reason": refusal.reason, "message": str(refusal)}
            instance_id = knock.headers.get(wire.INSTANCE_HEADER, "")
            beats = path == wire.HEARTBEAT_PATH and refusal.status == 401
            if beats and await office.desk.deregistered(instance_id):
                # Compat: at this a newer published agent forgets its registration, and ends.
                return 403, {"code": 403, "errMsg": "instance_deregistered", **said}
            return refusal.status, {"code": refusal.status, **said}
        if await office.faults.silences(speaker.id, speaker.boot_id):
            return 503, {"code": 503, "reason": "fault", "message": "a fault was made on purpose"}
        asked = self._asked.get(path)
        if asked is not None:
            return 200, await asked(office, speaker, knock)
        known = _UNSUPPORTED.get(path)
        if known is not None:
            return 200, known
        return 404, {"code": 404, "reason": "path", "message": f"cannot find {path}"}

    async def _register(self, knock: Knock) -> Answer:
        registration = wire.Registration.from_json(_object(knock.body))
        address = knock.address
        office = await self._offices.of_activation(ActivationId(registration.activation_id))
        try:
            registered = await office.desk.register(registration, address=address)
        except MachineKnown as error:
            # Compat: who reads this, and takes 400 for an answer, comes back with another name.
            log.info("registration refused", extra={"address": address, "reason": str(error)})
            return 400, {"code": 400, "errCode": "fingerprint_duplicate", "message": str(error)}
        except wire.Rejected as error:
            if not office.doorkeeper.tolerates(address):
                return _ONE_TOO_MANY
            log.info("registration refused", extra={"address": address, "reason": str(error)})
            raise
        log.info("registered", extra={"instance": registered.instance_id, "address": address})
        return 200, registered.to_json()

    async def _beat(self, office: Office, speaker: Speaker, knock: Knock) -> dict[str, Any]:
        heartbeat = wire.Heartbeat.from_query(_query(knock))
        match = _AGENT_VERSION.search(knock.headers.get("user-agent", ""))
        interval = await office.desk.beat(
            speaker, heartbeat, version=match.group(1) if match else ""
        )
        return {"nextInterval": interval}

    async def _inventory(self, office: Office, speaker: Speaker, knock: Knock) -> dict[str, Any]:
        inventory = wire.Inventory.from_json(_object(knock.body))
        orders = await office.desk.inventory(speaker, inventory)
        return orders.to_json()

    async def _fetch(self, office: Office, speaker: Speaker, knock: Knock) -> dict[str, Any]:
        worklist = await office.desk.fetch(speaker, wire.Fetch.from_query(_query(knock)))
        return worklist.to_json()

    async def _report(self, office: Office, speaker: Speaker, knock: Knock) -> dict[str, Any]:
        kind = knock.path.removeprefix(wire.REPORT_PATH)
        report = wire.Report.from_query(kind, _query(knock), knock.body)
        ack = await office.desk.report(speaker, report)
        return ack.to_json()

    async def _metric(self, office: Office, speaker: Speaker, knock: Knock) -> dict[str, Any]:
        said = notice.from_metric(_object(knock.body))
        await office.desk.notice(speaker, Kind.METRIC, said)
        return {"code": 200}

    async def _client_report(
        self, office: Office, speaker: Speaker, knock: Knock
    ) -> dict[str, Any]:
        said = notice.from_client_report(_object(knock.body))
        await office.desk.notice(speaker, Kind.CLIENT_REPORT, said)
        return {"code": 200}

    async def _plugins(self, office: Office, speaker: Speaker, knock: Knock) -> dict[str, Any]:
        await office.desk.plugins(speaker, plugin.statuses_from_json(_object(knock.body)))
        return {"code": 200, "instanceId": speaker.id, "reportType": 0, **plugin.INTERVALS}

    async def _status(self, office: Office, speaker: Speaker, knock: Knock) -> dict[str, Any]:
        return (await office.desk.standing(speaker)).to_json()

    async def _package(self, office: Office, speaker: Speaker, knock: Knock) -> dict[str, Any]:
        return {"code": 200, "package": base64.b64encode(await office.desk.package()).decode()}

    async def _upgraded(self, office: Office, speaker: Speaker, knock: Knock) -> dict[str, Any]:
        await office.desk.upgraded(speaker, release.Outcome.from_query(_query(knock)))
        return {"code": 200}

    async def _sessions(self, office: Office, speaker: Speaker, knock: Knock) -> dict[str, Any]:
        """The one that is asked for, and no other: an agent takes several one after the other."""
        offer = await office.desk.offer(speaker, _query(knock).get("channelId", ""))
        return {"code": 200, "session": [offer.to_json()] if offer is not None else []}

    async def _session_ended(
        self, office: Office, speaker: Speaker, knock: Knock
    ) -> dict[str, Any]:
        await office.desk.session_ended(speaker, session.Report.from_query(_query(knock)))
        return {"code": 200}

    async def _deregister(self, office: Office, speaker: Speaker, knock: Knock) -> dict[str, Any]:
        await office.desk.deregister(speaker)
        return {"code": 200}

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        try:
            office, said, speaker = await self._opening(_knock(scope, b""))
        except Refused as refusal:
            log.info("channel refused", extra={"reason": refusal.reason})
            await send({"type": "websocket.close", "code": 1008})
            return
        ours = wire.EXTENSIONS_HEADER in said
        offer = [(enclosed.HEADER.encode(), b"1")] if ours else []
        await send({"type": "websocket.accept", "headers": offer})
        # Whoever called us holds the scope for as long as the socket is open.
        scope["headers"] = []
        # A published agent that is refused here would try no more for half an hour.
        if await office.faults.silences(speaker.id, speaker.boot_id):
            await send({"type": "websocket.close", "code": 1001})
            return
        answer = (lambda message: self._enclosed(office, said, message)) if ours else None
        await office.channel.serve(speaker.id, receive, send, answer)

    async def _user(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        given = _query(_knock(scope, b""))
        session_id = SessionId(given.get("sessionId", ""))
        # What is refused before it is accepted has no reason that a client could show.
        await send({"type": "websocket.accept"})
        code, reason = _UNSERVED, _NOT_CARRIED
        try:
            office = await self._offices.of_session(session_id)
            await office.desk.check_user(session_id, given.get("token", ""))
        except SessionNotFound:
            code, reason = _NO_SESSION, "the session has ended, or is none of this token"
        await close(send, code, reason)

    async def _opening(self, knock: Knock) -> tuple[Office, dict[str, str], Speaker]:
        """What the opening of a channel says for all requests over it, and whose it is; Refused."""
        if knock.path == session.AGENT_PATH:
            raise Refused("terminal", _NOT_CARRIED)
        if knock.path != wire.CHANNEL_PATH:
            raise Refused("path", f"cannot find {knock.path}")
        office = await self._office(knock)
        speaker = await office.doorkeeper.identify(knock)
        said = {name: knock.headers[name] for name in _SAID_ONCE if name in knock.headers}
        return office, said, speaker

    async def _enclosed(self, office: Office, said: Mapping[str, str], message: bytes) -> bytes:
        """Answer what came over a channel as if it had come by itself; ValueError."""
        request = Request.from_bytes(message)
        path, _, query = request.target.partition("?")
        knock = Knock(
            method=request.method,
            path=path,
            query=query,
            headers={**said, **request.headers},
            body=request.body,
        )
        status, body = await self._careful(path, self._known(office, path, knock))
        request_id = request.headers[wire.REQUEST_HEADER]
        return answer_to_bytes(request_id, status, json.dumps(body).encode())


def _knock(scope: Scope, body: bytes) -> Knock:
    return Knock(
        method=scope.get("method", "GET"),
        path=scope["path"],
        query=scope["query_string"].decode("latin-1"),
        headers={
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        },
        body=body,
        address=scope["client"][0] if scope.get("client") else "",
    )


def _query(knock: Knock) -> dict[str, str]:
    return dict(parse_qsl(knock.query, keep_blank_values=True))


def _object(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the body is not JSON: {error}") from error
    if not isinstance(said, dict):
        raise ValueError("the body is not an object")
    return said


async def _read(receive: Receive) -> bytes:
    body: bytes = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        body += message.get("body", b"")
        if len(body) > _BODY_LIMIT:
            raise _TooLarge
        if not message.get("more_body"):
            return body


async def _reply(send: Send, status: int, body: bytes, kind: bytes, *, close: bool = False) -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    if close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
