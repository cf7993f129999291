"""What became of one machine."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cloudhand.cli.adopt.hosts import Host


class State(StrEnum):
    """The values are what one reads."""

    ONLINE = "online"
    ALREADY = "already online"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    UNTOUCHED = "not begun"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    host: Host
    state: State
    instance_id: str = ""  # as far as it is known
    told: str = ""  # a reason, or what else there is to say

    @property
    def good(self) -> bool:
        return self.state in (State.ONLINE, State.ALREADY)
