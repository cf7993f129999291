"""Where processes that have come to a fault point ask what is to happen to them."""

from __future__ import annotations

import json
import socketserver
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

# The answer to whoever has come to a point; it may take its time, and who asked waits for it.
# Told the point, and of what kind the report is that it is about, if it is about one.
Met = Callable[[str, str], str]
Ordered = Callable[[str], None]  # told "stop" or "restart"


class Hooks:
    """Who is asked about is a seat or an instance by its name. Use it in a with statement."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()  # points, whoever came to them
        self._met: dict[str, Met] = {}
        self._ordered: dict[str, Ordered] = {}
        self._booted: dict[str, Callable[[str], None]] = {}
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.hooks = self
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.2,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def listen(self, who: str, met: Met, ordered: Ordered | None = None) -> None:
        """Have one asked about what happens to ``who``. Empty: what nobody else is meant by."""
        self._met[who] = met
        if ordered is not None:
            self._ordered[who] = ordered

    def listen_for_boots(self, who: str, booted: Callable[[str], None]) -> None:
        """Have one told the boot id that ``who`` itself sees, each time that its agent starts."""
        self._booted[who] = booted

    def answer(self, said: dict[str, str]) -> str:
        who = said["who"]
        if "power" in said:
            self._ordered[who](said["power"])
            return "down"
        if "booted" in said:
            if who in self._booted:
                self._booted[who](said["booted"])
            return ""
        self.seen[said["point"]] += 1
        met = self._met.get(who)
        return met(said["point"], said.get("about", "")) if met is not None else ""


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128
    hooks: Hooks


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        line = self.rfile.readline()
        if not line:
            return
        answer = self.server.hooks.answer(json.loads(line))
        with suppress(OSError):  # who asked has been killed
            self.wfile.write(answer.encode() + b"\n")
