"""The way to a control plane that leads through a proxy, by CONNECT (RFC 9110, 9.3.6)."""

from __future__ import annotations

import base64
import os
import socket
from typing import Optional
from urllib.parse import unquote, urlsplit

from cloudhand.wire import hosts

_USUAL_PORT = 8080
_HEAD_LIMIT = 16 * 1024  # bytes of what a proxy answers


class Refused(OSError):
    """What a proxy said instead of connecting us."""


class Proxy:
    """ValueError with a sentence for an address that cannot be used."""

    def __init__(self, url: str) -> None:
        try:
            parts = urlsplit(url if "://" in url else f"http://{url}")
            # Behind the host nothing is looked for; a password that is not encoded may end there.
            whole = parts.scheme == "http" and "@" not in url.partition(parts.netloc)[2]
            host = parts.hostname if whole else None
            port = parts.port or _USUAL_PORT
        except ValueError:  # its words may hold the password
            host = None
        if not host:
            raise ValueError(
                f"cannot use {_bare(url)!r} as a proxy: write http://HOST:PORT"
            ) from None
        self.url = url
        self.host = host
        self.port = port
        self.name = f"{self.host}:{port}"
        self._secret = ""
        if parts.username:
            said = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._secret = base64.b64encode(said.encode()).decode()

    def open(self, connection: socket.socket, host: str, port: int) -> None:
        """Have it lead a connection on; OSError."""
        there = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        lines = [f"CONNECT {there} HTTP/1.1", f"Host: {there}"]
        if self._secret:
            lines.append(f"Proxy-Authorization: Basic {self._secret}")
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        status = _status(connection)
        if not 200 <= status < 300:
            helps = (
                "give it a name and a password: http://NAME:PASSWORD@HOST:PORT"
                if status == 407
                else f"have it allow CONNECT to port {port}, or name another way"
            )
            raise Refused(
                f"the proxy {self.name} does not connect to {there} (it answered {status}); {helps}"
            )


def proxy_for(host: str, port: int, *, tls: bool, given: str = "") -> Optional[Proxy]:
    """``given``, or what the environment says; None for none. As curl, and as it is usual."""
    if given:
        return Proxy(given)
    if _is_local(host) or hosts.direct(hosts.said(os.environ, "no_proxy"), host, port):
        return None
    # Not HTTP_PROXY: a web server sets it to a header of whoever asks.
    url = hosts.said(os.environ, "https_proxy") if tls else os.environ.get("http_proxy", "")
    return Proxy(url) if url else None


def _is_local(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


def _status(connection: socket.socket) -> int:
    """What it answers; nothing comes behind that before we speak."""
    head = b""
    while b"\r\n\r\n" not in head:
        try:
            data = connection.recv(4096)
        except socket.timeout:
            raise Refused("the proxy does not answer") from None
        if not data or len(head) > _HEAD_LIMIT:
            raise Refused("the proxy closed the connection without an answer")
        head += data
    version, _, rest = head.partition(b" ")
    if not version.startswith(b"HTTP/1.") or not rest[:3].isdigit():
        raise Refused("what answers as the proxy is none: it does not speak HTTP")
    return int(rest[:3])


def _bare(url: str) -> str:
    """Without the name and the password that may be in it."""
    return url.rpartition("@")[2]
