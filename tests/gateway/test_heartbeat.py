"""Heart-beats: proof of life, and for agents without a journal the only news of a restart."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from cloudhand.core.ids import InstanceId, InvokeId
from cloudhand.core.invocation import State
from cloudhand.core.orders import AgentView
from cloudhand.wire import agent as wire
from tests.gateway.plane import Plane, Visitor
from tests.world import ALL


async def _status(plane: Plane, visitor: Visitor) -> AgentView:
    page = await plane.world.control.agents.statuses([InstanceId(visitor.instance_id)], ALL)
    return page.items[0]


async def test_who_beats_is_online_for_two_minutes(plane: Plane) -> None:
    visitor = await plane.ours()
    assert not (await _status(plane, visitor)).online

    await visitor.beat()
    assert (await _status(plane, visitor)).online

    await plane.world.advance(seconds=119)
    assert (await _status(plane, visitor)).online
    await plane.world.advance(seconds=2)
    assert not (await _status(plane, visitor)).online


@pytest.mark.parametrize(
    "user_agent, version",
    [
        ("linux_amd64/2.2.3.600", "2.2.3.600"),
        ("windows_386/2.1.3.317", "2.1.3.317"),
        ("Go-http-client/1.1", "2.2.3.578"),
        ("", "2.2.3.578"),
    ],
)
async def test_a_beat_tells_the_version_of_an_agent_that_was_updated(
    plane: Plane, rsa_key: rsa.RSAPrivateKey, user_agent: str, version: str
) -> None:
    visitor = await plane.published(rsa_key, version="2.2.3.578")
    headers = visitor.signed("GET", wire.HEARTBEAT_PATH, "uptime=1000&pid=7", b"")

    answer = await plane.send(
        "GET",
        wire.HEARTBEAT_PATH,
        "uptime=1000&pid=7",
        b"",
        {**headers, "User-Agent": user_agent},
    )

    assert answer.status_code == 200
    agent = (await _status(plane, visitor)).agent
    assert agent is not None
    assert agent.version == version


async def test_the_long_form_of_a_beat_is_understood(
    plane: Plane, rsa_key: rsa.RSAPrivateKey
) -> None:
    visitor = await plane.published(rsa_key)

    answer = await visitor.ask(
        "GET",
        wire.HEARTBEAT_PATH,
        "virt_type=kvm&lang=golang&os_type=linux&os_version=x&app_version=2.2.3.578&az=unknown",
    )

    assert answer.status_code == 200
    assert (await _status(plane, visitor)).online


@pytest.mark.parametrize(
    "change",
    [
        {"uptime": "soon"},
        {"uptime": "-1"},
        {"uptime": "9" * 30},
        {"uptime": "1_000"},
        {"pid": "1.0"},
        {"pid": "9" * 19},
        {"index": "\N{ARABIC-INDIC DIGIT ONE}"},
    ],
)
async def test_a_beat_with_a_number_that_is_none(plane: Plane, change: dict[str, str]) -> None:
    visitor = await plane.ours()

    answer = await visitor.beat(**change)

    assert answer.status_code == 422
    assert next(iter(change)) in answer.json()["message"]
    assert not (await _status(plane, visitor)).online


async def _running(plane: Plane, visitor: Visitor) -> InvokeId:
    """A command that its machine has started."""
    await visitor.beat(uptime=600_000, pid=7)
    invoke_id = await plane.run(visitor)
    await visitor.fetch(taskId=invoke_id)
    await visitor.say(wire.RUNNING, invoke_id, start=1_000)
    return invoke_id


@pytest.mark.parametrize(
    "uptime, pid, state, code",
    [
        (660_000, 7, State.RUNNING, ""),
        (20_000, 3, State.ERROR, "InstanceRestarted"),
        (20_000, 7, State.ERROR, "InstanceRestarted"),
        (660_000, 8, State.ERROR, "ClientRestarted"),
    ],
)
async def test_a_published_agent_tells_of_restarts_by_its_uptime_and_pid(
    plane: Plane, rsa_key: rsa.RSAPrivateKey, uptime: int, pid: int, state: State, code: str
) -> None:
    visitor = await plane.published(rsa_key)
    invoke_id = await _running(plane, visitor)
    await plane.world.advance(seconds=60)

    await visitor.beat(uptime=uptime, pid=pid)

    target = (await plane.result(invoke_id)).target
    assert (target.state, target.error_code) == (state, code)


async def test_our_agent_is_heard_before_any_verdict(plane: Plane) -> None:
    visitor = await plane.ours()
    invoke_id = await _running(plane, visitor)
    await plane.world.advance(seconds=60)

    await visitor.beat(uptime=20_000, pid=3)

    assert (await plane.result(invoke_id)).target.state is State.RUNNING
