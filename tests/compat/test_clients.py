"""Each official client, in each of its ways, tells the same story to the end."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.api.clients import CALLERS, Caller
from tests.api.cloud import Cloud


@pytest.fixture(params=sorted(CALLERS))
def call(it: Cloud, request: pytest.FixtureRequest) -> Caller:
    return CALLERS[request.param](it.endpoint)


def test_a_command_runs_on_three_instances_which_then_restart(it: Cloud, call: Caller) -> None:
    ids = it.instances(3)
    boots = {one: it.world.machine(one).boots for one in ids}

    asked = call(
        "RunCommand",
        Type="RunShellScript",
        CommandContent="echo helloworld",
        InstanceId=ids,
        Timeout=60,
    )
    it.do(lambda world: world.until(lambda: world.ended(asked["InvokeId"])))

    told = call("DescribeInvocationResults", InvokeId=asked["InvokeId"])
    results = told["Invocation"]["InvocationResults"]["InvocationResult"]
    assert {one["InstanceId"]: one["InvocationStatus"] for one in results} == dict.fromkeys(
        ids, "Success"
    )
    assert {base64.b64decode(one["Output"]) for one in results} == {b"helloworld\n"}

    answers = call("RebootInstances", InstanceId=ids, ForceReboot=False)
    for one in answers["InstanceResponses"]["InstanceResponse"]:
        assert (one["Code"], one["PreviousStatus"], one["CurrentStatus"]) == (
            "200",
            "Running",
            "Starting",
        )
    it.do(lambda world: world.until(lambda: world._all_in(ids, "Running")))
    # The list as Python prints it, which the published example sends.
    found = call("DescribeInstances", InstanceIds=str([str(one) for one in ids]))
    statuses = {one["InstanceId"]: one["Status"] for one in found["Instances"]["Instance"]}
    assert statuses == dict.fromkeys(ids, "Running")
    assert all(it.world.machine(one).boots == boots[one] + 1 for one in ids)


CONTENT = "echo 'h\u00e9llo +~*/:%&=?#' \"$HOME\" \u4f60\u597d\n\t{{ name }}"


def test_content_arrives_as_it_was_sent(it: Cloud, call: Caller) -> None:
    given: dict[str, Any] = {"name": "Ja ck", "n": 1, "b": True}
    asked = call(
        "RunCommand",
        Type="RunShellScript",
        CommandContent=CONTENT + " {{n}} {{b}}",
        InstanceId=it.instances(),
        EnableParameter=True,
        Parameters=given,
        Tag=[{"Key": "a b", "Value": ""}],
    )
    told = call("DescribeInvocations", InvokeId=asked["InvokeId"], ContentEncoding="PlainText")
    (one,) = told["Invocations"]["Invocation"]
    assert one["CommandContent"] == CONTENT + " {{n}} {{b}}"
    assert one["Parameters"] == '{"name": "Ja ck", "n": "1", "b": "true"}'
    assert one["Tags"]["Tag"] == [{"TagKey": "a b", "TagValue": ""}]


def test_the_largest_content_arrives(it: Cloud, call: Caller) -> None:
    content = "\u4f60" * (6 * 1024)  # 18 KB, 24 KB in base64, 54 KB in a query
    asked = call(
        "RunCommand",
        Type="RunShellScript",
        CommandContent=content,
        InstanceId=it.instances(),
        Tag=[{"Key": f"\u4f60{n}" + "\u597d" * 60, "Value": "\u4f60" * 128} for n in range(9)],
    )
    told = call("DescribeInvocations", InvokeId=asked["InvokeId"])
    (one,) = told["Invocations"]["Invocation"]
    assert base64.b64decode(one["CommandContent"]).decode() == content
