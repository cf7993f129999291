"""DescribeAvailableResource: what each zone has for new instances.

Every zone has the same, and any type that is asked for by its name, as RunInstances takes any.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api import bind
from cloudhand.api.bind import text
from cloudhand.api.ecs import errors, fields, machine
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.api.refusal import Refused, invalid

_DESTINATIONS = (
    *("Zone", "IoOptimized", "InstanceType", "Network", "ddh"),
    *("SystemDisk", "DataDisk"),
)
NO_SUCH_DESTINATION = invalid("DestinationResource", f"must be one of {', '.join(_DESTINATIONS)}")
_KNOWN = {
    "ResourceType": "instance",
    "NetworkCategory": machine.CONSTANTS["InstanceNetworkType"],
    "IoOptimized": "optimized",
    "Cores": str(machine.CPU_COUNT),
    "DedicatedHostId": "",
}


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    destination: str = text("DestinationResource", required=True, note=", ".join(_DESTINATIONS))
    zone_id: str = text()
    instance_type: str = text(default=machine.INSTANCE_TYPE)
    fits: bool = fields.constants(_KNOWN)
    ignored: str = bind.without_effect(
        "InstanceChargeType",
        "nothing is charged, and nothing is on disks of its own",
        *("SpotStrategy", "SpotDuration", "Scope", "SystemDiskCategory", "DataDiskCategory"),
    )
    memory: str = bind.without_effect("Memory", "instances have that of the machine")


class SupportedResource(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    value: str
    status: str = "Available"
    status_category: str = "WithStock"
    min: int = 0
    max: int = 0
    unit: str = ""


class SupportedResources(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    supported_resource: Sequence[SupportedResource]


class AvailableResource(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    type: str
    supported_resources: SupportedResources


class AvailableResources(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    available_resource: Sequence[AvailableResource]


class AvailableZone(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    zone_id: str
    region_id: str
    status: str = "Available"
    status_category: str = "WithStock"
    available_resources: AvailableResources


class AvailableZones(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    available_zone: Sequence[AvailableZone]


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    available_zones: AvailableZones


@operation(ECS, access="read", refuses=(NO_SUCH_DESTINATION, errors.NO_SUCH_ZONE))
async def describe_available_resource(call: Call, params: Params) -> Result:
    zone_ids = call.control.settings.zone_ids
    if params.destination not in _DESTINATIONS:
        raise Refused(NO_SUCH_DESTINATION)
    if params.zone_id and params.zone_id not in zone_ids:
        raise Refused(errors.NO_SUCH_ZONE)
    wanted = (params.zone_id,) if params.zone_id else zone_ids
    zones = [_zone(params, zone_id) for zone_id in wanted if params.fits]
    return Result(available_zones=AvailableZones(available_zone=zones))


def _zone(params: Params, zone_id: str) -> AvailableZone:
    values = {
        "Zone": [zone_id],
        "IoOptimized": [_KNOWN["IoOptimized"]],
        "InstanceType": [params.instance_type],
        "Network": [_KNOWN["NetworkCategory"]],
    }.get(params.destination, [])
    resource = AvailableResource(
        type=params.destination,
        supported_resources=SupportedResources(
            supported_resource=[SupportedResource(value=value) for value in values]
        ),
    )
    return AvailableZone(
        zone_id=zone_id,
        region_id=params.region_id,
        available_resources=AvailableResources(available_resource=[resource]),
    )
