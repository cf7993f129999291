"""Whole lives of agents, in the order in which the published one and ours speak."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from cloudhand.control.settings import ControlSettings
from cloudhand.core import power
from cloudhand.core.ids import InstanceId, InvokeId
from cloudhand.core.invocation import RepeatMode, State
from cloudhand.wire import agent as wire
from tests.gateway.plane import OurSigner, Plane, Visitor, gateway


async def _start_published(visitor: Visitor, *, uptime: int, pid: int, cold: bool) -> list[str]:
    """What a published agent asks when it starts; the ids of the work it is given."""
    said = b'{"os":"linux","arch":"amd64","app_id":"aliyun assistant","app_version":"2.2.3.578"}'
    update = await visitor.ask("POST", "/luban/api/v1/update/update_check", "", said)
    assert update.json()["need_update"] == 0
    beat = await visitor.beat(uptime=uptime, pid=pid, cold_start=str(cold).lower())
    assert 55_000 <= beat.json()["nextInterval"] <= 65_000
    work = await visitor.fetch(reason="startup", cold_start=str(cold).lower())
    for path in ("/luban/api/metrics", "/luban/api/v1/exception/client_report"):
        assert (await visitor.ask("POST", path, "", b'{"eventId":"agent.startup"}')).is_success
    states = "/luban/api/instance/list_instance_state_configurations"
    assert (await visitor.ask("POST", states)).json()["errCode"] == "ServiceNotSupported"
    return [item["task"]["taskID"] for item in work["run"]]


@pytest.mark.parametrize(
    "version, policy, state, code, acts",
    [
        ("2.2.3.578", power.ExitCodePolicy.SUCCESS, State.SUCCESS, "", True),
        ("2.2.3.317", power.ExitCodePolicy.SUCCESS, State.SUCCESS, "", True),
        ("2.2.3.316", power.ExitCodePolicy.SUCCESS, State.FAILED, "ExitCodeNonzero", False),
        ("2.2.3.578", power.ExitCodePolicy.DOCUMENTED, State.FAILED, "ExitCodeNonzero", True),
        ("2.2.3.316", power.ExitCodePolicy.DOCUMENTED, State.FAILED, "ExitCodeNonzero", False),
    ],
)
async def test_a_published_agent_restarts_its_machine_by_an_exit_code(
    tmp_path: Path,
    rsa_key: rsa.RSAPrivateKey,
    version: str,
    policy: power.ExitCodePolicy,
    state: State,
    code: str,
    acts: bool,
) -> None:
    async with gateway(tmp_path, ControlSettings(power_exit_codes=policy)) as plane:
        visitor = await plane.published(rsa_key, version=version)
        async with visitor.channel() as socket:
            assert await _start_published(visitor, uptime=600_000, pid=7, cold=True) == []
            invoke_id = await plane.run(visitor, script="echo bye\nexit 194\n")
            async with asyncio.timeout(10):
                kick = await socket.recv(decode=True)
            assert kick == f"kick_vm task run {invoke_id}"
            await socket.send(f"accept:{kick}")
            (item,) = (await visitor.fetch(taskId=invoke_id))["run"]
            assert base64.b64decode(item["task"]["commandContent"]) == b"echo bye\nexit 194\n"
            await visitor.say(wire.RUNNING, invoke_id, start=1_000)
            await visitor.say(
                wire.FINISH, invoke_id, b"bye\n", start=1_000, end=2_000, exitCode=194, dropped=0
            )

        view = await plane.result(invoke_id)
        assert (view.target.state, view.target.error_code) == (state, code)
        assert (view.target.exit_code, view.output) == (194, b"bye\n")
        assert (view.power_action is not None) is acts

        await plane.world.advance(seconds=30)
        assert await _start_published(visitor, uptime=20_000, pid=3, cold=True) == []
        view = await plane.result(invoke_id)
        assert view.target.state is state
        if view.power_action is not None:
            assert view.power_action.kind is power.Kind.RESTART
            assert view.power_action.state is power.State.DONE


async def test_what_else_ran_when_a_published_agent_restarted_its_machine_ends_truthfully(
    plane: Plane, rsa_key: rsa.RSAPrivateKey
) -> None:
    visitor = await plane.published(rsa_key)
    await _start_published(visitor, uptime=600_000, pid=7, cold=True)
    restarts, other, waits = [await plane.run(visitor) for _ in range(3)]
    for invoke_id in (restarts, other):
        await visitor.fetch(taskId=invoke_id)
        await visitor.say(wire.RUNNING, invoke_id, b"so far", start=1_000)
    await visitor.say(wire.FINISH, restarts, start=1_000, end=2_000, exitCode=194)
    await plane.world.advance(seconds=30)

    given = await _start_published(visitor, uptime=20_000, pid=3, cold=True)

    assert given == [waits]
    view = await plane.result(other)
    assert (view.target.state, view.target.error_code) == (State.ERROR, "InstanceRestarted")
    assert view.output == b"so far"


async def test_root_is_not_named_to_the_agent_that_refuses_it(
    plane: Plane, rsa_key: rsa.RSAPrivateKey
) -> None:
    published, ours = await plane.published(rsa_key), await plane.ours()
    ids = tuple(InstanceId(visitor.instance_id) for visitor in (published, ours))
    await plane.world.run(*ids, username="root")

    users = [(await who.fetch())["run"][0]["task"]["username"] for who in (published, ours)]

    assert users == ["", "root"]


async def test_a_dry_run_is_checked_and_not_run(plane: Plane, rsa_key: rsa.RSAPrivateKey) -> None:
    visitor = await plane.published(rsa_key)
    await visitor.beat()
    instance_id = InstanceId(visitor.instance_id)
    invoke_id = await plane.world.run(instance_id, repeat_mode=RepeatMode.DRY_RUN)

    work = await visitor.fetch()
    assert (len(work["test"]), work["run"]) == (1, [])
    await visitor.say(wire.VERIFIED, invoke_id)

    assert (await plane.result(invoke_id)).target.state is State.SUCCESS


async def _inventory(visitor: Visitor, **said: object) -> list[str]:
    """What our agent says first after a start; the ids of what it is told to end."""
    assert isinstance(visitor.signer, OurSigner)
    inventory = wire.Inventory(boot_id=visitor.signer.boot_id, **said)  # type: ignore[arg-type]
    answer = await visitor.ask(
        "POST", wire.INVENTORY_PATH, "", json.dumps(inventory.to_json()).encode()
    )
    assert answer.status_code == 200, answer.text
    stop: list[str] = answer.json()["stop"]
    return stop


async def _two_that_run(plane: Plane, visitor: Visitor) -> list[InvokeId]:
    await visitor.beat()
    ids = [await plane.run(visitor) for _ in range(2)]
    for invoke_id in ids:
        await visitor.fetch(taskId=invoke_id)
        await visitor.say(wire.RUNNING, invoke_id, b"so far", start=1_000, offset=0)
    return ids


async def test_an_agent_that_was_restarted_goes_on_with_what_its_journal_holds(
    plane: Plane,
) -> None:
    visitor = await plane.ours()
    runs, ended = await _two_that_run(plane, visitor)

    assert await _inventory(visitor, running=(runs,), unacknowledged=(ended,)) == []
    await visitor.say(wire.FINISH, ended, b"so far and on", start=1, end=2, exitCode=0, offset=0)
    await visitor.say(wire.RUNNING, runs, b"so far", start=1, offset=0)

    first, second = await plane.result(runs), await plane.result(ended)
    assert (first.target.state, first.output) == (State.RUNNING, b"so far")
    assert (second.target.state, second.output) == (State.SUCCESS, b"so far and on")


@pytest.mark.parametrize(
    "boot_id, code", [("boot-1", "ExecutionInterrupted"), ("boot-2", "InstanceRestarted")]
)
async def test_what_the_journal_does_not_hold_has_ended(
    plane: Plane, boot_id: str, code: str
) -> None:
    visitor = await plane.ours()
    lost, _ = await _two_that_run(plane, visitor)
    assert isinstance(visitor.signer, OurSigner)
    visitor.signer = OurSigner(key=visitor.signer.key, boot_id=boot_id)

    await _inventory(visitor)

    target = (await plane.result(lost)).target
    assert (target.state, target.error_code) == (State.ERROR, code)


async def test_a_result_that_only_another_agent_of_the_same_machine_has_is_taken(
    plane: Plane,
) -> None:
    first = await plane.ours()
    runs, _ = await _two_that_run(plane, first)
    second = replace(first)
    await second.beat(pid=8)
    await _inventory(second)
    assert (await plane.result(runs)).target.state is State.ERROR

    await first.say(wire.FINISH, runs, b"so far, all", start=1, end=2, exitCode=0, offset=0)
    await first.say(wire.FINISH, runs, start=1, end=2, exitCode=7)  # corrected once, no more

    view = await plane.result(runs)
    assert (view.target.state, view.target.error_code) == (State.SUCCESS, "")
    assert view.output == b"so far, all"


async def test_an_agent_is_told_to_end_what_is_over(plane: Plane) -> None:
    visitor = await plane.ours()
    over, runs = await _two_that_run(plane, visitor)
    await visitor.say(wire.FINISH, over, start=1, end=2, exitCode=0)

    assert await _inventory(visitor, running=(over, runs, "t-unknown")) == [over, "t-unknown"]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"running": "t-1"}', b'{"running": [1]}', b'{"bootId": 7}']
)
async def test_an_inventory_that_cannot_be_understood_closes_nothing(
    plane: Plane, body: bytes
) -> None:
    visitor = await plane.ours()
    runs, _ = await _two_that_run(plane, visitor)

    answer = await visitor.ask("POST", wire.INVENTORY_PATH, "", body)

    assert (answer.status_code, answer.json()["reason"]) == (422, "malformed")
    assert (await plane.result(runs)).target.state is State.RUNNING


async def test_what_waits_for_its_turn_is_not_given_up_while_others_run(plane: Plane) -> None:
    visitor = await plane.ours()
    runs, _ = await _two_that_run(plane, visitor)
    queued = await plane.run(visitor)
    await visitor.fetch(taskId=queued)

    async def later(seconds: int) -> State:
        await visitor.beat()
        await plane.world.advance(seconds=seconds)
        return (await plane.result(queued)).target.state

    # Its timeout and the grace pass, but another that began later still runs.
    await plane.world.advance(seconds=60)
    second = await plane.run(visitor)
    await visitor.fetch(taskId=second)
    await visitor.say(wire.RUNNING, second, start=1, offset=0)
    assert await later(70) is State.PENDING
    assert (await plane.result(runs)).target.state is State.ERROR

    await visitor.say(wire.FINISH, second, start=1, end=2, exitCode=0, offset=0)
    assert await later(65) is State.ERROR
    target = (await plane.result(queued)).target
    assert target.error_code == "ClientNotResponse"
    assert "has not said how the command started" in target.error_info


async def test_our_agent_says_itself_that_it_restarts_its_machine(plane: Plane) -> None:
    visitor = await plane.ours()
    said, silent = await _two_that_run(plane, visitor)

    ack = await visitor.say(
        wire.FINISH, said, start=1, end=2, exitCode=194, offset=6, power="restart"
    )
    await visitor.say(wire.FINISH, silent, start=1, end=2, exitCode=194, offset=6)

    assert ack == {
        "code": 200,
        "stop": False,
        "proceed": True,
        "hold": 0,
        "within": 0,
        "refused": False,
    }
    first, second = await plane.result(said), await plane.result(silent)
    assert first.target.state is State.SUCCESS
    assert first.power_action is not None and first.power_action.state is power.State.ORDERED
    assert (second.target.state, second.power_action) == (State.FAILED, None)

    assert isinstance(visitor.signer, OurSigner)
    visitor.signer = OurSigner(key=visitor.signer.key, boot_id="boot-2")
    await visitor.beat()
    await _inventory(visitor)

    action = (await plane.result(said)).power_action
    assert action is not None
    assert (action.state, action.boot_id_before, action.boot_id_after) == (
        power.State.DONE,
        "boot-1",
        "boot-2",
    )


async def test_a_result_that_comes_after_the_boot_is_the_truth(plane: Plane) -> None:
    visitor = await plane.ours()
    said, _ = await _two_that_run(plane, visitor)
    assert isinstance(visitor.signer, OurSigner)
    visitor.signer = OurSigner(key=visitor.signer.key, boot_id="boot-2")

    await visitor.beat()
    await _inventory(visitor, unacknowledged=(said,))
    await visitor.say(wire.FINISH, said, start=1, end=2, exitCode=194, offset=6, power="restart")

    view = await plane.result(said)
    assert (view.target.state, view.target.exit_code) == (State.SUCCESS, 194)
    assert view.power_action is not None and view.power_action.state is power.State.DONE
