"""What the gateway has for the agents of one account."""

from __future__ import annotations

from typing import Protocol, Self

from cloudhand.control.control import Control
from cloudhand.core.ids import ActivationId, InstanceId, SessionId
from cloudhand.gateway.channel import Channel
from cloudhand.gateway.desk import Desk
from cloudhand.gateway.doorkeeper import Doorkeeper


class Offices(Protocol):
    """Which one an agent or a session belongs to; one that turns it away where none knows it."""

    async def of_agent(self, instance_id: InstanceId) -> Office: ...

    async def of_activation(self, activation_id: ActivationId) -> Office: ...

    async def of_session(self, session_id: SessionId) -> Office: ...


class Office:
    """Also ``Offices``, where there is one account."""

    def __init__(self, control: Control, channel: Channel) -> None:
        self.channel = channel
        self.desk = Desk(control)
        self.doorkeeper = Doorkeeper(control)
        self.faults = control.faults

    async def of_agent(self, instance_id: InstanceId) -> Self:
        return self

    async def of_activation(self, activation_id: ActivationId) -> Self:
        return self

    async def of_session(self, session_id: SessionId) -> Self:
        return self
