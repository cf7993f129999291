"""Operations on commands: what callers are told of what they asked for."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from cloudhand.control.settings import ControlSettings
from cloudhand.core.ids import InvokeId
from cloudhand.wire.receipt import Process, Receipt
from tests.api.clients import CALLERS, Caller, ClientError, classic, hang_up, tea
from tests.api.cloud import Cloud, cloud
from tests.machines import exit_with, run_on, succeed
from tests.world import World

TAG = {"Key": "k", "Value": "v"}
RUN = {"Type": "RunShellScript", "CommandContent": "echo helloworld"}


@pytest.fixture
def call(it: Cloud) -> Caller:
    it.world.machines.behave = succeed
    return tea(it.endpoint)


def ended(it: Cloud, invoke_id: str) -> None:
    it.do(lambda world: world.until(lambda: world.ended(InvokeId(invoke_id))))


def results(call: Caller, **wanted: Any) -> list[dict[str, Any]]:
    told = call("DescribeInvocationResults", **wanted)
    found: list[dict[str, Any]] = told["Invocation"]["InvocationResults"]["InvocationResult"]
    return found


def invocations(call: Caller, **wanted: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = call("DescribeInvocations", **wanted)["Invocations"]["Invocation"]
    return found


def test_a_result_has_every_published_field(it: Cloud, call: Caller) -> None:
    (instance_id,) = it.instances()
    asked = call(
        "RunCommand", **RUN, InstanceId=[instance_id], Username="root", TerminationMode="Process"
    )
    ended(it, asked["InvokeId"])
    (one,) = results(call, InvokeId=asked["InvokeId"])
    assert one == {
        "InvokeId": asked["InvokeId"],
        "CommandId": asked["CommandId"],
        "InstanceId": instance_id,
        "InvocationStatus": "Success",
        "InvokeRecordStatus": "Finished",
        "ExitCode": 0,
        "Output": base64.b64encode(b"helloworld\n").decode(),
        "Dropped": 0,
        "Repeats": 1,
        "StartTime": "1970-01-01T00:00:01Z",
        "FinishedTime": "1970-01-01T00:00:02Z",
        "StopTime": "",
        "ErrorCode": "",
        "ErrorInfo": "",
        "Username": "root",
        "TerminationMode": "Process",
        "Launcher": "",
        "ContainerId": "",
        "ContainerName": "",
        "OssOutputDelivery": "",
        "OssOutputStatus": "",
        "OssOutputUri": "",
        "OssOutputErrorCode": "",
        "OssOutputErrorInfo": "",
        "Tags": {"Tag": []},
    }


def test_output_is_told_as_plain_text_where_that_is_asked_for(it: Cloud, call: Caller) -> None:
    it.world.machines.behave = exit_with(0, b"h\xc3\xa9llo \xff")
    asked = call("RunCommand", **RUN, InstanceId=it.instances())
    ended(it, asked["InvokeId"])
    (one,) = results(call, InvokeId=asked["InvokeId"], ContentEncoding="plaintext")
    assert one["Output"] == "h\u00e9llo \ufffd"
    (whole,) = invocations(
        call, InvokeId=asked["InvokeId"], IncludeOutput=True, ContentEncoding="PlainText"
    )
    assert whole["InvokeInstances"]["InvokeInstance"][0]["Output"] == "h\u00e9llo \ufffd"


def test_a_failure_reads_as_published(it: Cloud, call: Caller) -> None:
    it.world.machines.behave = exit_with(1, b"no\n")
    asked = call("RunCommand", **RUN, InstanceId=it.instances())
    ended(it, asked["InvokeId"])
    (one,) = results(call, InvokeId=asked["InvokeId"])
    assert (one["InvocationStatus"], one["InvokeRecordStatus"]) == ("Failed", "Finished")
    assert (one["ExitCode"], one["ErrorCode"]) == (1, "ExitCodeNonzero")
    (whole,) = invocations(call, InvokeId=asked["InvokeId"])
    assert (whole["InvocationStatus"], whole["InvokeStatus"]) == ("Failed", "Finished")


def test_a_power_action_is_told_beside_the_result(it: Cloud, call: Caller) -> None:
    # The newer client drops fields that it does not know.
    call = classic(it.endpoint)
    it.world.machines.behave = exit_with(194, b"bye\n")
    (instance_id,) = it.instances()
    before = it.world.machine(instance_id).boot_id
    asked = call("RunCommand", **RUN, InstanceId=[instance_id])
    ended(it, asked["InvokeId"])
    it.do(lambda world: world.until(lambda: world._all_in([instance_id], "Running")))
    (one,) = results(call, InvokeId=asked["InvokeId"])
    assert (one["InvocationStatus"], one["ExitCode"]) == ("Success", 194)
    action = one["PowerAction"]
    assert (action["Action"], action["Status"]) == ("restart", "Done")
    assert action["BootIdBefore"] == before
    assert action["BootIdAfter"] == it.world.machine(instance_id).boot_id != before
    assert action["AskedTime"] and action["DoneTime"]
    (whole,) = invocations(call, InvokeId=asked["InvokeId"])
    assert whole["InvokeInstances"]["InvokeInstance"][0]["PowerAction"] == action


def test_how_processes_were_ended_is_told_beside_the_result(it: Cloud, call: Caller) -> None:
    call = classic(it.endpoint)
    it.world.machines.behave = run_on
    (one, other) = ids = it.instances(2)
    spared = (Process(9, "sleep"),)
    it.world.machine(one).receipt = Receipt(
        how="cgroup", took=104, ended=2, pids=(7, 8), left=1, spared=spared
    )
    asked = call("RunCommand", **RUN, InstanceId=ids)
    it.do(lambda world: world.settle())
    call("StopInvocation", InvokeId=asked["InvokeId"])
    ended(it, asked["InvokeId"])
    told = {result["InstanceId"]: result for result in results(call, InvokeId=asked["InvokeId"])}
    assert told[one]["Receipt"] == {
        "FollowedBy": "cgroup",
        "Took": 104,
        "EndedCount": 2,
        "Ended": {"Pid": [7, 8]},
        "SurvivorCount": 0,
        "Survivors": {"Process": []},
        "LeftCount": 1,
        "Left": {"Process": [{"Pid": 9, "Name": "sleep"}]},
    }
    assert "Receipt" not in told[other]  # as of a published agent


def test_an_unfinished_result_claims_no_exit_code(it: Cloud, call: Caller) -> None:
    it.world.machines.behave = run_on
    asked = call("RunCommand", **RUN, InstanceId=it.instances())
    it.do(lambda world: world.settle())
    (one,) = results(call, InvokeId=asked["InvokeId"])
    assert (one["InvocationStatus"], one["InvokeRecordStatus"]) == ("Running", "Running")
    assert "ExitCode" not in one
    assert call("StopInvocation", InvokeId=asked["InvokeId"]).keys() == {"RequestId"}


def test_a_stop_is_told_with_its_time(it: Cloud, call: Caller) -> None:
    it.world.machines.behave = run_on
    ids = it.instances(2)
    asked = call("RunCommand", **RUN, InstanceId=ids)
    it.do(lambda world: world.settle())
    call("StopInvocation", InvokeId=asked["InvokeId"], InstanceId=[ids[0]])
    it.do(lambda world: world.settle())
    told = {one["InstanceId"]: one for one in results(call, InvokeId=asked["InvokeId"])}
    assert told[ids[0]]["InvocationStatus"] in ("Stopping", "Terminated")
    assert told[ids[0]]["StopTime"]
    assert (told[ids[1]]["InvocationStatus"], told[ids[1]]["StopTime"]) == ("Running", "")
    call("StopInvocation", InvokeId=asked["InvokeId"])


def test_an_invocation_has_every_published_field(it: Cloud, call: Caller) -> None:
    (instance_id,) = it.instances()
    asked = call(
        "RunCommand",
        Type="RunShellScript",
        CommandContent=base64.b64encode(b"echo {{a}}").decode(),
        ContentEncoding="Base64",
        InstanceId=[instance_id],
        Name="hello",
        Description="says it",
        WorkingDir="/tmp",
        Timeout=1,
        EnableParameter=True,
        Parameters={"A": "b"},
        Launcher="bash -x",
        KeepCommand=True,
        ResourceGroupId="rg-1",
        Tag=[{"Key": "k", "Value": "v"}],
    )
    ended(it, asked["InvokeId"])
    (one,) = invocations(call, InvokeId=asked["InvokeId"])
    assert one.pop("CreationTime").endswith("Z")
    (target,) = one.pop("InvokeInstances")["InvokeInstance"]
    assert one == {
        "InvokeId": asked["InvokeId"],
        "CommandId": asked["CommandId"],
        "CommandName": "hello",
        "CommandDescription": "says it",
        "CommandType": "RunShellScript",
        "CommandContent": base64.b64encode(b"echo {{a}}").decode(),
        "WorkingDir": "/tmp",
        "Username": "",
        "Parameters": '{"A": "b"}',
        "Timeout": 10,  # what is shorter counts as the shortest
        "Frequency": "",
        "RepeatMode": "Once",
        "Timed": False,
        "TerminationMode": "",
        "Launcher": "bash -x",
        "ContainerId": "",
        "ContainerName": "",
        "OssOutputDelivery": "",
        "InvocationStatus": "Success",
        "InvokeStatus": "Finished",
        "Tags": {"Tag": [{"TagKey": "k", "TagValue": "v"}]},
    }
    assert target["InstanceInvokeStatus"] == "Finished"
    assert target["FinishTime"] == "1970-01-01T00:00:02Z"
    assert "Output" not in target


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, True),
        ({"CommandName": "nam*"}, True),
        ({"CommandName": "*ame"}, True),
        ({"CommandName": "other"}, False),
        ({"CommandType": "RunShellScript"}, True),
        ({"CommandType": "RunBatScript"}, False),
        ({"InvokeStatus": "Success"}, True),
        ({"InvokeStatus": "Finished"}, True),
        ({"InvokeStatus": "Running"}, False),
        ({"InvokeStatus": "Scheduled"}, False),
        ({"RepeatMode": "Once"}, True),
        ({"RepeatMode": "Period"}, False),
        ({"Timed": True}, False),
        ({"Timed": False}, True),
        ({"ResourceGroupId": "rg-2"}, True),
        ({"ResourceGroupId": "rg-3"}, False),
        ({"Tag": [{"Key": "k", "Value": "v"}]}, True),
        ({"Tag": [{"Key": "k", "Value": "w"}]}, False),
        ({"CommandId": "c-nobody"}, False),
        ({"InstanceId": "i-nobody"}, False),
        ({"InvokeId": "t-nobody"}, False),
    ],
)
def test_invocations_are_filtered(
    it: Cloud, call: Caller, wanted: dict[str, Any], found: bool
) -> None:
    asked = call(
        "RunCommand",
        **RUN,
        InstanceId=it.instances(),
        Name="name",
        ResourceGroupId="rg-2",
        Tag=[{"Key": "k", "Value": "v"}],
    )
    ended(it, asked["InvokeId"])
    given = {"InvokeId": asked["InvokeId"], **wanted}
    assert bool(invocations(call, **given)) is found


@pytest.mark.parametrize(
    ("status", "found"),
    [
        ("Finished", True),
        ("Success", False),
        ("Running", False),
        ("Failed", False),
        ("Stopped", False),
        ("PartialFailed", False),
    ],
)
def test_results_are_filtered_by_the_status_they_show(
    it: Cloud, call: Caller, status: str, found: bool
) -> None:
    it.world.machines.behave = exit_with(7)
    asked = call("RunCommand", **RUN, InstanceId=it.instances())
    ended(it, asked["InvokeId"])
    shown = results(call, InvokeId=asked["InvokeId"], InvokeRecordStatus=status)
    assert bool(shown) is found


@pytest.mark.parametrize("action", ["DescribeInvocations", "DescribeInvocationResults"])
def test_pages_by_number_and_by_token_show_each_once(it: Cloud, call: Caller, action: str) -> None:
    (instance_id,) = it.instances()
    made = [call("RunCommand", **RUN, InstanceId=[instance_id])["InvokeId"] for _ in range(5)]

    def page(**asked: Any) -> tuple[list[str], dict[str, Any]]:
        told = call(action, InstanceId=instance_id, **asked)
        frame = told.get("Invocation", told)
        inner = frame.get("Invocations") or frame.get("InvocationResults")
        (found,) = inner.values()
        return [one["InvokeId"] for one in found], frame

    first, frame = page(PageSize=2)
    assert (frame["TotalCount"], frame["PageNumber"], frame["PageSize"]) == (5, 1, 2)
    assert frame["NextToken"] == ""
    numbered = [*first, *page(PageSize=2, PageNumber=2)[0], *page(PageSize=2, PageNumber=3)[0]]
    assert sorted(numbered) == sorted(made)
    seen: list[str] = []
    token = ""
    for _ in range(3):
        found, frame = page(MaxResults=2, NextToken=token)
        seen, token = seen + found, frame["NextToken"]
    assert (seen, token) == (numbered, "")


def test_targets_are_named_by_tags_too(it: Cloud, call: Caller) -> None:
    ids = it.instances(2, tags={"role": "web"})
    asked = call("RunCommand", **RUN, ResourceTag=[{"Key": "role", "Value": "web"}])
    ended(it, asked["InvokeId"])
    assert sorted(one["InstanceId"] for one in results(call, InvokeId=asked["InvokeId"])) == sorted(
        ids
    )


def test_a_dry_run_runs_nothing(it: Cloud, call: Caller) -> None:
    (instance_id,) = it.instances()
    asked = call("RunCommand", **RUN, InstanceId=[instance_id], RepeatMode="DryRun")
    ended(it, asked["InvokeId"])
    (one,) = results(call, InvokeId=asked["InvokeId"])
    assert (one["InvocationStatus"], one["Repeats"], one["Output"]) == ("Success", 0, "")
    assert asked["InvokeId"] not in it.world.machine(instance_id).ever_started


@pytest.mark.parametrize("client", CALLERS)
def test_a_command_on_windows_names_the_password_of_its_user(it: Cloud, client: str) -> None:
    call = CALLERS[client](it.endpoint)
    made = call("CreateActivation")
    machine = it.join(made["ActivationId"], made["ActivationCode"], os_type="windows")
    order = {"Type": "RunPowerShellScript", "CommandContent": "dir", "InstanceId": [machine]}
    with pytest.raises(ClientError) as refusal:
        call("RunCommand", **order, Username="bob")
    assert (refusal.value.code, refusal.value.status) == ("WindowsPasswordName.Missed", 403)

    asked = call("RunCommand", **order, Username="bob", WindowsPasswordName="bobs")

    (result,) = results(call, InvokeId=asked["InvokeId"])
    assert (result["InvocationStatus"], result["Username"]) == ("Pending", "bob")
    assert call("RunCommand", **order, Username="System")["InvokeId"]
    call("DeregisterManagedInstance", InstanceId=machine)  # others count what has joined


def test_the_agents_status_is_told_as_text(it: Cloud, call: Caller) -> None:
    (instance_id,) = it.instances()
    told = call("DescribeCloudAssistantStatus", InstanceId=[instance_id])
    (one,) = told["InstanceCloudAssistantStatusSet"]["InstanceCloudAssistantStatus"]
    assert (one["CloudAssistantStatus"], one["OSType"]) == ("true", "Linux")
    assert one["CloudAssistantVersion"].startswith("2.2.3.")
    assert one["LastHeartbeatTime"].endswith("Z")
    assert (one["ActiveTaskCount"], one["SupportSessionManager"]) == (0, False)


def test_agents_are_filtered_by_their_system(it: Cloud, call: Caller) -> None:
    it.instances(3)

    def count(**wanted: Any) -> int:
        told = call("DescribeCloudAssistantStatus", MaxResults=2, **wanted)
        return len(told["InstanceCloudAssistantStatusSet"]["InstanceCloudAssistantStatus"])

    assert (count(OSType="Linux"), count(OSType="Windows"), count()) == (2, 0, 2)


def test_an_agent_that_is_silent_is_offline(it: Cloud, call: Caller) -> None:
    (instance_id,) = it.instances()

    async def silence(world: World) -> None:
        world.machine(instance_id).connected = False
        await world.advance(seconds=200)

    it.do(silence)
    told = call("DescribeCloudAssistantStatus", InstanceId=[instance_id])
    (one,) = told["InstanceCloudAssistantStatusSet"]["InstanceCloudAssistantStatus"]
    assert one["CloudAssistantStatus"] == "false"


@pytest.mark.parametrize("client", ["tea", "classic"])
def test_an_operator_may_let_a_call_name_more_instances(tmp_path: Path, client: str) -> None:
    with cloud(tmp_path, ControlSettings(targets_limit=2)) as it:
        call = CALLERS[client](it.endpoint)
        ids = it.instances(3)
        call("RunCommand", **RUN, InstanceId=ids[:2])
        for given in ({"InstanceId": ids}, {"ResourceTag": [{"Key": "k", "Value": "v"}]}):
            call(
                "TagResources",
                ResourceType="instance",
                ResourceId=ids,
                Tag=[{"Key": "k", "Value": "v"}],
            )
            with pytest.raises(ClientError) as caught:
                call("RunCommand", **RUN, **given)
            assert (caught.value.code, caught.value.status) == ("InstanceIds.ExceedLimit", 403)
        hang_up()
