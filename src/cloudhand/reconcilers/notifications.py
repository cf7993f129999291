"""Tell people what goes wrong: see what has happened, and send each channel its next message."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Protocol

from cloudhand.control.control import Control
from cloudhand.control.notifications import Parcel
from cloudhand.control.pokes import Loop
from cloudhand.core import notification_forms, notification_words
from cloudhand.core.notification import Answer, Refusal
from cloudhand.core.notification_forms import Message
from cloudhand.reconcilers.reconciler import keep_looking
from cloudhand.store.database import StoreError

log = logging.getLogger(__name__)

# How long before it is tried again to write down what became of a message: to send it again would
# tell it twice.
_STORE_AGAIN = timedelta(seconds=30)


class Deliver(Protocol):
    """Posts to an address of the world; OSError with a phrase, soon, however slow that is."""

    async def __call__(
        self, url: str, *, headers: Mapping[str, str], body: bytes, key: str
    ) -> Answer: ...


class Notifications:
    def __init__(self, control: Control, deliver: Deliver) -> None:
        self._control = control
        self._deliver = deliver
        self._sending: set[str] = set()  # channels whose message is on its way
        self._under_way = 0

    @property
    def busy(self) -> bool:
        return bool(self._under_way)

    async def run(self) -> None:
        """Run for ever."""
        async with asyncio.TaskGroup() as tasks:

            async def look() -> datetime | None:
                await self._control.notifications.notice()
                ready = await self._control.notifications.ready(busy=self._sending)
                for parcel in ready.parcels:
                    self._sending.add(parcel.channel.name)
                    tasks.create_task(self._send(parcel))
                return ready.next_at

            control = self._control
            await keep_looking(Loop.NOTIFICATIONS, look, pokes=control.pokes, clock=control.clock)

    async def _send(self, parcel: Parcel) -> None:
        name = parcel.channel.name
        self._under_way += 1
        try:
            refusal = await self._refusal(parcel)
        except Exception:  # an outermost loop: other channels go on
            log.exception("message not sent", extra={"channel": name})
            refusal = Refusal(why="something went wrong here: see the log of the control plane")
        finally:
            self._under_way -= 1
        if refusal is not None:
            log.warning("message not taken", extra={"channel": name, "why": refusal.why})
        await self._settle(parcel, refusal)
        self._sending.discard(name)
        self._control.pokes.wake(Loop.NOTIFICATIONS)

    async def _refusal(self, parcel: Parcel) -> Refusal | None:
        """None: it has arrived."""
        channel, clock = parcel.channel, self._control.clock
        post = notification_forms.post(channel, self._message(parcel), now=clock.now())
        try:
            answer = await self._deliver(
                post.url, headers=post.headers, body=post.body, key=parcel.message.id
            )
        except OSError as error:
            return Refusal(why=str(error))
        return notification_forms.refusal(channel, answer, now=clock.now())

    def _message(self, parcel: Parcel) -> Message:
        channel, account = parcel.channel, self._control.settings.account_id
        if parcel.news:
            text = notification_words.text(parcel.news, account=account, language=channel.language)
        else:
            text = notification_words.text_of_test(channel.name, channel.language)
        return Message(
            id=parcel.message.id,
            text=text,
            news=parcel.news,
            account=account,
            began_at=parcel.message.began_at,
            test=not parcel.news,
        )

    async def _settle(self, parcel: Parcel, refusal: Refusal | None) -> None:
        clock, name = self._control.clock, parcel.channel.name
        while True:
            try:
                await self._control.notifications.settle(parcel, refusal)
                return
            except StoreError as error:
                log.error("fate not noted", extra={"channel": name, "error": str(error)})
            except Exception:  # an outermost loop: other channels go on
                log.exception("fate not noted", extra={"channel": name})
            await clock.sleep_until(clock.now() + _STORE_AGAIN)
