"""How much of an output is kept: its head and its tail, and exactly how much is left out. Pure."""

from __future__ import annotations

_TAIL = 24 * 1024  # bytes; what the published API shows of an output


class Keeper:
    """Sorts an output as it comes: the head, which goes to a file, and the tail, which stays here.

    An output within the quota is kept whole. Of a longer one the head, the tail, and between them
    as much is left out as it is longer.
    """

    def __init__(self, quota: int) -> None:
        self._tail_limit = min(_TAIL, quota - quota // 2)
        self._head_limit = quota - self._tail_limit
        self._head = 0
        self.tail = b""
        self.total = 0

    def feed(self, data: bytes) -> bytes:
        """Take more output; the part of it that belongs to the head."""
        self.total += len(data)
        room = self._head_limit - self._head
        head, rest = data[:room], data[room:]
        self._head += len(head)
        # While it still fits, the tail joins the head without a gap.
        self.tail = (self.tail + rest)[-self._tail_limit :] if self._tail_limit else b""
        return head

    def end_head(self, excess: int) -> None:
        """So many bytes of the head are lost, and nothing more belongs to it."""
        self._head -= excess
        self._head_limit = self._head
