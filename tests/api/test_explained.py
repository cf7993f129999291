"""What something waits for, as callers of the API are told."""

from __future__ import annotations

import pytest

from tests.api.clients import OOS, Caller, classic
from tests.api.cloud import Cloud

COMMAND = {"Type": "RunShellScript", "CommandContent": "true"}
PAUSE = "{FormatVersion: OOS-2019-06-01, Tasks: [{Name: pause, Action: 'ACS::Pause'}]}"


@pytest.fixture
def call(it: Cloud) -> Caller:
    return classic(it.endpoint)


def test_a_command_is_explained_on_each_of_its_machines(it: Cloud, call: Caller) -> None:
    first, second = it.instances(2)
    it.world.machine(second).connected = False
    invoke_id = call("RunCommand", InstanceId=[first, second], **COMMAND)["InvokeId"]
    it.advance(seconds=1)
    whole, waits, ended = call("ExplainInvocation", InvokeId=invoke_id)["Explanations"]
    assert (whole["Kind"], whole["Because"]) == ("Invocation", "1 of its 2 machines are not done")
    assert (ended["Cause"], ended["Owner"], ended["Depth"]) == ("Ended", "Nobody", 1)
    assert waits.pop("SinceTime") < waits.pop("UntilTime")
    assert all(fact["Time"] for fact in waits.pop("Facts"))
    assert waits == {
        "Kind": "Target",
        "Id": invoke_id,
        "InstanceId": second,
        "Name": "",
        "Status": "Pending",
        "Cause": "NotFetched",
        "Because": "its agent was told to look, is told again every 5 s, and has not fetched it",
        "Owner": "Agent",
        "Then": "it ends as Aborted with DeliveryTimeout",
        "Depth": 1,
    }
    (only,) = call("ExplainInvocation", InvokeId=invoke_id, InstanceId=first)["Explanations"]
    assert (only["InstanceId"], only["Status"]) == (first, "Success")


def test_a_machine_is_explained(it: Cloud, call: Caller) -> None:
    (instance_id,) = it.instances()
    (told,) = call("ExplainInstance", InstanceId=instance_id)["Explanations"]
    assert (told["Kind"], told["Id"], told["Cause"]) == ("Instance", instance_id, "Nothing")
    assert told["Because"] == "it runs, and its agent is online"


def test_an_execution_is_explained_with_its_tasks(it: Cloud) -> None:
    call = classic(it.endpoint, sdk=OOS)
    started = call("StartExecution", TemplateContent=PAUSE)["Execution"]["ExecutionId"]
    it.advance(seconds=1)
    whole, task = call("ExplainExecution", ExecutionId=started)["Explanations"]
    assert (whole["Id"], whole["Because"], whole["Owner"]) == (started, "it is at pause", "Others")
    assert (task["Name"], task["Cause"], task["Owner"]) == ("pause", "Pause", "Person")
    (only,) = call("ExplainExecution", ExecutionId=task["Id"])["Explanations"]
    assert (only["Id"], only["Cause"]) == (task["Id"], "Pause")
