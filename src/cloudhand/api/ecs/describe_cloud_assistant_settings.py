"""DescribeCloudAssistantSettings: the settings of the account, of the types that are asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from cloudhand.api.bind import many
from cloudhand.api.ecs import fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.ecs.setting_fields import BAD_TYPE
from cloudhand.api.operation import Call, operation
from cloudhand.api.refusal import Refused
from cloudhand.core.assistant_settings import (
    PURPOSES,
    AgentUpgradeConfig,
    OssDeliveryConfig,
    ResourceUsageConfig,
    SessionManagerConfig,
    Setting,
    SlsDeliveryConfig,
)

Kind = TypeVar("Kind", bound=Setting)

_DELIVERY = "Delivery"


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    setting_types: tuple[str, ...] = many(
        "SettingType",
        at_most=len(PURPOSES),
        too_many=BAD_TYPE,
        required=True,
        note=f"of {', '.join(PURPOSES)}",
    )


class AllowedUpgradeWindows(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    allowed_upgrade_window: Sequence[str]


class AgentUpgrade(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    enabled: bool
    time_zone: str
    bootstrap_upgrade: bool
    disable_upgrade: bool
    allowed_upgrade_windows: AllowedUpgradeWindows  # Compat: a bare list where it is set


class SessionManager(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    session_manager_enabled: bool


class ResourceUsage(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    cpu_limit: int
    memory_limit: str
    overload_limit: int
    log_file_count_limit: int
    log_size_limit: str
    keep_script_file: bool


class OssDelivery(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    delivery_type: str
    enabled: bool
    bucket_name: str
    prefix: str
    encryption_type: str
    encryption_algorithm: str
    encryption_key_id: str


class OssDeliveries(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    oss_delivery_config: Sequence[OssDelivery]


class SlsDelivery(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    delivery_type: str
    enabled: bool
    project_name: str
    logstore_name: str


class SlsDeliveries(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    sls_delivery_config: Sequence[SlsDelivery]


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    agent_upgrade_config: AgentUpgrade | msgspec.UnsetType = msgspec.UNSET
    session_manager_config: SessionManager | msgspec.UnsetType = msgspec.UNSET
    resource_usage_config: ResourceUsage | msgspec.UnsetType = msgspec.UNSET
    oss_delivery_configs: OssDeliveries | msgspec.UnsetType = msgspec.UNSET
    sls_delivery_configs: SlsDeliveries | msgspec.UnsetType = msgspec.UNSET


@operation(ECS, access="read", refuses=(BAD_TYPE,))
async def describe_cloud_assistant_settings(call: Call, params: Params) -> Result:
    asked = params.setting_types
    if not set(asked) <= PURPOSES.keys():
        raise Refused(BAD_TYPE)
    told = {
        name: await read(call) for purpose, (name, read) in _READERS.items() if purpose in asked
    }
    deliveries = [purpose for purpose in asked if purpose.endswith(_DELIVERY)]
    if deliveries:
        told["oss_delivery_configs"] = OssDeliveries(
            oss_delivery_config=[await _oss(call, purpose) for purpose in deliveries]
        )
        told["sls_delivery_configs"] = SlsDeliveries(
            sls_delivery_config=[await _sls(call, purpose) for purpose in deliveries]
        )
    return Result(**told)


async def _found(call: Call, purpose: str, kind: type[Kind]) -> Kind:
    return await call.control.assistant_settings.get(call.caller.account_id, purpose, kind)


async def _upgrade(call: Call) -> AgentUpgrade:
    found = await _found(call, "AgentUpgradeConfig", AgentUpgradeConfig)
    return AgentUpgrade(
        enabled=found.enabled,
        time_zone=found.time_zone,
        bootstrap_upgrade=found.bootstrap_upgrade,
        disable_upgrade=found.disable_upgrade,
        allowed_upgrade_windows=AllowedUpgradeWindows(
            allowed_upgrade_window=found.allowed_upgrade_window
        ),
    )


async def _sessions(call: Call) -> SessionManager:
    found = await _found(call, "SessionManagerConfig", SessionManagerConfig)
    return SessionManager(session_manager_enabled=found.session_manager_enabled)


async def _usage(call: Call) -> ResourceUsage:
    found = await _found(call, "ResourceUsageConfig", ResourceUsageConfig)
    return msgspec.convert(found, ResourceUsage, from_attributes=True)


async def _oss(call: Call, purpose: str) -> OssDelivery:
    found = await _found(call, purpose, OssDeliveryConfig)
    return OssDelivery(
        delivery_type=purpose.removesuffix(_DELIVERY),
        enabled=found.enabled,
        bucket_name=found.bucket_name,
        prefix=found.prefix,
        encryption_type=found.encryption_type,
        encryption_algorithm=found.encryption_algorithm,
        encryption_key_id=found.encryption_key_id,
    )


async def _sls(call: Call, purpose: str) -> SlsDelivery:
    found = await _found(call, purpose, SlsDeliveryConfig)
    return SlsDelivery(
        delivery_type=purpose.removesuffix(_DELIVERY),
        enabled=found.enabled,
        project_name=found.project_name,
        logstore_name=found.logstore_name,
    )


# By the type that is asked for: the field that tells it.
_READERS: Mapping[str, tuple[str, Callable[[Call], Awaitable[Any]]]] = {
    "AgentUpgradeConfig": ("agent_upgrade_config", _upgrade),
    "SessionManagerConfig": ("session_manager_config", _sessions),
    "ResourceUsageConfig": ("resource_usage_config", _usage),
}
