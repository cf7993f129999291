"""Machines of a group restart no more at a time than its budget lets them."""

from __future__ import annotations

import os
import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cloudhand.control import turns
from cloudhand.control.speaker import Speaker
from cloudhand.core import power
from cloudhand.core.errors import IncorrectState, ResourceNotFound, RestartLimit
from cloudhand.core.governor import Asker, Budget, Event, Granted, Group, Refused, Slot, State, Wait
from cloudhand.core.ids import InstanceId, InvokeId, SlotId
from cloudhand.store.transaction import Transaction
from cloudhand.wire import agent as wire
from tests.machines import exit_with
from tests.sessions import agent_of, join
from tests.world import ALL, World

RESTART = exit_with(194)


async def govern(world: World, number: int = 1, name: str = "all", **more: Any) -> None:
    change = {"budget": Budget(number=number), "counts_offline": False, **more}
    await world.control.governor.set_group(name, **change)


async def slots(world: World, *, ended: bool = True, group: str = "") -> list[Slot]:
    page = await world.control.governor.slots(group, ALL, ended=ended)
    return [view.slot for view in reversed(page.items)]


async def states(world: World) -> list[tuple[str, str]]:
    return sorted((one.holder, one.state.value) for one in await slots(world))


async def action(world: World, invoke_id: InvokeId, instance_id: InstanceId) -> power.PowerAction:
    found = (await world.results(invoke_id))[instance_id].power_action
    assert found is not None
    return found


async def test_machines_restart_by_exit_code_one_after_the_other(tmp_path: Path) -> None:
    async with World(tmp_path, behave=RESTART) as world:
        three = await world.instances(3)
        await govern(world)
        invoke_id = await world.run(*three)
        await world.settle()
        assert set((await world.states(invoke_id)).values()) == {"Success"}
        assert sum(world.machine(one).boots == 2 for one in three) == 1
        await world.until(lambda: all(world.machine(one).boots == 2 for one in three))
        await world.settle()
        found = await slots(world)
        assert [one.state for one in found] == [State.RETURNED] * 3
        assert len({one.held_at for one in found}) == 3  # each asked again when there was room
        for one in three:
            assert (await action(world, invoke_id, one)).state is power.State.DONE


async def down(world: World, instance_id: InstanceId) -> None:
    """Have it restart by an exit code, and never come back."""
    machine = world.machine(instance_id)
    world.machines.behave = lambda one, task: None
    invoke_id = await world.run(instance_id)
    await world.settle()
    machine.has_agent = False
    (task,) = machine.running.values()
    await world.machines.end(machine, RESTART(machine, task))  # type: ignore[arg-type]
    world.machines.behave = RESTART
    assert await world.ended(invoke_id)


async def test_a_machine_that_does_not_come_back_keeps_its_slot_for_its_lease(
    tmp_path: Path,
) -> None:
    async with World(tmp_path, behave=RESTART) as world:
        first, second = await world.instances(2)
        await govern(world, lease=timedelta(minutes=30))
        await down(world, first)
        invoke_id = await world.run(second)
        await world.settle()
        held = await action(world, invoke_id, second)
        assert (held.state, held.reason) == (
            power.State.HELD,
            f"waits for its turn in all (1 at a time): {first} restarts",
        )
        assert await world.status(second) == "Running"
        await world.advance(minutes=29)
        assert (await action(world, invoke_id, second)).state is power.State.HELD
        await world.advance(minutes=2)
        assert (await action(world, invoke_id, second)).state is power.State.DONE
        assert await states(world) == sorted([(first, "Expired"), (second, "Returned")])


async def test_one_that_is_lost_goes_on_counting_where_what_is_offline_does(
    tmp_path: Path,
) -> None:
    async with World(tmp_path, behave=RESTART) as world:
        first, second = await world.instances(2)
        await govern(world, lease=timedelta(minutes=5), counts_offline=True)
        await down(world, first)
        invoke_id = await world.run(second)
        await world.advance(minutes=8)
        held = await action(world, invoke_id, second)
        assert held.reason == f"waits for its turn in all (1 at a time): {first} is not online"
        await world.control.instances.release([first], force=True)
        await world.advance(seconds=10)
        assert (await action(world, invoke_id, second)).state is power.State.DONE


async def test_a_restart_from_outside_waits_too(tmp_path: Path) -> None:
    async with World(tmp_path, behave=RESTART) as world:
        first, second = await world.instances(2)
        await govern(world)
        await down(world, first)
        boot = world.machine(second).boot_id
        await world.control.instances.reboot([second], force=False, together=True)
        await world.advance(seconds=30)
        assert world.machine(second).boot_id == boot
        assert await world.status(second) == "Rebooting"
        page = await world.control.governor.slots("", ALL, ended=False)
        told = {view.slot.holder: view.waits_for for view in page.items}
        assert told[first] == "" and told[second].endswith(f"{first} restarts")
        (held,) = [one for one in await slots(world) if one.holder == first]
        await world.control.governor.release(held.id, by="root")
        await world.until(lambda: world.machine(second).boot_id != boot)
        await world.advance(seconds=2)
        assert await world.status(second) == "Running"


async def test_one_that_waited_for_long_is_given_its_time_to_start(tmp_path: Path) -> None:
    async with World(tmp_path, behave=RESTART) as world:
        first, second = await world.instances(2)
        await govern(world, lease=timedelta(minutes=10))
        await down(world, first)
        await world.control.instances.reboot([second], force=False, together=True)
        await world.advance(minutes=9)
        world.machines.failing.add("reboot")
        await world.advance(minutes=2)
        world.machines.failing.clear()
        await world.advance(minutes=1)
        assert await world.status(second) == "Running"
        assert world.machine(second).boots == 2


async def test_one_that_waits_can_be_told_not_to_restart(tmp_path: Path) -> None:
    async with World(tmp_path, behave=RESTART) as world:
        first, second = await world.instances(2)
        await govern(world)
        await down(world, first)
        invoke_id = await world.run(second)
        await world.advance(seconds=2)
        (waiting,) = [one for one in await slots(world) if one.holder == second]
        await world.control.governor.release(waiting.id, by="ann")
        await world.advance(minutes=5)
        assert world.machine(second).boots == 1
        assert (second, "Withdrawn") in await states(world)
        refused = await action(world, invoke_id, second)
        assert (refused.state, refused.reason) == (
            power.State.REFUSED,
            "withdrawn by ann with ReleaseGovernorSlot",
        )
        with pytest.raises(ResourceNotFound):
            await world.control.governor.release(waiting.id, by="ann")


async def test_what_was_ordered_from_outside_is_not_withdrawn(tmp_path: Path) -> None:
    """Running again, it would seem to have restarted."""
    async with World(tmp_path, behave=RESTART) as world:
        first, second = await world.instances(2)
        await govern(world)
        await down(world, first)
        await world.control.instances.reboot([second], force=False, together=True)
        await world.advance(seconds=2)
        (waiting,) = [one for one in await slots(world) if one.holder == second]
        with pytest.raises(IncorrectState, match="it is ordered to restart"):
            await world.control.governor.release(waiting.id, by="ann")
        assert await world.status(second) == "Rebooting"


async def test_a_machine_in_a_loop_of_restarts_is_refused(tmp_path: Path) -> None:
    async with World(tmp_path, behave=RESTART) as world:
        one = await world.instance()
        await govern(world, restarts=2, within=timedelta(hours=1))
        for _ in range(2):
            done = await world.run(one)
            await world.advance(seconds=30)
            assert (await action(world, done, one)).state is power.State.DONE
        refused = await world.run(one)
        await world.advance(seconds=30)
        told = await action(world, refused, one)
        assert told.state is power.State.REFUSED
        assert told.reason.startswith("the governor's group all lets a machine restart 2 times")
        assert (await world.result(refused)).target.state == "Success"
        with pytest.raises(RestartLimit, match="2 times within 1 h"):
            await world.control.instances.reboot([one], force=False, together=True)
        assert world.machine(one).boots == 3
        world.clock.move(timedelta(hours=1))
        await world.machines.beat(world.machine(one))
        await world.control.instances.reboot([one], force=False, together=True)
        await world.until(lambda: world.machine(one).boots == 4)


async def test_whoever_has_a_slot_has_it_still_after_the_control_plane_restarts(
    tmp_path: Path,
) -> None:
    async with World(tmp_path, behave=RESTART) as world:
        first, second = await world.instances(2)
        await govern(world)
        await down(world, first)
        invoke_id = await world.run(second)
        await world.settle()
        await world.restart(after=timedelta(seconds=5))
        assert await states(world) == sorted([(first, "Held"), (second, "Waiting")])
        world.machine(first).has_agent = True
        world.machines.start_agent(world.machine(first))
        await world.until(lambda: world.machine(second).boots == 2)
        await world.settle()
        assert (await action(world, invoke_id, second)).state is power.State.DONE


async def test_without_its_group_who_waits_goes_on(tmp_path: Path) -> None:
    async with World(tmp_path, behave=RESTART) as world:
        first, second = await world.instances(2)
        await govern(world)
        await down(world, first)
        invoke_id = await world.run(second)
        await world.settle()
        await world.control.governor.delete_group("all")
        await world.advance(seconds=10)
        assert (await action(world, invoke_id, second)).state is power.State.DONE
        with pytest.raises(ResourceNotFound):
            await world.control.governor.delete_group("all")


async def test_one_that_was_away_for_long_waits_for_its_turn_all_the_same(tmp_path: Path) -> None:
    async with World(tmp_path, behave=RESTART) as world:
        first, second = await world.instances(2)
        await govern(world)
        await down(world, first)
        invoke_id = await world.run(second)
        await world.settle()
        machine = world.machine(second)
        (report,) = machine.unacknowledged.values()
        for waiting in world.machines.waiting:
            waiting.cancel()
        await world.advance(minutes=11)
        assert (await action(world, invoke_id, second)).state is power.State.OVERDUE
        ack = await world.machines.say(machine, report)
        assert (ack.proceed, ack.hold) == (False, 1000)
        (held,) = [one for one in await slots(world, ended=False) if one.holder == first]
        await world.control.governor.release(held.id, by="root")
        ack = await world.machines.say(machine, report)
        assert (ack.proceed, ack.refused) == (True, False)
        assert ack.within > 0


async def test_a_refusal_in_one_group_leaves_what_another_tool_has_of_others(
    tmp_path: Path,
) -> None:
    async with World(tmp_path) as world:
        governor = world.control.governor
        for name, restarts in (("a", 9), ("b", 1)):
            await govern(world, name=name, restarts=restarts)
        tokens = {name: await governor.reset_token(name) for name in ("a", "b")}
        await governor.lock("b", tokens["b"], "kured")
        await governor.unlock("b", tokens["b"], "kured")
        await governor.lock("a", tokens["a"], "kured")
        assert isinstance(await governor.lock("b", tokens["b"], "kured"), Refused)
        assert [one.group for one in await slots(world, ended=False)] == ["a"]


async def test_stops_ask_nobody(tmp_path: Path) -> None:
    async with World(tmp_path, behave=exit_with(193)) as world:
        both = await world.instances(2)
        await govern(world)
        await world.run(*both)
        await world.advance(seconds=30)
        assert [await world.status(one) for one in both] == ["Stopped", "Stopped"]
        assert await slots(world) == []


async def test_a_machine_of_two_groups_has_a_slot_of_both_or_none(tmp_path: Path) -> None:
    async with World(tmp_path, behave=RESTART) as world:
        db = await world.instance()
        (both,) = await world.instances(tags={"role": "db", "rack": "1"})
        await govern(world, name="db", tags={"role": "db"})
        await govern(world, name="rack", tags={"rack": "1"})
        await world.control.governor.reset_token("rack")
        token = await world.control.governor.reset_token("rack")
        assert isinstance(await world.control.governor.lock("rack", token, "switch"), Granted)
        await world.run(both)
        await world.run(db)
        await world.advance(seconds=10)
        assert world.machine(db).boots == 2  # nothing governs it
        open_ = [(one.group, one.holder, one.state) for one in await slots(world, ended=False)]
        assert sorted(open_) == [
            ("db", both, State.WAITING),
            ("rack", both, State.WAITING),
            ("rack", "switch", State.HELD),
        ]
        await world.control.governor.unlock("rack", token, "switch")
        await world.until(lambda: world.machine(both).boots == 2)


async def test_a_published_agent_does_not_wait_but_others_wait_for_it(tmp_path: Path) -> None:
    async with World(tmp_path, behave=RESTART) as world:
        own = await world.instance()
        managed = await join(world)
        await govern(world)
        speaker = Speaker(agent=await agent_of(world, managed), boot_id=None)
        await down(world, own)
        invoke_id = await world.run(managed)
        ack = await _ends_with_194(world, speaker, invoke_id)
        assert (ack.proceed, ack.refused) == (True, False)
        assert await states(world) == [(own, "Held"), (managed, "Held")]


async def _ends_with_194(world: World, speaker: Speaker, invoke_id: InvokeId) -> wire.Ack:
    await world.control.deliveries.fetch(speaker, wire.Fetch(reason="kickoff"))
    report = wire.Report(kind=wire.FINISH, task_id=invoke_id, exit_code=194, start=1, end=2)
    return await world.control.deliveries.report(speaker, report)


async def test_another_tool_asks_until_it_may_and_gives_back(tmp_path: Path) -> None:
    async with World(tmp_path, behave=RESTART) as world:
        one = await world.instance()
        await govern(world)
        governor = world.control.governor
        token = await governor.reset_token("all")
        assert await governor.lock("all", token, "kured") == Granted(lease=timedelta(hours=1))
        word = await governor.lock("all", token, one)
        assert isinstance(word, Wait)
        assert word.why == "waits for its turn in all (1 at a time): kured holds a slot"
        await governor.unlock("all", token, "kured")
        await governor.unlock("all", token, "kured")  # as often as it likes
        assert isinstance(await governor.lock("all", token, one), Granted)
        world.machines.restart(one)
        await world.advance(seconds=10)
        assert await states(world) == [(one, "Returned"), ("kured", "Released")]


async def test_who_asks_again_for_what_it_holds_has_it_for_longer(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        await govern(world, lease=timedelta(minutes=30))
        governor = world.control.governor
        token = await governor.reset_token("all")
        for _ in range(4):
            assert isinstance(await governor.lock("all", token, "kured"), Granted)
            await world.advance(minutes=20)
        assert await states(world) == [("kured", "Held")]
        await world.advance(minutes=20)
        assert await states(world) == [("kured", "Expired")]


async def test_nobody_asks_with_another_token(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        await govern(world)
        governor = world.control.governor
        for wrong in ("", "x", "0" * 48):
            with pytest.raises(ResourceNotFound):
                await governor.lock("all", wrong, "kured")
        old = await governor.reset_token("all")
        new = await governor.reset_token("all")
        with pytest.raises(ResourceNotFound):
            await governor.lock("all", old, "kured")
        with pytest.raises(ResourceNotFound):
            await governor.lock("none", new, "kured")
        await govern(world, 3)  # a change leaves the token as it is
        await governor.lock("all", new, "kured")
        await governor.close_token("all")
        with pytest.raises(ResourceNotFound):
            await governor.unlock("all", new, "kured")


@pytest.mark.parametrize("seed", range(12))
async def test_however_machines_come_and_go_the_budget_holds_and_all_get_their_turn(
    tmp_path: Path, seed: int
) -> None:
    """Askers die while they wait and while they hold; none of that is told to anybody."""
    dice = random.Random(seed)
    room, lease = dice.randint(1, 3), timedelta(minutes=10)
    async with World(tmp_path, loops=False) as world:
        await govern(world, room, name="one", lease=lease, restarts=1000)
        await govern(world, 2, name="two", lease=lease, restarts=1000)
        groups = [view.group for view in await world.control.governor.groups()]
        wanting = {f"host-{number}": groups[: dice.randint(1, 2)] for number in range(8)}
        served: set[str] = set()

        async def step(holder: str) -> None:
            asker = Asker(id=holder, why="a test")

            async def work(tx: Transaction) -> bool:
                word = await turns.ask(
                    tx, asker, wanting[holder], random=os.urandom, now=world.clock.now()
                )
                for group in groups:
                    held = [one for one in await tx.governor.open_in(group.name)
                            if one.state is State.HELD]  # fmt: skip
                    assert len(held) <= group.budget.number
                return isinstance(word, Granted)

            if await world.database.write(work):
                served.add(holder)

        async def back(holder: str) -> None:
            async def work(tx: Transaction) -> None:
                for slot in await tx.governor.open_of(holder):
                    await tx.governor.move(
                        slot, Event.RETURNED, at=world.clock.now(), source="a test"
                    )

            await world.database.write(work)

        for _ in range(60):
            holder = dice.choice(list(wanting))
            await (back(holder) if dice.random() < 0.2 else step(holder))
            world.clock.move(timedelta(seconds=dice.choice((0, 1, 5, 40, 400))))
        # From here on everybody who has not been served asks, and nobody gives back.
        for _ in range(6):
            for _ in range(2):
                for holder in sorted(set(wanting) - served):
                    await step(holder)
            world.clock.move(lease)
        assert served == set(wanting)


async def test_two_that_come_into_each_others_groups_do_not_wait_for_each_other(
    tmp_path: Path,
) -> None:
    async with World(tmp_path, loops=False) as world:
        for name in ("left", "right"):
            await govern(world, name=name, restarts=1000)
        left, right = [view.group for view in await world.control.governor.groups()]

        async def step(holder: str, *groups: Group) -> bool:
            async def work(tx: Transaction) -> bool:
                asker = Asker(id=holder, why="a test")
                word = await turns.ask(tx, asker, groups, random=os.urandom, now=world.clock.now())
                return isinstance(word, Granted)

            world.clock.move(timedelta(seconds=1))
            return await world.database.write(work)

        tokens = {
            name: await world.control.governor.reset_token(name) for name in ("left", "right")
        }
        for name, token in tokens.items():
            await world.control.governor.lock(name, token, "blocker")
        assert not await step("one", left)
        assert not await step("two", right)
        assert not await step("two", left, right)
        assert not await step("one", left, right)
        for name, token in tokens.items():
            await world.control.governor.unlock(name, token, "blocker")
        assert not await step("two", left, right)
        assert await step("one", left, right)


async def test_who_asked_at_the_same_moment_keep_their_places(tmp_path: Path) -> None:
    async with World(tmp_path, loops=False) as world:
        await govern(world)
        governor = world.control.governor
        token = await governor.reset_token("all")
        await governor.lock("all", token, "blocker")
        for holder in ("c", "a", "b"):
            await governor.lock("all", token, holder)
        told = {holder: await governor.lock("all", token, holder) for holder in ("a", "b", "c")}
        before = {holder: str(word).count("is before it") for holder, word in told.items()}
        assert before == {"a": 0, "b": 1, "c": 2}
        await governor.unlock("all", token, "blocker")
        assert not isinstance(await governor.lock("all", token, "c"), Granted)
        assert isinstance(await governor.lock("all", token, "a"), Granted)


async def test_what_ended_long_ago_is_forgotten(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        await govern(world)
        token = await world.control.governor.reset_token("all")
        await world.control.governor.lock("all", token, "kured")
        await world.control.governor.unlock("all", token, "kured")
        world.clock.move(world.settings.retention + timedelta(minutes=20))
        await world.settle()
        assert await slots(world) == []
        with pytest.raises(ResourceNotFound):
            await world.control.governor.release(SlotId("slot-none"), by="ann")
