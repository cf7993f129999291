"""Where the control plane is, how to reach it, and why that failed."""

from __future__ import annotations

import os
import socket
from typing import Any
from urllib.parse import urlsplit

from cloudhand.agent.proxy import Refused, proxy_for

_TIMEOUT = 10.0  # seconds, for connecting and for each wait


class Server:
    """ValueError with a sentence for an address or an authority that cannot be used."""

    def __init__(self, url: str, ca: str = "", proxy: str = "") -> None:
        """``proxy``: address of one; else what the environment says."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(
                f"cannot use {url!r} as a server: write http://HOST:PORT or https://HOST:PORT"
            )
        try:
            port = parts.port
        except ValueError:
            raise ValueError(f"cannot use {url!r} as a server: its port is none") from None
        self.tls = parts.scheme == "https"
        self.host = parts.hostname
        self.port = port or (443 if self.tls else 80)
        self.name = parts.netloc
        self.proxy = proxy_for(self.host, self.port, tls=self.tls, given=proxy)
        self._context: Any = None
        self._ca = ca

    @property
    def proxy_url(self) -> str:
        """To be kept: what the environment says does not hold for who is started by others."""
        return self.proxy.url if self.proxy else ""

    def connect(self) -> socket.socket:
        """A connected socket; OSError."""
        plain = self.reach()
        try:
            if self.proxy is not None:
                self.proxy.open(plain, self.host, self.port)
            return self.secured(plain) if self.tls else plain
        except BaseException:
            plain.close()
            raise

    def reach(self) -> socket.socket:
        """A socket to whoever listens next on the way; OSError."""
        there = self.proxy or self
        plain = socket.create_connection((there.host, there.port), timeout=_TIMEOUT)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return plain

    def secured(self, plain: socket.socket) -> socket.socket:
        """The same with TLS, and with who answers known; OSError."""
        wrapped: socket.socket = self._tls_context().wrap_socket(plain, server_hostname=self.host)
        return wrapped

    def why(self, error: Exception, *, new: bool) -> str:
        """One sentence about what stood between us and an answer. ``new``: its address may be
        wrong, since nobody has ever answered there.
        """
        return f"cannot reach {self.name}: {self.reason(error, new=new)}"

    def reason(self, error: Exception, *, new: bool) -> str:
        """Of ``why``, without whom."""
        if isinstance(error, Refused):
            return str(error)
        mistrust = getattr(error, "verify_message", "")  # of a TLS connection
        if mistrust:
            return self._mistrust(mistrust)
        if self.tls and getattr(error, "reason", None) in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST"):
            return f"it does not speak TLS; is its address http://{self.name}?"
        if isinstance(error, (ConnectionResetError, BrokenPipeError)):
            hint = f"; if it speaks TLS, its address is https://{self.name}"
            return f"it closed the connection{hint if new and not self.tls else ''}"
        if isinstance(error, ConnectionRefusedError):
            where = f"at the proxy {self.proxy.name}" if self.proxy else "there"
            return f"nobody listens {where} (connection refused)"
        if isinstance(error, OSError) and error.strerror:
            return error.strerror
        return str(error) or type(error).__name__

    def _mistrust(self, message: str) -> str:
        if "issuer" not in message and "self" not in message:
            return f"its certificate is not accepted: {message}"
        if self._ca:
            return "its certificate is not signed by the authority that --ca named"
        return (
            "its certificate is signed by an authority that this machine does not trust;"
            " name the authority's file with --ca (a control plane of `serve --tls` has it in its"
            " state as tls/ca.pem)"
        )

    def _tls_context(self) -> Any:
        if self._context is None:
            import ssl  # only an https server is worth its memory

            self._context = ssl.create_default_context()
            if self._ca:
                try:
                    self._context.load_verify_locations(cadata=self._ca)
                except ssl.SSLError:
                    raise ValueError(
                        "cannot use what --ca names: it holds no certificate"
                    ) from None
        return self._context


def read_authority(path: str, url: str) -> str:
    """The text of ``--ca``; ValueError with a sentence."""
    if not url.lower().startswith("https:"):
        raise ValueError(f"cannot use --ca {path}: it is for an https server, and this is {url}")
    try:
        with open(path, encoding="ascii", errors="backslashreplace") as file:
            return file.read()
    except OSError as error:
        raise ValueError(f"cannot read --ca {path}: {os.strerror(error.errno or 0)}") from error
