"""Situations that are made on purpose, each with the cause that an explanation has to name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from cloudhand.core.explanation import Cause, Explanation, Owner
from cloudhand.core.ids import InstanceId, InvokeId
from cloudhand.core.orders import NewExecution, TemplateText
from tests.machines import Machine
from tests.sessions import own_machine
from tests.world import World

Why = tuple[Explanation, ...]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How something was asked about, so that it can be asked again."""

    explain: Callable[[World], Awaitable[Why]]
    at: int = 0  # which of the explanations is meant

    async def told(self, world: World) -> Explanation:
        return (await self.explain(world))[self.at]


Make = Callable[[World], Awaitable[Asked]]


@dataclass(frozen=True, kw_only=True)
class Situation:
    name: str
    make: Make
    cause: Cause
    owner: Owner
    lasts: bool  # it is the same after a restart of the control plane


SITUATIONS: list[Situation] = []

# Makes a machine that is online.
New = Callable[[World], Awaitable[InstanceId]]


async def ours(world: World) -> InstanceId:
    return await world.instance()


async def joined(world: World) -> InstanceId:
    """One from outside, with an agent of ours."""
    return (await own_machine(world, f"machine-{len(world.machines.machines)}")).instance_id


def situation(cause: Cause, owner: Owner, *, lasts: bool = True) -> Callable[[Make], Make]:
    def add(make: Make) -> Make:
        name = make.__name__
        SITUATIONS.append(Situation(name=name, make=make, cause=cause, owner=owner, lasts=lasts))
        return make

    return add


def _with(make: Callable[[World, New], Awaitable[Asked]], new: New) -> Make:
    async def made(world: World) -> Asked:
        return await make(world, new)

    return made


def anywhere(
    cause: Cause, owner: Owner, *, lasts: bool = True
) -> Callable[[Callable[[World, New], Awaitable[Asked]]], object]:
    """On an instance of ours, and on a machine from outside."""

    def add(make: Callable[[World, New], Awaitable[Asked]]) -> object:
        for new in (ours, joined):
            name = f"{make.__name__} ({new.__name__})"
            one = _with(make, new)
            SITUATIONS.append(Situation(name=name, make=one, cause=cause, owner=owner, lasts=lasts))
        return make

    return add


def command(invoke_id: InvokeId, *, at: int = 0) -> Asked:
    async def explain(world: World) -> Why:
        return tuple(await world.control.explanations.of_invocation(invoke_id))

    return Asked(explain=explain, at=at)


def machine(instance_id: InstanceId, *, at: int = 0) -> Asked:
    async def explain(world: World) -> Why:
        return tuple(await world.control.explanations.of_instance(instance_id))

    return Asked(explain=explain, at=at)


def execution(execution_id: str, *, at: int = 0) -> Asked:
    async def explain(world: World) -> Why:
        return tuple(await world.control.explanations.of_execution(execution_id))

    return Asked(explain=explain, at=at)


def order(text: str, **more: object) -> NewExecution:
    template = TemplateText(content=text)
    return NewExecution(template=template, by="root", account_id="1", **more)  # type: ignore[arg-type]


async def execute(world: World, text: str, **more: object) -> str:
    """Started, and looked at until nothing happens any more without time passing."""
    started = await world.control.executions.start(order(text, **more))
    await world.advance(seconds=2)
    return started.id


def deaf(machine: Machine) -> None:
    """Its agent hears and fetches nothing, and nobody has noticed yet."""
    machine.connected = False


async def away(world: World, instance_id: InstanceId) -> None:
    """Its agent's channel has ended."""
    if instance_id in world.machines.machines:
        deaf(world.machine(instance_id))
    await world.control.agents.went(instance_id, for_good=False)
    await world.advance(seconds=16)


async def stop(world: World, instance_id: InstanceId) -> None:
    await world.control.instances.stop([instance_id], force=False, together=True, by="ann")
    await world.until(lambda: is_in(world, instance_id, "Stopped"))


async def off(world: World, *, failing: str = "") -> InstanceId:
    """A machine that is stopped, whose agent will not start; and what fails from now on."""
    instance_id = await world.instance()
    world.machine(instance_id).has_agent = False
    await stop(world, instance_id)
    world.machines.failing.add(failing)
    return instance_id


async def is_in(world: World, instance_id: InstanceId, state: str | None) -> bool:
    return await world.status(instance_id) == state


async def running(world: World, instance_id: InstanceId, **order: object) -> InvokeId:
    """A command that its agent has heard of."""
    invoke_id = await world.run(instance_id, script="sleep 1d", **order)
    await world.settle()
    return invoke_id
