"""Invocations: what was asked for. What becomes of it on each instance is in targets.py."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cloudhand.core import invocation as core
from cloudhand.core.account import OWNER
from cloudhand.core.command import Command, CommandType
from cloudhand.core.ids import InvokeId
from cloudhand.core.invocation import Invocation
from cloudhand.core.orders import InvocationFilter
from cloudhand.core.page import Page, Window
from cloudhand.store.cursors import paged
from cloudhand.store.database import Row, Statements
from cloudhand.store.rows import (
    like,
    marks,
    moment,
    tags_condition,
    to_json,
    to_ms,
)

_INVOCATION = (
    "id, created_at, command_id, command_name, command_type, content, detail, repeat_mode,"
    " resource_group_id, tags, frequency"
)
_OF_INVOCATIONS = ", ".join(f"invocations.{column}" for column in _INVOCATION.split(", "))

# The overall state of invocation i, as core.invocation.overall derives it; a test holds the two
# against each other.
_OVERALL = """(
    SELECT CASE
        WHEN sum(state = 'Pending') THEN 'Pending'
        WHEN sum(state = 'Scheduled') THEN 'Scheduled'
        WHEN sum(state = 'Running') THEN 'Running'
        WHEN sum(state = 'Stopping') THEN 'Stopping'
        WHEN sum(state NOT IN ('Cancelled', 'Terminated')) = 0 THEN 'Stopped'
        WHEN sum(state = 'Success') = 0 THEN 'Failed'
        WHEN sum(state IN ('Failed', 'Error', 'Timeout', 'Invalid', 'Aborted')) THEN 'PartialFailed'
        ELSE 'Success'
    END FROM target_states WHERE invoke_id = invocations.id AND count > 0)"""


class Invocations:
    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    async def add(self, invocation: Invocation) -> None:
        command = invocation.command
        await self._statements.change(
            f"INSERT INTO invocations ({_INVOCATION}) VALUES ({marks(range(11))})",
            invocation.id,
            to_ms(invocation.created_at),
            command.id,
            command.name,
            command.type,
            command.content,
            _detail(invocation),
            invocation.repeat_mode,
            invocation.resource_group_id,
            to_json(invocation.tags),
            invocation.frequency,
        )

    async def change(self, invocation: Invocation) -> None:
        """Its command, parameters and frequency."""
        command = invocation.command
        await self._statements.change(
            "UPDATE invocations SET command_id = ?, content = ?, detail = ?, frequency = ?"
            " WHERE id = ?",
            command.id,
            command.content,
            _detail(invocation),
            invocation.frequency,
            invocation.id,
        )

    async def get(self, invoke_id: InvokeId) -> Invocation | None:
        rows = await self._statements.fetch(
            f"SELECT {_INVOCATION} FROM invocations WHERE id = ?", invoke_id
        )
        return _invocation(rows[0]) if rows else None

    async def get_many(self, invoke_ids: Sequence[InvokeId]) -> dict[InvokeId, Invocation]:
        rows = await self._statements.fetch(
            f"SELECT {_INVOCATION} FROM invocations WHERE id IN ({marks(invoke_ids)})", *invoke_ids
        )
        return {row[0]: _invocation(row) for row in rows}

    async def count_since(self, moment: datetime) -> int:
        rows = await self._statements.fetch(
            "SELECT count(*) FROM invocations WHERE created_at >= ?", to_ms(moment)
        )
        return int(rows[0][0])

    async def find(self, wanted: InvocationFilter, window: Window) -> Page[Invocation]:
        """Newest first."""
        of = choice(wanted, whole=True)
        condition, values = of.condition, list(of.values)
        if wanted.instance_id is not None:
            condition += (
                " AND EXISTS (SELECT 1 FROM targets"
                " WHERE invoke_id = invocations.id AND instance_id = ?)"
            )
            values.append(wanted.instance_id)
        if wanted.states:
            condition += f" AND {_OVERALL} IN ({marks(wanted.states)})"
            values += sorted(wanted.states)
        rows, total, after = await paged(
            self._statements,
            f"SELECT {_OF_INVOCATIONS}, {', '.join(of.keys)} {of.source} WHERE {condition}",
            values,
            keys=of.keys,
            window=window,
        )
        return Page(items=[_invocation(row) for row in rows], total=total, next=after)

    async def forget(self, *, before: datetime) -> int:
        """Drop invocations of which every target ended before; how many."""
        return await self._statements.change(
            "DELETE FROM invocations WHERE created_at < ? AND NOT EXISTS (SELECT 1 FROM targets"
            " WHERE invoke_id = invocations.id AND (deadline_at IS NOT NULL"
            " OR state = 'Scheduled' OR updated_at >= ?))",
            to_ms(before),
            to_ms(before),
        )


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Invocations, as a query takes them from their tables."""

    source: str  # FROM, with what follows up to WHERE
    id: str  # a column
    table: str  # that tells created_at, by which with the id they are in order, and target_count
    condition: str  # `1 = 1` of all that there are
    values: Sequence[object]

    @property
    def keys(self) -> tuple[str, str]:
        return f"{self.table}.created_at", self.id


def choice(wanted: InvocationFilter, *, whole: bool = False) -> Choice:
    """All that is wanted but instances and states.

    ``whole``: the rows of invocations are among the tables in any case.
    """
    tags = dict(wanted.tags)
    if not tags or wanted.invoke_id or wanted.command_id:
        condition, values = _condition(wanted, tags)
        return Choice(
            source="FROM invocations",
            id="invocations.id",
            table="invocations",
            condition=condition,
            values=values,
        )
    # Those of one tag are in order already.
    key, value = tags.popitem()
    condition, values = _condition(wanted, tags)
    source = "FROM invocation_tags"
    if whole or condition != "1 = 1":
        source += " CROSS JOIN invocations ON invocations.id = invocation_tags.invoke_id"
    condition += " AND tag_key = ?" + (" AND tag_value = ?" if value else "")
    values += [key, value] if value else [key]
    return Choice(
        source=source,
        id="invocation_tags.invoke_id",
        table="invocation_tags",
        condition=condition,
        values=values,
    )


def _condition(wanted: InvocationFilter, tags: Mapping[str, str]) -> tuple[str, list[object]]:
    condition, tag_values = tags_condition(tags)
    values: list[object] = list(tag_values)
    for column, value in (
        ("id", wanted.invoke_id),
        ("command_id", wanted.command_id),
        ("command_type", wanted.command_type),
        ("repeat_mode", wanted.repeat_mode),
        ("resource_group_id", wanted.resource_group_id),
    ):
        if value:
            condition += f" AND {column} = ?"
            values.append(value)
    if wanted.comes_again is not None:
        condition += (
            f" AND {'' if wanted.comes_again else 'NOT'} EXISTS (SELECT 1 FROM targets"
            " WHERE invoke_id = invocations.id AND (next_at IS NOT NULL OR on_boot = 1))"
        )
    if wanted.command_name:
        condition += " AND command_name LIKE ? ESCAPE '\\'"
        values.append(like(wanted.command_name))
    return condition, values


def _detail(invocation: Invocation) -> str:
    command = invocation.command
    return to_json(
        {
            "description": command.description,
            "working_dir": command.working_dir,
            "timeout": command.timeout,
            "enable_parameter": command.enable_parameter,
            "launcher": command.launcher,
            "username": invocation.username,
            "password_name": invocation.password_name,
            "parameters": dict(invocation.parameters),
            "termination_mode": invocation.termination_mode,
            "by": invocation.by,
        }
    )


def _invocation(row: Row) -> Invocation:
    detail = json.loads(row[6])
    command = Command(
        id=row[2],
        name=row[3],
        type=CommandType(row[4]),
        content=row[5],
        description=detail["description"],
        working_dir=detail["working_dir"],
        timeout=detail["timeout"],
        enable_parameter=detail["enable_parameter"],
        launcher=detail["launcher"],
    )
    return Invocation(
        id=row[0],
        command=command,
        created_at=moment(row[1]),
        repeat_mode=core.RepeatMode(row[7]),
        frequency=row[10],
        username=detail["username"],
        password_name=detail.get("password_name", ""),  # rows of earlier versions have none
        parameters=detail["parameters"],
        termination_mode=detail["termination_mode"],
        by=detail.get("by", OWNER),  # of those from before there were others
        resource_group_id=row[8],
        tags=json.loads(row[9]),
    )
