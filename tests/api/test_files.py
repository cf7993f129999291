"""Operations on files: what callers are told of what they sent."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from cloudhand.core.file import FileFilter
from cloudhand.core.ids import InvokeId
from cloudhand.wire import agent as wire
from tests.api.clients import Caller, classic, tea
from tests.api.cloud import Cloud
from tests.machines import hang, write
from tests.world import ALL, World

SEND = {"Name": "config", "TargetDir": "/etc/app", "Content": "h\u00e9llo\n"}


@pytest.fixture
def call(it: Cloud) -> Caller:
    it.world.machines.filing = write
    return tea(it.endpoint)


def sent(it: Cloud, call: Caller, **values: Any) -> str:
    """The id of what was sent to its end."""
    invoke_id = str(call("SendFile", **{**SEND, **values})["InvokeId"])

    async def end(world: World) -> None:
        async def ended() -> bool:
            wanted = FileFilter(invoke_id=InvokeId(invoke_id))
            page = await world.control.files.find(wanted, ALL)
            return all(target.final for target in page.items[0].targets)

        await world.until(ended)

    it.do(end)
    return invoke_id


def results(call: Caller, **wanted: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = call("DescribeSendFileResults", **wanted)["Invocations"][
        "Invocation"
    ]
    return found


def test_a_result_has_every_published_field(it: Cloud) -> None:
    it.world.machines.filing = write
    # The newer client drops fields that it does not know.
    call = classic(it.endpoint)
    (instance_id,) = it.instances()
    invoke_id = sent(
        it,
        call,
        InstanceId=[instance_id],
        Description="words",
        FileOwner="bob",
        FileMode="640",
        Overwrite=True,
        Timeout=1,
        Tag=[{"Key": "k", "Value": "v"}],
    )
    assert invoke_id.startswith("f-")
    (one,) = results(call, InvokeId=invoke_id)
    (target,) = one.pop("InvokeInstances")["InvokeInstance"]
    moments = {name: target.pop(name) for name in list(target) if name.endswith("Time")}
    assert set(moments) == {"CreationTime", "StartTime", "FinishTime", "UpdateTime"}
    assert all(len(moment) == len("2026-01-02T03:04:05Z") for moment in moments.values())
    assert target == {
        "InstanceId": instance_id,
        "InvocationStatus": "Success",
        "ErrorCode": "",
        "ErrorInfo": "",
    }
    assert one.pop("CreationTime") == moments["CreationTime"]
    assert one == {
        "InvokeId": invoke_id,
        "Name": "config",
        "Description": "words",
        "TargetDir": "/etc/app",
        "ContentType": "PlainText",
        "Content": "h\u00e9llo\n",
        "FileOwner": "bob",
        "FileGroup": "root",
        "FileMode": "640",
        "Overwrite": "true",
        "VmCount": 1,
        "InvocationStatus": "Success",
        "Tags": {"Tag": [{"TagKey": "k", "TagValue": "v"}]},
    }
    file = it.world.machine(instance_id).files[invoke_id]
    assert (file.content, file.timeout) == ("h\u00e9llo\n".encode(), 10)


def test_content_may_be_any_bytes(it: Cloud, call: Caller) -> None:
    content = bytes(range(256)) * 96  # 24 KB, which are 32 KB of base64
    encoded = base64.b64encode(content).decode()
    (instance_id,) = it.instances()
    invoke_id = sent(it, call, InstanceId=[instance_id], Content=encoded, ContentType="Base64")
    assert it.world.machine(instance_id).files[invoke_id].content == content
    (one,) = results(call, InvokeId=invoke_id)
    assert (one["ContentType"], one["Content"]) == ("Base64", encoded)
    assert (one["FileOwner"], one["FileMode"], one["Overwrite"]) == ("root", "0644", "false")


def test_of_several_instances_each_is_told(it: Cloud, call: Caller) -> None:
    good, bad = sorted(it.instances(2))

    def filing(machine: Any, file: wire.FileTask) -> wire.Report | None:
        if machine.instance_id == good:
            return write(machine, file)
        return wire.Report(
            kind=wire.FINISH,
            task_id=file.task_id,
            error_code="4",
            error_description="cannot use the directory /etc/app: Not a directory",
            file=True,
        )

    it.world.machines.filing = filing
    invoke_id = sent(it, call, InstanceId=[good, bad])
    (whole,) = results(call, InvokeId=invoke_id)
    assert (whole["InvocationStatus"], whole["VmCount"]) == ("PartialFailed", 2)
    first, second = whole["InvokeInstances"]["InvokeInstance"]
    assert (first["InvocationStatus"], first["ErrorCode"]) == ("Success", "")
    assert (second["InvocationStatus"], second["ErrorCode"]) == ("Failed", "FilePathInvalid")
    assert second["ErrorInfo"] == "cannot use the directory /etc/app: Not a directory"
    (of_one,) = results(call, InvokeId=invoke_id, InstanceId=bad)
    assert (of_one["InvocationStatus"], of_one["VmCount"]) == ("PartialFailed", 2)
    (only,) = of_one["InvokeInstances"]["InvokeInstance"]
    assert only["InstanceId"] == bad


def test_what_runs_is_said_to(it: Cloud, call: Caller) -> None:
    it.world.machines.filing = hang
    invoke_id = call("SendFile", **SEND, InstanceId=it.instances())["InvokeId"]
    it.do(lambda world: world.settle())
    (one,) = results(call, InvokeId=invoke_id)
    (target,) = one["InvokeInstances"]["InvokeInstance"]
    assert (one["InvocationStatus"], target["InvocationStatus"]) == ("Running", "Running")
    assert target["StartTime"] and not target["FinishTime"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, True),
        ({"Name": "filtered"}, True),
        ({"Name": "filter*"}, False),
        ({"InvocationStatus": "Success"}, True),
        ({"InvocationStatus": "Failed"}, False),
        ({"InvocationStatus": "PartialFailed"}, False),
        ({"ResourceGroupId": "rg-2"}, True),
        ({"ResourceGroupId": "rg-3"}, False),
        ({"Tag": [{"Key": "k", "Value": "v"}]}, True),
        ({"Tag": [{"Key": "k", "Value": "w"}]}, False),
        ({"InstanceId": "i-nobody"}, False),
    ],
)
def test_results_are_filtered(it: Cloud, call: Caller, wanted: dict[str, Any], found: bool) -> None:
    invoke_id = sent(
        it,
        call,
        InstanceId=it.instances(),
        Name="filtered",
        ResourceGroupId="rg-2",
        Tag=[{"Key": "k", "Value": "v"}],
    )
    assert bool(results(call, InvokeId=invoke_id, **wanted)) is found


def test_pages_show_each_once(it: Cloud, call: Caller) -> None:
    (instance_id,) = it.instances()
    made = [sent(it, call, InstanceId=[instance_id]) for _ in range(5)]
    told = call("DescribeSendFileResults", InstanceId=instance_id, PageSize=2, PageNumber=3)
    assert (told["TotalCount"], len(told["Invocations"]["Invocation"])) == (5, 1)
    seen: list[str] = []
    token = ""
    for _ in range(3):
        told = call(
            "DescribeSendFileResults", InstanceId=instance_id, MaxResults=2, NextToken=token
        )
        seen += [one["InvokeId"] for one in told["Invocations"]["Invocation"]]
        token = told["NextToken"]
    assert (sorted(seen), token) == (sorted(made), "")


def test_a_file_that_was_sent_is_tagged_as_an_invocation(it: Cloud, call: Caller) -> None:
    invoke_id = sent(it, call, InstanceId=it.instances())
    tag = {"Key": "late", "Value": "tag"}
    call("TagResources", ResourceType="invocation", ResourceId=[invoke_id], Tag=[tag])
    (one,) = results(call, Tag=[tag])
    assert one["InvokeId"] == invoke_id
    told = call("ListTagResources", ResourceType="invocation", ResourceId=[invoke_id])
    assert [one["TagKey"] for one in told["TagResources"]["TagResource"]] == ["late"]
