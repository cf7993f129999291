"""Requests of our agent in binary messages of the kick channel (*extension*).

They say and mean what they would over HTTP, and are signed in the same way; what HTTP says
besides was said when the channel was opened. So an idle agent holds one connection, not two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Tuple

from cloudhand.wire import agent as wire

# Of the answer to the opening of a channel that takes requests.
HEADER = "x-cloudhand-requests"
# Bytes of a body. What is larger goes by HTTP, so that it never stands in the way of a kick.
BODY_LIMIT = 16 * 1024
MESSAGE_LIMIT = 64 * 1024

_SIGNED = (
    wire.TIMESTAMP_HEADER,
    wire.REQUEST_HEADER,
    wire.BOOT_HEADER,
    wire.HMAC_SIGNATURE_HEADER,
)


@dataclass(frozen=True)
class Request:
    """A line of method, target, timestamp, request id, boot id and signature; then the body."""

    method: str
    target: str
    headers: "Dict[str, str]"  # those of a signature
    body: bytes = b""

    def to_bytes(self) -> bytes:
        words = [self.method, self.target, *(self.headers[name] for name in _SIGNED)]
        return " ".join(words).encode("latin-1") + b"\n" + self.body

    @classmethod
    def from_bytes(cls, message: bytes) -> "Request":
        """ValueError."""
        line, _, body = message.partition(b"\n")
        words = line.decode("latin-1").split(" ")
        if len(words) != 2 + len(_SIGNED):
            raise ValueError("a request over the channel has another form")
        headers = dict(zip(_SIGNED, words[2:]))  # noqa: B905  # Python 3.9 knows no strict=
        return cls(words[0], words[1], headers, body)


def answer_to_bytes(request_id: str, status: int, body: bytes) -> bytes:
    """A line of request id and status; then the body, which is JSON."""
    return b"%s %d\n%s" % (request_id.encode("latin-1"), status, body)


def answer_from_bytes(message: bytes) -> "Tuple[str, int, bytes]":
    """ValueError."""
    line, _, body = message.partition(b"\n")
    request_id, _, status = line.decode("latin-1").partition(" ")
    return request_id, int(status), body
