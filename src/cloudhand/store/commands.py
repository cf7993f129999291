"""Stored commands."""

from __future__ import annotations

import json

from cloudhand.core.command import Command, CommandType, StoredCommand
from cloudhand.core.ids import CommandId
from cloudhand.core.orders import CommandFilter
from cloudhand.core.page import Page, Window
from cloudhand.store.cursors import paged
from cloudhand.store.database import Row, Statements
from cloudhand.store.rows import like, marks, moment, tags_condition, to_json, to_ms

_COLUMNS = (
    "id, created_at, type, content, name, description, working_dir, timeout, enable_parameter,"
    " launcher, invoke_count, resource_group_id, tags"
)
_COUNT = 13


class Commands:
    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    async def add(self, stored: StoredCommand) -> None:
        command = stored.command
        await self._statements.change(
            f"INSERT INTO commands ({_COLUMNS}) VALUES ({marks(range(_COUNT))})",
            command.id,
            to_ms(stored.created_at),
            command.type,
            command.content,
            command.name,
            command.description,
            command.working_dir,
            command.timeout,
            int(command.enable_parameter),
            command.launcher,
            stored.invoke_count,
            stored.resource_group_id,
            to_json(stored.tags),
        )

    async def get(self, command_id: CommandId) -> StoredCommand | None:
        rows = await self._statements.fetch(
            f"SELECT {_COLUMNS} FROM commands WHERE id = ?", command_id
        )
        return _stored(rows[0]) if rows else None

    async def total(self) -> int:
        rows = await self._statements.fetch("SELECT count(*) FROM commands")
        return int(rows[0][0])

    async def update(self, command: Command) -> None:
        """Of what can be changed, everything."""
        await self._statements.change(
            "UPDATE commands SET name = ?, description = ?, working_dir = ?, timeout = ?,"
            " launcher = ? WHERE id = ?",
            command.name,
            command.description,
            command.working_dir,
            command.timeout,
            command.launcher,
            command.id,
        )

    async def count_invocation(self, command_id: CommandId) -> None:
        """One more was made of it; nothing changes when it is not kept."""
        await self._statements.change(
            "UPDATE commands SET invoke_count = invoke_count + 1 WHERE id = ?", command_id
        )

    async def remove(self, command_id: CommandId) -> bool:
        """Whether it was there."""
        return bool(await self._statements.change("DELETE FROM commands WHERE id = ?", command_id))

    async def find(self, wanted: CommandFilter, window: Window) -> Page[StoredCommand]:
        """Newest first."""
        condition, values = _condition(wanted)
        rows, total, after = await paged(
            self._statements,
            f"SELECT {_COLUMNS}, created_at, id FROM commands WHERE {condition}",
            values,
            keys=("created_at", "id"),
            window=window,
        )
        return Page(items=[_stored(row) for row in rows], total=total, next=after)


def _condition(wanted: CommandFilter) -> tuple[str, list[object]]:
    condition, tag_values = tags_condition(wanted.tags)
    values: list[object] = list(tag_values)
    for column, value in (
        ("id", wanted.command_id),
        ("type", wanted.type),
        ("resource_group_id", wanted.resource_group_id),
    ):
        if value:
            condition += f" AND {column} = ?"
            values.append(value)
    for column, pattern in (("name", wanted.name), ("description", wanted.description)):
        if pattern:
            condition += f" AND {column} LIKE ? ESCAPE '\\'"
            values.append(like(pattern))
    return condition, values


def _stored(row: Row) -> StoredCommand:
    return StoredCommand(
        command=Command(
            id=row[0],
            type=CommandType(row[2]),
            content=row[3],
            name=row[4],
            description=row[5],
            working_dir=row[6],
            timeout=row[7],
            enable_parameter=bool(row[8]),
            launcher=row[9],
        ),
        created_at=moment(row[1]),
        invoke_count=row[10],
        resource_group_id=row[11],
        tags=json.loads(row[12]),
    )
