"""Messages to people arrive once, in the end, and no faster than they can be taken."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from cloudhand.control.notifications import Parcel
from cloudhand.control.settings import ControlSettings
from cloudhand.core.errors import ChannelNotFound, NameTaken, TooMany
from cloudhand.core.ids import InstanceId, InvokeId
from cloudhand.core.notification import Answer, Kind, News, Occasion, Refusal
from cloudhand.store.database import StoreError
from cloudhand.store.events import Move
from cloudhand.store.transaction import Transaction
from tests.control.test_notifications import (
    HOOK,
    OK,
    Receiver,
    channel,
    channel_is_well,
    live,
    watched,
)
from tests.machines import exit_with
from tests.world import World

FAILURES = replace(HOOK, occasions=frozenset({Occasion.FAILED}))


async def failing_run(world: World, instance_id: InstanceId) -> InvokeId:
    invoke_id = await world.run(instance_id)
    await world.until(lambda: world.ended(invoke_id))
    return invoke_id


# Whom is told what


async def test_a_channel_is_told_of_what_it_wants_alone(tmp_path: Path) -> None:
    wants = replace(HOOK, occasions=frozenset({Occasion.AGENT_GONE}))
    async with watched(tmp_path, exit_with(1), wants) as (world, receiver):
        instance_id = await world.instance()
        await failing_run(world, instance_id)
        await world.advance(minutes=7)
        assert receiver.heads == [[("agent-gone", False, instance_id)]]


async def test_a_channel_is_told_of_nothing_that_was_before_it(tmp_path: Path) -> None:
    receiver = Receiver()
    async with World(tmp_path, behave=exit_with(1), deliver=receiver) as world:
        instance_id = await world.instance()
        for _ in range(2):
            await failing_run(world, instance_id)
            await world.advance(minutes=10)  # its agent is gone by then, too
            await world.control.notifications.add(HOOK)
            await world.advance(minutes=10)
            await world.control.notifications.remove("ops")
        assert receiver.told == []


async def test_what_happened_just_before_a_second_channel_is_told_by_the_first(
    tmp_path: Path,
) -> None:
    second = replace(HOOK, name="second", address="https://b.example/")
    async with watched(tmp_path, exit_with(1)) as (world, receiver):
        instance_id = await world.instance()
        await world.advance(seconds=20)
        invoke_id = await world.run(instance_id)
        await world.settle()
        assert await world.ended(invoke_id)
        assert receiver.told == []
        await world.control.notifications.add(second)
        await world.advance(seconds=30)
        assert receiver.urls == [HOOK.address]


async def test_channels_have_names_of_their_own_and_a_bound(tmp_path: Path) -> None:
    async with watched(tmp_path) as (world, _):
        with pytest.raises(NameTaken):
            await world.control.notifications.add(HOOK)
        for n in range(19):
            await world.control.notifications.add(replace(HOOK, name=f"n{n}"))
        with pytest.raises(TooMany):
            await world.control.notifications.add(replace(HOOK, name="more"))
        with pytest.raises(ChannelNotFound):
            await world.control.notifications.remove("more")
        with pytest.raises(ChannelNotFound):
            await world.control.notifications.test("more")


# Whether it arrives


async def test_what_is_not_taken_is_sent_again_as_it_was(tmp_path: Path) -> None:
    async with watched(tmp_path, exit_with(1), FAILURES) as (world, receiver):
        receiver.answer = Answer(status=503)
        instance_id = await world.instance()
        first = await failing_run(world, instance_id)
        await world.until(lambda: receiver.keys)
        await world.advance(seconds=16)  # after 5 and 10 s
        assert len(receiver.keys) == 3
        later = [await failing_run(world, instance_id) for _ in range(3)]
        await world.advance(seconds=6)
        one, waiting = await channel(world)
        assert (waiting, one.last_error) == (4, "it answered 503")
        await world.restart()
        receiver.answer = OK
        await world.advance(minutes=2)
        assert len(set(receiver.keys[:-1])) == 1
        assert len(set(receiver.bodies[:-1])) == 1
        heads = [[about for _, _, about in events] for events in receiver.heads[-2:]]
        assert [sorted(abouts) for abouts in heads] == [[first], sorted(later)]
        assert await channel_is_well(world)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (OSError("it hung up"), "it hung up"),
        (PermissionError("near"), "near"),
        (RuntimeError("a mistake of ours"), "something went wrong here"),
        (Answer(status=200, body=b'{"errcode": 310000, "errmsg": "keywords"}'), "310000: keywords"),
    ],
)
async def test_why_a_message_did_not_arrive_is_told(
    tmp_path: Path, answer: Answer | Exception, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    robot = replace(FAILURES, kind=Kind.DINGTALK, address="https://a.example/?access_token=hush")
    async with watched(tmp_path, exit_with(1), robot) as (world, receiver):
        receiver.answer = answer
        await failing_run(world, await world.instance())
        await world.advance(seconds=6)
        one, waiting = await channel(world)
        assert why in one.last_error
        assert one.last_error_at is not None
        assert waiting == 1
        assert "hush" not in caplog.text
        receiver.answer = OK
        await world.advance(minutes=1)
        assert await channel_is_well(world)


async def test_who_has_too_many_is_left_alone_for_as_long_as_it_asks(tmp_path: Path) -> None:
    async with watched(tmp_path, exit_with(1), FAILURES) as (world, receiver):
        receiver.answer = Answer(status=429, retry_after="120")
        await failing_run(world, await world.instance())
        await world.until(lambda: receiver.keys)
        await world.advance(seconds=119)
        assert len(receiver.keys) == 1
        await world.advance(seconds=2)
        assert len(receiver.keys) == 2


async def test_what_cannot_be_told_for_a_day_is_given_up_and_said_to_be(tmp_path: Path) -> None:
    async with watched(tmp_path, exit_with(1), FAILURES) as (world, receiver):
        receiver.answer = OSError("nobody is there")
        instance_id = await world.instance()
        for after in (2, 22):
            await failing_run(world, instance_id)
            await world.advance(seconds=10)
            await world.restart(after=timedelta(hours=after))
        await world.advance(seconds=1)
        one, waiting = await channel(world)
        assert (one.given_up_count, waiting) == (1, 1)  # the second is not a day old
        assert one.last_error == "nobody is there"
        receiver.answer = OK
        await world.advance(seconds=10)
        one, waiting = await channel(world)
        assert (one.given_up_count, waiting) == (1, 0)


async def test_what_waits_behind_what_is_given_up_is_not_kept_for_ever(tmp_path: Path) -> None:
    """News that no message has taken yet are given up with the message, once they are old."""
    async with watched(tmp_path, exit_with(1), FAILURES) as (world, receiver):
        receiver.answer = OSError("nobody is there")
        instance_id = await world.instance()
        await failing_run(world, instance_id)
        await world.until(lambda: receiver.keys)
        for _ in range(3):  # within the pauses of the first
            await failing_run(world, instance_id)
        await world.advance(seconds=6)
        await world.restart(after=timedelta(hours=25))
        await world.advance(seconds=1)
        assert (await channel(world))[0].given_up_count == 4
        assert (await channel(world))[1] == 0


@pytest.mark.parametrize(("kind", "messages"), [(Kind.WEBHOOK, 2), (Kind.WECOM, 1)])
async def test_a_message_is_not_too_large(tmp_path: Path, kind: Kind, messages: int) -> None:
    wants = replace(HOOK, kind=kind)
    async with watched(tmp_path, exit_with(1), wants) as (world, receiver):
        news = News(occasion=Occasion.AGENT_GONE, at=world.clock.now(), about="i-1")

        async def work(tx: Transaction) -> None:
            await tx.notifications.tell(["ops"], [news] * 1500)

        await world.database.write(work)
        await world.until(lambda: len(receiver.keys) == messages)
        await world.advance(minutes=1)
        assert len(receiver.keys) == messages
        assert await channel_is_well(world)
        if kind is Kind.WEBHOOK:
            assert [len(one) for one in receiver.heads] == [1000, 500]
        else:
            assert "agents gone (1500): i-1, " in receiver.bodies[0].decode()


async def test_failures_in_a_row_are_no_more_messages_than_a_chat_takes(tmp_path: Path) -> None:
    robot = replace(FAILURES, kind=Kind.WECOM)
    async with watched(tmp_path, exit_with(1), robot) as (world, receiver):
        instance_id = await world.instance()
        began, failed = world.clock.now(), []
        while world.clock.now() < began + timedelta(seconds=60):
            failed.append(await failing_run(world, instance_id))
            await world.advance(seconds=1)
        assert 5 < len(receiver.keys) < 20
        await world.advance(seconds=10)
        text = b"".join(receiver.bodies).decode()
        assert len(failed) > 30
        assert [one for one in failed if text.count(f"{one} failed") != 1] == []


async def test_a_channel_that_hangs_holds_up_no_other(tmp_path: Path) -> None:
    receiver, release = Receiver(), asyncio.Event()

    async def deliver(url: str, *, headers: Mapping[str, str], body: bytes, key: str) -> Answer:
        if url.endswith("/hangs"):
            await release.wait()
            raise OSError("it did not answer")
        return await receiver(url, headers=headers, body=body, key=key)

    hangs = replace(HOOK, name="hangs", address="https://a.example/hangs")
    async with World(tmp_path, behave=exit_with(1), loops=False, deliver=deliver) as world:
        for one in (hangs, HOOK):
            await world.control.notifications.add(one)
            await world.control.notifications.test(one.name)
        telling = asyncio.create_task(world.notifications.run())
        for number in (1, 2, 3):  # and the loop goes on with it
            while len(receiver.keys) < number:
                await asyncio.sleep(0)
            while (await channel(world))[0].tests:
                await asyncio.sleep(0)
            await world.control.notifications.test(HOOK.name)
        assert (await channel(world, "hangs"))[0].tests
        release.set()
        while (await channel(world, "hangs"))[0].tests:
            await asyncio.sleep(0)
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)


async def test_a_test_is_sent_at_once_and_does_not_wait_behind_others(tmp_path: Path) -> None:
    async with watched(tmp_path, exit_with(1), FAILURES) as (world, receiver):
        receiver.answer = Answer(status=500)
        invoke_id = await failing_run(world, await world.instance())
        await world.advance(hours=1)
        await world.control.notifications.test("ops")
        await world.settle()
        one, waiting = await channel(world)
        assert one.test is not None
        assert (one.test.outcome, waiting) == ("it answered 500", 1)
        receiver.answer = OK
        trial = await world.control.notifications.test("ops")
        await world.settle()
        (one, _) = await channel(world)
        assert one.test is not None
        assert (one.test.id, one.test.outcome) == (trial.id, "")
        told = json.loads(receiver.bodies[receiver.keys.index(trial.id)])
        assert (told["type"], told["data"]["events"]) == ("cloudhand.test", [])
        await world.advance(seconds=1)
        assert receiver.heads[-1] == [("failed", False, invoke_id)]


# What ends in between


async def test_what_was_answered_is_not_sent_again_and_what_was_not_is(tmp_path: Path) -> None:
    """It ends between what was seen and what is sent, and between both and the answer."""
    async with watched(tmp_path, exit_with(1), FAILURES) as (world, receiver):
        instance_id = await world.instance()
        invoke_id = await failing_run(world, instance_id)
        await world.control.notifications.notice()  # seen, and written down
        assert (await channel(world))[1] == 1
        await world.restart()
        await world.until(lambda: receiver.keys)
        await world.settle()
        await world.restart()
        await world.advance(minutes=1)
        assert receiver.heads == [[("failed", False, invoke_id)]]

        # Somebody takes a message, and this ends before that is noted.
        again = await failing_run(world, instance_id)
        await world.control.notifications.notice()
        (parcel,) = (await world.control.notifications.ready(busy=())).parcels
        assert await world.notifications._refusal(parcel) is None
        await world.restart()
        await world.advance(minutes=1)
        assert [one[0][2] for one in receiver.heads] == [invoke_id, again, again]
        assert receiver.keys[1] == receiver.keys[2] != receiver.keys[0]


async def test_what_happened_while_nobody_looked_is_told_later(tmp_path: Path) -> None:
    async with watched(tmp_path, exit_with(1), FAILURES) as (world, receiver):
        instance_id = await world.instance()
        await world.settle()
        invoke_id = await failing_run(world, instance_id)
        assert receiver.keys == []
        await world.restart(after=timedelta(days=2))
        await world.advance(seconds=10)
        assert receiver.heads == [[("failed", False, invoke_id)]]


async def test_what_cannot_be_noted_is_not_told_twice(tmp_path: Path) -> None:
    async with watched(tmp_path, exit_with(1), FAILURES) as (world, receiver):
        noted: list[Refusal | None] = []
        settle = world.control.notifications.settle

        async def full(parcel: Parcel, refusal: Refusal | None) -> None:
            noted.append(refusal)
            if len(noted) == 1:
                raise StoreError("the disk is full")
            if len(noted) == 2:
                raise RuntimeError("a mistake of ours")
            await settle(parcel, refusal)

        world.control.notifications.settle = full  # type: ignore[method-assign]
        await failing_run(world, await world.instance())
        await world.advance(minutes=5)
        assert noted == [None, None, None]
        assert len(receiver.keys) == 1
        assert await channel_is_well(world)


async def test_a_channel_that_is_removed_while_a_message_goes_is_gone(tmp_path: Path) -> None:
    async with watched(tmp_path, exit_with(1), FAILURES) as (world, receiver):
        receiver.answer = Answer(status=500)
        await failing_run(world, await world.instance())
        await world.until(lambda: receiver.keys)
        await world.settle()
        (one, _) = await channel(world)
        assert one.sent is not None
        parcel = Parcel(channel=one, message=one.sent)
        await world.control.notifications.remove("ops")
        await world.control.notifications.settle(parcel, None)
        await world.control.notifications.add(HOOK)
        await world.control.notifications.settle(parcel, None)
        one, waiting = await channel(world)
        assert (one.last_success_at, waiting) == (None, 0)


async def test_moves_that_are_forgotten_hide_no_new_ones(tmp_path: Path) -> None:
    """A store would else give the numbers of the newest moves again."""
    settings = ControlSettings(retention=timedelta(days=1))
    async with watched(tmp_path, exit_with(1), FAILURES, settings=settings) as (world, receiver):
        instance_id = await world.instance()
        first = await failing_run(world, instance_id)
        await world.advance(seconds=10)
        for _ in range(3):  # what went on meanwhile
            await world.restart(after=timedelta(days=1))
            await world.advance(seconds=10)
        second = await failing_run(world, instance_id)
        await world.advance(seconds=10)
        assert receiver.heads == [[("failed", False, one)] for one in (first, second)]


async def test_much_that_went_well_is_not_read_again_and_again(tmp_path: Path) -> None:
    async with watched(tmp_path) as (world, receiver):
        move = Move(
            noun="task",
            id="exec-1.t0001",
            from_state="Pending",
            event="begun",
            to_state="Running",
            at=world.clock.now(),
            source="test",
        )

        async def work(tx: Transaction) -> None:
            await tx.events.add([move] * 10_001)

        async def mark(tx: Transaction) -> tuple[int, int]:
            return await tx.incidents.mark("events"), await tx.incidents.last_move()

        await world.database.write(work)
        await live(world, seconds=6)
        behind, last = await world.database.read(mark)
        assert behind == last > 10_000
        assert receiver.keys == []
