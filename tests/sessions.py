"""Terminal sessions, as tests ask for them and look at them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from cloudhand.control.control import Control
from cloudhand.control.provider import Power
from cloudhand.control.speaker import Speaker
from cloudhand.core import account
from cloudhand.core.account import Kind
from cloudhand.core.ids import BootId, InstanceId, SessionId
from cloudhand.core.instance import Agent, Beat
from cloudhand.core.orders import NewActivation
from cloudhand.core.session import (
    Connection,
    Opener,
    SessionFilter,
    SessionOrder,
    SessionView,
    Started,
    Terminal,
)
from cloudhand.wire import agent as wire
from tests.machines import Machine
from tests.world import ALL, World

OWNER = account.owner("1000000000000001")
OPENER = Opener(kind=Kind.OWNER, principal_id=OWNER.account_id, client_ip="192.0.2.1")
SHELL = Terminal()


async def join(world: World, *, version: str = "2.2.3.578") -> InstanceId:
    """A machine from outside with a published agent, which speaks as the test has it."""
    made, code = await world.control.activations.create(NewActivation())
    instance_id = await register(world.control, made.id, code, version=version)
    await beat(world, instance_id)
    return instance_id


async def own_machine(
    world: World, name: str, *, tags: tuple[tuple[str, str], ...] = (), upgradable: bool = True
) -> Machine:
    """A machine from outside with an agent of ours, which does as all machines of the world do."""
    made, code = await world.control.activations.create(NewActivation())
    said = wire.Registration(
        activation_id=made.id,
        activation_code=code,
        machine_id=name,
        region_id="cn-hangzhou",
        hostname=name,
        os_version="Linux",
        agent_version=wire.COMPATIBLE_VERSION,
        tags=tags,
    )
    joined = await world.control.agents.register(said, address="192.0.2.7", public_key=b"")
    one = Machine(InstanceId(joined.instance_id), power=Power.RUNNING, registered=True)
    one.upgradable = upgradable
    world.machines.machines[one.instance_id] = one
    await world.machines.beat(one)
    return one


async def register(
    control: Control, activation_id: str, code: str, *, version: str = "2.2.3.578"
) -> InstanceId:
    registration = wire.Registration(
        activation_id=activation_id,
        activation_code=code,
        machine_id="machine-1",
        region_id="cn-hangzhou",
        hostname="web-1",
        os_version="Linux",
        agent_version=version,
    )
    joined = await control.agents.register(
        registration, address="192.0.2.7", public_key=b"the key of its agent"
    )
    return InstanceId(joined.instance_id)


async def agent_of(world: World, instance_id: InstanceId) -> Agent:
    agent = await world.control.agents.get(instance_id)
    assert agent is not None
    return agent


async def beat(world: World, instance_id: InstanceId, *, boot_id: BootId | None = None) -> None:
    speaker = Speaker(agent=await agent_of(world, instance_id), boot_id=boot_id)
    said = Beat(
        boot_id=boot_id,
        pid=7,
        uptime=None,
        process_uptime=timedelta(minutes=1),
        cold_start=False,
    )
    await world.control.agents.beat(speaker, said, version="")


def order(*ids: InstanceId, terminal: Terminal = SHELL, **more: object) -> SessionOrder:
    return SessionOrder(
        instance_ids=ids,
        terminal=terminal,
        account_id=OWNER.account_id,
        opener=OPENER,
        **more,  # type: ignore[arg-type]
    )


async def start(world: World, *ids: InstanceId, **more: Any) -> Started:
    return await world.control.sessions.start(order(*ids, **more))


async def views(world: World, **wanted: object) -> list[SessionView]:
    page = await world.control.sessions.find(SessionFilter(**wanted), ALL)  # type: ignore[arg-type]
    return list(page.items)


async def connection(world: World, session_id: SessionId) -> Connection:
    """That of a session to one instance."""
    (view,) = await views(world, session_id=session_id)
    (found,) = view.connections
    return found


async def told(world: World, session_id: SessionId) -> tuple[str, str]:
    """The state of its connection, and why that has ended."""
    found = await connection(world, session_id)
    return found.state.value, found.closed_reason
