"""Each call leaves one record of who, from where, on what, and what came of it; and no value."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cloudhand.control.settings import ControlSettings
from tests.api.clients import OOS, RAM, Caller, ClientError, classic, code_of, hang_up, tea
from tests.api.cloud import KEY, Cloud, cloud
from tests.api.oos import ENDED, Oos, api, template
from tests.api.test_ram import User
from tests.machines import exit_with

CANARY = "canary-51c0ffee"


@pytest.fixture
def it(tmp_path: Path) -> Iterator[Cloud]:
    with cloud(tmp_path, ControlSettings(requests_per_second=0)) as running:
        yield running
        hang_up()


@pytest.fixture
def call(it: Cloud) -> Caller:
    return tea(it.endpoint)


def records(it: Cloud, **wanted: Any) -> list[dict[str, Any]]:
    """The oldest first."""
    return records_of(classic(it.endpoint), **wanted)


def records_of(call: Caller, **wanted: Any) -> list[dict[str, Any]]:
    answer = call("ListAuditRecords", MaxResults=1000, OldestFirst=True, **wanted)
    return [json.loads(one["Text"]) for one in answer["Records"]["Record"]]


def test_a_call_says_who_from_where_on_what_and_what_was_made(it: Cloud, call: Caller) -> None:
    (instance_id,) = it.instances()
    made = call(
        "RunCommand", Type="RunShellScript", CommandContent="true", InstanceId=[instance_id]
    )
    call("DescribeRegions")
    asked_later = {"StartTime": "2026-01-01T00:00:00Z", "EndTime": "2999-01-01T00:00:00Z"}
    (record,) = records(it, ResourceId=instance_id, Who="root", Changes=True, **asked_later)
    assert record == {
        "number": record["number"],
        "at": record["at"],
        "kind": "call",
        "action": "ecs:RunCommand",
        "who": "root",
        "from": "127.0.0.1",
        "program": record["program"],
        "accessKeyId": KEY.id,
        "on": [f"instance/{instance_id}"],
        "outcome": "OK",
        "facts": {"commandId": made["CommandId"], "invokeId": made["InvokeId"]},
        "requestId": record["requestId"],
        "previous": record["previous"],
    }
    assert "alibabacloud" in record["program"].lower()


def test_what_made_several_things_names_them(it: Cloud, call: Caller) -> None:
    asked = {"ImageId": "x", "InstanceType": "ecs.g6.large", "Amount": 2}
    made = call("RunInstances", **asked)["InstanceIdSets"]["InstanceIdSet"]
    (record,) = records(it, Operation="ecs:RunInstances")
    assert record["facts"]["instanceIdSets"].split(",") == made


def test_refusals_are_recorded_with_their_codes(it: Cloud, call: Caller) -> None:
    ram = tea(it.endpoint, sdk=RAM)
    ann = User(it, ram, "ann", "ecs:Describe*")
    (instance_id,) = it.instances()
    refused = {"InstanceId": instance_id}
    assert code_of(ann.calls(), "RebootInstance", **refused) == "Forbidden.RAM"
    assert code_of(call, "StopInvocation", InvokeId="t-none") == "InvalidInvokeId.NotFound"
    assert code_of(classic(it.endpoint, secret="wrong"), "DescribeInstances")

    (forbidden,) = records(it, Who="ann", Failed=True)
    assert (forbidden["outcome"], forbidden["action"]) == ("Forbidden.RAM", "ecs:RebootInstance")
    assert forbidden["on"] == [f"instance/{instance_id}"]
    (unknown,) = records(it, Operation="ecs:StopInvocation")
    assert unknown["outcome"] == "InvalidInvokeId.NotFound"
    (forged,) = [one for one in records(it, Failed=True) if "who" not in one]
    assert (forged["action"], forged["outcome"]) == (
        "ecs:DescribeInstances",
        "SignatureDoesNotMatch",
    )
    assert forged["accessKeyId"] == KEY.id


def test_what_only_looks_is_left_out_if_one_wants(it: Cloud, call: Caller) -> None:
    call("DescribeInstances")
    assert code_of(call, "DescribeUserData", InstanceId="i-none")
    actions = [one["action"] for one in records(it, Changes=True)]
    assert "ecs:DescribeInstances" not in actions
    assert "ecs:DescribeUserData" in actions
    assert "ecs:DescribeInstances" in [one["action"] for one in records(it)]


@pytest.mark.parametrize(
    "words", ["?Action=Describe%00Instances&AccessKeyId=%FF", "/", "?" + "a=b&" * 9]
)
def test_what_is_no_request_is_recorded_as_far_as_it_goes(it: Cloud, words: str) -> None:
    host, port = it.endpoint.split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    connection.request("GET", f"/{words.removeprefix('/')}", headers={"User-Agent": "x" * 9000})
    assert connection.getresponse().status >= 400
    connection.close()
    (record,) = [one for one in records(it) if "who" not in one]
    assert record["from"] == "127.0.0.1"
    assert len(record["program"]) == 200
    assert record["outcome"] not in ("OK", "InternalError")


def test_a_template_acts_in_the_records_as_its_execution(it: Cloud, call: Caller) -> None:
    (instance_id,) = it.instances()
    oos = Oos(it, tea(it.endpoint, sdk=OOS))
    execution_id = oos.start(template(api("off", "StopInstance", InstanceId=instance_id)))
    oos.until(execution_id, *ENDED)
    (record,) = records(it, Operation="ecs:StopInstance")
    assert (record["from"], record["who"]) == (f"execution/{execution_id}", "root")
    (started,) = records(it, Operation="oos:StartExecution")
    assert started["on"]


def test_no_value_that_is_given_is_in_any_record(it: Cloud, call: Caller) -> None:
    (instance_id,) = it.instances()
    oos, ram = tea(it.endpoint, sdk=OOS), tea(it.endpoint, sdk=RAM)
    it.world.machines.behave = exit_with(0, CANARY.encode())
    oos("CreateSecretParameter", Name="word", Value=CANARY)
    oos("GetSecretParameter", Name="word", WithDecryption=True)
    call(
        "RunCommand",
        Type="RunShellScript",
        CommandContent=f"echo {CANARY}",
        InstanceId=[instance_id],
        Description=CANARY,
    )
    call("SendFile", Name="f", TargetDir="/tmp", Content=CANARY, InstanceId=[instance_id])
    call("ModifyInstanceAttribute", InstanceId=instance_id, Password=CANARY, Description=CANARY)
    ram("CreateUser", UserName="ann")
    key = ram("CreateAccessKey", UserName="ann")["AccessKey"]
    assert code_of(call, "CreateCommand", Name="n", Type=CANARY, CommandContent="dHJ1ZQ==")
    with pytest.raises(ClientError):
        call("RunCommand", Type="RunShellScript", CommandContent=CANARY * 9999, InstanceId=["i-1"])
    everything = str(records(it))
    assert CANARY not in everything
    assert key["AccessKeySecret"] not in everything


def test_a_secret_that_a_template_puts_into_an_id_is_in_no_record(it: Cloud) -> None:
    (instance_id,) = it.instances()
    call = tea(it.endpoint, sdk=OOS)
    call("CreateSecretParameter", Name="word", Value=CANARY)
    oos = Oos(it, call)
    for asked in (
        {"InstanceId": "{{ oos-secret:word }}"},
        {"InstanceId": instance_id, "InstanceName": "{{ oos-secret:word }}"},
    ):
        task = api("name", "ModifyInstanceAttribute", **asked)
        oos.until(oos.start(template(task)), *ENDED)
    found = records(it, Operation="ecs:ModifyInstanceAttribute")
    assert [one.get("on") for one in found] == [None, [f"instance/{instance_id}"]]
    assert CANARY not in str(records(it))


def test_records_of_one_account_are_nobody_elses(it: Cloud, call: Caller) -> None:
    ram = classic(it.endpoint, sdk=RAM)
    made = ram("CreateAccount", AccountName="team")["AccessKey"]
    other = classic(it.endpoint, key_id=made["AccessKeyId"], secret=made["AccessKeySecret"])
    call("DescribeInstances")
    other("DescribeVpcs")
    assert {one["action"] for one in records_of(other)} == {"ecs:DescribeVpcs"}
    assert "ecs:DescribeVpcs" not in {one["action"] for one in records(it)}
