"""Keep asking while the control plane is away: what it was told to do goes on without us."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import as_it_is_now
from cloudhand.cli.errors import ClientError, Unreachable

BOUND = 600.0  # seconds
_PAUSE = 0.5  # seconds

Answer = TypeVar("Answer")


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long, and with which words, a command waits for its control plane to be back."""

    client: Client
    tell: Callable[[str], None]  # what happens meanwhile
    bound: float = BOUND  # seconds

    def ask(self, question: Callable[[], Answer], about: str) -> Answer:
        """The answer, of a later control plane if need be; Unreachable if there comes none.

        ``about``: what goes on without us meanwhile. What is asked may be asked twice.
        """
        try:
            return question()
        except Unreachable as error:
            self._unless_gone(error)
            self.tell(f"Connection lost ({error.why}); {about} goes on without us; trying again")
        deadline = time.monotonic() + self.bound
        while True:
            try:
                answer = question()
            except Unreachable as error:
                self._unless_gone(error)
                if time.monotonic() > deadline:
                    raise
                time.sleep(_PAUSE)
                self.client.endpoint = as_it_is_now(self.client.endpoint)
            else:
                self.tell("The control plane is back.")
                return answer

    def _unless_gone(self, error: Unreachable) -> None:
        state = self.client.endpoint.state
        if state is not None and not state.exists():
            raise ClientError(
                f"the control plane at {self.client.endpoint.url} has ended, and its state is gone"
            ) from error
