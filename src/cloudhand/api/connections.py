"""How many connections of HTTP there may be, and how much of requests that are not whole yet.

Whoever opens one need not say who he is before a request is whole. So where there is one too many,
the one that has let us wait for longest is hung up: those who say what they want at once get
through, however many there are who do not.
"""

from __future__ import annotations

from typing import Protocol

MOST = 4096  # connections that no agent holds open by a WebSocket
MOST_BYTES = 64 * 1024 * 1024  # of requests that are not whole


class Line(Protocol):
    @property
    def busy(self) -> bool:
        """Whether a whole request of it is being answered."""
        ...

    def hang_up(self) -> None:
        """Ends it; ``Connections.ended`` is called before it returns, or soon after."""
        ...


class Connections:
    def __init__(self, *, most: int = MOST, most_bytes: int = MOST_BYTES) -> None:
        self._most = most
        self._most_bytes = most_bytes
        # What of a request each has sent, those first that have let us wait for longest.
        self._held: dict[Line, int] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._held)

    def waits(self, line: Line) -> None:
        """It is open, or its request is whole: from now on it lets us wait for the next one."""
        self._bytes -= self._held.pop(line, 0)
        self._held[line] = 0
        if len(self._held) > self._most:
            self._hang_up_one()

    def holds(self, line: Line, size: int) -> None:
        """So many more bytes of a request came that is not whole yet."""
        if line not in self._held:
            return
        self._held[line] += size
        self._bytes += size
        while self._bytes > self._most_bytes and self._hang_up_one(with_bytes=True):
            pass

    def ended(self, line: Line) -> None:
        self._bytes -= self._held.pop(line, 0)

    def _hang_up_one(self, *, with_bytes: bool = False) -> bool:
        for line, size in self._held.items():
            if not line.busy and (size or not with_bytes):
                self.ended(line)
                line.hang_up()
                return True
        return False
