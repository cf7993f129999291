"""Plugins of published agents, and what their agents say of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from cloudhand.core.ids import InstanceId

# Agents look at their plugins every 15 minutes; one such report may be lost.
HEARD_WITHIN = timedelta(minutes=35)


class Status(StrEnum):
    NOT_INSTALLED = "NotInstalled"
    INSTALLED = "Installed"  # runs only when it is asked to
    RUNNING = "Running"
    STOPPED = "Stopped"
    CRASHED = "Crashed"
    REMOVED = "Removed"
    UNKNOWN = "Unknown"


# What agents say begins with the kind of the plugin, as in PERSIST_RUNNING or ONCE_INSTALLED.
_SAID = {
    "INSTALLED": Status.INSTALLED,
    "RUNNING": Status.RUNNING,
    "STOPPED": Status.STOPPED,
    "FAIL": Status.CRASHED,
    "REMOVED": Status.REMOVED,
}


def status_of(said: str) -> Status:
    """How the status that an agent reports is told."""
    return _SAID.get(said.upper().rpartition("_")[2], Status.UNKNOWN)


@dataclass(frozen=True, kw_only=True)
class Plugin:
    instance_id: InstanceId
    name: str
    version: str = ""
    status: Status
    first_heard_at: datetime | None = None
    last_heard_at: datetime | None = None

    def shown(self, now: datetime) -> Status:
        """Of what nobody has spoken for long nothing is known, unless it is no more."""
        if self.last_heard_at is None or self.status is Status.REMOVED:
            return self.status
        return self.status if now - self.last_heard_at <= HEARD_WITHIN else Status.UNKNOWN


@dataclass(frozen=True, kw_only=True)
class PluginsView:
    instance_id: InstanceId
    plugins: Sequence[Plugin]  # by name
