"""Open connections: to the control plane, to other hosts, and through an inherited proxy."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from socket import SOCK_STREAM

from cloudhand.passage import message
from cloudhand.passage.hosts import Place, is_metadata
from cloudhand.passage.message import HEAD_LIMIT
from cloudhand.passage.upstream import Upstream
from cloudhand.wire.hosts import normal

_CONNECT_WITHIN = 15.0  # seconds for each address


@dataclass(frozen=True, kw_only=True)
class Destination:
    """The control plane."""

    host: str
    port: int
    tls: bool = False
    ca_pem: bytes | None = None  # whom to trust for TLS; None: the system's authorities

    @property
    def endpoint(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.endpoint}"

    def context(self) -> ssl.SSLContext | None:
        if not self.tls:
            return None
        return ssl.create_default_context(cadata=self.ca_pem.decode() if self.ca_pem else None)


class Refused(Exception):
    """The way leads to a place that is refused, whatever its name is."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.place = place


@dataclass(frozen=True, kw_only=True)
class Wire:
    """Both directions of a connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def silent(self) -> bool:
        """Whether an idle connection can carry a request: nothing came, not even its end."""
        if self.writer.is_closing():
            return False
        try:
            async with asyncio.timeout(0):
                await self.reader.read(1)
        except TimeoutError:
            # Its end may have come in the very step in which we gave up waiting for it.
            return not self.reader.at_eof()
        return False

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def abort(self) -> None:
        # Before 3.11.3 Python stumbles over a TLS connection that has ended already.
        with suppress(AttributeError):
            self.writer.transport.abort()


async def dial(host: str, port: int, context: ssl.SSLContext | None) -> Wire:
    async with asyncio.timeout(_CONNECT_WITHIN):
        reader, writer = await asyncio.open_connection(host, port, ssl=context, limit=HEAD_LIMIT)
    return Wire(reader=reader, writer=writer)


async def dial_elsewhere(host: str, port: int) -> Wire:
    """Connect to another host, unless its name leads to instance metadata."""
    failure: OSError = OSError(f"{host} has no address")
    for address in await _addresses(host, port):
        try:
            return await dial(address, port, None)
        except OSError as error:
            failure = error
    raise failure


async def _addresses(host: str, port: int) -> list[str]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(normal(host), port, type=SOCK_STREAM)
    except UnicodeError as error:
        raise OSError(f"{host} is no name of a host") from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if any(is_metadata(ip_address(address.partition("%")[0])) for address in addresses):
        raise Refused(Place.METADATA)
    return addresses


async def dial_upstream(upstream: Upstream) -> Wire:
    context = ssl.create_default_context() if upstream.tls else None
    return await dial(upstream.host, upstream.port, context)


async def tunnel_through(upstream: Upstream, authority: bytes) -> tuple[Wire, message.Head]:
    """Ask the inherited proxy for a tunnel; its answer tells whether there is one."""
    wire = await dial_upstream(upstream)
    try:
        head = message.Head(
            start=b"CONNECT " + authority + b" HTTP/1.1", fields=(b"Host: " + authority,)
        )
        if upstream.authorization:
            head = head.adding(b"Proxy-Authorization", upstream.authorization)
        await wire.send(head.raw())
        answer = await message.read_head(wire.reader)
        if answer is None:
            raise OSError("the inherited proxy hung up")
        return wire, answer
    except BaseException:
        wire.abort()
        raise
