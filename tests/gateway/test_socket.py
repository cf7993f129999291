"""The small stand-ins for what asyncio has, each as the web server uses it."""

from __future__ import annotations

import asyncio

import pytest

from cloudhand.gateway.socket import Gate, Mailbox


async def test_messages_come_out_in_order_and_are_waited_for() -> None:
    mailbox = Mailbox()
    reading = asyncio.create_task(mailbox.get())
    await asyncio.sleep(0)
    for number in range(3):
        mailbox.put_nowait({"type": str(number)})

    assert [await reading, await mailbox.get(), await mailbox.get()] == [
        {"type": str(number)} for number in range(3)
    ]
    assert mailbox.empty()


async def test_a_message_outlives_a_reader_that_was_cancelled() -> None:
    mailbox = Mailbox()
    reading = asyncio.create_task(mailbox.get())
    await asyncio.sleep(0)
    mailbox.put_nowait({"type": "kept"})
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading

    assert await mailbox.get() == {"type": "kept"}


async def test_a_gate_that_is_shut_holds_all_until_it_opens() -> None:
    gate = Gate()
    await gate.wait()
    gate.clear()
    gate.clear()
    waiting = [asyncio.create_task(gate.wait()) for _ in range(2)]
    await asyncio.sleep(0)
    assert not any(one.done() for one in waiting)

    gate.set()
    gate.set()

    await asyncio.gather(*waiting)
    await gate.wait()


async def test_many_small_messages_at_once_cost_no_more_each_than_a_few() -> None:
    """As many as one read from a socket brings; a copy for each would stop the loop for seconds."""
    mailbox = Mailbox()
    for number in range(200_000):
        mailbox.put_nowait({"number": number})

    taken = [(await mailbox.get())["number"] for _ in range(200_000)]

    assert taken == list(range(200_000))
    assert mailbox.empty()
