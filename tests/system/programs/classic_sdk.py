"""The same program with the classic SDK, which calls plain http by default."""

from __future__ import annotations

import base64
import json
import os
import sys
import time
from typing import Any

from aliyunsdkcore.client import AcsClient
from aliyunsdkecs.request.v20140526.DescribeInstancesRequest import DescribeInstancesRequest
from aliyunsdkecs.request.v20140526.DescribeInvocationResultsRequest import (
    DescribeInvocationResultsRequest,
)
from aliyunsdkecs.request.v20140526.RebootInstancesRequest import RebootInstancesRequest
from aliyunsdkecs.request.v20140526.RunCommandRequest import RunCommandRequest
from aliyunsdkecs.request.v20140526.RunInstancesRequest import RunInstancesRequest

client = AcsClient(
    os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"],
    os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
    "cn-hangzhou",
)


def told(request: Any) -> Any:
    return json.loads(client.do_action_with_exception(request))


def statuses(ids: list[str]) -> dict[str, str]:
    request = DescribeInstancesRequest()
    request.set_InstanceIds(json.dumps(ids))
    return {item["InstanceId"]: item["Status"] for item in told(request)["Instances"]["Instance"]}


def running(ids: list[str]) -> None:
    while set((now := statuses(ids)).values()) != {"Running"} or len(now) < len(ids):
        time.sleep(0.1)


def made(count: int) -> list[str]:
    request = RunInstancesRequest()
    request.set_ImageId("host")
    request.set_InstanceType("ecs.sandbox")
    request.set_Amount(count)
    ids: list[str] = told(request)["InstanceIdSets"]["InstanceIdSet"]
    running(ids)
    return ids


def results(invoke_id: str) -> list[Any]:
    request = DescribeInvocationResultsRequest()
    request.set_InvokeId(invoke_id)
    found: list[Any] = told(request)["Invocation"]["InvocationResults"]["InvocationResult"]
    return found


def ran(ids: list[str], script: str) -> dict[str, tuple[str, str]]:
    request = RunCommandRequest()
    request.set_Type("RunShellScript")
    request.set_CommandContent(script)
    request.set_InstanceIds(ids)
    invoke_id = told(request)["InvokeId"]
    while any(r["InvocationStatus"] in ("Pending", "Running") for r in results(invoke_id)):
        time.sleep(0.1)
    return {
        r["InstanceId"]: (r["InvocationStatus"], base64.b64decode(r["Output"]).decode().strip())
        for r in results(invoke_id)
    }


def main(ids: list[str]) -> None:
    ids = ids or made(3)
    for instance_id, (status, output) in ran(ids, "echo helloworld").items():
        print(instance_id, status, output)
    request = RebootInstancesRequest()
    request.set_InstanceIds(ids)
    told(request)
    running(ids)
    for instance_id, status in statuses(ids).items():
        print(instance_id, status)


if __name__ == "__main__":
    main(sys.argv[1:])
