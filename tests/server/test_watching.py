"""Who watches a control plane is told how it is, and only who may is told how much there is."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from cloudhand.control.pokes import Loop
from cloudhand.core.ids import InstanceId
from cloudhand.server.watching import PATHS, Watching
from cloudhand.store.database import StoreError
from tests.machines import run_on
from tests.rules.sources import ROOT
from tests.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path, behave=run_on) as world:
        yield world


async def asked(world: World, path: str, client: str = "127.0.0.1", *to: str) -> tuple[int, str]:
    networks = tuple(map(ipaddress.ip_network, to))
    watching = Watching(world.tenancy, world.path / "world.sqlite", networks)
    return await answered(watching, path, client)


async def answered(watching: Watching, path: str, client: str = "127.0.0.1") -> tuple[int, str]:
    told: list[Any] = []

    async def send(message: Any) -> None:
        told.append(message)

    async def receive() -> Any:
        raise AssertionError

    await watching({"path": path, "client": (client, 1)}, receive, send)
    return told[0]["status"], told[1]["body"].decode()


def number(metrics: str, name: str, **labels: str) -> float:
    told = ",".join(f'{key}="{value}"' for key, value in labels.items())
    line = re.escape(f"{name}{{{told}}}" if told else name)
    found = re.search(rf"^{line} (\S+)$", metrics, re.MULTILINE)
    assert found, metrics
    return float(found[1])


async def test_a_control_plane_that_does_its_work_is_well_and_ready(world: World) -> None:
    await world.instance()
    assert await asked(world, "/healthz") == (200, "well\noverdue 0\n")
    assert await asked(world, "/readyz") == (200, "ready\n")


async def test_what_nobody_decides_is_counted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance_id = await world.instance()
    world.machine(instance_id).connected = False
    await world.run(instance_id)

    async def stuck() -> None:
        raise RuntimeError("stuck")

    monkeypatch.setattr(world.control.deadlines, "expire", stuck)
    await world.advance(seconds=89)
    assert await asked(world, "/healthz") == (200, "well\noverdue 0\n")
    await world.advance(seconds=3)
    assert await asked(world, "/healthz") == (200, "well\noverdue 1\n")
    _, metrics = await asked(world, "/metrics")
    account = world.settings.account_id
    assert number(metrics, "cloudhand_overdue", account=account, noun="target") == 1
    # The loop looks, and fails each time.
    await world.advance(minutes=2)
    status, told = await asked(world, "/readyz")
    assert (status, told) == (503, "not ready: nothing was heard of deliveries\n")
    monkeypatch.undo()
    await world.advance(seconds=70)
    assert await asked(world, "/readyz") == (200, "ready\n")
    assert await asked(world, "/healthz") == (200, "well\noverdue 0\n")


async def test_a_store_that_cannot_be_read_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(work: object) -> None:
        raise StoreError("cannot read the store: disk I/O error")

    with monkeypatch.context() as away:
        away.setattr(world.database, "read", broken)
        for path in PATHS:
            status, told = await asked(world, path)
            assert status == 503
            assert "disk I/O error" in told


@pytest.mark.parametrize(
    ("client", "networks", "status"),
    [
        ("127.0.0.1", (), 200),
        ("::1", (), 200),
        ("10.1.2.3", (), 403),
        ("10.1.2.3", ("10.1.0.0/16",), 200),
        ("10.2.2.3", ("10.1.0.0/16",), 403),
        ("not an address", ("0.0.0.0/0",), 403),
    ],
)
async def test_metrics_are_for_this_machine_and_who_was_named(
    world: World, client: str, networks: tuple[str, ...], status: int
) -> None:
    assert (await asked(world, "/metrics", client, *networks))[0] == status
    assert (await asked(world, "/healthz", client))[0] == 200


async def test_what_there_is_is_counted(world: World) -> None:
    first, second = await world.instances(2)
    await world.control.instances.stop([second], force=True, together=True)
    await world.advance(seconds=125)
    await world.machines.beat(world.machine(first))
    await world.run(first)
    await world.advance(seconds=1)
    _, metrics = await asked(world, "/metrics")
    mine = {"account": world.settings.account_id}
    assert number(metrics, "cloudhand_instances", **mine, state="Running") == 1
    assert number(metrics, "cloudhand_instances", **mine, state="Stopped") == 1
    assert number(metrics, "cloudhand_agents_online", **mine) == 1
    assert number(metrics, "cloudhand_targets", **mine, state="Running") == 1
    assert number(metrics, "cloudhand_store_bytes") > 10_000
    world.clock.move(timedelta(minutes=3))
    _, metrics = await asked(world, "/metrics")
    assert number(metrics, "cloudhand_agents_online", **mine) == 0
    assert InstanceId(first) not in metrics


async def test_answers_are_counted_as_they_begin(world: World) -> None:
    watching = Watching(world.tenancy, world.path / "world.sqlite", ())
    passed: list[Any] = []

    async def send(message: Any) -> None:
        passed.append(message)

    for status in (200, 200, 403):
        counted = watching.counted("cloud", send)
        await counted({"type": "http.response.start", "status": status})
        await counted({"type": "http.response.body", "body": b""})
    assert len(passed) == 6
    _, metrics = await answered(watching, "/metrics")
    assert number(metrics, "cloudhand_requests_total", face="cloud", status="200") == 2
    assert number(metrics, "cloudhand_requests_total", face="cloud", status="403") == 1
    assert number(metrics, "cloudhand_request_seconds_count", face="cloud") == 3


async def test_the_page_and_the_rules_speak_of_what_there_is(world: World) -> None:
    watching = Watching(world.tenancy, world.path / "world.sqlite", ())
    _, metrics = await answered(watching, "/metrics")
    there = set(re.findall(r"^# TYPE (\w+)", metrics, re.MULTILINE))
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text()
    assert set(re.findall(r"^\| `(cloudhand_\w+)`", page, re.MULTILINE)) == there
    rules = (ROOT / "examples" / "cloudhand-alerts.yml").read_text()
    assert set(re.findall(r"cloudhand_\w+", rules)) <= there
    assert all(one["expr"] for one in yaml.safe_load(rules)["groups"][0]["rules"])


async def test_every_loop_says_when_it_looks_again(world: World) -> None:
    await world.settle()
    of_a_server = {Loop.AUDIT, Loop.OWN_KEY, Loop.TIME}
    running = set(Loop) - of_a_server
    assert set(world.control.pokes.expected()) >= running
