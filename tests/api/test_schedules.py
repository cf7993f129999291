"""Commands that run again, as the SDKs ask for them and are told of them."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.api.clients import CALLERS, Caller, tea
from tests.api.cloud import Cloud

RUN = {"Type": "RunShellScript", "CommandContent": "true"}


# Made within a test, since a client of the older kind holds its connection until it is let go.
_EACH = pytest.mark.parametrize("client", ["tea", "classic"])


def results(call: Caller, invoke_id: str, **more: Any) -> list[dict[str, Any]]:
    found = call("DescribeInvocationResults", InvokeId=invoke_id, **more)
    return list(found["Invocation"]["InvocationResults"]["InvocationResult"])


def invocation(call: Caller, invoke_id: str, **more: Any) -> dict[str, Any]:
    (one,) = call("DescribeInvocations", InvokeId=invoke_id, **more)["Invocations"]["Invocation"]
    return dict(one)


@_EACH
def test_a_schedule_from_its_first_moment_to_its_stop(it: Cloud, client: str) -> None:
    call = CALLERS[client](it.endpoint)
    instance_id = it.instances()[0]
    asked = call("RunCommand", **RUN, InstanceId=[instance_id], Frequency="rate(60s)", Timed=True)
    invoke_id = asked["InvokeId"]
    told = invocation(call, invoke_id)
    assert (told["RepeatMode"], told["Frequency"]) == ("Period", "rate(60s)")
    assert (told["Timed"], told["InvocationStatus"], told["InvokeStatus"]) == (
        True,
        "Scheduled",
        "Running",
    )
    (target,) = told["InvokeInstances"]["InvokeInstance"]
    assert (target["Timed"], target["Repeats"], target["InstanceInvokeStatus"]) == (
        True,
        0,
        "Running",
    )
    assert results(call, invoke_id, IncludeHistory=True) == []
    it.advance(seconds=121)
    (last,) = results(call, invoke_id)
    assert (last["InvocationStatus"], last["InvokeRecordStatus"]) == ("Scheduled", "Running")
    assert (last["Repeats"], last["ExitCode"]) == (2, 0)
    assert base64.b64decode(last["Output"]) == b"helloworld\n"
    history = results(call, invoke_id, IncludeHistory=True)
    assert [
        (one["Repeats"], one["InvocationStatus"], one["InvokeRecordStatus"]) for one in history
    ] == [(2, "Success", "Finished"), (1, "Success", "Finished")]
    call("StopInvocation", InvokeId=invoke_id)
    told = invocation(call, invoke_id)
    assert (told["Timed"], told["InvocationStatus"]) == (False, "Stopped")
    (last,) = results(call, invoke_id)
    assert (last["InvocationStatus"], last["InvokeRecordStatus"]) == ("Cancelled", "Stopped")
    assert last["StopTime"] != ""
    it.to_the_present()


@_EACH
def test_a_history_is_paged_in_both_ways_and_filtered(it: Cloud, client: str) -> None:
    call = CALLERS[client](it.endpoint)
    one, other = it.instances(2)
    asked = call("RunCommand", **RUN, InstanceId=[one, other], Frequency="rate(60s)")
    it.advance(seconds=181)
    given = {"InvokeId": asked["InvokeId"], "IncludeHistory": True}
    whole = results(call, asked["InvokeId"], IncludeHistory=True)
    assert sorted((row["InstanceId"], row["Repeats"]) for row in whole) == sorted(
        (instance_id, run) for instance_id in (one, other) for run in (1, 2, 3)
    )
    page = call("DescribeInvocationResults", **given, PageSize=4, PageNumber=2)["Invocation"]
    assert (page["TotalCount"], page["InvocationResults"]["InvocationResult"]) == (6, whole[4:])
    first = call("DescribeInvocationResults", **given, MaxResults=4)["Invocation"]
    rest = call("DescribeInvocationResults", **given, MaxResults=4, NextToken=first["NextToken"])[
        "Invocation"
    ]
    paged = [one for part in (first, rest) for one in part["InvocationResults"]["InvocationResult"]]
    assert (paged, rest["NextToken"]) == (whole, "")
    of_one = results(call, asked["InvokeId"], IncludeHistory=True, InstanceId=one)
    assert [row["Repeats"] for row in of_one] == [3, 2, 1]
    finished = results(call, asked["InvokeId"], IncludeHistory=True, InvokeRecordStatus="Finished")
    assert finished == whole
    assert results(call, asked["InvokeId"], IncludeHistory=True, InvokeRecordStatus="Failed") == []
    it.to_the_present()


@_EACH
def test_the_history_of_what_runs_once_is_its_one_record(it: Cloud, client: str) -> None:
    call = CALLERS[client](it.endpoint)
    asked = call("RunCommand", **RUN, InstanceId=it.instances())
    it.advance(seconds=5)
    (record,) = results(call, asked["InvokeId"], IncludeHistory=True)
    assert (record["Repeats"], record["InvocationStatus"]) == (1, "Success")


@_EACH
def test_a_frequency_makes_any_mode_a_period(it: Cloud, client: str) -> None:
    call = CALLERS[client](it.endpoint)
    asked = call(
        "RunCommand",
        **RUN,
        InstanceId=it.instances(),
        RepeatMode="EveryReboot",
        Frequency="0 0 3 ? * MON-FRI 2027 Asia/Shanghai",
    )
    told = invocation(call, asked["InvokeId"])
    assert (told["RepeatMode"], told["InvocationStatus"]) == ("Period", "Scheduled")


@pytest.mark.parametrize(("mode", "runs"), [("NextRebootOnly", 1), ("EveryReboot", 2)])
@_EACH
def test_commands_that_run_after_boots(it: Cloud, client: str, mode: str, runs: int) -> None:
    call = CALLERS[client](it.endpoint)
    instance_id = it.instances()[0]
    asked = call("RunCommand", **RUN, InstanceId=[instance_id], RepeatMode=mode)
    for _ in range(2):
        call("RebootInstances", InstanceId=[instance_id])
        it.advance(seconds=30)
    history = results(call, asked["InvokeId"], IncludeHistory=True)
    assert [one["InvocationStatus"] for one in history] == ["Success"] * runs
    told = invocation(call, asked["InvokeId"])
    ends = {"NextRebootOnly": ("Success", False), "EveryReboot": ("Scheduled", True)}
    assert (told["InvocationStatus"], told["Timed"]) == ends[mode]
    it.to_the_present()


@_EACH
def test_a_stored_command_is_invoked_on_a_schedule_and_changed(it: Cloud, client: str) -> None:
    call = CALLERS[client](it.endpoint)
    one, other = it.instances(2)
    stored = call(
        "CreateCommand",
        Name="kept",
        Type="RunShellScript",
        CommandContent="echo {{name}}",
        ContentEncoding="PlainText",
        EnableParameter=True,
    )["CommandId"]
    asked = call(
        "InvokeCommand",
        CommandId=stored,
        InstanceId=[one],
        Parameters={"name": "x"},
        Frequency="rate(1h)",
    )
    given = {"InvokeId": asked["InvokeId"]}
    answer = call("ModifyInvocationAttribute", **given, Parameters={"name": "y"})
    assert answer["CommandId"] == stored
    answer = call(
        "ModifyInvocationAttribute",
        **given,
        CommandContent=base64.b64encode(b"echo {{who}} again").decode(),
        ContentEncoding="Base64",
        Parameters={"who": "z"},
        Frequency="rate(2h)",
        InstanceId=[other],
    )
    assert answer["CommandId"] != stored
    kept = call("DescribeCommands", CommandId=answer["CommandId"], ContentEncoding="PlainText")
    (command,) = kept["Commands"]["Command"]
    assert (command["Name"], command["CommandContent"]) == ("kept", "echo {{who}} again")
    told = invocation(call, asked["InvokeId"], ContentEncoding="PlainText")
    assert (told["CommandId"], told["CommandContent"]) == (
        answer["CommandId"],
        "echo {{who}} again",
    )
    assert (told["Frequency"], told["Parameters"]) == ("rate(2h)", '{"who": "z"}')
    assert {i["InstanceId"] for i in told["InvokeInstances"]["InvokeInstance"]} == {one, other}


def test_what_runs_again_is_found_by_that(it: Cloud) -> None:
    call, instance_id = tea(it.endpoint), it.instances()[0]
    once = call("RunCommand", **RUN, InstanceId=[instance_id])["InvokeId"]
    again = call("RunCommand", **RUN, InstanceId=[instance_id], Frequency="rate(1h)")["InvokeId"]
    stopped = call("RunCommand", **RUN, InstanceId=[instance_id], Frequency="rate(1h)")["InvokeId"]
    call("StopInvocation", InvokeId=stopped)

    def found(**wanted: Any) -> set[str]:
        page = call("DescribeInvocations", InstanceId=instance_id, **wanted)
        return {one["InvokeId"] for one in page["Invocations"]["Invocation"]}

    assert found() == {once, again, stopped}
    assert found(Timed=True) == {again}
    assert found(Timed=False) == {once, stopped}
    assert found(InvokeStatus="Scheduled") == {again}
    everywhere = call("DescribeInvocations", RepeatMode="Period", PageSize=50)["Invocations"]
    ids = {one["InvokeId"] for one in everywhere["Invocation"]}
    assert ids & {once, again, stopped} == {again, stopped}
