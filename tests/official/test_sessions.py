"""Terminal sessions of a published agent, as far as they go: its end is not opened yet."""

from __future__ import annotations

from cloudhand.core.ids import InstanceId
from tests.official.host import Host, Manner
from tests.official.lab import Lab
from tests.sessions import connection, start, told


async def test_an_agent_whose_end_is_not_opened_says_so_and_the_session_ends(
    lab: Lab, host: Host
) -> None:
    started = await start(lab.world, InstanceId(host.instance_id))
    await lab.settle()

    found = await connection(lab.world, started.id)

    assert (found.state, found.closed_reason) == ("Failed", "AgentSocketClosed")
    assert found.detail == (
        "the agent reported Open_channel_failed: terminals are not carried here yet"
    )
    assert found.ended_at == lab.world.clock.now()
    agent = lab.agent(host)
    assert agent.kicks == [f"kick_vm session start {started.id}"]
    assert agent.sessions == [started.id]


async def test_a_kick_for_a_session_that_is_lost_is_made_good(lab: Lab, host: Host) -> None:
    agent = lab.agent(host)
    agent.may_fetch = False
    started = await start(lab.world, InstanceId(host.instance_id))
    await lab.advance(seconds=3)
    assert await told(lab.world, started.id) == ("Connecting", "")

    agent.may_fetch = True
    await lab.advance(seconds=6)

    assert await told(lab.world, started.id) == ("Failed", "AgentSocketClosed")
    assert agent.sessions == [started.id]


async def test_a_session_is_given_once_also_if_it_is_asked_for_again(lab: Lab, host: Host) -> None:
    """Given it again, an agent could not end the one that goes on."""
    host.network.refused["status"] = 500
    started = await start(lab.world, InstanceId(host.instance_id))
    await lab.advance(seconds=30)
    await lab.agent(host).ask("/luban/api/v1/session/list", {"channelId": started.id})
    assert await told(lab.world, started.id) == ("Connecting", "")
    assert not [one for one in host.network.said("status") if "duplicate" in one.query["errorcode"]]

    await lab.advance(minutes=10)

    found = await connection(lab.world, started.id)
    assert (found.state, found.closed_reason) == ("Failed", "DeliveryTimeout")
    assert "has not opened the session" in found.detail


async def test_an_end_that_is_asked_for_reaches_the_agent(lab: Lab, host: Host) -> None:
    agent = lab.agent(host)
    agent.may_fetch = False
    started = await start(lab.world, InstanceId(host.instance_id))
    await lab.world.control.sessions.end(started.id)
    agent.may_fetch = True
    await lab.advance(minutes=1)
    assert await told(lab.world, started.id) == ("Terminated", "ClientClosed")
    assert agent.kicks == [
        f"kick_vm session start {started.id}",
        f"kick_vm session stop {started.id}",
    ]
    assert all(answer.startswith("accept:") for answer in agent.answers)
    assert agent.sessions == []


async def test_an_agent_that_is_too_old_is_not_even_kicked(lab: Lab) -> None:
    host = await lab.join(Manner(version="2.2.3.200"))
    started = await start(lab.world, InstanceId(host.instance_id))
    await lab.settle()
    assert await told(lab.world, started.id) == ("Failed", "AgentNeedUpgrade")
    assert lab.agent(host).kicks == []


async def test_a_session_ends_when_its_agent_is_started_anew(lab: Lab, host: Host) -> None:
    host.network.refused["status"] = 500
    held = await start(lab.world, InstanceId(host.instance_id))
    await lab.settle()
    await lab.kill_agent(host)
    fresh = await start(lab.world, InstanceId(host.instance_id))
    await lab.advance(seconds=5)
    assert await told(lab.world, held.id) == ("Connecting", "")

    await lab.start_agent(host)
    await lab.advance(seconds=10)

    assert await told(lab.world, held.id) == ("Failed", "AgentSocketClosed")
    assert "knows nothing of the session" in (await connection(lab.world, held.id)).detail
    assert lab.agent(host).sessions == [fresh.id]


async def test_a_session_ends_with_an_agent_that_is_gone(lab: Lab, host: Host) -> None:
    host.network.refused["status"] = 500
    started = await start(lab.world, InstanceId(host.instance_id))
    await lab.settle()
    await lab.kill_agent(host)
    await lab.advance(minutes=11)
    assert await told(lab.world, started.id) == ("Failed", "AgentNotOnline")
