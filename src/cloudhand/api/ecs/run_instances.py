"""RunInstances: new instances, which then start by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api import bind
from cloudhand.api.bind import flag, group, number
from cloudhand.api.ecs import fields, instance_fields, new_instance
from cloudhand.api.ecs.new_instance import Ignored, Machine, Named
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.api.refusal import Refused, invalid

BAD_AMOUNT = invalid("Amount", "must be from 1 to 100")
BAD_MIN_AMOUNT = invalid("MinAmount", "must be from 1 to Amount")


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    amount: int = number(default=1, at_least=1, at_most=100, error=BAD_AMOUNT)
    min_amount: int = number(default=1, at_least=1, at_most=100, error=BAD_MIN_AMOUNT)
    instance_name: str = instance_fields.name(sequence=True)
    host_name: str = instance_fields.host_name(sequence=True)
    unique_suffix: bool = flag()
    machine: Machine = group(Machine)
    release_time: None = bind.not_served(
        "AutoReleaseTime", "nothing here releases instances by itself"
    )
    launch_template: None = bind.not_served(
        "LaunchTemplateId",
        "there are no launch templates",
        *("LaunchTemplateName", "LaunchTemplateVersion"),
    )
    host_names: None = bind.not_served("HostNames", "names count up by [begin,bits] in HostName")
    ignored: Ignored = group(Ignored)
    groups: str = bind.without_effect("SecurityGroupIds", "nothing is filtered")
    payment: str = bind.without_effect("AutoPay", "nothing is charged")
    interfaces: str = bind.without_effect(
        "NetworkInterface",
        "instances share the machine's network, and their addresses are given in turn",
        *("NetworkInterfaceQueueNumber", "NetworkOptions", "PrivateDnsNameOptions"),
        *("Ipv6Address", "Ipv6AddressCount", "Isp"),
    )
    hardware: str = bind.without_effect(
        "CpuOptions",
        "instances share the machine's processors, clock and kernel",
        *("ClockOptions", "ImageOptions", "SchedulerOptions", "SecurityOptions"),
    )


class InstanceIdSets(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    instance_id_set: Sequence[str]


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    instance_id_sets: InstanceIdSets
    order_id: str = ""
    trade_price: float = 0.0


@operation(ECS, access="write", errors=new_instance.REFUSALS, refuses=new_instance.DECLARED)
async def run_instances(call: Call, params: Params) -> Result:
    if params.min_amount > params.amount:
        raise Refused(BAD_MIN_AMOUNT)
    named = Named(
        name=params.instance_name,
        hostname=params.host_name,
        amount=params.amount,
        unique_suffix=params.unique_suffix,
    )
    made = await new_instance.make(call, params.region_id, params.machine, named, starts=True)
    return Result(instance_id_sets=InstanceIdSets(instance_id_set=made))
