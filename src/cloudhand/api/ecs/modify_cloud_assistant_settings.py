"""ModifyCloudAssistantSettings: settings of the account for its agents, sessions and results.

What is not given stays as it is. Nothing is delivered to OSS or SLS, which are not here: to enable
that is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cloudhand.api.bind import one_of, text
from cloudhand.api.ecs import fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.ecs.setting_fields import BAD_TYPE, PROBLEMS, of_setting, setting
from cloudhand.api.ecs.shapes import Done
from cloudhand.api.operation import Call, operation
from cloudhand.api.refusal import Refused, invalid, missing
from cloudhand.core.assistant_settings import (
    PURPOSES,
    AgentUpgradeConfig,
    OssDeliveryConfig,
    ResourceUsageConfig,
    SessionManagerConfig,
    SlsDeliveryConfig,
)
from cloudhand.core.errors import SettingProblem

Values = Mapping[str, Any] | None


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    setting_type: str = text("SettingType", one_of(PURPOSES, BAD_TYPE), required=True)
    agent_upgrade_config: Values = setting(
        AgentUpgradeConfig,
        note="when agents of ours upgrade themselves, unless it is by UpgradeAgents: never until"
        " this is set; then as documented, a few at a time, until one fails",
    )
    session_manager_config: Values = setting(
        SessionManagerConfig, note="whether sessions can be started"
    )
    resource_usage_config: Values = setting(
        ResourceUsageConfig, note="without effect: agents are not told of it"
    )
    oss_delivery_config: Values = setting(
        OssDeliveryConfig, note="cannot be enabled: there is no object storage here"
    )
    sls_delivery_config: Values = setting(
        SlsDeliveryConfig, note="cannot be enabled: there is no log service here"
    )


@operation(ECS, access="write", errors={SettingProblem: of_setting}, refuses=PROBLEMS)
async def modify_cloud_assistant_settings(call: Call, params: Params) -> Done:
    given = {
        AgentUpgradeConfig: params.agent_upgrade_config,
        SessionManagerConfig: params.session_manager_config,
        ResourceUsageConfig: params.resource_usage_config,
        OssDeliveryConfig: params.oss_delivery_config,
        SlsDeliveryConfig: params.sls_delivery_config,
    }
    changes = {kind: values for kind, values in given.items() if values is not None}
    wanted = PURPOSES[params.setting_type]
    if not changes:
        raise Refused(missing(wanted[0].__name__))
    foreign = [kind.__name__ for kind in changes if kind not in wanted]
    if foreign:
        raise Refused(
            *(invalid(one, f"does not belong to {params.setting_type}") for one in foreign)
        )
    await call.control.assistant_settings.change(
        call.caller.account_id, params.setting_type, changes, once=call.once()
    )
    return Done()
