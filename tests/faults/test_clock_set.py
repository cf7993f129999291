"""Somebody sets the clock of the control plane's machine: nothing is due for that, nor late."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cloudhand.core.ids import InstanceId
from cloudhand.store.database import StoreError
from tests.faults.virtual.ground import Plan
from tests.faults.virtual.machine import Machine
from tests.faults.virtual.site import Site

_DAY = timedelta(days=1)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with Site(tmp_path, random.Random(1)) as site:
        yield site


async def _run(site: Site, machine: Machine, plan: Plan) -> str:
    site.fleet.plans[plan.name] = plan
    order: dict[str, Any] = {"Type": "RunShellScript", "CommandContent": plan.name, "Timeout": 600}
    answer = await site.call(
        "RunCommand", ContentEncoding="PlainText", InstanceId=[machine.instance_id], **order
    )
    invoke_id: str = answer["InvokeId"]
    return invoke_id


async def _result(site: Site, invoke_id: str) -> dict[str, Any]:
    answer = await site.call("DescribeInvocationResults", InvokeId=invoke_id)
    (result,) = answer["Invocation"]["InvocationResults"]["InvocationResult"]
    return dict(result)


async def _machine(site: Site) -> tuple[InstanceId, Machine]:
    (instance_id,) = await site.made(1)
    return instance_id, site.fleet.machines[instance_id]


@pytest.mark.parametrize("by", [_DAY, -_DAY])
async def test_a_command_that_runs_goes_on(site: Site, by: timedelta) -> None:
    _, machine = await _machine(site)
    invoke_id = await _run(site, machine, Plan(name="long", end="exit 0", takes=120))
    await site.advance_to(site.clock.tick + 10)
    site.clock.wrong_by = by
    await site.advance_to(site.clock.tick + 60)
    assert (await _result(site, invoke_id))["InvocationStatus"] == "Running"
    await site.advance_to(site.clock.tick + 60)
    assert (await _result(site, invoke_id))["InvocationStatus"] == "Success"


@pytest.mark.parametrize("by", [_DAY, -_DAY])
async def test_what_nobody_fetches_ends_when_it_would_have(site: Site, by: timedelta) -> None:
    _, machine = await _machine(site)
    machine.kill_agent(again=False)
    invoke_id = await _run(site, machine, Plan(name="never", end="exit 0"))
    site.clock.wrong_by = by
    await site.advance_to(site.clock.tick + 50)
    assert (await _result(site, invoke_id))["InvocationStatus"] == "Pending"
    await site.advance_to(site.clock.tick + 20)
    assert (await _result(site, invoke_id))["InvocationStatus"] == "Aborted"


@pytest.mark.parametrize("by", [_DAY, -_DAY])
async def test_a_restart_is_followed_to_its_end(site: Site, by: timedelta) -> None:
    _, machine = await _machine(site)
    invoke_id = await _run(site, machine, Plan(name="restart", end="exit 194"))
    await site.advance_to(site.clock.tick + 0.25)
    site.clock.wrong_by = by
    while len(machine.boots) < 2:
        await site.advance_to(site.clock.tick + 5)
    await site.advance_to(site.clock.tick + 15)
    assert (await _result(site, invoke_id))["PowerAction"]["Status"] == "Done"
    (found,) = (await site.call("DescribeInstances"))["Instances"]["Instance"]
    assert found["Status"] == "Running"


async def test_a_machine_that_came_back_unseen_does_what_a_command_asks_for(site: Site) -> None:
    """The control plane takes it for stopped, and its agent says that it is to stop."""
    instance_id, machine = await _machine(site)
    machine.power_off()
    await site.advance_to(site.clock.tick + 11)
    assert await site.status(instance_id) == "Stopped"
    machine.power_on()
    await site.advance_to(site.clock.tick + 0.25)
    assert await site.status(instance_id) == "Running"


@pytest.mark.parametrize("by", [_DAY, -_DAY])
async def test_a_clock_that_is_set_back_while_that_is_written_is_followed_twice(
    site: Site, by: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, machine = await _machine(site)
    machine.kill_agent(again=False)
    clock_set = site.control.deadlines.clock_set

    @asynccontextmanager
    async def and_back(by: timedelta) -> AsyncIterator[None]:
        async with clock_set(by):
            site.clock.wrong_by = timedelta()
            yield

    monkeypatch.setattr(site.control.deadlines, "clock_set", and_back)
    invoke_id = await _run(site, machine, Plan(name="never", end="exit 0"))
    site.clock.wrong_by = by
    await site.advance_to(site.clock.tick + 50)
    assert (await _result(site, invoke_id))["InvocationStatus"] == "Pending"
    await site.advance_to(site.clock.tick + 20)
    assert (await _result(site, invoke_id))["InvocationStatus"] == "Aborted"


async def test_who_did_not_hear_of_a_stop_is_told_again_when_the_clock_was_set_back(
    site: Site,
) -> None:
    _, machine = await _machine(site)
    site.clock.wrong_by = _DAY
    await site.advance_to(site.clock.tick + 5)
    invoke_id = await _run(site, machine, Plan(name="stopped", end="stop"))
    await site.advance_to(site.clock.tick + 5)
    site.control.pokes.on_kick(None)  # this one does not arrive
    await site.call("StopInvocation", InvokeId=invoke_id)
    site.control.pokes.on_kick(site.fleet.kick)
    site.clock.wrong_by = timedelta()
    await site.advance_to(site.clock.tick + 10)
    assert (await _result(site, invoke_id))["InvocationStatus"] == "Terminated"


async def test_what_was_begun_by_the_old_clock_is_not_written(site: Site) -> None:
    """Its deadline would be over at once, or in a day."""
    async with site.control.deadlines.clock_set(_DAY):
        with pytest.raises(StoreError):
            await site.database.write(_nothing)
    await site.database.write(_nothing)


async def _nothing(tx: object) -> None:
    return None
