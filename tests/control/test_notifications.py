"""People are told of what goes wrong: once, together, and whatever ends in between."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cloudhand.control.settings import ControlSettings
from cloudhand.core.ids import InstanceId
from cloudhand.core.invocation import RepeatMode
from cloudhand.core.notification import Answer, Channel, Kind, NewChannel
from cloudhand.core.orders import (
    NewActivation,
    NewExecution,
    NewInstances,
    NewTemplate,
    TemplateText,
)
from cloudhand.store.transaction import Transaction
from cloudhand.wire import agent as wire
from tests.machines import Behaviour, Machine, finish, run_on, succeed
from tests.world import World

OK = Answer(status=200, body=b'{"errcode": 0}')
HOOK = NewChannel(name="ops", kind=Kind.WEBHOOK, address="https://a.example/hook")


class Receiver:
    """reconcilers.notifications.Deliver: what has arrived, and what is answered to it."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.bodies: list[bytes] = []
        self.urls: list[str] = []
        self.answer: Answer | Exception = OK

    async def __call__(
        self, url: str, *, headers: Mapping[str, str], body: bytes, key: str
    ) -> Answer:
        self.keys.append(key)
        self.bodies.append(body)
        self.urls.append(url)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    @property
    def told(self) -> list[list[dict[str, Any]]]:
        """The events of each message of a webhook."""
        return [json.loads(body)["data"]["events"] for body in self.bodies]

    @property
    def heads(self) -> list[list[tuple[str, bool, str]]]:
        return [
            [(one["event"], one["over"], one["about"]) for one in events] for events in self.told
        ]


@asynccontextmanager
async def watched(
    path: Path, behave: Behaviour = succeed, *channels: NewChannel, **options: Any
) -> AsyncIterator[tuple[World, Receiver]]:
    receiver = Receiver()
    async with World(path, behave=behave, deliver=receiver, **options) as world:
        for channel in channels or (HOOK,):
            await world.control.notifications.add(channel)
        yield world, receiver


async def channel(world: World, name: str = "ops") -> tuple[Channel, int]:
    """With how much it is still to be told."""
    found = await world.control.notifications.all()
    return next((one, count) for one, count in found if one.name == name)


async def live(world: World, **span: float) -> None:
    """Let time pass in which agents that are connected beat."""
    end = world.clock.now() + timedelta(**span)
    while world.clock.now() < end:
        for machine in list(world.machines.machines.values()):
            if machine.connected and machine.registered:
                await world.machines.beat(machine)
        await world.advance(seconds=15)


# Failed


async def test_a_command_that_fails_somewhere_is_told_once(tmp_path: Path) -> None:
    def behave(machine: Machine, task: wire.Task) -> wire.Report:
        return finish(task, 3 if machine.instance_id == bad else 0, b"the password is x\n")

    async with watched(tmp_path, behave) as (world, receiver):
        good, bad = await world.instances(2, instance_name="web")
        invoke_id = await world.run(good, bad, name="deploy")
        fine = await world.run(good)
        await world.until(lambda: world.ended(fine))
        await live(world, minutes=10)
        ((told,),) = receiver.told
        assert told == {
            "event": "failed",
            "over": False,
            "at": told["at"],
            "about": invoke_id,
            "name": "deploy",
            "status": "PartialFailed",
            "targets": {"Failed": 1, "Success": 1},
            "failedCount": 1,
            "totalCount": 2,
            "machines": [
                {
                    "instanceId": bad,
                    "instanceName": "web",
                    "status": "Failed",
                    "exitCode": 3,
                    "errorCode": "ExitCodeNonzero",
                }
            ],
            "look": f"cloudhand result {invoke_id}",
        }
        assert b"password" not in receiver.bodies[0]
        assert await channel_is_well(world)


async def channel_is_well(world: World) -> bool:
    one, waiting = await channel(world)
    return waiting == 0 and one.sent is None and one.last_success_at is not None


async def test_a_command_is_told_when_its_last_machine_has_ended(tmp_path: Path) -> None:
    def behave(machine: Machine, task: wire.Task) -> wire.Report | None:
        return None if machine.instance_id == slow else finish(task, 1, b"")

    async with watched(tmp_path, behave) as (world, receiver):
        fast, slow = await world.instances(2)
        invoke_id = await world.run(fast, slow, timeout=600)
        await live(world, minutes=2)
        assert receiver.told == []
        machine = world.machine(slow)
        await world.machines.end(machine, finish(machine.running[invoke_id], 0, b""))
        await live(world, minutes=2)
        assert receiver.heads == [[("failed", False, invoke_id)]]


async def test_what_somebody_stopped_has_not_failed(tmp_path: Path) -> None:
    async with watched(tmp_path, run_on) as (world, receiver):
        invoke_id = await world.run(await world.instance())
        await world.until(lambda: bool(world.machines.machines))
        await world.control.invocations.stop(invoke_id)
        await world.until(lambda: world.ended(invoke_id))
        await live(world, minutes=1)
        assert receiver.told == []


async def test_a_verdict_that_is_corrected_is_not_told_again(tmp_path: Path) -> None:
    async with watched(tmp_path, run_on) as (world, receiver):
        instance_id = await world.instance()
        invoke_id = await world.run(instance_id)
        machine = world.machine(instance_id)
        await world.until(lambda: bool(machine.running))
        task = machine.running[invoke_id]
        machine.connected = False
        await world.until(lambda: world.ended(invoke_id))
        await world.advance(seconds=10)
        assert [one[0][0] for one in receiver.heads] == ["failed"]
        machine.connected = True
        await world.machines.end(machine, finish(task, 5, b""))
        assert (await world.result(invoke_id)).target.exit_code == 5
        await world.advance(seconds=30)
        assert [one[0][0] for one in receiver.heads] == ["failed"]


async def test_each_run_that_fails_of_what_runs_again_is_told(tmp_path: Path) -> None:
    def behave(machine: Machine, task: wire.Task) -> wire.Report | None:
        if machine.instance_id == hangs:
            return None
        return finish(task, 0 if task.task_id.endswith(".2") else 7, b"")

    async with watched(tmp_path, behave) as (world, receiver):
        hangs, ends = await world.instances(2)
        invoke_id = await world.run(
            hangs, ends, repeat_mode=RepeatMode.PERIOD, frequency="rate(5m)", timeout=240
        )
        await live(world, minutes=16)
        found = [
            (one["about"].removeprefix(invoke_id), one["machines"][0]["instanceId"])
            for (one,) in receiver.told
        ]
        # One machine ends at once; the other when its time is over, and leaves out a run.
        assert found == [(".1", ends), (".1", hangs), (".3", ends)]
        assert receiver.told[0][0]["machines"][0]["exitCode"] == 7
        assert (receiver.told[0][0]["failedCount"], receiver.told[0][0]["totalCount"]) == (1, 2)
        assert receiver.told[0][0]["status"] == "PartialFailed"
        assert receiver.told[0][0]["look"] == f"cloudhand result {invoke_id} --history"


_FAILS = """
FormatVersion: OOS-2019-06-01
Tasks:
  - Name: within
    Action: 'ACS::Template'
    Properties: {TemplateName: inner}
"""
_INNER = """
FormatVersion: OOS-2019-06-01
Tasks:
  - Name: checks
    Action: 'ACS::CheckFor'
    Properties:
      Service: ECS
      API: DescribeRegions
      PropertySelector: '.Regions.Region[0].RegionId'
      DesiredValues: [nowhere]
"""


async def test_an_execution_that_fails_is_told_and_not_each_within_it(tmp_path: Path) -> None:
    async with watched(tmp_path) as (world, receiver):
        await world.control.templates.create(NewTemplate(name="inner", content=_INNER, by="root"))
        started = await world.control.executions.start(
            NewExecution(template=TemplateText(content=_FAILS), by="root", account_id="1")
        )
        await world.advance(seconds=30)
        assert receiver.heads == [[("failed", False, started.id)]]
        assert receiver.told[0][0]["look"] == f"cloudhand template show {started.id}"


# Machines


async def test_a_network_that_fails_is_one_message_and_so_is_its_return(tmp_path: Path) -> None:
    async with watched(tmp_path) as (world, receiver):
        ids = await world.instances(60)
        kept = ids.pop()
        # They beat at different moments, so each is missed at another.
        for n, instance_id in enumerate(ids):
            await world.machines.beat(world.machine(instance_id))
            world.machine(instance_id).connected = False
            if n % 3 == 0:
                await world.advance(seconds=2)
        await live(world, minutes=9)
        assert [len(one) for one in receiver.heads] == [59]
        assert set(receiver.heads[0]) == {("agent-gone", False, one) for one in ids}
        assert receiver.told[0][0]["lastHeardAt"].startswith("2026-01-02T03:0")
        for instance_id in ids:
            world.machine(instance_id).connected = True
        await live(world, minutes=5)
        assert [len(one) for one in receiver.heads] == [59, 59]
        assert set(receiver.heads[1]) == {("agent-gone", True, one) for one in ids}
        assert await world.status(kept) == "Running"


async def test_a_machine_that_need_not_run_is_not_missed(tmp_path: Path) -> None:
    async with watched(tmp_path) as (world, receiver):
        stops, goes, later = await world.instances(3)
        await world.control.instances.stop([stops], force=True, together=True)
        await world.control.instances.release([goes], force=True)
        await world.until(lambda: goes not in world.machines.machines)
        await live(world, minutes=4)
        world.machine(later).connected = False
        await live(world, minutes=7)
        assert receiver.heads == [[("agent-gone", False, later)]]
        await world.control.instances.stop([later], force=True, together=True)
        await live(world, minutes=1)
        await world.control.instances.start([later], together=True)
        world.machine(later).connected = True
        await live(world, minutes=10)
        assert len(receiver.heads) == 1


async def test_a_machine_whose_agent_never_came_is_missed(tmp_path: Path) -> None:
    async with watched(tmp_path) as (world, receiver):
        (made,) = await world.control.instances.create(_new_instance(world))
        world.machines.machines[made] = Machine(made, has_agent=False)
        await world.advance(minutes=9)
        assert receiver.heads == [[("agent-gone", False, made)]]
        assert receiver.told[0][0]["lastHeardAt"] == ""


def _new_instance(world: World) -> NewInstances:
    return NewInstances(
        amount=1, region_id=world.settings.region_id, zone_id=world.settings.zone_ids[0]
    )


async def join(world: World) -> InstanceId:
    """A machine from outside, whose agent says nothing after it has joined."""
    activation, code = await world.control.activations.create(NewActivation())
    registration = wire.Registration(
        activation_id=activation.id,
        activation_code=code,
        region_id=world.settings.region_id,
        machine_id="outside",
        hostname="outside",
        os_version="Debian",
        agent_version=wire.COMPATIBLE_VERSION,
        intranet_ip="10.0.0.9",
    )
    told = await world.control.agents.register(registration, address="192.0.2.1", public_key=b"")
    return InstanceId(told.instance_id)


async def test_a_machine_of_ones_own_is_missed_until_it_is_deregistered(tmp_path: Path) -> None:
    async with watched(tmp_path) as (world, receiver):
        gone = await join(world)
        left = await join(world)
        await world.control.managed.deregister(left)
        await world.advance(minutes=7)
        assert receiver.heads == [[("agent-gone", False, gone)]]
        assert receiver.told[0][0]["instanceName"] == "outside"
        await world.control.managed.deregister(gone)
        await world.advance(minutes=7)
        assert len(receiver.heads) == 1


async def test_how_long_is_too_long_can_be_said(tmp_path: Path) -> None:
    settings = ControlSettings(agent_gone_after=timedelta(minutes=20))
    async with watched(tmp_path, settings=settings) as (world, receiver):
        await world.instance()
        await world.advance(minutes=20)
        assert receiver.told == []
        await world.advance(minutes=1)
        assert len(receiver.told) == 1


async def test_silence_while_no_control_plane_was_there_is_none(tmp_path: Path) -> None:
    async with watched(tmp_path) as (world, receiver):
        ids = await world.instances(3)
        await world.restart(after=timedelta(hours=3))
        await live(world, minutes=10)
        assert receiver.told == []
        world.machine(ids[0]).connected = False
        await world.advance(minutes=3)
        await world.restart(after=timedelta(hours=1))
        for _ in range(8):
            await world.machines.beat(world.machine(ids[1]))
            await world.machines.beat(world.machine(ids[2]))
            await world.advance(minutes=1)
        assert receiver.heads == [[("agent-gone", False, ids[0])]]


async def test_silence_while_the_store_was_away_is_none(tmp_path: Path) -> None:
    async with watched(tmp_path) as (world, receiver):
        await world.instance()
        await live(world, minutes=1)
        async with _locked(world):
            await world.advance(minutes=10)
        await live(world, minutes=10)
        assert receiver.told == []


@asynccontextmanager
async def _locked(world: World) -> AsyncIterator[None]:
    """Somebody else holds the lock for writing, for which nobody waits."""

    async def impatient(tx: Transaction) -> None:
        await tx.accounts._statements.fetch("PRAGMA busy_timeout = 0")

    await world.database.write(impatient)
    with closing(sqlite3.connect(world.path / "world.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


async def test_machines_that_do_not_come_back_are_one_message(tmp_path: Path) -> None:
    async with watched(tmp_path, run_on) as (world, receiver):
        ids = sorted(await world.instances(3))
        world.machines.failing = {"reboot"}
        invoke_id = await world.run(*ids)
        await world.until(lambda: all(world.machine(one).running for one in ids))
        for instance_id in ids:
            await _end_without_a_restart(world, instance_id, 194)
            await world.advance(seconds=7)
        await live(world, minutes=14)
        (told,) = receiver.told
        assert [(one["event"], one["about"]) for one in told] == [("not-back", one) for one in ids]
        assert {(one["kind"], one["invokeId"]) for one in told} == {("restart", invoke_id)}


async def _end_without_a_restart(world: World, instance_id: InstanceId, code: int) -> None:
    machine = world.machine(instance_id)
    (task,) = machine.running.values()
    machine.running.clear()
    await world.machines.say(machine, finish(task, code, b""))


async def test_a_machine_that_does_not_stop_is_told(tmp_path: Path) -> None:
    async with watched(tmp_path, run_on) as (world, receiver):
        instance_id = await world.instance()
        world.machines.failing = {"stop"}
        await world.run(instance_id)
        await world.until(lambda: bool(world.machine(instance_id).running))
        await _end_without_a_restart(world, instance_id, 193)
        await live(world, minutes=14)
        told = [one for events in receiver.told for one in events]
        assert [(one["event"], one["kind"]) for one in told] == [("not-back", "stop")]


@pytest.mark.parametrize("by_a_command", [True, False])
async def test_a_machine_that_cannot_be_started_after_a_restart_is_told_once(
    tmp_path: Path, by_a_command: bool
) -> None:
    async with watched(tmp_path, run_on) as (world, receiver):
        instance_id = await world.instance()
        world.machines.failing = {"start", "reboot"}
        if by_a_command:
            await world.run(instance_id)
            await world.until(lambda: bool(world.machine(instance_id).running))
            await _end_without_a_restart(world, instance_id, 194)
        else:
            await world.control.instances.reboot([instance_id], force=True, together=True)
        world.machine(instance_id).connected = False
        world.machines.power_off(instance_id)
        await live(world, minutes=20)
        assert await world.status(instance_id) == "Stopped"
        assert receiver.heads == [[("not-back", False, instance_id)]]


async def test_what_nobody_decides_is_told_and_that_it_is_over(tmp_path: Path) -> None:
    """A command waits for a loop that does not look: here there is none but the one that tells."""
    receiver = Receiver()
    async with World(tmp_path, loops=False, behave=run_on, deliver=receiver) as world:
        await world.control.notifications.add(HOOK)
        instance_id = await join(world)
        invoke_id = await world.run(instance_id)
        telling = asyncio.create_task(world.notifications.run())

        def told() -> list[Any]:
            return [one for events in receiver.told for one in events if one["event"] == "overdue"]

        await world.until(told)
        assert [(one["over"], one["counts"]) for one in told()] == [(False, {"target": 1})]
        await world.control.invocations.stop(invoke_id)
        await world.until(lambda: len(told()) > 1)
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
        assert receiver.heads[-1] == [("overdue", True, "")]
