"""A client that speaks to the proxy byte by byte."""

from __future__ import annotations

import base64
import json
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.passage.plane import Plane

PATIENCE = 20.0  # seconds until a test that hangs fails


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def error(self) -> Any:
        return json.loads(self.body)


class Dialogue:
    """One connection to the proxy of an environment."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        parts = urlsplit(environment["https_proxy"])
        token = base64.b64encode(f"{parts.username}:{parts.password}".encode()).decode()
        self.known = f"Proxy-Authorization: Basic {token}\r\n"
        self.socket: socket.socket = socket.create_connection(
            (parts.hostname or "", parts.port or 0), timeout=PATIENCE
        )
        self.file = self.socket.makefile("rb")

    def close(self) -> None:
        self.file.close()
        self.socket.close()

    def send(self, text: str | bytes) -> None:
        self.socket.sendall(text.encode() if isinstance(text, str) else text)

    def ask(self, line: str, *fields: str, body: bytes = b"") -> Answer:
        """One request with the password, and its answer."""
        extra = (f"Content-Length: {len(body)}",) if body else ()
        lines = "".join(f"{field}\r\n" for field in (*fields, *extra))
        self.send(f"{line} HTTP/1.1\r\n{self.known}{lines}\r\n".encode() + body)
        return self.answer(head_only=line.startswith("HEAD"))

    def answer(self, *, head_only: bool = False) -> Answer:
        _, status, reason = self.file.readline().decode().rstrip("\r\n").split(" ", 2)
        headers = dict(self._fields())
        size = 0 if head_only else int(headers.get("content-length", "0"))
        return Answer(status=int(status), reason=reason, headers=headers, body=self.file.read(size))

    def _fields(self) -> Iterator[tuple[str, str]]:
        while (line := self.file.readline().decode().rstrip("\r\n")) != "":
            name, _, value = line.partition(":")
            yield name.lower(), value.strip()

    def rest(self) -> bytes:
        return self.file.read()

    def secure(self, environment: Mapping[str, str], host: str) -> None:
        """Go on in TLS, trusting what the environment says."""
        context = ssl.create_default_context(cafile=environment["SSL_CERT_FILE"])
        self.file.close()
        self.socket = context.wrap_socket(self.socket, server_hostname=host)
        self.file = self.socket.makefile("rb")


@contextmanager
def dialogue(environment: Mapping[str, str]) -> Iterator[Dialogue]:
    open_one = Dialogue(environment)
    try:
        yield open_one
    finally:
        open_one.close()


def ended(plane: Plane, connections: int = 1) -> bool:
    """Whether so many more connections to a server end within a bound."""
    return all(plane.ended.acquire(timeout=PATIENCE) for _ in range(connections))
