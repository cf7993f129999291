"""Who did what, from where, to what, and what came of it. No record holds what was given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

OK = "OK"  # the outcome of what was done


class Kind(StrEnum):
    CALL = "call"  # of an operation
    JOINING = "joining"  # of a machine, or its leaving
    POWER = "power"  # of a machine


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a call comes from."""

    address: str = ""  # in the network; or the execution that calls
    program: str = ""  # as it calls itself
    key_id: str = ""  # the access key that it names


@dataclass(frozen=True, kw_only=True)
class Record:
    kind: Kind
    at: datetime
    action: str  # ecs:RunCommand, agent:Register, power:restart
    who: str  # as account.Identity tells it; empty: nobody knows
    outcome: str  # OK, or the code of what came instead
    reads: bool = False  # it changes nothing
    origin: Origin = field(default_factory=Origin)
    things: Sequence[str] = ()  # instance/i-..., command/c-...
    # Ids that were made, boot ids; what is empty is not known.
    facts: Mapping[str, str | None] = field(default_factory=dict)
    request_id: str = ""

    def told(self) -> dict[str, Any]:
        """As it is written: what is empty is left out."""
        everything = {
            "at": self.at.isoformat(timespec="milliseconds"),
            "kind": self.kind.value,
            "action": self.action,
            "who": self.who,
            "from": self.origin.address,
            "program": self.origin.program,
            "accessKeyId": self.origin.key_id,
            "on": list(self.things),
            "reads": self.reads,
            "outcome": self.outcome,
            "facts": {name: value for name, value in self.facts.items() if value},
            "requestId": self.request_id,
        }
        return {name: value for name, value in everything.items() if value}


@dataclass(frozen=True, kw_only=True)
class RecordFilter:
    """Which records are wanted; what is empty does not matter."""

    since: datetime | None = None
    until: datetime | None = None  # this moment is not among them
    who: str = ""
    action: str = ""  # * stands for anything
    thing: str = ""  # the id of one of those that it was about
    changes: bool = False  # without those that looked at something, and were let
    failed: bool = False  # those alone whose outcome is not OK
