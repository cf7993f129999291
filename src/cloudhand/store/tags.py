"""Tags and resource groups of things of every kind, wherever their rows are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from cloudhand.core.page import Page, Window
from cloudhand.core.tag import Attached, Kind, Usage
from cloudhand.store.cursors import paged
from cloudhand.store.database import Statements
from cloudhand.store.rows import marks, tags_condition, to_json

# The tables of each kind, and which of their rows somebody may know of.
_TABLES = {
    Kind.INSTANCE: {"instances": "state <> 'Released'"},
    Kind.COMMAND: {"commands": "1 = 1"},
    Kind.INVOCATION: {"invocations": "1 = 1", "file_invocations": "1 = 1"},
    # An activation for one instance of ours is never told.
    Kind.ACTIVATION: {"activations": "instance_id IS NULL"},
    Kind.MANAGED_INSTANCE: {"managed_instances": "deregistered_at IS NULL"},
}
_THINGS = {
    kind: "("
    + " UNION ALL ".join(
        f"SELECT id, tags, resource_group_id FROM {table} WHERE {known}"
        for table, known in tables.items()
    )
    + ") AS things"
    for kind, tables in _TABLES.items()
}


class Tags:
    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    async def of(self, kind: Kind, ids: Sequence[str]) -> dict[str, Mapping[str, str]]:
        """The tags of those that there are."""
        rows = await self._statements.fetch(
            f"SELECT id, tags FROM {_THINGS[kind]} WHERE id IN ({marks(ids)})", *ids
        )
        return {row[0]: json.loads(row[1]) for row in rows}

    async def put(self, kind: Kind, thing: str, tags: Mapping[str, str]) -> None:
        """These, and no others."""
        for table in _TABLES[kind]:
            await self._statements.change(
                f"UPDATE {table} SET tags = ? WHERE id = ?", to_json(tags), thing
            )

    async def join(self, kind: Kind, thing: str, resource_group_id: str) -> None:
        for table in _TABLES[kind]:
            await self._statements.change(
                f"UPDATE {table} SET resource_group_id = ? WHERE id = ?", resource_group_id, thing
            )

    async def find(
        self, kind: Kind, window: Window, *, ids: Sequence[str], tags: Mapping[str, str]
    ) -> Page[Attached]:
        """All tags of the things that have all the given ones, by id and key."""
        condition, values = _narrowed(ids, tags)
        query = (
            "SELECT id, tag, value, id, tag FROM"
            " (SELECT things.id AS id, each.key AS tag, each.value AS value"
            f" FROM {_THINGS[kind]}, json_each(tags) AS each WHERE {condition})"
            " WHERE 1 = 1"
        )
        return await self._paged(query, values, window, keys=("id", "tag"))

    async def members(
        self, kind: Kind, window: Window, *, ids: Sequence[str], resource_group_id: str
    ) -> Page[Attached]:
        """The things of a resource group, which is told as if it were a tag without a key."""
        condition, values = _narrowed(ids, {})
        query = (
            f"SELECT id, '', resource_group_id, id FROM {_THINGS[kind]}"
            f" WHERE {condition} AND resource_group_id = ?"
        )
        return await self._paged(query, [*values, resource_group_id], window, keys=("id",))

    async def _paged(
        self, query: str, values: Sequence[object], window: Window, *, keys: Sequence[str]
    ) -> Page[Attached]:
        rows, total, after = await paged(
            self._statements, query, values, keys=keys, window=window, ascending=True
        )
        items = [Attached(id=row[0], key=row[1], value=row[2]) for row in rows]
        return Page(items=items, total=total, next=after)

    async def usage(
        self, kinds: Sequence[Kind], window: Window, *, thing: str, tags: Mapping[str, str]
    ) -> Page[Usage]:
        """Which tags there are, by key and value; of one thing only if one is given."""
        parts: list[str] = []
        values: list[object] = []
        for kind in kinds:
            condition, given = _narrowed([thing] if thing else [], {})
            parts.append(
                f"SELECT '{kind}' AS kind, each.key AS tag, each.value AS value"
                f" FROM {_THINGS[kind]}, json_each(tags) AS each WHERE {condition}"
            )
            values += given
        wanted, more = _wanted(tags)
        rows, total, _ = await paged(
            self._statements,
            "SELECT tag, value, counts, tag, value FROM (SELECT tag, value,"
            " json_group_object(kind, number) AS counts FROM (SELECT kind, tag, value,"
            f" count(*) AS number FROM ({' UNION ALL '.join(parts)}) GROUP BY kind, tag, value)"
            f" GROUP BY tag, value) WHERE {wanted}",
            [*values, *more],
            keys=("tag", "value"),
            window=window,
            ascending=True,
        )
        return Page(items=[_usage(row[0], row[1], row[2]) for row in rows], total=total)


def _narrowed(ids: Sequence[str], tags: Mapping[str, str]) -> tuple[str, list[object]]:
    condition, values = tags_condition(tags)
    if ids:
        condition += f" AND things.id IN ({marks(ids)})"
    return condition, [*values, *ids]


def _wanted(tags: Mapping[str, str]) -> tuple[str, list[str]]:
    """Tags of these keys, and of these values where one is given."""
    if not tags:
        return "1 = 1", []
    conditions, values = [], []
    for key, value in tags.items():
        conditions.append("tag = ? AND value = ?" if value else "tag = ?")
        values += [key, value] if value else [key]
    return f"({' OR '.join(conditions)})", values


def _usage(key: str, value: str, counts: str) -> Usage:
    found = json.loads(counts)
    return Usage(key=key, value=value, counts={Kind(kind): found[kind] for kind in found})
