"""Real clients, unchanged, in an environment that would lead them to the real service."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from cloudhand.passage import Destination, Identity, open_passage
from tests.passage.plane import KEY_ID, KEY_SECRET, REGIONS, Plane
from tests.passage.test_environment import HOSTILE

HOST = "ecs.cn-hangzhou.aliyuncs.com"
Run = Callable[..., subprocess.CompletedProcess[str]]

TEA = """
import asyncio, json, os, sys
from alibabacloud_ecs20140526.client import Client
from alibabacloud_ecs20140526.models import DescribeRegionsRequest
from alibabacloud_tea_openapi.models import Config
client = Client(Config(
    access_key_id=os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"],
    access_key_secret=os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
    endpoint=sys.argv[1],
))
request = DescribeRegionsRequest(accept_language="zh-CN")
if sys.argv[2] == "sync":
    answer = client.describe_regions(request)
else:
    answer = asyncio.run(client.describe_regions_async(request))
print(json.dumps(answer.body.to_map()))
"""

CLASSIC = """
import os, sys
from aliyunsdkcore.client import AcsClient
from aliyunsdkecs.request.v20140526.DescribeRegionsRequest import DescribeRegionsRequest
client = AcsClient(
    os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"],
    os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
    os.environ["ALIBABA_CLOUD_REGION_ID"],
    auto_retry=False,
)
request = DescribeRegionsRequest()
if sys.argv[1] == "https":
    request.set_protocol_type("https")
if len(sys.argv) > 2:
    request.set_endpoint(sys.argv[2])
print(client.do_action_with_exception(request).decode())
"""

DEFAULT_CREDENTIALS = """
from alibabacloud_credentials.client import Client
credential = Client().get_credential()
print(credential.access_key_id, credential.access_key_secret, credential.security_token)
"""

REQUESTS = "import requests, sys; print(requests.get(sys.argv[1]).text)"
HTTPX = "import httpx, sys; print(httpx.get(sys.argv[1]).text)"
AIOHTTP = """
import aiohttp, asyncio, sys
async def main():
    async with aiohttp.ClientSession(trust_env=True) as session:
        async with session.get(sys.argv[1]) as answer:
            print(await answer.text())
asyncio.run(main())
"""
URLLIB = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).read().decode())"

# What those clients for Node.js do that ask for proxies themselves.
NODE = """
const http = require("http"), tls = require("tls");
const proxy = new URL(process.env.HTTPS_PROXY), servername = process.argv[1];
const token = Buffer.from(`${proxy.username}:${proxy.password}`).toString("base64");
http.request({
  host: proxy.hostname, port: proxy.port, method: "CONNECT", path: `${servername}:443`,
  headers: {"Proxy-Authorization": `Basic ${token}`},
}).on("connect", (answer, socket) => {
  const fields = `Host: ${servername}\\r\\nConnection: close`;
  const secured = tls.connect({socket, servername}, () =>
    secured.write(`GET /last HTTP/1.1\\r\\n${fields}\\r\\n\\r\\n`));
  secured.pipe(process.stdout);
}).end();
"""


@pytest.fixture
def environment(
    destination: Destination, identity: Identity, tmp_path: Path
) -> Iterator[Mapping[str, str]]:
    """A passage opened where everything points to the real service, and away from the proxy."""
    home = tmp_path / "home"
    (home / ".aliyun").mkdir(parents=True)
    profile = {"name": "default", "mode": "AK", "access_key_id": "genuine"}
    (home / ".aliyun" / "config.json").write_text(
        json.dumps({"current": "default", "profiles": [profile]})
    )
    (home / ".alibabacloud").mkdir()
    (home / ".alibabacloud" / "credentials").write_text(
        "[default]\ntype=access_key\naccess_key_id=genuine\naccess_key_secret=genuine\n"
    )
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "sitecustomize.py").write_text("import sys; sys.stderr.write('my own start-up\\n')")
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        **HOSTILE,
        "https_proxy": "http://127.0.0.1:9",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "PYTHONPATH": str(mine),
        "PYTHONDONTWRITEBYTECODE": "",
    }
    with open_passage(destination, identity, environ=environ) as yielded:
        yield yielded


@pytest.fixture
def run(environment: Mapping[str, str]) -> Run:
    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    return run


def python(run: Run, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = run(sys.executable, "-c", program, *arguments)
    assert "my own start-up" in done.stderr
    return done


@pytest.mark.parametrize("way", ["sync", "async"])
@pytest.mark.parametrize("endpoint", [HOST, "ecs-cn-hangzhou.aliyuncs.com", "ecs.aliyuncs.com"])
def test_the_newer_sdk_over_its_default_https(
    run: Run, control_plane: Plane, way: str, endpoint: str
) -> None:
    done = python(run, TEA, endpoint, way)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == REGIONS
    arrived = control_plane.last()
    assert arrived.signed
    assert arrived.value("host") == endpoint
    assert arrived.value("x-acs-action") == "DescribeRegions"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_classic_sdk_over_its_default_http_and_over_https(
    run: Run, control_plane: Plane, scheme: str
) -> None:
    done = python(run, CLASSIC, scheme)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == REGIONS
    arrived = control_plane.last()
    assert arrived.signed
    assert arrived.value("host") == "ecs-cn-hangzhou.aliyuncs.com"
    assert "Action=DescribeRegions" in arrived.target


@pytest.mark.parametrize("way", ["sync", "async"])
def test_the_newer_sdk_cannot_reach_what_is_not_served(
    run: Run, control_plane: Plane, way: str
) -> None:
    done = python(run, TEA, "rds.cn-hangzhou.aliyuncs.com", way)
    assert done.returncode == 1
    assert "403" in done.stderr and "Forbidden by Cloudhand" in done.stderr
    assert control_plane.requests == []


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_classic_sdk_cannot_reach_what_is_not_served(
    run: Run, control_plane: Plane, scheme: str
) -> None:
    done = python(run, CLASSIC, scheme, "kms.aliyuncs.com")
    assert done.returncode == 1
    assert "Forbidden" in done.stderr
    assert control_plane.requests == []


def test_default_credentials_are_those_of_the_rehearsal(run: Run) -> None:
    done = python(run, DEFAULT_CREDENTIALS)
    assert done.stdout.split() == [KEY_ID, KEY_SECRET, "None"], done.stderr


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("program", [REQUESTS, HTTPX, URLLIB, AIOHTTP])
def test_python_clients_that_ask_for_proxies(
    run: Run, control_plane: Plane, program: str, scheme: str
) -> None:
    done = python(run, program, f"{scheme}://{HOST}/?a=b")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == REGIONS
    assert control_plane.last().target == "/?a=b"


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not on PATH")
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_curl(run: Run, control_plane: Plane, scheme: str) -> None:
    done = run("curl", "-sS", f"{scheme}://{HOST}/?a=b", "-d", "x" * 100_000)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == REGIONS
    assert len(control_plane.last().body) == 100_000
    refused = run("curl", "-sS", "-i", f"{scheme}://kms.aliyuncs.com/")
    assert "403 Forbidden by Cloudhand" in refused.stdout


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not on PATH")
def test_node_trusts_the_authority_of_the_run(run: Run, control_plane: Plane) -> None:
    done = run("node", "-e", NODE, HOST)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.partition("\n\n")[2]) == REGIONS
    assert control_plane.last().value("host") == HOST
