"""Machines that wait for their turn while somebody waits for them."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from cloudhand.cli.client import Client
from cloudhand.cli.errors import ApiError
from cloudhand.cli.governor.slots import Slot, slots
from cloudhand.cli.outage import Patience
from cloudhand.cli.people import Names, called, with_names

_FIRST_LOOK = 3.0  # seconds; one that need not wait is most likely down by then
_LOOK_EVERY = 5.0  # seconds


class Queue:
    def __init__(
        self, client: Client, names: Names, *, patience: Patience, tell: Callable[[str], None]
    ) -> None:
        self._client = client
        self._names = names
        self._patience = patience
        self._tell = tell
        self._look_at = time.monotonic() + _FIRST_LOOK
        self._told: dict[str, str] = {}
        self._waiting: list[Slot] = []

    def holds(self, instance_ids: Collection[str]) -> bool:
        """Whether one of these waits for its turn; says of each for whom, once."""
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + _LOOK_EVERY
            self._look()
        waiting = [slot for slot in self._waiting if slot.holder in instance_ids]
        for slot in waiting:
            if self._told.get(slot.holder) != slot.waits_for:
                self._told[slot.holder] = slot.waits_for
                why = with_names(slot.waits_for, self._names)
                self._tell(f"{called(slot.holder, self._names)} {why}")
        return bool(waiting)

    def _look(self) -> None:
        try:
            found = self._patience.ask(lambda: slots(self._client), "what was asked for")
        except ApiError:
            return  # who asks may not know
        self._waiting = [slot for slot in found if slot.status == "Waiting"]
