"""Labels of templates, executions and stored parameters, which lie in the rows of these."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from cloudhand.core.label import Labelled, Tag
from cloudhand.core.page import Page, Window
from cloudhand.store.cursors import paged
from cloudhand.store.database import Row, Statements
from cloudhand.store.rows import marks, tags_condition, to_json


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where the labels of one kind lie."""

    table: str
    id: str = "name"  # the column with what a thing is called
    key: str = "name"  # by which it is found
    condition: str = "1 = 1"
    # Whoever carries out an execution must not write back the labels that it has read.
    noted: str = ""


_PLACES = {
    Labelled.TEMPLATE: _Place(table="templates", key="key"),
    Labelled.EXECUTION: _Place(
        table="executions", id="id", key="id", noted=", version = version + 1"
    ),
    Labelled.PARAMETER: _Place(table="stored_parameters", condition="secret = 0"),
    Labelled.SECRET_PARAMETER: _Place(table="stored_parameters", condition="secret = 1"),
}


class Labels:
    """Things are named by what they are called, templates without regard to case."""

    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    async def tags(self, kind: Labelled, name: str) -> dict[str, str] | None:
        """Those of a thing; None where it is not there."""
        place = _PLACES[kind]
        rows = await self._statements.fetch(
            f"SELECT tags FROM {place.table} WHERE {place.key} = ? AND {place.condition}",
            _key(kind, name),
        )
        return json.loads(rows[0][0]) if rows else None

    async def set_tags(self, kind: Labelled, name: str, tags: Mapping[str, str]) -> None:
        place = _PLACES[kind]
        await self._statements.change(
            f"UPDATE {place.table} SET tags = ?{place.noted}"
            f" WHERE {place.key} = ? AND {place.condition}",
            to_json(tags),
            _key(kind, name),
        )

    async def set_group(self, kind: Labelled, name: str, group_id: str) -> bool:
        """Whether the thing was there."""
        place = _PLACES[kind]
        changed = await self._statements.change(
            f"UPDATE {place.table} SET resource_group_id = ?{place.noted}"
            f" WHERE {place.key} = ? AND {place.condition}",
            group_id,
            _key(kind, name),
        )
        return bool(changed)

    async def find(
        self, kind: Labelled, names: Collection[str], tags: Mapping[str, str], window: Window
    ) -> Page[Tag]:
        """All tags of things that have all of the given ones, and one of the names if there are."""
        place = _PLACES[kind]
        condition, tag_values = tags_condition(tags, column="o.tags")
        condition += f" AND {place.condition}"
        keys = [_key(kind, name) for name in names]
        if keys:
            condition += f" AND o.{place.key} IN ({marks(keys)})"
        rows, total, after = await paged(
            self._statements,
            f"SELECT t.value, o.{place.id}, t.key FROM {place.table} o, json_each(o.tags) t"
            f" WHERE {condition}",
            [*tag_values, *keys],
            keys=(f"o.{place.id}", "t.key"),
            window=window,
            ascending=True,
        )
        items = [Tag(kind=kind, id=row[1], key=row[2], value=row[0]) for row in rows]
        return Page(items=items, total=total, next=after)

    async def keys(self, kinds: Collection[Labelled], window: Window) -> Page[str]:
        return await self._distinct("key", kinds, "1 = 1", (), window)

    async def values(self, kinds: Collection[Labelled], key: str, window: Window) -> Page[str]:
        return await self._distinct("value", kinds, "t.key = ?", (key,), window)

    async def _distinct(
        self,
        column: str,
        kinds: Collection[Labelled],
        condition: str,
        values: tuple[str, ...],
        window: Window,
    ) -> Page[str]:
        """Each once, in their order, over all kinds."""
        each = [
            f"SELECT t.{column} AS found FROM {place.table} o, json_each(o.tags) t"
            f" WHERE {place.condition} AND {condition}"
            for place in (_PLACES[kind] for kind in kinds)
        ]
        rows, total, after = await paged(
            self._statements,
            f"SELECT found FROM ({' UNION '.join(each)}) WHERE 1 = 1",
            values * len(each),
            keys=("found",),
            window=window,
            ascending=True,
        )
        return Page(items=[_only(row) for row in rows], total=total, next=after)


def _only(row: Row) -> str:
    return str(row[0])


def _key(kind: Labelled, name: str) -> str:
    return name.lower() if kind is Labelled.TEMPLATE else name
