"""What a client asks of a proxy: a tunnel, or a request with its whole address."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from cloudhand.passage.hosts import Place, place
from cloudhand.passage.message import BadMessage, Framing, Head, request_framing

_START = re.compile(rb"([!-~]+) ([^ \r\n\t]+) HTTP/1\.[01]")
_AUTHORITY = re.compile(rb"(?:[^@/\\]*@)?(\[[0-9A-Fa-f:.%]+\]|[^:@\[\]/\\]+)(?::([0-9]{1,5}))?")
_TO_THE_PROXY = (b"proxy-authorization", b"proxy-connection")


@dataclass(frozen=True, kw_only=True)
class Request:
    method: bytes
    host: str
    port: int
    head: Head  # as it came
    framing: Framing
    onward: Head  # as it goes to the host itself


def tunnel(head: Head) -> tuple[str, int] | None:
    """Where a tunnel shall lead; None when this is another request."""
    method, target = _start(head)
    return _authority(target, 443) if method == b"CONNECT" else None


def absolute(head: Head) -> Request:
    """A request that names its host in its first line."""
    method, target = _start(head)
    scheme, separator, rest = target.partition(b"://")
    if not separator or scheme.lower() != b"http":
        raise BadMessage("a proxy wants http:// and a whole address, or CONNECT")
    authority = re.split(rb"[/?#]", rest, maxsplit=1)[0]
    host, port = _authority(authority, 80)
    return _request(head, method, (host, port), _path(rest[len(authority) :]))


def within(head: Head, host: str, port: int) -> Request:
    """A request that comes through a tunnel to ``host``."""
    method, target = _start(head)
    if b"://" in target.partition(b"?")[0] and not target.startswith(b"/"):
        rest = target.partition(b"://")[2]
        target = _path(rest[len(re.split(rb"[/?#]", rest, maxsplit=1)[0]) :])
    return _request(head, method, (host, port), target)


def strictest(request: Request) -> Place:
    """The place of a request by its address and, where that says little, by its Host header."""
    by_address = place(request.host)
    named = request.head.values(b"host")
    if by_address is not Place.ELSEWHERE or not named:
        return by_address
    return max((place(_authority(name, 80)[0]) for name in named), key=_STRICTNESS.index)


_STRICTNESS = (Place.ELSEWHERE, Place.SERVED, Place.METADATA, Place.REAL)


def _start(head: Head) -> tuple[bytes, bytes]:
    match = _START.fullmatch(head.start)
    if match is None:
        raise BadMessage("its first line is malformed")
    return match[1], match[2]


def _authority(text: bytes, default: int) -> tuple[str, int]:
    match = _AUTHORITY.fullmatch(text)
    if match is None:
        raise BadMessage("its address is malformed")
    port = int(match[2] or default)
    if not 0 < port < 65536:
        raise BadMessage("its port is out of range")
    return match[1].decode("utf-8", "replace"), port


def _path(rest: bytes) -> bytes:
    path = rest.partition(b"#")[0]
    return path if path.startswith(b"/") else b"/" + path


def _request(head: Head, method: bytes, where: tuple[str, int], path: bytes) -> Request:
    start = b" ".join((method, path, head.start.rpartition(b" ")[2]))
    return Request(
        method=method,
        host=where[0],
        port=where[1],
        head=head,
        framing=request_framing(head),
        onward=replace(head.without(*_TO_THE_PROXY), start=start),
    )
