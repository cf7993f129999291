"""Channels by which people are told of what goes wrong, and the messages that go by them.

What a channel is to be told is written down in the transaction that marks it as seen, and stays
until an answer says that a message with it has arrived, or it is given up.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cloudhand.control import incidents
from cloudhand.control.pokes import Loop, Pokes
from cloudhand.control.settings import ControlSettings
from cloudhand.core import ids, notification, notification_forms
from cloudhand.core.clock import Clock
from cloudhand.core.errors import ChannelNotFound, NameTaken, TooMany
from cloudhand.core.ids import RandomBytes
from cloudhand.core.notification import (
    CHANNELS_LIMIT,
    GIVEN_UP_AFTER,
    Channel,
    Kind,
    NewChannel,
    News,
    Refusal,
    Sent,
    Trial,
)
from cloudhand.store.database import Database
from cloudhand.store.transaction import Transaction

_SECRET_SIZE = 32  # bytes


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """A message that is to be sent now."""

    channel: Channel
    message: Sent
    news: Sequence[News] = ()  # none: it is a test
    numbers: Sequence[int] = ()  # of the news, where the message is new


@dataclass(frozen=True, kw_only=True)
class Ready:
    parcels: Sequence[Parcel]
    next_at: datetime | None  # when others are


class Notifications:
    def __init__(
        self,
        database: Database,
        clock: Clock,
        random: RandomBytes,
        pokes: Pokes,
        settings: ControlSettings,
    ) -> None:
        self._database = database
        self._clock = clock
        self._random = random
        self._pokes = pokes
        self._settings = settings
        self._up_since = clock.now()
        pokes.on_clock_set(self._clock_set)

    async def add(self, new: NewChannel) -> Channel:
        """It is told of nothing that happened before. NameTaken, TooMany.

        A webhook that brings no secret is given one.
        """
        now = self._clock.now()
        own = new.kind is Kind.WEBHOOK and not new.secret
        channel = Channel(
            name=new.name,
            kind=new.kind,
            address=new.address,
            secret=notification_forms.new_secret(self._random(_SECRET_SIZE)) if own else new.secret,
            occasions=new.occasions,
            language=new.language,
            created_at=now,
            due_at=now,
        )

        async def work(tx: Transaction) -> None:
            there = await tx.notifications.wanted()
            if new.name in there:
                raise NameTaken(new.name)
            if len(there) >= CHANNELS_LIMIT:
                raise TooMany("notification channels", CHANNELS_LIMIT)
            await self._tell(tx, await self._look(tx, anew=not there))
            await tx.notifications.add(channel)

        await self._database.write(work)
        self._pokes.wake(Loop.NOTIFICATIONS)
        return channel

    async def all(self) -> list[tuple[Channel, int]]:
        """In the order of their names, each with how much it is still to be told."""

        async def work(tx: Transaction) -> list[tuple[Channel, int]]:
            counts = await tx.notifications.counts()
            return [(one, counts.get(one.name, 0)) for one in await tx.notifications.all()]

        return await self._database.read(work)

    async def remove(self, name: str) -> None:
        """With what it was still to be told. ChannelNotFound."""

        async def work(tx: Transaction) -> bool:
            return await tx.notifications.remove(name)

        if not await self._database.write(work):
            raise ChannelNotFound(name)

    async def test(self, name: str) -> Trial:
        """Have a message sent at once, whose fate is told with the channel. ChannelNotFound."""
        test = Trial(id=ids.message_id(self._random), at=self._clock.now())

        async def work(tx: Transaction) -> bool:
            channel = await tx.notifications.get(name)
            if channel is not None:
                await tx.notifications.save(replace(channel, test=test))
            return channel is not None

        if not await self._database.write(work):
            raise ChannelNotFound(name)
        self._pokes.wake(Loop.NOTIFICATIONS)
        return test

    async def notice(self) -> None:
        """Write down, for each channel, what it is to be told of what has happened."""

        async def seen(tx: Transaction) -> bool:
            return bool(await tx.notifications.wanted()) and (await self._look(tx)).worth_noting

        async def work(tx: Transaction) -> None:
            await self._tell(tx, await self._look(tx))

        if await self._database.read(seen):
            await self._database.write(work)

    def _clock_set(self, by: timedelta) -> None:
        self._up_since += by

    def nobody_was_heard(self) -> None:
        """Until now, so that silence means nothing yet."""
        self._up_since = self._clock.now()

    async def _look(self, tx: Transaction, *, anew: bool = False) -> incidents.Seen:
        return await incidents.look(
            tx,
            now=self._clock.now(),
            up_since=self._up_since,
            gone_after=self._settings.agent_gone_after,
            anew=anew,
        )

    async def _tell(self, tx: Transaction, seen: incidents.Seen) -> None:
        for name, occasions in (await tx.notifications.wanted()).items():
            wanted = [one for one in seen.news if one.occasion in occasions]
            await tx.notifications.tell([name], wanted)
        await incidents.note(tx, seen)

    async def ready(self, *, busy: Collection[str]) -> Ready:
        """What is to be sent now, apart from channels that are ``busy`` with a message."""

        async def look(tx: Transaction) -> list[Parcel | datetime]:
            counts = await tx.notifications.counts()
            found = [
                await self._next(tx, channel)
                for channel in await tx.notifications.all()
                if channel.name not in busy and (channel.name in counts or channel.tests)
            ]
            return [one for one in found if one is not None]

        async def begin(tx: Transaction) -> list[Parcel | datetime]:
            found = await look(tx)
            for one in found:
                if isinstance(one, Parcel) and one.numbers:
                    await tx.notifications.take(one.numbers, one.message.id)
                    await tx.notifications.save(replace(one.channel, sent=one.message))
            return found

        found = await self._database.read(look)
        if any(isinstance(one, Parcel) and one.numbers for one in found):
            found = await self._database.write(begin)
        return Ready(
            parcels=[one for one in found if isinstance(one, Parcel)],
            next_at=min((one for one in found if isinstance(one, datetime)), default=None),
        )

    async def _next(self, tx: Transaction, channel: Channel) -> Parcel | datetime | None:
        """What it is to send now, or when it has something to send."""
        now, test = self._clock.now(), channel.test
        if test is not None and channel.tests:
            return Parcel(channel=channel, message=Sent(id=test.id, began_at=test.at))
        if now < channel.due_at:
            return channel.due_at
        if channel.sent is not None:
            news = await tx.notifications.of_message(channel.name, channel.sent.id)
            return Parcel(channel=channel, message=channel.sent, news=news)
        waiting = await tx.notifications.waiting(
            channel.name, limit=notification.most(channel.kind)
        )
        places, next_at = notification.ripe([one for _, one in waiting], now=now)
        if not places:
            return next_at
        return Parcel(
            channel=channel,
            message=Sent(id=ids.message_id(self._random), began_at=now),
            news=[waiting[place][1] for place in places],
            numbers=[waiting[place][0] for place in places],
        )

    async def settle(self, parcel: Parcel, refusal: Refusal | None) -> None:
        """Write down what became of a message."""
        now, name = self._clock.now(), parcel.channel.name

        async def work(tx: Transaction) -> None:
            channel = await tx.notifications.get(name)
            if channel is None:
                return
            if channel.test is not None and channel.test.id == parcel.message.id:
                await tx.notifications.save(notification.tested(channel, refusal, now=now))
            elif channel.sent is not None and channel.sent.id == parcel.message.id:
                await self._settled(tx, channel, channel.sent, refusal)

        await self._database.write(work)

    async def _settled(
        self, tx: Transaction, channel: Channel, sent: Sent, refusal: Refusal | None
    ) -> None:
        now = self._clock.now()
        if refusal is None:
            await tx.notifications.told(channel.name, sent.id)
            await tx.notifications.save(notification.succeeded(channel, now=now))
            return
        after = notification.refused(channel, refusal, now=now)
        if after.sent is None:
            lost = await tx.notifications.told(channel.name, sent.id)
            lost += await tx.notifications.forget(channel.name, before=now - GIVEN_UP_AFTER)
            after = replace(after, given_up_count=channel.given_up_count + lost)
        await tx.notifications.save(after)
