"""DescribeInstanceAttribute: one instance and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from cloudhand.api.ecs import errors, fields
from cloudhand.api.ecs.instance_shape import (
    IpAddresses,
    OperationLocks,
    SecurityGroupIds,
    VpcAttributes,
    instance_shape,
)
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.core.errors import InstanceNotFound
from cloudhand.core.ids import InstanceId


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.optional_region()
    instance_id: InstanceId = fields.instance_id()


class EipAddress(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    allocation_id: str = ""
    ip_address: str = ""
    bandwidth: int = 0
    internet_charge_type: str = ""


class DedicatedHost(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    dedicated_host_id: str = ""
    dedicated_host_name: str = ""


class NetworkOptions(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    bandwidth_weighting: str = ""
    enable_jumbo_frame: bool = False
    enable_network_encryption: bool = False


class SecurityOptions(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    enable_secure_boot: bool = False


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    instance_id: str
    instance_name: str
    host_name: str
    description: str
    status: str
    region_id: str
    zone_id: str
    cluster_id: str
    instance_type: str
    image_id: str
    serial_number: str
    cpu: int
    memory: int  # MiB
    creation_time: str
    expired_time: str
    instance_charge_type: str
    instance_network_type: str
    internet_charge_type: str
    internet_max_bandwidth_in: int
    internet_max_bandwidth_out: int
    vlan_id: str
    stopped_mode: str
    credit_specification: str
    # Compat: where instances are listed this is a truth value, and the two objects have more.
    io_optimized: str = "optimized"
    eip_address: EipAddress = EipAddress()
    dedicated_host_attribute: DedicatedHost = DedicatedHost()
    enable_jumbo_frame: bool = False
    enable_network_encryption: bool = False
    public_ip_address: IpAddresses
    inner_ip_address: IpAddresses
    security_group_ids: SecurityGroupIds
    operation_locks: OperationLocks
    vpc_attributes: VpcAttributes
    network_options: NetworkOptions = NetworkOptions()
    security_options: SecurityOptions = SecurityOptions()


_TOLD_OTHERWISE = ("io_optimized", "eip_address", "dedicated_host_attribute")


@operation(ECS, access="read", errors={InstanceNotFound: errors.NO_SUCH_INSTANCE})
async def describe_instance_attribute(call: Call, params: Params) -> Result:
    view = await call.control.instances.get(params.instance_id)
    known = msgspec.structs.asdict(instance_shape(view, with_metadata=False))
    alike = known.keys() & {*Result.__struct_fields__} - {*_TOLD_OTHERWISE}
    return Result(**{name: known[name] for name in alike})
