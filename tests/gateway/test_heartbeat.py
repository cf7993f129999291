"""Heart-beats: proof of life, and for agents without a journal the only news of a restart."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from cloudhand.core.ids import InstanceId, InvokeId
from cloudhand.core.invocation import State
from cloudhand.core.orders import AgentView, ManagedFilter
from cloudhand.gateway.channel import Channel
from cloudhand.gateway.http import GatewayApp
from cloudhand.gateway.office import Office
from cloudhand.wire import agent as wire
from tests.gateway.plane import Plane, Visitor, listening
from tests.world import ALL, World

_LEAVING = 1001  # close code


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


async def _online(plane: Plane, visitor: Visitor) -> bool:
    return (await _status(plane, visitor)).online


async def _offline(plane: Plane, visitor: Visitor) -> bool:
    return not await _online(plane, visitor)


async def test_who_says_goodbye_is_offline_at_once(plane: Plane) -> None:
    visitor = await plane.ours()
    await visitor.beat()
    async with visitor.channel() as socket:
        assert await _online(plane, visitor)
        await socket.close(_LEAVING)

    await plane.until(lambda: _offline(plane, visitor))
    await visitor.beat()
    assert await _online(plane, visitor)


async def test_whose_channel_is_lost_is_offline_soon(plane: Plane) -> None:
    visitor = await plane.ours()
    await visitor.beat()
    async with visitor.channel() as socket:
        socket.transport.abort()
    await plane.until(lambda: plane.channel.open_count == 0)
    assert await _online(plane, visitor)

    await plane.world.advance(seconds=16)
    await plane.until(lambda: _offline(plane, visitor))


@pytest.mark.parametrize("sign", ["channel", "fetch", "beat"])
async def test_who_is_heard_of_again_is_online(plane: Plane, sign: str) -> None:
    visitor = await plane.ours()
    await visitor.beat()
    async with visitor.channel() as socket:
        socket.transport.abort()
    await plane.until(lambda: plane.channel.open_count == 0)
    await plane.world.advance(seconds=16)
    await plane.until(lambda: _offline(plane, visitor))

    async with contextlib.AsyncExitStack() as stack:
        if sign == "channel":
            await stack.enter_async_context(visitor.channel())
        elif sign == "fetch":
            await visitor.fetch()
        else:
            await visitor.beat()

        await plane.until(lambda: _online(plane, visitor))
        await plane.world.advance(seconds=60)
        assert await _online(plane, visitor)


async def test_a_channel_whose_place_another_took_says_nothing_of_its_agent(plane: Plane) -> None:
    visitor = await plane.ours()
    await visitor.beat()
    async with visitor.channel() as first, visitor.channel():
        async with asyncio.timeout(10):
            await first.wait_closed()
        await plane.world.advance(seconds=60)
        assert await _online(plane, visitor)


async def test_the_end_of_a_control_plane_takes_nobody_offline(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        channel = Channel(world.control.agents)
        async with (
            contextlib.AsyncExitStack() as stack,
            listening(GatewayApp(Office(world.control, channel))) as port,
            httpx.AsyncClient(trust_env=False) as client,
        ):
            plane = Plane(world=world, channel=channel, port=port, client=client)
            visitor = await plane.ours()
            await visitor.beat()
            opened = await stack.enter_async_context(visitor.channel())
        assert opened.close_code == 1012  # the server starts anew
        await world.advance(seconds=60)
        assert await _online(plane, visitor)


async def test_who_has_gone_is_not_listed_among_the_connected(plane: Plane) -> None:
    there, gone = await plane.ours(), await plane.ours()
    for visitor in (there, gone):
        await visitor.beat()
    async with gone.channel() as socket:
        await socket.close(_LEAVING)
    await plane.until(lambda: _offline(plane, gone))

    async def listed(connected: bool) -> list[str]:
        page = await plane.world.control.managed.find(ManagedFilter(connected=connected), ALL)
        return [view.managed.id for view in page.items]

    assert (await listed(True), await listed(False)) == ([there.instance_id], [gone.instance_id])


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
