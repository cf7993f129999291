"""Terminal sessions, told from a caller's side."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from cloudhand.control.assistant_settings import Changes
from cloudhand.control.pokes import Kick, Work
from cloudhand.control.settings import ControlSettings
from cloudhand.core.assistant_settings import SessionManagerConfig
from cloudhand.core.errors import (
    InstanceNotFound,
    SessionNotFound,
    SessionsDisabled,
    TokenReused,
    TooMany,
)
from cloudhand.core.ids import InstanceId, SessionId
from cloudhand.core.orders import NewActivation, Once
from cloudhand.core.session import Terminal
from cloudhand.wire.session import Report
from tests.sessions import (
    OPENER,
    OWNER,
    agent_of,
    beat,
    connection,
    join,
    order,
    register,
    start,
    told,
    views,
)
from tests.world import World


async def fetch(world: World, instance_id: InstanceId, session_id: SessionId) -> bool:
    agent = await agent_of(world, instance_id)
    return await world.control.sessions.hand_out(agent, session_id) is not None


async def say(world: World, instance_id: InstanceId, report: Report) -> None:
    await world.control.sessions.report(await agent_of(world, instance_id), report)


def heard(world: World) -> list[tuple[InstanceId, Kick, Work]]:
    """The kicks from now on."""
    kicks: list[tuple[InstanceId, Kick, Work]] = []
    world.control.pokes.on_kick(lambda *kick: kicks.append(kick))
    return kicks


def stored(folder: Path) -> bytes:
    """All that the store keeps, also what is only in its log yet."""
    return b"".join(path.read_bytes() for path in folder.glob("world.sqlite*"))


async def test_our_agent_takes_no_sessions_and_the_session_says_so(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        instance_id = await world.instance()
        kicks = heard(world)
        started = await start(world, instance_id)
        found = await connection(world, started.id)
        assert (found.state, found.closed_reason) == ("Failed", "AgentNeedUpgrade")
        assert found.detail == "the agent of this version of Cloudhand takes no sessions yet"
        assert found.ended_at == found.started_at == world.clock.now()
        assert kicks == []
        with pytest.raises(SessionNotFound):
            await world.control.sessions.check(started.id, started.token)


async def test_each_instance_that_cannot_be_reached_says_why(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        down = await world.instance()
        await world.control.instances.stop([down], force=True, together=True)
        await world.until(lambda: world._all_in([down], "Stopped"))
        gone, old = await join(world), await join(world, version="2.2.3.100")
        await world.advance(minutes=3)
        await beat(world, old)
        good = await join(world)
        kicks = heard(world)

        started = await start(world, down, gone, old, good)

        (view,) = await views(world, session_id=started.id)
        assert {one.instance_id: (one.state, one.closed_reason) for one in view.connections} == {
            down: ("Failed", "InstanceNotRunning"),
            gone: ("Failed", "AgentNotOnline"),
            old: ("Failed", "AgentNeedUpgrade"),
            good: ("Connecting", ""),
        }
        assert all(one.detail for one in view.connections if one.instance_id != good)
        assert kicks == [(good, Kick.OPEN, started.id)]


async def test_who_opened_what_is_told(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        terminal = Terminal(username="ann", port_number=22)
        started = await start(world, await join(world), terminal=terminal)
        (view,) = await views(world)
        assert (view.session.opener, view.session.terminal) == (OPENER, terminal)
        assert (view.session.id, view.session.created_at) == (started.id, world.clock.now())


async def test_a_session_that_nobody_fetches_is_kicked_for_and_ends_in_a_minute(
    tmp_path: Path,
) -> None:
    async with World(tmp_path) as world:
        instance_id = await join(world)
        started = await start(world, instance_id)
        kicks = heard(world)
        await world.advance(seconds=59)
        assert await told(world, started.id) == ("Connecting", "")
        assert set(kicks) == {(instance_id, Kick.OPEN, started.id)}
        await world.advance(seconds=2)
        assert await told(world, started.id) == ("Failed", "DeliveryTimeout")
        assert not await fetch(world, instance_id, started.id)
        kicks.clear()
        await world.advance(seconds=30)
        assert kicks == []


async def test_a_session_that_can_be_opened_no_more_is_given_to_no_agent(tmp_path: Path) -> None:
    """Its time has passed while no control plane was there."""
    async with World(tmp_path) as world:
        instance_id = await join(world)
        started = await start(world, instance_id)
        await world.restart(after=timedelta(minutes=20))
        assert not await fetch(world, instance_id, started.id)
        assert await world.control.health.overdue() == 0
        await world.advance(seconds=70)
        assert (await told(world, started.id))[0] == "Failed"


async def test_a_session_that_nobody_opens_ends_with_its_url(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        instance_id = await join(world)
        started = await start(world, instance_id)
        kicks = heard(world)
        assert await fetch(world, instance_id, started.id)
        assert not await fetch(world, instance_id, started.id)  # it would call that a failure
        for _ in range(9):
            await world.advance(minutes=1)
            await beat(world, instance_id)
        assert kicks == []
        assert await told(world, started.id) == ("Connecting", "")
        await world.control.sessions.check(started.id, started.token)

        await world.advance(minutes=1)

        assert await told(world, started.id) == ("Failed", "DeliveryTimeout")
        with pytest.raises(SessionNotFound):
            await world.control.sessions.check(started.id, started.token)


async def test_the_end_of_a_session_is_for_good(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        instance_id, other = await join(world), await join(world)
        started = await start(world, instance_id, other)
        await say(world, other, Report(started.id, succeeded=False, error_code="Open_pty_failed"))
        await fetch(world, instance_id, started.id)
        await world.control.sessions.check(started.id, started.token)
        kicks = heard(world)

        await world.control.sessions.end(started.id)

        (view,) = await views(world, session_id=started.id)
        assert {one.instance_id: (one.state, one.closed_reason) for one in view.connections} == {
            instance_id: ("Terminated", "ClientClosed"),
            other: ("Failed", "AgentSocketClosed"),
        }
        assert kicks == [(instance_id, Kick.CLOSE, started.id)]
        with pytest.raises(SessionNotFound):
            await world.control.sessions.check(started.id, started.token)
        await say(world, instance_id, Report(started.id, succeeded=True, error_code="Notified"))
        await world.control.sessions.end(started.id)
        assert await views(world, session_id=started.id) == [view]
        assert len(kicks) == 1
        with pytest.raises(SessionNotFound):
            await world.control.sessions.end(SessionId("s-nobody"))


async def test_what_the_agent_says_is_believed_once(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        instance_id, other = await join(world), await join(world)
        started = await start(world, instance_id)
        await fetch(world, instance_id, started.id)
        await say(world, other, Report(started.id, succeeded=True))  # of another's session
        assert await told(world, started.id) == ("Connecting", "")
        await say(world, instance_id, Report(started.id, succeeded=True, error_code="Ok"))
        assert await told(world, started.id) == ("Disconnected", "AgentSocketClosed")
        await say(world, instance_id, Report(started.id, succeeded=False))
        assert await told(world, started.id) == ("Disconnected", "AgentSocketClosed")


async def test_only_who_has_the_token_may_open_a_session(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        started = await start(world, await join(world))
        for session_id, token in (
            (started.id, ""),
            (started.id, started.token[:-1]),
            (SessionId("s-nobody"), started.token),
            (SessionId("s-nobody"), ""),
        ):
            with pytest.raises(SessionNotFound):
                await world.control.sessions.check(session_id, token)
        await world.control.sessions.check(started.id, started.token)
        kept = stored(tmp_path)
        assert started.id.encode() in kept
        assert started.token.encode() not in kept


async def test_sessions_end_with_their_machine(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        instance_id = await join(world)
        started = await start(world, instance_id)
        await world.control.managed.deregister(instance_id)
        found = await connection(world, started.id)
        assert (found.state, found.closed_reason) == ("Failed", "InstanceNotExists")
        assert found.detail == "the instance was deregistered"


async def test_a_session_ends_when_its_machine_goes_down(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        instance_id = await world.instance()
        machine = world.machine(instance_id)
        machine.has_agent = False  # and a published one in its place
        boot = machine.boot
        assert boot is not None
        await register(world.control, boot.activation_id, boot.activation_code)
        await beat(world, instance_id, boot_id=machine.boot_id)
        started = await start(world, instance_id)
        await fetch(world, instance_id, started.id)
        assert await told(world, started.id) == ("Connecting", "")
        world.machines.power_off(instance_id)
        await world.until(lambda: world._all_in([instance_id], "Stopped"))
        assert await told(world, started.id) == ("Failed", "InstanceNotRunning")


async def test_a_session_is_started_while_sessions_are_enabled(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        instance_id = await join(world)
        purpose = SessionManagerConfig.__name__
        for enabled in (False, True):
            changes: Changes = {SessionManagerConfig: {"session_manager_enabled": enabled}}
            await world.control.assistant_settings.change(
                OWNER.account_id, purpose, changes, once=None
            )
            if not enabled:
                with pytest.raises(SessionsDisabled):
                    await start(world, instance_id)
                assert await views(world) == []
        await start(world, instance_id)


async def test_there_are_only_so_many_sessions(tmp_path: Path) -> None:
    settings = ControlSettings(sessions_limit=3, connections_limit=2)
    async with World(tmp_path, settings=settings) as world:
        one, other = await join(world), await join(world)
        first, _ = await start(world, one, other), await start(world, one)
        with pytest.raises(TooMany, match=f"2 sessions to {one}"):
            await start(world, other, one)
        await start(world, other)
        with pytest.raises(TooMany, match="3 sessions"):
            await start(world, other)
        await world.control.sessions.end(first.id)
        await start(world, other, one)


async def test_nothing_is_opened_to_what_does_not_exist(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        instance_id = await join(world)
        with pytest.raises(InstanceNotFound):
            await start(world, instance_id, InstanceId("mi-none"), InstanceId("i-none"))
        assert await views(world) == []


async def test_a_repeated_call_starts_one_session(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        instance_id = await join(world)
        once = Once(token="once", fingerprint="this")
        first = await start(world, instance_id, once=once)
        kicks = heard(world)
        assert await start(world, instance_id, once=once) == first
        assert kicks == []
        with pytest.raises(TokenReused):
            await start(world, instance_id, once=Once(token="once", fingerprint="other"))
        assert len(await views(world)) == 1
        assert first.token.encode() not in stored(tmp_path)


async def test_sessions_are_found_by_their_instance(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        one, other = await join(world), await join(world)
        both = await start(world, one, other)
        await world.advance(seconds=1)
        alone = await start(world, one)
        assert [view.session.id for view in await views(world)] == [alone.id, both.id]
        (view,) = await views(world, instance_id=other)
        assert [found.instance_id for found in view.connections] == [other]
        assert await views(world, instance_id=InstanceId("i-nobody")) == []


async def test_a_session_of_any_account_is_found_by_its_id(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        account, _ = await world.tenancy.open("other")
        other = world.tenancy.of(account.id)
        assert other is not None
        made, code = await other.activations.create(NewActivation())
        theirs = await other.sessions.start(order(await register(other, made.id, code)))
        ours = await start(world, await join(world))
        assert await world.tenancy.of_session(theirs.id) is other
        assert await world.tenancy.of_session(ours.id) is world.control
        assert await world.tenancy.of_session(SessionId("s-nobody")) is world.control
        assert [view.session.id for view in await views(world)] == [ours.id]


async def test_a_control_plane_that_was_away_waits_for_agents(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        instance_id = await join(world)
        started = await start(world, instance_id)
        await world.restart(after=timedelta(minutes=5))
        kicks = heard(world)
        await beat(world, instance_id)
        await world.advance(seconds=50)
        assert await told(world, started.id) == ("Connecting", "")
        assert (instance_id, Kick.OPEN, started.id) in kicks
        await world.advance(seconds=15)
        assert await told(world, started.id) == ("Failed", "DeliveryTimeout")


async def test_sessions_are_kept_for_four_weeks_after_their_end(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        started = await start(world, await join(world))
        await world.advance(minutes=2)
        await world.restart(after=timedelta(days=27))
        await world.settle()
        assert len(await views(world, session_id=started.id)) == 1
        await world.restart(after=timedelta(days=2))
        await world.settle()
        assert await views(world) == []
