"""A command that waits for a machine that is not there, which is an extension."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.api.clients import classic, code_of
from tests.api.cloud import Cloud, cloud

RUN = {"Type": "RunShellScript", "CommandContent": "true"}


def stopped(it: Cloud) -> str:
    (instance_id,) = it.instances()
    classic(it.endpoint)("StopInstance", InstanceId=instance_id)
    it.advance(seconds=10)
    return str(instance_id)


def test_it_runs_once_the_machine_is_back(tmp_path: Path) -> None:
    with cloud(tmp_path) as it:
        instance_id = stopped(it)
        call = classic(it.endpoint)
        named = {"InstanceId": [instance_id]}
        assert code_of(call, "RunCommand", **RUN, **named) == "InvalidInstance.NotMatch"
        kept = call("CreateCommand", Name="n", Type="RunShellScript", CommandContent="dHJ1ZQ==")
        asked = [
            call("RunCommand", **RUN, **named, WaitOnline=3600),
            call("InvokeCommand", CommandId=kept["CommandId"], **named, WaitOnline=3600),
        ]
        it.advance(minutes=3)
        for one in asked:
            told = call("DescribeInvocationResults", InvokeId=one["InvokeId"])["Invocation"]
            (result,) = told["InvocationResults"]["InvocationResult"]
            assert result["InvocationStatus"] == "Pending"
            assert result["DeadlineTime"] > result["StartTime"]
        call("StartInstance", InstanceId=instance_id)
        it.advance(seconds=30)
        for one in asked:
            told = call("DescribeInvocations", InvokeId=one["InvokeId"])["Invocations"]
            assert told["Invocation"][0]["InvocationStatus"] == "Success"


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"WaitOnline": 59}, "InvalidParameter.WaitOnline"),
        ({"WaitOnline": 2_592_001}, "InvalidParameter.WaitOnline"),
        ({"WaitOnline": "1h"}, "InvalidParameter.WaitOnline"),
        ({"WaitOnline": 60, "RepeatMode": "EveryReboot"}, "UnsupportedOperation"),
        ({"WaitOnline": 60, "Frequency": "rate(1h)"}, "UnsupportedOperation"),
        ({"WaitOnline": 60, "InstanceId": ["i-none"]}, "InvalidInstance.NotFound"),
    ],
)
@pytest.mark.parametrize("action", ["RunCommand", "InvokeCommand"])
def test_what_cannot_be_waited_for_is_refused(
    it: Cloud, action: str, asked: dict[str, Any], code: str
) -> None:
    call = classic(it.endpoint)
    named: dict[str, Any] = {"InstanceId": it.instances(1)}
    if action == "InvokeCommand":
        kept = call("CreateCommand", Name="n", Type="RunShellScript", CommandContent="dHJ1ZQ==")
        what: dict[str, Any] = {"CommandId": kept["CommandId"]}
    else:
        what = RUN
    assert code_of(call, action, **{**what, **named, **asked}) == code
