"""Channels by which people are told of what goes wrong, and what each is still to be told."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime

from cloudhand.core.notification import (
    Channel,
    Kind,
    Language,
    News,
    Occasion,
    Sent,
    Trial,
)
from cloudhand.store.database import Row, Statements
from cloudhand.store.envelope import Envelope
from cloudhand.store.rows import from_ms, marks, moment, to_json, to_ms

_FIXED = "name, kind, address, secret, occasions, language, created_at"
_STATE = (
    "due_at, message_id, began_at, tries, test_id, test_at, test_outcome, last_success_at,"
    " last_error_at, last_error, given_up_count"
)
_CHANGING = ", ".join(f"{column} = ?" for column in _STATE.split(", "))
_NEWS = "occasion, over, at, about, facts"


class Notifications:
    def __init__(self, statements: Statements, envelope: Envelope) -> None:
        self._statements = statements
        self._envelope = envelope

    async def add(self, channel: Channel) -> None:
        await self._statements.change(
            f"INSERT INTO notification_channels ({_FIXED}, {_STATE}) VALUES ({marks(range(18))})",
            channel.name,
            channel.kind,
            self._envelope.seal(channel.address.encode(), purpose=_address(channel.name)),
            self._envelope.seal(channel.secret.encode(), purpose=_secret(channel.name)),
            to_json(sorted(channel.occasions)),
            channel.language,
            to_ms(channel.created_at),
            *_state_row(channel),
        )

    async def save(self, channel: Channel) -> None:
        """How it goes with its messages."""
        await self._statements.change(
            f"UPDATE notification_channels SET {_CHANGING} WHERE name = ?",
            *_state_row(channel),
            channel.name,
        )

    async def remove(self, name: str) -> bool:
        """Whether it was there. What it was to be told goes with it."""
        changed = await self._statements.change(
            "DELETE FROM notification_channels WHERE name = ?", name
        )
        return bool(changed)

    async def all(self) -> list[Channel]:
        """In the order of their names."""
        rows = await self._statements.fetch(
            f"SELECT {_FIXED}, {_STATE} FROM notification_channels ORDER BY name"
        )
        return [self._channel(row) for row in rows]

    async def wanted(self) -> dict[str, frozenset[Occasion]]:
        """What each channel is told of, by its name."""
        rows = await self._statements.fetch("SELECT name, occasions FROM notification_channels")
        return {name: _occasions(text) for name, text in rows}

    async def get(self, name: str) -> Channel | None:
        rows = await self._statements.fetch(
            f"SELECT {_FIXED}, {_STATE} FROM notification_channels WHERE name = ?", name
        )
        return self._channel(rows[0]) if rows else None

    async def tell(self, names: Collection[str], news: Sequence[News]) -> None:
        """Have it told, once, by each of these channels."""
        await self._statements.change_many(
            f"INSERT INTO news (channel, {_NEWS}) VALUES ({marks(range(6))})",
            [
                (name, one.occasion, int(one.over), to_ms(one.at), one.about, to_json(one.facts))
                for name in names
                for one in news
            ],
        )

    async def waiting(self, name: str, *, limit: int) -> list[tuple[int, News]]:
        """What is in no message yet, the oldest first, each with its number."""
        rows = await self._statements.fetch(
            f"SELECT number, {_NEWS} FROM news WHERE channel = ? AND message_id IS NULL"
            " ORDER BY number LIMIT ?",
            name,
            limit,
        )
        return [(row[0], _news(row[1:])) for row in rows]

    async def take(self, numbers: Sequence[int], message_id: str) -> None:
        """They are told by this message and by no other."""
        await self._statements.change_many(
            "UPDATE news SET message_id = ? WHERE number = ?",
            [(message_id, number) for number in numbers],
        )

    async def of_message(self, name: str, message_id: str) -> list[News]:
        rows = await self._statements.fetch(
            f"SELECT {_NEWS} FROM news WHERE channel = ? AND message_id = ? ORDER BY number",
            name,
            message_id,
        )
        return [_news(row) for row in rows]

    async def told(self, name: str, message_id: str) -> int:
        """Nobody has to tell what is in this message any more; how much that was."""
        return await self._statements.change(
            "DELETE FROM news WHERE channel = ? AND message_id = ?", name, message_id
        )

    async def forget(self, name: str, *, before: datetime) -> int:
        """What is in no message and older; how much that was."""
        return await self._statements.change(
            "DELETE FROM news WHERE channel = ? AND message_id IS NULL AND at < ?",
            name,
            to_ms(before),
        )

    async def counts(self) -> dict[str, int]:
        """How much each channel is still to be told, by its name."""
        rows = await self._statements.fetch("SELECT channel, count(*) FROM news GROUP BY channel")
        return {name: count for name, count in rows}

    def _channel(self, row: Row) -> Channel:
        name = row[0]
        return Channel(
            name=name,
            kind=Kind(row[1]),
            address=self._envelope.open(row[2], purpose=_address(name)).decode(),
            secret=self._envelope.open(row[3], purpose=_secret(name)).decode(),
            occasions=_occasions(row[4]),
            language=Language(row[5]),
            created_at=moment(row[6]),
            due_at=moment(row[7]),
            sent=Sent(id=row[8], began_at=moment(row[9]), tries=row[10]) if row[8] else None,
            test=Trial(id=row[11], at=moment(row[12]), outcome=row[13]) if row[11] else None,
            last_success_at=from_ms(row[14]),
            last_error_at=from_ms(row[15]),
            last_error=row[16],
            given_up_count=row[17],
        )


def _address(name: str) -> str:
    return f"{name} address"


def _secret(name: str) -> str:
    return f"{name} secret"


def _occasions(text: str) -> frozenset[Occasion]:
    return frozenset(map(Occasion, json.loads(text)))


def _state_row(channel: Channel) -> tuple[object, ...]:
    """The values of ``_STATE``."""
    sent, test = channel.sent, channel.test
    return (
        to_ms(channel.due_at),
        sent.id if sent else None,
        to_ms(sent.began_at) if sent else None,
        sent.tries if sent else 0,
        test.id if test else None,
        to_ms(test.at) if test else None,
        test.outcome if test else None,
        to_ms(channel.last_success_at),
        to_ms(channel.last_error_at),
        channel.last_error,
        channel.given_up_count,
    )


def _news(row: Row) -> News:
    return News(
        occasion=Occasion(row[0]),
        over=bool(row[1]),
        at=moment(row[2]),
        about=row[3],
        facts=json.loads(row[4]),
    )
