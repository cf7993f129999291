"""Settings of the account for its agents: what is set is told, and nothing else changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.api.clients import CALLERS, Caller, ClientError, hang_up, tea
from tests.api.cloud import Cloud, cloud

TYPES = [
    "AgentUpgradeConfig",
    "InvocationDelivery",
    "ResourceUsageConfig",
    "SessionManagerConfig",
    "SessionManagerDelivery",
]


@pytest.fixture
def call(it: Cloud) -> Caller:
    return tea(it.endpoint)


def told(call: Caller, *types: str) -> dict[str, Any]:
    found: dict[str, Any] = call("DescribeCloudAssistantSettings", SettingType=list(types))
    del found["RequestId"]
    return found


def change(call: Caller, kind: str, **values: Any) -> None:
    call("ModifyCloudAssistantSettings", SettingType=kind, **values)


def test_settings_are_as_documented_until_they_are_changed(tmp_path: Path) -> None:
    with cloud(tmp_path) as fresh:
        found = told(tea(fresh.endpoint), *TYPES)
        hang_up()
    assert found["SessionManagerConfig"] == {"SessionManagerEnabled": True}
    assert found["AgentUpgradeConfig"] == {
        "Enabled": False,
        "AllowedUpgradeWindows": {"AllowedUpgradeWindow": []},
        "TimeZone": "UTC",
        "BootstrapUpgrade": True,
        "DisableUpgrade": True,  # the one that is not: nobody has asked for it here
    }
    assert found["ResourceUsageConfig"] == {
        "CpuLimit": 20,
        "MemoryLimit": "50MB",
        "OverloadLimit": 3,
        "LogFileCountLimit": 30,
        "LogSizeLimit": "100MB",
        "KeepScriptFile": False,
    }
    for kind in ("OssDeliveryConfig", "SlsDeliveryConfig"):
        deliveries = found[f"{kind}s"][kind]
        assert [(one["DeliveryType"], one["Enabled"]) for one in deliveries] == [
            ("Invocation", False),
            ("SessionManager", False),
        ]


@pytest.mark.parametrize("client", ["classic", "tea"])
def test_what_is_set_is_told_and_the_rest_stays(it: Cloud, client: str) -> None:
    call = CALLERS[client](it.endpoint)
    windows = ["02:00-03:00", "23:30-00:30"]
    first = {"Enabled": True, "AllowedUpgradeWindow": windows, "DisableUpgrade": False}
    change(call, "AgentUpgradeConfig", AgentUpgradeConfig=first)
    change(call, "AgentUpgradeConfig", AgentUpgradeConfig={"TimeZone": "GMT-7:00"})
    ask = {"SettingType": ["AgentUpgradeConfig"]}
    assert call("DescribeCloudAssistantSettings", **ask)["AgentUpgradeConfig"] == {
        "Enabled": True,
        "AllowedUpgradeWindows": {"AllowedUpgradeWindow": windows},
        "TimeZone": "GMT-7:00",
        "BootstrapUpgrade": True,
        "DisableUpgrade": False,
    }
    # Of upgrades that there are not at all nobody needs to know when.
    never = {"AllowedUpgradeWindow": [], "DisableUpgrade": True}
    change(call, "AgentUpgradeConfig", AgentUpgradeConfig=never)


def test_what_nobody_delivers_may_be_named_but_not_enabled(it: Cloud, call: Caller) -> None:
    oss = {"BucketName": "bucket-1", "Prefix": "a/b", "EncryptionType": "KMS"}
    change(call, "InvocationDelivery", OssDeliveryConfig={**oss, "EncryptionKeyId": "key"})
    sls = {"Enabled": False, "ProjectName": "project-1", "LogstoreName": "log_1"}
    change(call, "SessionManagerDelivery", SlsDeliveryConfig=sls, OssDeliveryConfig={"Prefix": ""})
    with pytest.raises(ClientError, match="there is no object storage here"):
        change(call, "InvocationDelivery", OssDeliveryConfig={"Enabled": True})
    change(call, "InvocationDelivery", OssDeliveryConfig={"Prefix": "", "Enabled": False})

    found = told(call, "InvocationDelivery", "SessionManagerDelivery")

    assert found.keys() == {"OssDeliveryConfigs", "SlsDeliveryConfigs"}
    invocations, sessions = found["OssDeliveryConfigs"]["OssDeliveryConfig"]
    assert invocations == {
        "DeliveryType": "Invocation",
        "Enabled": False,
        "BucketName": "bucket-1",
        "Prefix": "",
        "EncryptionType": "KMS",
        "EncryptionAlgorithm": "",
        "EncryptionKeyId": "key",
    }
    assert (sessions["DeliveryType"], sessions["BucketName"]) == ("SessionManager", "")
    assert found["SlsDeliveryConfigs"]["SlsDeliveryConfig"] == [
        {"DeliveryType": "Invocation", "Enabled": False, "ProjectName": "", "LogstoreName": ""},
        {"DeliveryType": "SessionManager", **sls},
    ]


def test_of_two_settings_of_which_one_is_wrong_none_is_changed(it: Cloud, call: Caller) -> None:
    before = told(call, "SessionManagerDelivery")
    with pytest.raises(ClientError, match="SlsLogstoreName"):
        change(
            call,
            "SessionManagerDelivery",
            OssDeliveryConfig={"BucketName": "another"},
            SlsDeliveryConfig={"LogstoreName": "_"},
        )
    assert told(call, "SessionManagerDelivery") == before


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("{", "is no JSON"),
        ('{"MemoryLimit": "\\ud800"}', "is no JSON"),
        ("[" * 9999, "is no JSON"),
        ("[]", "is no JSON object"),
        ('{"CpuLimit": "20"}', "Expected `int`, got `str` - at `$.cpu_limit`"),
        ('{"Colour": "red"}', "has no Colour"),
    ],
)
def test_what_is_no_setting_is_told_so(it: Cloud, given: str, why: str) -> None:
    call = CALLERS["classic"](it.endpoint)
    with pytest.raises(ClientError) as caught:
        change(call, "ResourceUsageConfig", ResourceUsageConfig=given)
    assert (caught.value.code, caught.value.status) == ("InvalidParameter.ResourceUsageConfig", 400)
    assert why in caught.value.message


@pytest.mark.parametrize("limit", ["36700160B", "102400KB", "1024MB"])
def test_sizes_have_units(it: Cloud, call: Caller, limit: str) -> None:
    usage = {"MemoryLimit": limit, "CpuLimit": 95, "KeepScriptFile": True}
    change(call, "ResourceUsageConfig", ResourceUsageConfig=usage)
    found = told(call, "ResourceUsageConfig")["ResourceUsageConfig"]
    assert {name: found[name] for name in usage} == usage
    change(call, "ResourceUsageConfig", ResourceUsageConfig={"MemoryLimit": "50MB"})


def test_sessions_are_switched_off_and_on(it: Cloud, call: Caller) -> None:
    for enabled in (False, True):
        change(
            call, "SessionManagerConfig", SessionManagerConfig={"SessionManagerEnabled": enabled}
        )
        found = told(call, "SessionManagerConfig")["SessionManagerConfig"]
        assert found == {"SessionManagerEnabled": enabled}
