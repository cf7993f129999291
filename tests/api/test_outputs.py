"""The whole of what a command said: an operation of our own, which the older client can call."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from cloudhand.core.ids import InstanceId
from cloudhand.wire import agent as wire
from tests.api.clients import Caller, classic
from tests.api.cloud import Cloud
from tests.machines import Machine, run_on
from tests.world import World

RUN = {"Type": "RunShellScript", "CommandContent": "true"}


@pytest.fixture
def busy(it: Cloud) -> tuple[str, InstanceId]:
    """A command that goes on, and its machine."""
    (instance_id,) = it.instances()

    async def run(world: World) -> str:
        behave, world.machines.behave = world.machines.behave, run_on
        invoke_id = await world.run(instance_id)
        await world.until(lambda: bool(world.machine(instance_id).running))
        world.machines.behave = behave
        return invoke_id

    return it.do(run), instance_id


def say(it: Cloud, instance_id: InstanceId, output: bytes, *, kind: str = wire.RUNNING) -> None:
    async def report(world: World) -> None:
        machine: Machine = world.machine(instance_id)
        (task,) = machine.running.values()
        said = wire.Report(kind=kind, task_id=task.task_id, output=output, start=1, end=2)
        await world.machines.say(machine, said)

    it.do(report)


def piece(call: Caller, busy: tuple[str, InstanceId], **more: Any) -> dict[str, Any]:
    invoke_id, instance_id = busy
    return dict(
        call("DescribeInvocationOutput", InvokeId=invoke_id, InstanceId=instance_id, **more)
    )


def test_an_output_is_read_while_it_comes_and_to_its_end(
    it: Cloud, busy: tuple[str, InstanceId]
) -> None:
    call = classic(it.endpoint)
    first = piece(call, busy)
    assert (first["Output"], first["Size"], first["Finished"]) == ("", 0, False)
    say(it, busy[1], b"hello ")
    say(it, busy[1], b"w\xff")
    first = piece(call, busy, MaxBytes=7)
    assert base64.b64decode(first["Output"]) == b"hello w"
    assert (first["NextOffset"], first["Size"], first["InvocationStatus"]) == (7, 8, "Running")
    second = piece(call, busy, Offset=7)
    assert (base64.b64decode(second["Output"]), second["Finished"]) == (b"\xff", False)
    say(it, busy[1], b"orld\n", kind=wire.FINISH)
    rest = piece(call, busy, Offset=second["NextOffset"], ContentEncoding="PlainText")
    assert (rest["Offset"], rest["Output"], rest["NextOffset"]) == (8, "orld\n", 13)
    assert (rest["Finished"], rest["InvocationStatus"], rest["Dropped"]) == (True, "Success", 0)
    it.to_the_present()


def test_the_published_answer_shows_the_end_and_counts_the_rest(
    it: Cloud, busy: tuple[str, InstanceId]
) -> None:
    call = classic(it.endpoint)
    whole = b"".join(b"%07d\n" % number for number in range(10_000))
    say(it, busy[1], whole[:50_000])
    say(it, busy[1], whole[50_000:], kind=wire.FINISH)
    (result,) = call("DescribeInvocationResults", InvokeId=busy[0])["Invocation"][
        "InvocationResults"
    ]["InvocationResult"]
    shown = base64.b64decode(result["Output"])
    assert shown == whole[-24 * 1024 :]
    assert len(shown) + result["Dropped"] == len(whole)
    (invocation,) = call("DescribeInvocations", InvokeId=busy[0])["Invocations"]["Invocation"]
    (target,) = invocation["InvokeInstances"]["InvokeInstance"]
    assert target["Dropped"] == result["Dropped"]
    assert base64.b64decode(piece(call, busy)["Output"]) == whole
    it.to_the_present()


def test_the_output_of_each_run_is_its_own(it: Cloud) -> None:
    call, (instance_id,) = classic(it.endpoint), it.instances()
    asked = call("RunCommand", **RUN, InstanceId=[instance_id], Frequency="rate(60s)")["InvokeId"]
    before = piece(call, (asked, instance_id))
    assert (before["Size"], before["Finished"]) == (0, True)
    it.advance(seconds=121)
    for run in (1, 2):
        told = piece(call, (asked, instance_id), Run=run, ContentEncoding="PlainText")
        assert (told["Output"], told["InvocationStatus"]) == ("helloworld\n", "Success")
    assert piece(call, (asked, instance_id))["Size"] == 11
    call("StopInvocation", InvokeId=asked)
    it.to_the_present()
