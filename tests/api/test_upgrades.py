"""Upgrades of agents, as callers of the API see them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloudhand.wire.release import ROLLED_BACK, Outcome
from tests.api.clients import classic, hang_up
from tests.api.cloud import Cloud, cloud
from tests.sessions import own_machine


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Cloud]:
    with cloud(tmp_path) as it:
        yield it
        hang_up()


def test_an_upgrade_is_asked_for_and_told(one: Cloud) -> None:
    call = classic(one.endpoint)
    machine = one.do(lambda world: own_machine(world, "web-1"))
    (ours,) = one.instances()
    new = one.world.releases.release.digest
    one.world.machines.upgrading = lambda machine, order: Outcome(order.id, ROLLED_BACK, "it hung")
    ids = [machine.instance_id, ours]
    asked, refused = call("UpgradeAgents", InstanceId=ids)["Upgrades"]
    assert asked.pop("UpgradeId").startswith("u-ch")
    assert asked == {"InstanceId": machine.instance_id, "Status": "Asked", "Reason": ""}
    assert (refused["InstanceId"], refused["Status"]) == (ours, "Refused")
    one.do(lambda world: world.settle())

    told = call("DescribeAgentUpgrades", InstanceId=ids)
    assert told["Offered"] == {"Version": "0.2.0", "Package": new}
    assert told["AutomaticUpgrades"] == "Off"
    first, second = told["Agents"]
    (upgrade,) = first.pop("Upgrades")
    assert upgrade.pop("AskedTime") and upgrade.pop("EndTime") and upgrade.pop("UpgradeId")
    old = {"Version": "0.1.0", "Package": "0" * 64}
    assert upgrade == {
        "Status": "RolledBack",
        "Reason": "it hung",
        "Automatic": False,
        "Before": old,
        "To": {"Version": "0.2.0", "Package": new},
    }
    assert first == {
        "InstanceId": machine.instance_id,
        "Online": True,
        "Running": old,
        "Refusal": "",
    }
    assert second["Refusal"] == second["Upgrades"][0]["Reason"] == refused["Reason"]


def test_what_the_setting_has_upgraded_is_told_as_that(one: Cloud) -> None:
    call = classic(one.endpoint)
    machine = one.do(lambda world: own_machine(world, "web-1"))
    config = {"Enabled": False, "TimeZone": "GMT+8:00"}
    kind = "AgentUpgradeConfig"
    call("ModifyCloudAssistantSettings", SettingType=kind, **{kind: config})
    one.do(lambda world: world.advance(seconds=31))
    told = call("DescribeAgentUpgrades", InstanceId=[machine.instance_id])
    assert told["AutomaticUpgrades"] == "Open"
    (upgrade,) = told["Agents"][0]["Upgrades"]
    assert (upgrade["Status"], upgrade["Automatic"]) == ("Upgraded", True)
