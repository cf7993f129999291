"""A program as people write it for the real service: run a command, then restart the instances.

It knows nothing of Cloudhand. Its arguments are the ids of instances; without any it makes some.
"""

from __future__ import annotations

import base64
import os
import sys
import time
from typing import Any

from alibabacloud_ecs20140526 import models
from alibabacloud_ecs20140526.client import Client
from alibabacloud_tea_openapi.models import Config

REGION = "cn-hangzhou"
SCRIPT = """
    #!/bin/bash
    echo helloworld
    """

client = Client(
    Config(
        access_key_id=os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"],
        access_key_secret=os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
        endpoint=f"ecs.{REGION}.aliyuncs.com",
    )
)


def statuses(ids: list[str]) -> dict[str, str]:
    # The list as Python spells it, with single quotes, is what the published sample sends.
    request = models.DescribeInstancesRequest(region_id=REGION, instance_ids=str(ids))
    found = client.describe_instances(request).body.instances.instance
    return {item.instance_id: item.status for item in found}


def running(ids: list[str]) -> None:
    while set((now := statuses(ids)).values()) != {"Running"} or len(now) < len(ids):
        time.sleep(0.1)


def made(count: int) -> list[str]:
    request = models.RunInstancesRequest(
        region_id=REGION, image_id="host", instance_type="ecs.sandbox", amount=count
    )
    ids: list[str] = client.run_instances(request).body.instance_id_sets.instance_id_set
    running(ids)
    return ids


def results(invoke_id: str) -> list[Any]:
    request = models.DescribeInvocationResultsRequest(region_id=REGION, invoke_id=invoke_id)
    answer = client.describe_invocation_results(request).body.invocation
    found: list[Any] = answer.invocation_results.invocation_result
    return found


def ran(ids: list[str], script: str) -> dict[str, tuple[str, str]]:
    request = models.RunCommandRequest(
        region_id=REGION,
        type="RunShellScript",
        command_content=script,
        instance_id=ids,
        timeout=60,
    )
    invoke_id = client.run_command(request).body.invoke_id
    while any(r.invocation_status in ("Pending", "Running") for r in results(invoke_id)):
        time.sleep(0.1)
    return {
        r.instance_id: (r.invocation_status, base64.b64decode(r.output).decode().strip())
        for r in results(invoke_id)
    }


def main(ids: list[str]) -> None:
    ids = ids or made(3)
    for instance_id, (status, output) in ran(ids, SCRIPT).items():
        print(instance_id, status, output)
    client.reboot_instances(models.RebootInstancesRequest(region_id=REGION, instance_id=ids))
    running(ids)
    for instance_id, status in statuses(ids).items():
        print(instance_id, status)


if __name__ == "__main__":
    main(sys.argv[1:])
