"""What somebody who makes and drives machines must offer to the control plane."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from cloudhand.core.ids import BootId, InstanceId


class ProviderError(Exception):
    """Not now: the same call is made again later. The text names what stood in the way."""


class Power(StrEnum):
    """What a provider sees of a machine."""

    RUNNING = "running"  # its init runs
    STOPPED = "stopped"  # it exists and does not run
    GONE = "gone"  # it does not exist


@dataclass(frozen=True, kw_only=True)
class Boot:
    """What a new machine is told. The activation is honoured until the machine is released."""

    instance_id: InstanceId
    hostname: str
    region_id: str
    server_url: str  # http://host:port or https://host:port, as seen from the machine
    activation_id: str
    activation_code: str
    ca: str = ""  # PEM of the authority of an https server
    user_data: bytes = b""


@dataclass(frozen=True, kw_only=True)
class Observed:
    power: Power
    boot_id: BootId | None = None  # of the running boot; None unless running


class Provider(Protocol):
    """Order for one machine: create, then start, stop and reboot as asked, then release.

    The lifecycle loop calls these, never a request handler, and never twice at once for one
    machine. After a crash it calls again with the same instance_id, so each call settles on the
    same machine and does nothing when there is nothing left to do. ``create`` leaves the machine
    stopped; one that exists is told anew, from its next start on. Every call returns when the order
    is given or carried out; ``observe`` tells which. Raise ProviderError to be asked again later.
    """

    name: str

    async def create(self, boot: Boot) -> None: ...

    async def start(self, instance_id: InstanceId) -> None: ...

    async def stop(self, instance_id: InstanceId, *, force: bool) -> None:
        """Shut down, or with ``force`` cut the power."""

    async def reboot(
        self, instance_id: InstanceId, *, force: bool, from_boot_id: BootId | None
    ) -> None:
        """Restart a running machine; nothing to do when its boot id is another one already."""

    async def release(self, instance_id: InstanceId) -> None:
        """End the machine and forget all it kept."""

    async def observe(self, instance_id: InstanceId) -> Observed: ...

    def changes(self) -> AsyncIterator[InstanceId]:
        """Machines whose power changed, as a hint to look again; never ends by itself."""

    async def close(self) -> None:
        """Let go of the provider; machines go on running."""
