"""How much of an output is kept: its head and its tail, and exactly how much is left out. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kept:
    """What is kept of an output of ``total`` bytes."""

    head: bytes
    tail: bytes
    total: int

    @property
    def dropped(self) -> int:
        """Bytes left out, all of them between head and tail."""
        return self.total - len(self.head) - len(self.tail)

    def after(self, offset: int) -> bytes:
        """What is kept from ``offset`` on, counted in what is kept."""
        return (self.head + self.tail)[offset:]


class Keeper:
    """Keeps an output as it comes: half of the quota for the head, the rest for the tail."""

    def __init__(self, quota: int) -> None:
        self._head_limit = quota // 2
        self._tail_limit = quota - self._head_limit
        self._head = b""
        self._tail = b""
        self._total = 0

    def feed(self, data: bytes) -> bytes:
        """Take more output; the part of it that belongs to the head."""
        self._total += len(data)
        room = self._head_limit - len(self._head)
        head, rest = data[:room], data[room:]
        self._head += head
        # While it still fits, the tail joins the head without a gap.
        self._tail = (self._tail + rest)[-self._tail_limit :] if self._tail_limit else b""
        return head

    @property
    def kept(self) -> Kept:
        return Kept(self._head, self._tail, self._total)
