"""Messages to addresses of the world, which are not to reach what is near.

Whoever writes a template, or has messages sent, names the address. One of this machine, of its
network or of a cloud's metadata service could do there what its author may not.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from urllib.parse import SplitResult, urlsplit

import httptools

from cloudhand.core.notification import Answer

_TIMEOUT = 10.0  # seconds, for all of it
_BODY_LIMIT = 16 * 1024  # bytes of an answer; what comes after them is not read
_HEADS_LIMIT = 64 * 1024  # bytes
_PIECE = 16 * 1024
KEY_HEADER = "X-Cloudhand-Key"

# What may not be in a request, lest it be another one.
_TARGET = re.compile(r"[!-~]+")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Outward:
    """orchestration.action.Poster; ``send`` is reconcilers.notifications.Deliver."""

    def __init__(self, allowed: Sequence[Network] = (), *, timeout: float = _TIMEOUT) -> None:
        """``allowed``: near networks that may be reached all the same. ``timeout``: seconds."""
        self._allowed = tuple(allowed)
        self._timeout = timeout

    async def __call__(self, url: str, *, headers: Mapping[str, str], body: bytes, key: str) -> int:
        return (await self.send(url, headers=headers, body=body, key=key)).status

    async def send(self, url: str, *, headers: Mapping[str, str], body: bytes, key: str) -> Answer:
        parts, host, port = _place(url)
        raw, reading = _request(parts, {**headers, KEY_HEADER: key}, body), _Reading()
        with _told():
            try:
                async with asyncio.timeout(self._timeout):
                    await self._exchange(await self._address(host, port), parts, raw, reading)
            except TimeoutError:
                # What it answers is known by then; that the rest comes slowly is its own business.
                if not reading.begun:
                    raise OSError(f"it did not answer within {self._timeout:g} s") from None
            if not reading.begun:
                raise OSError("it hung up without an answer")
        return reading.answer()

    async def _exchange(
        self, where: tuple[str, int], parts: SplitResult, raw: bytes, reading: _Reading
    ) -> None:
        tls = self._tls if parts.scheme == "https" else None
        reader, writer = await asyncio.open_connection(
            *where, ssl=tls, server_hostname=parts.hostname if tls else None
        )
        try:
            writer.write(raw)
            await writer.drain()
            while not reading.enough and (piece := await reader.read(_PIECE)):
                reading.feed(piece)
        finally:
            writer.transport.abort()  # nobody waits for it to say goodbye

    async def _address(self, host: str, port: int) -> tuple[str, int]:
        """What a name stands for, looked up once: it could change after it was looked at."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except UnicodeError:  # no name has such letters, or so many
            raise OSError(f"cannot find {host}") from None
        except OSError as error:
            raise OSError(f"cannot find {host}: {error.strerror}") from None
        for *_, where in found:
            address = ipaddress.ip_address(where[0])
            near = not address.is_global or address.is_multicast
            if near and not any(address in network for network in self._allowed):
                raise PermissionError(
                    f"{host} is an address of this machine or its network, which `--web-hooks-to"
                    f" {address}` of `up` and `serve` allows"
                )
        return str(found[0][4][0]), port

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()


def _place(url: str) -> tuple[SplitResult, str, int]:
    """Its parts, among them host and port; OSError unless it is an address of http or https."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise OSError("its address is not one of http or https") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise OSError("its address is not one of http or https")
    return parts, parts.hostname, port


def _request(parts: SplitResult, headers: Mapping[str, str], body: bytes) -> bytes:
    """OSError where an address or a header has letters in it that none has."""
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not _TARGET.fullmatch(target):
        raise OSError("its address has letters that no address has")
    given = {"host": _host(parts)} | {name.lower(): value for name, value in headers.items()}
    given |= {"content-length": str(len(body)), "connection": "close"}
    given.pop("transfer-encoding", None)
    for name, value in given.items():
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise OSError("a header has letters that none has")
    lines = [f"POST {target} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def _host(parts: SplitResult) -> str:
    host = parts.netloc.rpartition("@")[2]
    try:
        return host if host.isascii() else host.encode("idna").decode()
    except UnicodeError:  # no name has such letters, or so many
        raise OSError(f"cannot find {host}") from None


@contextmanager
def _told() -> Iterator[None]:
    """What goes wrong is told in a phrase, and as an OSError."""
    try:
        yield
    except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
        raise OSError(f"it does not speak HTTP: {error}") from None
    except OSError as error:
        if str(error):
            raise
        raise OSError("it hung up") from None


class _Reading:
    """An answer as it comes, told by httptools."""

    def __init__(self) -> None:
        self.begun = False  # its head is here
        self._whole = False
        self._size = 0
        self._headers: dict[bytes, bytes] = {}
        self._body = b""
        self._parser = httptools.HttpResponseParser(self)

    @property
    def enough(self) -> bool:
        return self._whole or len(self._body) >= _BODY_LIMIT

    def feed(self, piece: bytes) -> None:
        self._size += len(piece)
        self._parser.feed_data(piece)
        if self._size > _HEADS_LIMIT and not self.begun:
            raise OSError("it does not speak HTTP: its head does not end")

    def answer(self) -> Answer:
        return Answer(
            status=self._parser.get_status_code(),
            retry_after=self._headers.get(b"retry-after", b"").decode("latin-1"),
            body=self._body[:_BODY_LIMIT],
        )

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        # Before an answer others may come that only say that there will be one.
        self.begun = self._parser.get_status_code() >= 200

    def on_body(self, piece: bytes) -> None:
        self._body += piece

    def on_message_complete(self) -> None:
        self._whole = self.begun
