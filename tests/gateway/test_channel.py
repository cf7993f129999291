"""Kicks: over the newest socket of each machine, again and again until the work was fetched."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from cloudhand.control.pokes import Kick
from cloudhand.core.ids import InstanceId, InvokeId
from cloudhand.wire import agent as wire
from tests.gateway.plane import OurSigner, Plane, Visitor


async def _kick(socket: ClientConnection) -> str:
    async with asyncio.timeout(10):
        return await socket.recv(decode=True)


@pytest.fixture(params=["ours", "published"])
async def visitor(
    request: pytest.FixtureRequest, plane: Plane, rsa_key: rsa.RSAPrivateKey
) -> Visitor:
    made = await (plane.ours() if request.param == "ours" else plane.published(rsa_key))
    await made.beat()
    return made


async def test_a_command_kicks_its_machine(plane: Plane, visitor: Visitor) -> None:
    async with visitor.channel() as socket:
        invoke_id = await plane.run(visitor)

        assert await _kick(socket) == f"kick_vm task run {invoke_id}"


async def test_a_stop_kicks_too(plane: Plane, visitor: Visitor) -> None:
    invoke_id = await plane.run(visitor)
    await visitor.fetch()
    async with visitor.channel() as socket:
        await plane.world.control.invocations.stop(invoke_id)

        assert await _kick(socket) == f"kick_vm task stop {invoke_id}"


async def test_a_kick_is_repeated_until_the_work_was_fetched(
    plane: Plane, visitor: Visitor
) -> None:
    async with visitor.channel() as socket:
        invoke_id = await plane.run(visitor)
        first = await _kick(socket)
        await socket.send(f"accept:{first}")
        for _ in range(3):
            await plane.world.advance(seconds=10)
            assert (await _kick(socket)).startswith("kick_vm")

        work = await visitor.fetch(taskId=invoke_id)
        assert [item["task"]["taskID"] for item in work["run"]] == [invoke_id]
        await visitor.say(wire.RUNNING, invoke_id, start=1)
        while not await _quiet(socket):
            pass
        await plane.world.advance(seconds=30)
        assert await _quiet(socket)


async def test_who_was_kicked_just_now_is_left_to_fetch(plane: Plane, visitor: Visitor) -> None:
    async with visitor.channel() as socket:
        invoke_id = await plane.run(visitor)
        assert await _kick(socket) == f"kick_vm task run {invoke_id}"
        await plane.world.settle()

        assert await _quiet(socket)


async def _quiet(socket: ClientConnection) -> bool:
    """Nothing is on its way to us: the answer to a ping comes behind whatever was sent."""
    await (await socket.ping())
    try:
        async with asyncio.timeout(0):
            await socket.recv()
    except TimeoutError:
        return True
    return False


async def test_who_comes_back_is_kicked_for_what_waits(plane: Plane, visitor: Visitor) -> None:
    async with visitor.channel():
        pass
    await plane.until(lambda: plane.channel.open_count == 0)
    await plane.run(visitor)

    async with visitor.channel() as socket:
        await plane.world.advance(seconds=10)

        assert (await _kick(socket)).startswith("kick_vm")


async def test_the_newest_socket_of_a_machine_counts(plane: Plane, visitor: Visitor) -> None:
    async with visitor.channel() as old, visitor.channel() as new:
        with pytest.raises(ConnectionClosed) as closed:
            await _kick(old)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 4001

        await plane.run(visitor)

        assert (await _kick(new)).startswith("kick_vm task run")
        assert plane.channel.open_count == 1
    await plane.until(lambda: plane.channel.open_count == 0)


async def test_the_socket_of_who_is_known_no_more_is_closed(plane: Plane, visitor: Visitor) -> None:
    async with visitor.channel() as socket:
        await plane.world.control.managed.deregister(InstanceId(visitor.instance_id))

        with pytest.raises(ConnectionClosed) as closed:
            await _kick(socket)

    assert closed.value.rcvd is not None and closed.value.rcvd.code == 4002
    with pytest.raises(InvalidStatus):
        async with visitor.channel():
            pass


async def test_a_socket_that_was_cut_without_a_word_makes_room(
    plane: Plane, visitor: Visitor
) -> None:
    async with visitor.channel() as old:
        old.transport.abort()
        async with visitor.channel() as new:
            await plane.run(visitor)

            assert (await _kick(new)).startswith("kick_vm task run")


async def test_machines_hear_only_their_own_kicks(plane: Plane) -> None:
    one, two = await plane.ours(machineId="one"), await plane.ours(machineId="two")
    async with one.channel() as first, two.channel() as second:
        invoke_id = await plane.run(two)

        assert await _kick(second) == f"kick_vm task run {invoke_id}"
        assert await _quiet(first)


async def test_many_kicks_at_once_become_few_and_lose_nothing(
    plane: Plane, visitor: Visitor
) -> None:
    async with visitor.channel() as socket:
        invoke_ids = [await plane.run(visitor) for _ in range(20)]
        assert (await _kick(socket)).startswith("kick_vm")

        work = await visitor.fetch()

        assert {item["task"]["taskID"] for item in work["run"]} == set(invoke_ids)


async def test_what_the_agent_replies_does_not_matter(plane: Plane, visitor: Visitor) -> None:
    async with visitor.channel() as socket:
        for reply in ("reject:kick_vm", "unknow:kick_vm", "", b"\x00\xff", "x" * 60_000):
            await socket.send(reply)
        await plane.run(visitor)

        assert (await _kick(socket)).startswith("kick_vm")


async def test_who_does_not_sign_gets_no_channel(plane: Plane, visitor: Visitor) -> None:
    visitor.signer = OurSigner(key=b"wrong", boot_id="boot-1")

    with pytest.raises(InvalidStatus) as refused:
        async with visitor.channel():
            pass

    assert refused.value.response.status_code == 403
    assert plane.channel.open_count == 0


async def test_there_is_one_channel_only(plane: Plane, visitor: Visitor) -> None:
    headers = visitor.signed("GET", "/luban/session/backend", "", b"")

    answer = await plane.send("GET", "/luban/session/backend", "", b"", headers)

    assert answer.status_code == 404


async def test_a_socket_on_which_nothing_can_be_sent_is_ended(plane: Plane) -> None:
    """Else its agent would wait on it for kicks that never come."""
    sent: list[str] = []

    async def receive() -> dict[str, str]:
        await asyncio.Event().wait()
        return {}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message["type"])
        raise OSError("cannot send")

    instance_id = InstanceId("i-deaf")
    serving = asyncio.create_task(plane.channel.serve(instance_id, receive, send))
    await plane.until(lambda: plane.channel.open_count == 1)

    plane.channel.kick(instance_id, Kick.RUN, InvokeId("t-1"))

    async with asyncio.timeout(10):
        await serving
    assert sent == ["websocket.send", "websocket.close"]
    assert plane.channel.open_count == 0
