"""What a control plane tells the agent of a machine about itself. An extension."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping


@dataclass(frozen=True)
class Standing:
    online: bool
    cloned: bool  # two agents speak as this one

    def to_json(self) -> "dict[str, Any]":
        return {"code": 200, "online": self.online, "cloned": self.cloned}

    @classmethod
    def from_json(cls, body: "Mapping[str, Any]") -> "Standing":
        """Control planes of before say nothing of clones."""
        return cls(online=body.get("online") is True, cloned=body.get("cloned") is True)
