"""An instance as DescribeInstances tells it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import field

from cloudhand.api.ecs import machine, shapes
from cloudhand.core.instance import Instance, State, shown
from cloudhand.core.orders import InstanceView
from cloudhand.wire import times

_NOBODY: Sequence[str] = ()


class IpAddresses(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    ip_address: Sequence[str]


class SecurityGroupIds(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    security_group_id: Sequence[str]


class OperationLocks(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    lock_reason: Sequence[str]  # always empty: nothing is ever locked


class VpcAttributes(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    vpc_id: str
    vswitch_id: str = field(name="VSwitchId")
    nat_ip_address: str
    private_ip_address: IpAddresses


class EipAddress(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    allocation_id: str = ""
    ip_address: str = ""
    bandwidth: int = 0
    internet_charge_type: str = ""
    is_support_unassociate: bool = False


class PrivateIpSet(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    private_ip_address: str
    primary: bool


class PrivateIpSets(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    private_ip_set: Sequence[PrivateIpSet]


class NetworkInterface(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    network_interface_id: str
    mac_address: str
    primary_ip_address: str
    type: str
    private_ip_sets: PrivateIpSets


class NetworkInterfaces(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    network_interface: Sequence[NetworkInterface]


class CpuOptions(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    core_count: int
    threads_per_core: int
    numa: str = ""


class MetadataOptions(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    http_endpoint: str
    http_tokens: str
    http_put_response_hop_limit: int


class DedicatedHostAttribute(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    dedicated_host_id: str = ""
    dedicated_host_name: str = ""
    dedicated_host_cluster_id: str = ""


class DedicatedInstanceAttribute(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    affinity: str = ""
    tenancy: str = ""


class EcsCapacityReservationAttr(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    capacity_reservation_id: str = ""
    capacity_reservation_preference: str = ""


class HibernationOptions(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    configured: bool = False


class InstanceShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    instance_id: str
    instance_name: str
    host_name: str
    description: str
    status: str
    region_id: str
    zone_id: str
    cluster_id: str = ""
    instance_type: str
    instance_type_family: str
    image_id: str
    os_name: str = field(name="OSName")
    os_name_en: str = field(name="OSNameEn")
    os_type: str = field(name="OSType")
    serial_number: str
    cpu: int
    memory: int  # MiB
    creation_time: str
    start_time: str
    expired_time: str = "2099-12-31T15:59Z"
    auto_release_time: str = ""
    instance_charge_type: str
    instance_network_type: str
    internet_charge_type: str
    internet_max_bandwidth_in: int = 0
    internet_max_bandwidth_out: int = 0
    vlan_id: str = ""
    stopped_mode: str
    credit_specification: str = ""
    spot_strategy: str = "NoSpot"
    spot_interruption_behavior: str = ""
    spot_duration: int = 0
    spot_price_limit: float = 0.0
    sale_cycle: str = ""
    resource_group_id: str
    key_pair_name: str = ""
    hpc_cluster_id: str = ""
    deployment_set_id: str = ""
    deployment_set_group_no: int = 0
    gpu_amount: int = field(default=0, name="GPUAmount")
    gpu_spec: str = field(default="", name="GPUSpec")
    isp: str = field(default="", name="ISP")
    local_storage_amount: int = 0
    local_storage_capacity: int = 0
    io_optimized: bool = True
    device_available: bool = True
    deletion_protection: bool
    recyclable: bool = False
    enable_nvs: bool = field(default=False, name="EnableNVS")
    public_ip_address: IpAddresses = IpAddresses(ip_address=_NOBODY)
    inner_ip_address: IpAddresses = IpAddresses(ip_address=_NOBODY)
    rdma_ip_address: IpAddresses = IpAddresses(ip_address=_NOBODY)
    security_group_ids: SecurityGroupIds
    tags: shapes.Tags
    operation_locks: OperationLocks = OperationLocks(lock_reason=_NOBODY)
    network_interfaces: NetworkInterfaces
    vpc_attributes: VpcAttributes
    eip_address: EipAddress = EipAddress()
    cpu_options: CpuOptions
    dedicated_host_attribute: DedicatedHostAttribute = DedicatedHostAttribute()
    dedicated_instance_attribute: DedicatedInstanceAttribute = DedicatedInstanceAttribute()
    ecs_capacity_reservation_attr: EcsCapacityReservationAttr = EcsCapacityReservationAttr()
    hibernation_options: HibernationOptions = HibernationOptions()
    metadata_options: MetadataOptions | msgspec.UnsetType


_METADATA = MetadataOptions(
    http_endpoint=machine.CONSTANTS["HttpEndpoint"],
    http_tokens=machine.CONSTANTS["HttpTokens"],
    http_put_response_hop_limit=0,
)
_CPU = CpuOptions(core_count=machine.CPU_COUNT, threads_per_core=1)


def instance_shape(view: InstanceView, *, with_metadata: bool) -> InstanceShape:
    instance = view.instance
    return InstanceShape(
        instance_id=instance.id,
        instance_name=instance.name,
        host_name=instance.hostname,
        description=instance.description,
        status=shown(instance.state),
        region_id=instance.region_id,
        zone_id=instance.zone_id,
        instance_type=instance.instance_type,
        instance_type_family=machine.family(instance.instance_type),
        image_id=instance.image_id,
        os_name=machine.OS_NAME,
        os_name_en=machine.OS_NAME,
        os_type="linux",
        serial_number=instance.id,
        cpu=machine.CPU_COUNT,
        memory=machine.MEMORY_MIB,
        creation_time=times.minute(instance.created_at),
        start_time=times.minute(instance.started_at),
        instance_charge_type=machine.CONSTANTS["InstanceChargeType"],
        instance_network_type=machine.CONSTANTS["InstanceNetworkType"],
        internet_charge_type=machine.CONSTANTS["InternetChargeType"],
        stopped_mode="KeepCharging" if instance.state is State.STOPPED else "Not-applicable",
        resource_group_id=instance.resource_group_id,
        deletion_protection=instance.deletion_protection,
        security_group_ids=SecurityGroupIds(security_group_id=[machine.SECURITY_GROUP_ID]),
        tags=shapes.tags(instance.tags),
        network_interfaces=NetworkInterfaces(network_interface=[_interface(instance)]),
        vpc_attributes=VpcAttributes(
            vpc_id=machine.VPC_ID,
            vswitch_id=machine.VSWITCH_ID,
            nat_ip_address="",
            private_ip_address=IpAddresses(ip_address=[instance.private_ip]),
        ),
        cpu_options=_CPU,
        metadata_options=_METADATA if with_metadata else msgspec.UNSET,
    )


def _interface(instance: Instance) -> NetworkInterface:
    """The one interface; its hardware address is made of the private one, as Docker does."""
    address = instance.private_ip
    digits = ":".join(f"{int(part):02x}" for part in address.split("."))
    return NetworkInterface(
        network_interface_id=f"eni-{instance.id.removeprefix('i-')}",
        mac_address=f"02:42:{digits}",
        primary_ip_address=address,
        type="Primary",
        private_ip_sets=PrivateIpSets(
            private_ip_set=[PrivateIpSet(private_ip_address=address, primary=True)]
        ),
    )
