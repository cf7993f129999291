"""Faults that somebody makes on purpose, to see what their own automation does about them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from cloudhand.core.ids import FaultId, InstanceId


class Kind(StrEnum):
    OFFLINE = "offline"  # nothing that its agent says is heard
    SLOW_BOOT = "slow-boot"  # nothing of it is heard for so many seconds after each boot
    NO_BOOT = "no-boot"  # nothing of it is heard after its next boot
    EXIT = "exit"  # a command does nothing, and ends with this exit code
    FLOOD = "flood"  # a command says so many bytes before what it says itself
    THROTTLE = "throttle"  # requests are answered as too many; ms until they may come again


LARGEST = {
    Kind.OFFLINE: 0,
    Kind.SLOW_BOOT: 86_400,
    Kind.NO_BOOT: 0,
    Kind.EXIT: 255,
    Kind.FLOOD: 1024**3,
    Kind.THROTTLE: 3_600_000,
}
OF_COMMANDS = (Kind.EXIT, Kind.FLOOD)
OF_BOOTS = (Kind.SLOW_BOOT, Kind.NO_BOOT)
COUNTED = (*OF_COMMANDS, Kind.THROTTLE)  # of which there can be so many


@dataclass(frozen=True, kw_only=True)
class Fault:
    id: FaultId
    kind: Kind
    instance_ids: frozenset[InstanceId] = frozenset()  # none: all
    value: int = 0  # what its kind says
    percent: int = 100  # of what it could strike
    seed: int = 0
    times: int | None = None  # None: always
    made_at: datetime
    until: datetime | None = None  # None: until it is taken away

    def meant_for(self, instance_id: InstanceId) -> bool:
        return not self.instance_ids or instance_id in self.instance_ids

    def strikes(self, key: str) -> bool:
        """Whether it does, of all that it could strike, this one: the same with the same seed."""
        drawn = sha256(f"{self.seed}/{key}".encode()).digest()
        return int.from_bytes(drawn[:8]) % 100 < self.percent
