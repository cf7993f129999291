"""A control plane over real HTTP, and the command line as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import Endpoint
from tests.api.cloud import KEY, REGION, Cloud, cloud
from tests.cli.beside import Start
from tests.cli.offline import Offline
from tests.cli.terminals import Open
from tests.machines import succeed

Cli = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="package")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with cloud(tmp_path_factory.mktemp("cloud")) as running:
        yield running


@pytest.fixture
def it(shared: Cloud) -> Iterator[Cloud]:
    """The shared control plane, without instances and with scripts that succeed."""
    yield shared
    shared.world.machines.behave = succeed
    listed = _client(shared)
    found = listed.call("DescribeInstances", {"PageSize": 100})["Instances"]["Instance"]
    if found:
        ids = [item["InstanceId"] for item in found]
        listed.call("DeleteInstances", {"InstanceId": ids, "Force": "true"})
    listed.close()
    # So that what the next test asks for is later; and little, for clients sign with the real time.
    shared.advance(milliseconds=10)
    shared.to_the_present()


@pytest.fixture
def client(it: Cloud) -> Iterator[Client]:
    client = _client(it)
    yield client
    client.close()


def _client(it: Cloud) -> Client:
    return Client(
        Endpoint(
            url=f"http://{it.endpoint}",
            region_id=REGION,
            access_key_id=KEY.id,
            access_key_secret=KEY.secret,
        )
    )


@pytest.fixture
def cli(it: Cloud, tmp_path: Path) -> Cli:
    """Run `cloudhand` with words against the control plane."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "CLOUDHAND_ENDPOINT": f"http://{it.endpoint}",
        "CLOUDHAND_ACCESS_KEY_ID": KEY.id,
        "CLOUDHAND_ACCESS_KEY_SECRET": KEY.secret,
    }

    def run(
        *words: str, given: str = "", env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "cloudhand.cli.main", *words],
            env={**environment, **(env or {})},
            input=given,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
def offline(tmp_path: Path) -> Offline:
    return Offline(tmp_path)


@pytest.fixture
def start(it: Cloud, tmp_path: Path) -> Iterator[Start]:
    """Start `cloudhand` with words against the control plane, and go on meanwhile."""
    starter = Start(it, tmp_path)
    yield starter
    starter.close()


@pytest.fixture
def terminal(it: Cloud, tmp_path: Path) -> Iterator[Open]:
    opener = Open(it, str(tmp_path))
    yield opener
    opener.close()
