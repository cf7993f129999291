"""One client's connection to the proxy, from its first request to its end.

A connection carries requests one after another, to the control plane or to other hosts, or
becomes a tunnel. At most one connection leads onward from it, kept between requests.
"""

from __future__ import annotations

import asyncio
import hmac
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import assert_never

from cloudhand.passage import message, reach, refusal
from cloudhand.passage import request as requests
from cloudhand.passage.authority import Authority
from cloudhand.passage.exchange import NoAnswer, exchange, hang_up, splice, swallow
from cloudhand.passage.hosts import Place, place
from cloudhand.passage.message import BadMessage, Head
from cloudhand.passage.reach import Destination, Wire
from cloudhand.passage.refusal import Refusal
from cloudhand.passage.request import Request
from cloudhand.passage.upstream import Inherited, Unusable, Upstream
from cloudhand.wire.hosts import normal

_PLAIN_PORT = 80  # a tunnel to it carries no TLS
Dial = Callable[[], Awaitable[Wire]]


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What all connections of a proxy go by."""

    destination: Destination
    context: ssl.SSLContext | None  # for the destination
    authority: Authority
    inherited: Inherited
    authorization: bytes  # what Proxy-Authorization must be


@dataclass(frozen=True, kw_only=True)
class _Way:
    """Where requests of this connection went last."""

    name: tuple[str, str, int]
    wire: Wire


class Connection:
    """Call ``serve`` once; it returns when the client or the network has ended."""

    def __init__(self, client: Wire, rules: Rules) -> None:
        self._client = client
        self._rules = rules
        self._way: _Way | None = None

    async def serve(self) -> None:
        try:
            await self._serve(self._outer)
            await hang_up(self._client)
        except (OSError, EOFError):
            pass
        finally:
            # Whatever is still under way must not look complete.
            self._client.abort()
            self._leave_way()

    async def _serve(self, handle: Callable[[Head], Awaitable[bool]]) -> None:
        """Handle requests until one of them says that it was the last."""
        try:
            while (head := await message.read_head(self._client.reader)) and await handle(head):
                pass
        except asyncio.LimitOverrunError:
            await self._say(refusal.malformed("its head is too large", status=431))
        except BadMessage as error:
            await self._say(refusal.malformed(str(error)))

    async def _outer(self, head: Head) -> bool:
        if not self._knows(head):
            return await self._refuse(refusal.UNKNOWN_CALLER, head)
        target = requests.tunnel(head)
        if target is not None:
            await self._tunnel(head, *target)
            return False
        request = requests.absolute(head)
        match requests.strictest(request):
            case Place.SERVED:
                return await self._served(request)
            case Place.REAL | Place.METADATA as where:
                return await self._refuse(refusal.forbidden(request.host, where), head)
            case Place.ELSEWHERE:
                return await self._elsewhere(request)
            case never:
                assert_never(never)

    def _knows(self, head: Head) -> bool:
        given = head.values(b"proxy-authorization")
        return len(given) == 1 and hmac.compare_digest(given[0], self._rules.authorization)

    async def _tunnel(self, head: Head, host: str, port: int) -> None:
        match place(host):
            case Place.SERVED:
                await self._tunnel_here(host, port)
            case Place.REAL | Place.METADATA as where:
                await self._say(refusal.forbidden(host, where))
            case Place.ELSEWHERE:
                await self._tunnel_on(head, host, port)
            case never:
                assert_never(never)

    async def _tunnel_here(self, host: str, port: int) -> None:
        await self._client.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        if port != _PLAIN_PORT:
            context = self._rules.authority.context(normal(host))
            await self._client.writer.start_tls(context)

        async def inner(head: Head) -> bool:
            return await self._served(requests.within(head, host, port))

        await self._serve(inner)

    async def _tunnel_on(self, head: Head, host: str, port: int) -> None:
        way = self._rules.inherited.choose("https", host, port)
        try:
            match way:
                case None:
                    wire = await reach.dial_elsewhere(host, port)
                    answer = Head(start=b"HTTP/1.1 200 Connection established", fields=())
                case Unusable(reason=reason):
                    return await self._say(refusal.no_way(host, reason))
                case Upstream():
                    target = head.start.split(b" ")[1]
                    wire, answer = await reach.tunnel_through(way, target)
                case never:
                    assert_never(never)
        except reach.Refused as refused:
            return await self._say(refusal.forbidden(host, refused.place))
        except (OSError, BadMessage) as error:
            return await self._say(refusal.no_way(host, _cause(error)))
        try:
            # What is not a tunnel is an answer like any other, and both end with it.
            await self._client.send(answer.raw())
            await splice(self._client, wire)
            await hang_up(wire)
        finally:
            wire.abort()

    async def _served(self, request: Request) -> bool:
        to = self._rules.destination

        async def dial() -> Wire:
            return await reach.dial(to.host, to.port, self._rules.context)

        def failed(cause: str) -> Refusal:
            return refusal.unreachable(to.url, cause)

        return await self._forward(request, ("served", to.host, to.port), dial, failed)

    async def _elsewhere(self, request: Request) -> bool:
        host, port = request.host, request.port
        way = self._rules.inherited.choose("http", host, port)

        def failed(cause: str) -> Refusal:
            return refusal.no_way(host, cause)

        match way:
            case None:

                async def direct() -> Wire:
                    return await reach.dial_elsewhere(host, port)

                return await self._forward(request, ("direct", host, port), direct, failed)
            case Unusable(reason=reason):
                return await self._refuse(failed(reason), request.head)
            case Upstream():

                async def through() -> Wire:
                    return await reach.dial_upstream(way)

                name = ("upstream", way.host, way.port)
                return await self._forward(_to_proxy(request, way), name, through, failed)
            case never:
                assert_never(never)

    async def _forward(
        self,
        request: Request,
        name: tuple[str, str, int],
        dial: Dial,
        failed: Callable[[str], Refusal],
    ) -> bool:
        """Hand one request on; True when the client may send another."""
        kept = self._way
        used = kept is not None and kept.name == name and await kept.wire.silent()
        if kept is None or not used:
            self._leave_way()
            try:
                kept = self._way = _Way(name=name, wire=await dial())
            except reach.Refused as refused:
                answer = refusal.forbidden(request.host, refused.place)
                return await self._refuse(answer, request.head)
            except OSError as error:
                return await self._refuse(failed(_cause(error)), request.head)
        try:
            return await exchange(self._client, request, kept.wire)
        except NoAnswer as error:
            # A kept connection that has just ended says nothing about the host: the client
            # sees what it would see without us, and knows whether it may ask again.
            if not used:
                await self._say(failed(str(error)))
            return False

    def _leave_way(self) -> None:
        if self._way is not None:
            self._way.wire.abort()
            self._way = None

    async def _refuse(self, answer: Refusal, head: Head) -> bool:
        """Answer a request ourselves, once its body is out of the way."""
        keep = head.persistent and await swallow(self._client, head)
        head_only = head.start.startswith(b"HEAD ")
        await self._client.send(answer.raw(keep=keep, head_only=head_only))
        return keep

    async def _say(self, answer: Refusal) -> None:
        """Give the last answer of this connection."""
        await self._client.send(answer.raw(keep=False))


def _to_proxy(request: Request, upstream: Upstream) -> Request:
    """The request as the inherited proxy wants it: whole address, its own credentials."""
    onward = replace(request.onward, start=request.head.start)
    if upstream.authorization:
        onward = onward.adding(b"Proxy-Authorization", upstream.authorization)
    return replace(request, onward=onward)


def _cause(error: OSError | BadMessage) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(text.split())
