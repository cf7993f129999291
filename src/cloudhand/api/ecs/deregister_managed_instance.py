"""DeregisterManagedInstance: end a machine's registration; its agent is refused from then on."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from cloudhand.api.ecs import errors, fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.core.errors import InstanceNotFound, TokenReused
from cloudhand.core.ids import InstanceId
from cloudhand.core.orders import ManagedView
from cloudhand.wire import times


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    instance_id: InstanceId = fields.instance_id()
    client_token: str = fields.client_token()


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


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    instance: Deregistered


@operation(
    ECS,
    access="write",
    errors={InstanceNotFound: errors.NO_SUCH_TARGET, TokenReused: errors.TOKEN_REUSED},
)
async def deregister_managed_instance(call: Call, params: Params) -> Result:
    view = await call.control.managed.deregister(
        params.instance_id, once=call.once(params.client_token)
    )
    return Result(instance=_told(view))


def _told(view: ManagedView) -> Deregistered:
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
