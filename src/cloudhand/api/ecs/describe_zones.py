"""DescribeZones: the zones of the region. They are labels: all instances share one machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from msgspec import field

from cloudhand.api.bind import flag
from cloudhand.api.ecs import fields, machine
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation

_CHARGE_TYPES = ("PostPaid", "PrePaid")
_SPOT = ("NoSpot", "SpotWithPriceLimit", "SpotAsPriceGo")


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    accept_language: str = fields.accept_language("names read alike in all languages")
    instance_charge_type: str = fields.choice(
        "InstanceChargeType", _CHARGE_TYPES, note="every zone has both"
    )
    spot_strategy: str = fields.choice("SpotStrategy", _SPOT, note="every zone has all")
    verbose: bool = flag(default=True, note="false leaves out AvailableResources")


class InstanceTypes(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    instance_types: Sequence[str]


class ResourceTypes(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    resource_types: Sequence[str]


class DiskCategories(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    disk_categories: Sequence[str]


class VolumeCategories(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    volume_categories: Sequence[str]


class DedicatedHostTypes(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    dedicated_host_type: Sequence[str]


class DedicatedHostGenerations(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    dedicated_host_generation: Sequence[str]


# Compat: in the names of these lists the first letter is small.
class SupportedTypes(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    supported_instance_type: Sequence[str]


class SupportedFamilies(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    supported_instance_type_family: Sequence[str]


class SupportedGenerations(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    supported_instance_generation: Sequence[str]


class SupportedNetworks(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    supported_network_category: Sequence[str]


class SupportedSystemDisks(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    supported_system_disk_category: Sequence[str]


class SupportedDataDisks(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    supported_data_disk_category: Sequence[str]


class ResourcesInfo(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    io_optimized: bool
    instance_types: SupportedTypes
    instance_type_families: SupportedFamilies
    instance_generations: SupportedGenerations
    network_types: SupportedNetworks
    system_disk_categories: SupportedSystemDisks
    data_disk_categories: SupportedDataDisks


class AvailableResources(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    resources_info: Sequence[ResourcesInfo]


class Zone(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    zone_id: str
    local_name: str
    zone_type: str = "AvailabilityZone"
    available_instance_types: InstanceTypes
    available_resource_creation: ResourceTypes
    available_disk_categories: DiskCategories
    available_volume_categories: VolumeCategories
    available_dedicated_host_types: DedicatedHostTypes
    dedicated_host_generations: DedicatedHostGenerations
    available_resources: AvailableResources | msgspec.UnsetType = field(
        default=msgspec.UNSET, name="AvailableResources"
    )


class Zones(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    zone: Sequence[Zone]


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    zones: Zones


@operation(ECS, access="read")
async def describe_zones(call: Call, params: Params) -> Result:
    zones = [_zone(zone_id, verbose=params.verbose) for zone_id in call.control.settings.zone_ids]
    return Result(zones=Zones(zone=zones))


def _zone(zone_id: str, *, verbose: bool) -> Zone:
    return Zone(
        zone_id=zone_id,
        local_name=zone_id,
        available_instance_types=InstanceTypes(instance_types=[machine.INSTANCE_TYPE]),
        available_resource_creation=ResourceTypes(resource_types=["Instance"]),
        available_disk_categories=DiskCategories(disk_categories=[]),
        available_volume_categories=VolumeCategories(volume_categories=[]),
        available_dedicated_host_types=DedicatedHostTypes(dedicated_host_type=[]),
        dedicated_host_generations=DedicatedHostGenerations(dedicated_host_generation=[]),
        available_resources=_RESOURCES if verbose else msgspec.UNSET,
    )


_RESOURCES = AvailableResources(
    resources_info=[
        ResourcesInfo(
            io_optimized=True,
            instance_types=SupportedTypes(supported_instance_type=[machine.INSTANCE_TYPE]),
            instance_type_families=SupportedFamilies(
                supported_instance_type_family=[machine.family(machine.INSTANCE_TYPE)]
            ),
            instance_generations=SupportedGenerations(supported_instance_generation=[]),
            network_types=SupportedNetworks(
                supported_network_category=[machine.CONSTANTS["InstanceNetworkType"]]
            ),
            system_disk_categories=SupportedSystemDisks(supported_system_disk_category=[]),
            data_disk_categories=SupportedDataDisks(supported_data_disk_category=[]),
        )
    ]
)
