"""The classic SDK asks where a product is served, and goes on there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from cloudhand.passage import Destination, Identity, open_passage
from tests.api.cloud import KEY, REGION, cloud

# It has no address of its own for the orchestration service.
PROGRAM = """
import os, sys
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import RpcRequest
client = AcsClient(
    os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"],
    os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
    sys.argv[1],
    auto_retry=False,
)
request = RpcRequest("oos", "2019-06-01", "DescribeRegions", "oos")
print(client.do_action_with_exception(request).decode())
"""


def ran(tmp_path: Path, region: str) -> subprocess.CompletedProcess[str]:
    identity = Identity(access_key_id=KEY.id, access_key_secret=KEY.secret, region_id=REGION)
    with cloud(tmp_path) as it:
        destination = Destination(host="127.0.0.1", port=it.port)
        environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        with open_passage(destination, identity, environ=environ) as env:
            return subprocess.run(
                [sys.executable, "-c", PROGRAM, region],
                env=env,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )


def test_a_client_without_an_endpoint_is_led_here(tmp_path: Path) -> None:
    done = ran(tmp_path, REGION)
    assert done.returncode == 0, done.stderr
    (region,) = json.loads(done.stdout)["Regions"]
    assert region["RegionId"] == REGION


def test_a_client_of_another_region_is_told_so(tmp_path: Path) -> None:
    assert "InvalidRegionId.NotFound" in ran(tmp_path, "cn-beijing").stderr
