"""Activations, and the machines that join with them."""

from __future__ import annotations

from typing import Any

import pytest

from cloudhand.core.errors import ActivationRefused
from cloudhand.core.ids import InstanceId
from cloudhand.wire.plugin import PluginStatus
from tests.api.clients import Caller, ClientError, tea
from tests.api.cloud import Cloud


@pytest.fixture
def call(it: Cloud) -> Caller:
    return tea(it.endpoint)


def joined(it: Cloud, call: Caller, **order: Any) -> tuple[str, str]:
    """The ids of an activation and of a machine that has joined with it."""
    made = call("CreateActivation", **order)

    return made["ActivationId"], it.join(made["ActivationId"], made["ActivationCode"])


def listed(call: Caller, **wanted: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = call("DescribeManagedInstances", **wanted)["Instances"]
    return found


def test_an_activation_is_told_without_its_code(it: Cloud, call: Caller) -> None:
    made = call(
        "CreateActivation",
        InstanceName="office",
        Description="the office",
        InstanceCount=3,
        TimeToLiveInHours=2,
        IpAddressRange="10.0.0.0/8",
        ResourceGroupId="rg-1",
        Tag=[{"Key": "k", "Value": "v"}],
    )
    told = call("DescribeActivations", ActivationId=made["ActivationId"])
    (one,) = told["ActivationList"]
    assert one.pop("CreationTime").endswith("Z")
    assert one == {
        "ActivationId": made["ActivationId"],
        "InstanceName": "office",
        "Description": "the office",
        "InstanceCount": 3,
        "RegisteredCount": 0,
        "DeregisteredCount": 0,
        "Disabled": False,
        "IpAddressRange": "10.0.0.0/8",
        "TimeToLiveInHours": 2,
        "ResourceGroupId": "rg-1",
        "Tags": [{"TagKey": "k", "TagValue": "v"}],
    }
    assert (told["TotalCount"], told["PageNumber"], told["NextToken"]) == (1, 1, "")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"InstanceName": "office"}, True),
        ({"InstanceName": "other"}, False),
        ({"ResourceGroupId": "rg-9"}, False),
        ({"Tag": [{"Key": "k", "Value": "w"}]}, False),
    ],
)
def test_activations_are_filtered(
    it: Cloud, call: Caller, wanted: dict[str, Any], found: bool
) -> None:
    made = call("CreateActivation", InstanceName="office", Tag=[{"Key": "k", "Value": "v"}])
    told = call("DescribeActivations", ActivationId=made["ActivationId"], **wanted)
    assert bool(told["ActivationList"]) is found


def test_activations_are_paged(it: Cloud, call: Caller) -> None:
    made = {call("CreateActivation", ResourceGroupId="rg-pages")["ActivationId"] for _ in range(3)}
    wanted = {"ResourceGroupId": "rg-pages"}
    first = call("DescribeActivations", MaxResults=2, **wanted)
    second = call("DescribeActivations", MaxResults=2, NextToken=first["NextToken"], **wanted)
    shown = [one["ActivationId"] for page in (first, second) for one in page["ActivationList"]]
    assert (len(shown), set(shown), second["NextToken"]) == (3, made, "")


def test_a_disabled_activation_lets_nobody_else_join(it: Cloud, call: Caller) -> None:
    made = call("CreateActivation", InstanceName="office", InstanceCount=3)
    instance_id = it.join(made["ActivationId"], made["ActivationCode"])
    for _ in range(2):
        told = call("DisableActivation", ActivationId=made["ActivationId"])["Activation"]
        assert (told["ActivationId"], told["Disabled"]) == (made["ActivationId"], True)
        assert (told["RegisteredCount"], told["InstanceName"]) == (1, "office")
    with pytest.raises(ActivationRefused, match="disabled"):
        it.join(made["ActivationId"], made["ActivationCode"])
    assert [one["InstanceId"] for one in listed(call, InstanceId=[instance_id])] == [instance_id]


def test_an_activation_that_nobody_uses_any_more_is_deleted(it: Cloud, call: Caller) -> None:
    activation_id, instance_id = joined(it, call)
    call("DeregisterManagedInstance", InstanceId=instance_id)
    told = call("DeleteActivation", ActivationId=activation_id)["Activation"]
    assert (told["RegisteredCount"], told["DeregisteredCount"]) == (1, 1)
    assert "Disabled" not in told
    assert call("DescribeActivations", ActivationId=activation_id)["ActivationList"] == []
    with pytest.raises(ClientError, match=r"ActivationId\.NotFound"):
        call("DisableActivation", ActivationId=activation_id)


@pytest.mark.parametrize("action", ["DeleteActivation", "DisableActivation"])
def test_the_activation_of_an_instance_of_ours_is_nobodys_business(
    it: Cloud, call: Caller, action: str
) -> None:
    (instance_id,) = it.instances()
    boot = it.world.machine(instance_id).boot
    assert boot is not None
    with pytest.raises(ClientError, match=r"ActivationId\.NotFound"):
        call(action, ActivationId=boot.activation_id)


def test_a_machine_is_given_another_name(it: Cloud, call: Caller) -> None:
    _, instance_id = joined(it, call)
    told = call("ModifyManagedInstance", InstanceId=instance_id, InstanceName="desk:1_a.b-c")
    assert told["Instance"] == {"InstanceId": instance_id, "InstanceName": "desk:1_a.b-c"}
    assert [one["InstanceName"] for one in listed(call, InstanceId=[instance_id])] == [
        "desk:1_a.b-c"
    ]


def test_a_machine_that_joined_is_told(it: Cloud, call: Caller) -> None:
    activation_id, instance_id = joined(it, call, InstanceName="office", InstanceCount=3)
    assert instance_id.startswith("mi-")
    (one,) = listed(call, InstanceId=[instance_id])
    assert one.pop("RegistrationTime").endswith("Z")
    assert one == {
        "InstanceId": instance_id,
        "InstanceName": "office-001",
        "Hostname": "outside",
        "ActivationId": activation_id,
        "AgentVersion": "2.2.3.1065",
        "Connected": one["Connected"],
        "IntranetIp": "10.0.0.7",
        "InternetIp": "192.0.2.1",
        "MachineId": "machine-1",
        "OsType": "linux",
        "OsVersion": "Debian 12",
        "LastInvokedTime": "",
        "InvocationCount": 0,
        "ResourceGroupId": "",
        "Tags": [],
    }
    (activation,) = call("DescribeActivations", ActivationId=activation_id)["ActivationList"]
    assert activation["RegisteredCount"] == 1


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"InstanceName": "office*"}, True),
        ({"InstanceName": "home*"}, False),
        ({"InstanceIp": "10.0.0.7"}, True),
        ({"InstanceIp": "192.0.2.1"}, True),
        ({"InstanceIp": "10.0.0.8"}, False),
        ({"OsType": "linux"}, True),
        ({"OsType": "windows"}, False),
        ({"MachineId": "machine-1"}, True),
        ({"MachineId": "machine-2"}, False),
        ({"ActivationId": "nobody"}, False),
        ({"ResourceGroupId": "rg-1"}, False),
    ],
)
def test_machines_are_filtered(
    it: Cloud, call: Caller, wanted: dict[str, Any], found: bool
) -> None:
    _, instance_id = joined(it, call, InstanceName="office")
    assert bool(listed(call, InstanceId=[instance_id], **wanted)) is found


def test_machines_are_filtered_by_their_connection(it: Cloud, call: Caller) -> None:
    _, instance_id = joined(it, call)
    shown = {
        state: bool(listed(call, InstanceId=[instance_id], Connected=state))
        for state in ("true", "false")
    }
    assert sorted(shown.values()) == [False, True]


def test_a_machine_is_deregistered_once(it: Cloud, call: Caller) -> None:
    _, instance_id = joined(it, call, InstanceName="office")
    answers = [
        call("DeregisterManagedInstance", InstanceId=instance_id, ClientToken="end")["Instance"]
        for _ in range(2)
    ]
    assert answers[0] == answers[1]
    assert (answers[0]["InstanceId"], answers[0]["Hostname"]) == (instance_id, "outside")
    assert "Connected" not in answers[0]
    assert listed(call, InstanceId=[instance_id]) == []
    with pytest.raises(Exception, match="NotFound"):
        call("DeregisterManagedInstance", InstanceId=instance_id)


def _plugins(call: Caller, **wanted: Any) -> dict[str, list[tuple[str, str, str]]]:
    told = call("ListPluginStatus", **wanted)["InstancePluginStatusSet"]["InstancePluginStatus"]
    return {
        one["InstanceId"]: [
            (p["PluginName"], p["PluginStatus"], p["PluginVersion"])
            for p in one["PluginStatusSet"]["PluginStatus"]
        ]
        for one in told
    }


def test_plugins_are_told_of_one_machine_or_by_their_name(it: Cloud, call: Caller) -> None:
    (_, one), (_, other) = joined(it, call), joined(it, call)
    said = [PluginStatus("dump", "ONCE_INSTALLED", "1.0"), PluginStatus("net", "PERSIST_RUNNING")]
    it.do(lambda world: world.control.plugins.report(InstanceId(one), said))
    dump = ("dump", "Installed", "1.0")

    assert _plugins(call, InstanceId=[one]) == {one: [dump, ("net", "Running", "")]}
    assert _plugins(call, InstanceId=[other]) == {other: []}
    assert _plugins(call, Name="dump") == {one: [dump]}
    both = {"Name": "dump", "InstanceId": [other, one]}
    assert _plugins(call, **both) == {other: [("dump", "NotInstalled", "")], one: [dump]}
    first = call("ListPluginStatus", MaxResults=1, **both)
    rest = _plugins(call, MaxResults=1, NextToken=first["NextToken"], **both)
    assert rest == {one: [dump]}
