"""A proxy that knows CONNECT alone, as strict or as odd as a test wants it."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Self

_HEAD_END = b"\r\n\r\n"


class Proxy:
    """Use it in a with statement."""

    def __init__(
        self,
        *,
        port: int = 0,
        secret: str = "",
        answer: bytes = b"",
        upgrades: bool = True,
        meanwhile: Callable[[], object] = lambda: None,
    ) -> None:
        """``port``: at which it listens, else any; ``secret``: NAME:PASSWORD that it wants;
        ``answer``: what it says instead of leading on; ``upgrades``: whether a WebSocket comes
        through; ``meanwhile``: done while somebody waits to be led on.
        """
        self._meanwhile = meanwhile
        self._wanted = base64.b64encode(secret.encode()) if secret else b""
        self._answer = answer
        self._upgrades = upgrades
        self._listener = socket.create_server(("127.0.0.1", port))
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self.name = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.url = f"http://{self.name}"
        self.led: list[str] = []  # where to

    def __enter__(self) -> Self:
        self._begin(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for one in list(self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()
        self._listener.close()

    def _begin(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._open.add(client)
            self._begin(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            head = b""
            while _HEAD_END not in head:
                data = client.recv(4096)
                if not data:
                    return
                head += data
            if self._answer:
                client.sendall(self._answer)
                return
            if self._wanted and b"Proxy-Authorization: Basic " + self._wanted not in head:
                client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
                return
            there = head.split()[1].decode()
            self._meanwhile()
            self.led.append(there)
            host, _, port = there.rpartition(":")
            with socket.create_connection((host, int(port))) as server:
                self._open.add(server)
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                self._begin(self._carry, server, client)
                self._carry(client, server, asked=True)

    def _carry(self, source: socket.socket, target: socket.socket, asked: bool = False) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if asked and not self._upgrades and b"Upgrade: websocket" in data:
                    source.sendall(b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n")
                    break
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)
