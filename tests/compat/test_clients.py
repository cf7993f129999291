"""Each official client, in each of its ways, tells the same story to the end."""

from __future__ import annotations

import base64
import hashlib
import json
from contextlib import closing
from datetime import UTC, datetime
from http.client import HTTPConnection
from typing import Any
from uuid import uuid4

import pytest

from cloudhand.wire import signature, times
from tests.api.clients import CALLERS, Caller, tea
from tests.api.cloud import KEY, Cloud


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


def test_an_endpoint_may_have_a_path(it: Cloud) -> None:
    """The client then asks for that path, and signs as if it were the root."""
    assert tea(f"{it.endpoint}/some/path")("DescribeRegions")["Regions"]["Region"]


def test_the_host_may_be_spelled_with_a_scheme(it: Cloud) -> None:
    """The client sends and signs the endpoint as it was written."""
    spelled = f"http://{it.endpoint}"
    headers = {
        "host": spelled,
        "x-acs-action": "DescribeRegions",
        "x-acs-version": "2014-05-26",
        "x-acs-date": times.second(datetime.now(UTC)),
        "x-acs-signature-nonce": uuid4().hex,
    }
    signed = sorted(headers)
    empty = hashlib.sha256(b"").hexdigest()
    canonical = signature.v3_canonical_request("POST", [], headers, signed, empty)
    mac = signature.v3_signature(KEY.secret, signature.v3_string_to_sign(canonical))
    headers["authorization"] = (
        f"ACS3-HMAC-SHA256 Credential={KEY.id},SignedHeaders={';'.join(signed)},Signature={mac}"
    )
    with closing(HTTPConnection(it.endpoint, timeout=20)) as connection:
        connection.request("POST", "/", headers=headers)
        body = json.loads(connection.getresponse().read())
    assert body["Regions"]["Region"][0]["RegionEndpoint"] == it.endpoint
