"""Where scripts on instances meet their test: each says that it began, and waits for a word.

A script holds its connection open until it ends, however it ends.
"""

from __future__ import annotations

import socket

_BOUND = 30.0  # seconds


class Guest:
    """A script that came."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(_BOUND)
        self._connection = connection
        self._file = connection.makefile("rb")
        self.name = self._file.readline().decode().strip()

    def release(self, word: str = "go") -> None:
        self._connection.sendall(f"{word}\n".encode())

    def gone(self) -> None:
        """Return once nothing of the script holds on to its connection."""
        try:
            assert self._file.read() == b""
        except ConnectionResetError:
            pass

    def close(self) -> None:
        self._file.close()
        self._connection.close()


class Meeting:
    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(_BOUND)
        self._guests: list[Guest] = []

    def script(self, name: str = "it", *, before: str = "", after: str = "") -> str:
        """Bash that comes here between ``before`` and ``after``, and knows the word as $word."""
        port = self._listener.getsockname()[1]
        meet = f"exec 3<>/dev/tcp/127.0.0.1/{port}; echo {name} >&3; read -r word <&3"
        return f"#!/bin/bash\n{before}\n{meet}\n{after}\n"

    def guest(self) -> Guest:
        """The next script that comes."""
        connection, _ = self._listener.accept()
        guest = Guest(connection)
        self._guests.append(guest)
        return guest

    def guests(self, count: int) -> list[Guest]:
        return [self.guest() for _ in range(count)]

    def nobody(self) -> bool:
        """Whether nobody waits to be let in."""
        self._listener.setblocking(False)
        try:
            self._guests.append(Guest(self._listener.accept()[0]))
        except BlockingIOError:
            return True
        finally:
            self._listener.settimeout(_BOUND)
        return False

    def close(self) -> None:
        for guest in self._guests:
            guest.close()
        self._listener.close()
