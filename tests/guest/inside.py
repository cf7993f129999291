"""What does as it is asked inside a virtual machine: QEMU's guest agent, at the end of a wire.

The wire stays while the machine restarts, and nothing tells that what was asked last got lost.
"""

from __future__ import annotations

import itertools
import json
import socket
import threading
import time
from typing import Any


class Refused(Exception):
    """The agent cannot do what was asked."""


class Inside:
    def __init__(self, wire: socket.socket) -> None:
        self._wire = wire
        self._told = b""
        self._numbers = itertools.count(1)
        self._one_at_a_time = threading.Lock()

    def close(self) -> None:
        self._wire.close()

    def ask(self, what: str, *, within: float, **arguments: object) -> Any:
        """What it answers; TimeoutError after so many seconds, ConnectionError if it is off."""
        with self._one_at_a_time:
            number = next(self._numbers)
            deadline = time.monotonic() + within
            # Half a request may be left of before a restart; this byte ends it.
            self._wire.sendall(b"\xff" + _words("guest-sync-delimited", {"id": number}))
            self._wire.sendall(_words(what, arguments))
            while self._line(deadline).get("return") != number:
                pass  # the answer to somebody who did not wait for it
            answer = self._line(deadline)
        if "error" in answer:
            raise Refused(answer["error"]["desc"])
        return answer["return"]

    def _line(self, deadline: float) -> dict[str, Any]:
        while b"\n" not in self._told:
            self._wire.settimeout(max(deadline - time.monotonic(), 0.001))
            more = self._wire.recv(65536)
            if not more:
                raise ConnectionError("the machine is off")
            self._told += more
        line, _, self._told = self._told.partition(b"\n")
        answer: dict[str, Any] = json.loads(line.rpartition(b"\xff")[2])
        return answer


def _words(what: str, arguments: dict[str, Any]) -> bytes:
    return json.dumps({"execute": what, "arguments": arguments}).encode() + b"\n"
