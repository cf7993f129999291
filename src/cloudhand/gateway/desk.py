"""What an agent can ask and say, answered with verbs. The HTTP around it is in http.py."""

from __future__ import annotations

import base64
import binascii
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from cloudhand.control.control import Control
from cloudhand.control.speaker import Speaker
from cloudhand.core.errors import ActivationRefused
from cloudhand.core.ids import InstanceId, SessionId, managed
from cloudhand.core.instance import Beat
from cloudhand.core.notice import Kind
from cloudhand.core.page import Window
from cloudhand.gateway.doorkeeper import public_key
from cloudhand.wire import agent as wire
from cloudhand.wire import release, session
from cloudhand.wire.notice import Notice
from cloudhand.wire.plugin import PluginStatus
from cloudhand.wire.standing import Standing

# The published agent accepts 55 to 65 seconds; spread, so that a fleet does not beat in step.
_SHORTEST_INTERVAL, _LONGEST_INTERVAL = 55_000, 65_000
_MS = timedelta(milliseconds=1)


class Desk:
    """wire.agent.Gateway for many agents, each named by who speaks."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._dice = random.Random()  # of its own, so that nobody's draws depend on who beats

    async def register(self, registration: wire.Registration, *, address: str) -> wire.Registered:
        """Rejected with a sentence; MachineKnown."""
        try:
            return await self._control.agents.register(
                registration, address=address, public_key=_pem(registration.public_key)
            )
        except ActivationRefused as error:
            raise wire.Rejected(str(error)) from error

    async def beat(self, speaker: Speaker, heartbeat: wire.Heartbeat, *, version: str) -> int:
        await self._control.agents.beat(
            speaker,
            Beat(
                boot_id=speaker.boot_id,
                pid=heartbeat.pid,
                uptime=_MS * heartbeat.uptime if heartbeat.uptime else None,
                process_uptime=_MS * heartbeat.process_uptime,
                cold_start=heartbeat.cold_start,
                refusals=heartbeat.refusals,
                release=heartbeat.release,
                package=heartbeat.package,
                upgradable=heartbeat.upgradable,
            ),
            version=version,
        )
        return self._dice.randint(_SHORTEST_INTERVAL, _LONGEST_INTERVAL)

    async def inventory(self, speaker: Speaker, inventory: wire.Inventory) -> wire.Orders:
        return await self._control.deliveries.inventory(speaker, inventory)

    async def fetch(self, speaker: Speaker, fetch: wire.Fetch) -> wire.Worklist:
        worklist = await self._control.deliveries.fetch(speaker, fetch)
        if fetch.task_id:
            return worklist
        return replace(worklist, upgrade=await self._control.upgrades.hand_out(speaker))

    async def report(self, speaker: Speaker, report: wire.Report) -> wire.Ack:
        if report.file:
            return await self._control.files.report(speaker.agent, report)
        return await self._control.deliveries.report(speaker, report)

    async def package(self) -> bytes:
        return (await self._control.upgrades.offered()).package

    async def upgraded(self, speaker: Speaker, outcome: release.Outcome) -> None:
        await self._control.upgrades.report(speaker, outcome)

    async def offer(self, speaker: Speaker, channel_id: str) -> session.Offer | None:
        return await self._control.sessions.hand_out(speaker.agent, SessionId(channel_id))

    async def session_ended(self, speaker: Speaker, report: session.Report) -> None:
        await self._control.sessions.report(speaker.agent, report)

    async def check_user(self, session_id: SessionId, token: str) -> None:
        """SessionNotFound unless who has the token may open the session."""
        await self._control.sessions.check(session_id, token)

    async def plugins(self, speaker: Speaker, said: Sequence[PluginStatus]) -> None:
        await self._control.plugins.report(speaker.id, said)

    async def deregistered(self, instance_id: str) -> bool:
        return await self._control.managed.deregistered(InstanceId(instance_id))

    async def standing(self, speaker: Speaker) -> Standing:
        (view,) = (await self._control.agents.statuses([speaker.id], Window(limit=1))).items
        return Standing(online=view.online, cloned=view.cloned)

    async def notice(self, speaker: Speaker, kind: Kind, said: Notice) -> None:
        await self._control.notices.hear(speaker.id, kind, said)

    async def deregister(self, speaker: Speaker) -> None:
        """Rejected for an instance of ours, which has an agent for as long as it exists."""
        if not managed(speaker.id):
            raise wire.Rejected(f"cannot deregister {speaker.id}: it is not a managed instance")
        await self._control.managed.deregister(speaker.id)


def _pem(public_key_text: str) -> bytes:
    if not public_key_text:
        return b""
    try:
        pem = base64.b64decode(public_key_text, validate=True)
        public_key(pem)
    except (binascii.Error, ValueError) as error:
        raise wire.Rejected(f"cannot use the public key: {error}") from error
    return pem
