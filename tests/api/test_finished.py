"""What somebody ends by a word, as callers of the API do."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.api.clients import OOS, Caller, classic
from tests.api.cloud import Cloud
from tests.machines import run_on, succeed

COMMAND = {"Type": "RunShellScript", "CommandContent": "sleep 1d"}
PAUSE = "{FormatVersion: OOS-2019-06-01, Tasks: [{Name: pause, Action: 'ACS::Pause'}]}"


@pytest.fixture
def call(it: Cloud) -> Iterator[Caller]:
    it.world.machines.behave = run_on
    yield classic(it.endpoint)
    it.world.machines.behave = succeed


def test_a_command_is_ended_where_it_goes_on(it: Cloud, call: Caller) -> None:
    first, second = it.instances(2)
    invoke_id = call("RunCommand", InstanceId=[first, second], **COMMAND)["InvokeId"]
    it.advance(seconds=1)
    word = {"InvokeId": invoke_id, "Status": "Success", "Reason": "its disk is in my hand"}
    answer = call("FinishInvocation", InstanceId=[second], **word)
    assert answer["InstanceIds"] == [second]
    assert call("FinishInvocation", **word)["InstanceIds"] == [first]
    results = call("DescribeInvocationResults", InvokeId=invoke_id)
    told = results["Invocation"]["InvocationResults"]["InvocationResult"]
    assert {one["InvocationStatus"] for one in told} == {"Success"}
    assert all(one["ErrorInfo"].endswith("said so: its disk is in my hand") for one in told)
    records = [json.loads(one["Text"]) for one in call("ListAuditRecords")["Records"]["Record"]]
    (last, *_) = [one for one in records if one["action"] == "invocation:Finished"]
    assert last["on"] == [f"invocation/{invoke_id}", f"instance/{first}"]
    assert last["facts"] == {"status": "Success", "why": "its disk is in my hand"}


def test_an_execution_is_ended(it: Cloud) -> None:
    call = classic(it.endpoint, sdk=OOS)
    started = call("StartExecution", TemplateContent=PAUSE)["Execution"]["ExecutionId"]
    it.advance(seconds=1)
    call("FinishExecution", ExecutionId=started, Status="Failed", Reason="nobody will say")
    (told,) = call("ListExecutions", ExecutionId=started)["Executions"]
    assert told["Status"] == "Failed"
    assert told["StatusMessage"].endswith("said so: nobody will say")


def test_an_instance_is_given_up(it: Cloud, call: Caller) -> None:
    (instance_id,) = it.instances()
    call("FinishInstance", InstanceId=instance_id, Reason="its host burned down")
    assert call("DescribeInstances", InstanceIds=f'["{instance_id}"]')["TotalCount"] == 0
