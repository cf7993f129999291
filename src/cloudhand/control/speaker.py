"""Who speaks to the gateway."""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.core.ids import BootId, InstanceId
from cloudhand.core.instance import Agent


@dataclass(frozen=True, kw_only=True)
class Speaker:
    """The agent that speaks, and in which boot of its machine."""

    agent: Agent
    boot_id: BootId | None

    @property
    def id(self) -> InstanceId:
        return self.agent.instance_id
