"""The time as everything above asks for it, so that tests can make hours pass in no time."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """Aware, UTC."""

    async def sleep_until(self, moment: datetime) -> None: ...
