"""What is told of machines that joined from outside."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cloudhand.api.ecs import shapes
from cloudhand.core.orders import ManagedView
from cloudhand.wire import times


class Deregistered(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    instance_id: str
    instance_name: str
    hostname: str
    activation_id: str
    agent_version: str
    intranet_ip: str
    internet_ip: str
    machine_id: str
    os_type: str
    os_version: str
    registration_time: str
    last_invoked_time: str
    invocation_count: int
    resource_group_id: str


class ManagedShape(Deregistered, frozen=True, kw_only=True, rename="pascal"):
    connected: bool
    tags: Sequence[shapes.Tag]  # Compat: a bare list, unlike most


def deregistered_shape(view: ManagedView) -> Deregistered:
    managed, agent = view.managed, view.agent
    return Deregistered(
        instance_id=managed.id,
        instance_name=managed.name,
        hostname=agent.hostname if agent else "",
        activation_id=managed.activation_id,
        agent_version=agent.version if agent else "",
        intranet_ip=agent.intranet_ip if agent else "",
        internet_ip=managed.internet_ip,
        machine_id=agent.machine_id if agent else "",
        os_type=agent.os_type if agent else "",
        os_version=agent.os_version if agent else "",
        registration_time=times.second(managed.registered_at),
        last_invoked_time=times.second(agent.last_invoked_at) if agent else "",
        invocation_count=agent.invocation_count if agent else 0,
        resource_group_id=managed.resource_group_id,
    )


def managed_shape(view: ManagedView) -> ManagedShape:
    return ManagedShape(
        **msgspec.structs.asdict(deregistered_shape(view)),
        connected=view.online,
        tags=shapes.bare_tags(view.managed.tags),
    )
