"""DescribeInstanceTypes: the one type, under its own name or under those that are asked for.

RunInstances takes any name of a type as a label, and so it is told here, too. An instance of any
type has the processors and the memory of this machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from msgspec import field

from cloudhand.api import bind
from cloudhand.api.bind import many
from cloudhand.api.ecs import fields, machine
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.api.paging import Paging, cut, following
from cloudhand.api.refusal import Refused, invalid
from cloudhand.wire import rpc

_GIB = machine.MEMORY_MIB / 1024
_CPU_ARCHITECTURE = {"arm64": "ARM"}.get(machine.ARCHITECTURE, "X86")
KNOWN = {
    "CpuArchitecture": _CPU_ARCHITECTURE,
    "CpuArchitectures": _CPU_ARCHITECTURE,
    "GPUSpec": "",
    "GpuSpecs": "",
    "InstanceCategory": "",
    "InstanceCategories": "",
    "InstanceFamilyLevel": "",
    "LocalStorageCategory": "",
    "LocalStorageCategories": "",
    "NvmeSupport": "unsupported",
    "PhysicalProcessorModel": "",
    "PhysicalProcessorModels": "",
}
# What the type has of that which can be bounded; of everything else it has nothing.
_HAS = {"CpuCoreCount": float(machine.CPU_COUNT), "MemorySize": _GIB, "EniQuantity": 1.0,
        "EniPrivateIpAddressQuantity": 1.0}  # fmt: skip
MAXIMA = ("CpuCoreCount", "CpuSpeedFrequency", "CpuTurboFrequency", "GPUAmount", "MemorySize")
MINIMA = (
    *MAXIMA,
    *("BaselineCredit", "InitialCredit", "DiskQuantity", "EniQuantity", "EriQuantity"),
    *("EniIpv6AddressQuantity", "EniPrivateIpAddressQuantity", "QueuePairNumber"),
    *("PrimaryEniQueueNumber", "SecondaryEniQueueNumber", "InstanceBandwidthRx"),
    *("InstanceBandwidthTx", "InstancePpsRx", "InstancePpsTx", "LocalStorageAmount"),
    "LocalStorageCapacity",
)


def _within() -> bool:
    def read(flat: bind.Flat, _: str) -> bool:
        least = ((_number(flat, f"Minimum{name}"), _HAS.get(name, 0.0)) for name in MINIMA)
        most = ((_HAS.get(name, 0.0), _number(flat, f"Maximum{name}")) for name in MAXIMA)
        return all(a is None or b is None or a <= b for a, b in (*least, *most))

    found: bool = bind.custom(
        read,
        kind="Number",
        names=(*(f"Minimum{name}" for name in MINIMA), *(f"Maximum{name}" for name in MAXIMA)),
        note="bounds, themselves included",
        default=True,
    )
    return found


def _number(flat: bind.Flat, name: str) -> float | None:
    try:
        return float(flat[name]) if flat.get(name) else None
    except ValueError:
        raise Refused(invalid(name, "must be a number")) from None


def _families() -> tuple[str, ...]:
    """One parameter takes a family, another several."""
    names = ("InstanceTypeFamily", "InstanceTypeFamilies")
    found: tuple[str, ...] = bind.custom(
        lambda flat, _: tuple(one for name in names for one in rpc.listed(flat, name) if one),
        kind="Strings",
        names=names,
        note="all types of these, such as `ecs.g7`",
        default=(),
    )
    return found


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.optional_region()
    instance_types: tuple[str, ...] = many(
        "InstanceTypes", at_most=100, too_many=invalid("InstanceTypes", "has more than 100 items")
    )
    families: tuple[str, ...] = _families()
    fits: bool = fields.constants(KNOWN)
    within: bool = _within()
    additional: str = bind.without_effect("AdditionalAttributes", "there are no others")
    page: Paging = following(size=1600, or_less=True)


class Attributes(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    attribute: Sequence[str] = ()


class Clock(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    ptp_support: str = "unsupported"


class TopologyTypes(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    supported_topology_type: Sequence[str] = ()


class CpuOptions(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    core: int = machine.CPU_COUNT
    core_factor: int = 1
    threads_per_core: int = 1
    hyper_threading_adjustable: bool = False
    nested_virtualization_support: str = "unsupported"
    supported_topology_types: TopologyTypes = TopologyTypes()


class EnhancedNetwork(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    express_support: bool = False
    rss_support: bool = False
    sriov_support: bool = False
    vf_queue_number_per_eni: int = 0


class NetworkCards(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    network_card_info: Sequence[str] = ()


class WeightingInfos(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    weighting_info: Sequence[str] = ()


class BandwidthWeighting(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    weighting_infos: WeightingInfos = WeightingInfos()


class NetworkInfo(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    bandwidth_weighting: BandwidthWeighting = BandwidthWeighting()


class SecurityOptions(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    secure_boot_support: str = "unsupported"


class BootModes(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    supported_boot_mode: Sequence[str] = ()


class InstanceType(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    instance_type_id: str
    instance_type_family: str
    instance_category: str = ""
    instance_family_level: str = ""
    cpu_architecture: str = _CPU_ARCHITECTURE
    cpu_core_count: int = machine.CPU_COUNT
    cpu_options: CpuOptions = CpuOptions()
    cpu_speed_frequency: float = 0.0
    cpu_turbo_frequency: float = 0.0
    physical_processor_model: str = ""
    memory_size: float = _GIB
    attributes: Attributes = Attributes()
    clock: Clock = Clock()
    baseline_credit: int = 0
    initial_credit: int = 0
    disk_quantity: int = 0
    local_storage_amount: int = 0
    local_storage_capacity: int = 0
    local_storage_category: str = ""
    gpu_amount: int = field(default=0, name="GPUAmount")
    gpu_memory_size: float = field(default=0.0, name="GPUMemorySize")
    gpu_spec: str = field(default="", name="GPUSpec")
    enhanced_network: EnhancedNetwork = EnhancedNetwork()
    eni_quantity: int = 1
    eni_total_quantity: int = 1
    eni_private_ip_address_quantity: int = 1
    eni_ipv6_address_quantity: int = 0
    eni_trunk_supported: bool = False
    eri_quantity: int = 0
    instance_bandwidth_rx: int = 0
    instance_bandwidth_tx: int = 0
    instance_pps_rx: int = 0
    instance_pps_tx: int = 0
    jumbo_frame_support: bool = False
    maximum_queue_number_per_eni: int = 0
    network_card_quantity: int = 0
    network_cards: NetworkCards = NetworkCards()
    network_encryption_support: bool = False
    network_info: NetworkInfo = NetworkInfo()
    nvme_support: str = KNOWN["NvmeSupport"]
    primary_eni_queue_number: int = 0
    secondary_eni_queue_number: int = 0
    total_eni_queue_quantity: int = 0
    queue_pair_number: int = 0
    security_options: SecurityOptions = SecurityOptions()
    supported_boot_modes: BootModes = BootModes()


class InstanceTypes(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    instance_type: Sequence[InstanceType]


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    instance_types: InstanceTypes
    next_token: str


@operation(ECS, access="read")
async def describe_instance_types(call: Call, params: Params) -> Result:
    names = params.instance_types or (machine.INSTANCE_TYPE,)
    types = [
        InstanceType(instance_type_id=name, instance_type_family=machine.family(name))
        for name in names
        if not params.families or machine.family(name) in params.families
    ]
    found = cut(types if params.fits and params.within else [], params.page.window)
    return Result(
        instance_types=InstanceTypes(instance_type=found.items),
        next_token=params.page.next_token(found),
    )
