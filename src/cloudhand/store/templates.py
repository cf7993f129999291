"""Templates and their versions, and the texts that they and executions share."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from cloudhand.core.orders import TemplateFilter
from cloudhand.core.page import Page, Window
from cloudhand.core.template import StoredTemplate, TemplateVersion
from cloudhand.store.cursors import paged
from cloudhand.store.database import Row, Statements
from cloudhand.store.rows import like, marks, moment, tags_condition, to_json, to_ms

_VERSION = "number, name, hash, format, description, trigger_category, created_at, created_by"
_JOINED = ", ".join(f"v.{column}" for column in _VERSION.split(", "))
_COLUMNS = (
    "t.id, t.name, t.created_at, t.created_by, t.updated_at, t.updated_by, t.execution_count,"
    f" t.resource_group_id, t.tags, {_JOINED}"
)
# The stored ones, and those that come with Cloudhand, which are rows of a JSON list.
_FOUND = (
    "id, name, created_at, created_by, updated_at, updated_by, execution_count,"
    " resource_group_id, tags, number, version_name, hash, format, description,"
    " trigger_category, version_created_at, version_created_by, key, public"
)
_FIELDS = ", ".join(f"json_extract(value, '$[{n}]')" for n in range(len(_FOUND.split(","))))
_ALL = (
    f"WITH found ({_FOUND}) AS ("
    f"SELECT {_COLUMNS}, t.key, 0 FROM templates t"
    " JOIN template_versions v ON v.key = t.key AND v.number = t.latest"
    f" UNION ALL SELECT {_FIELDS} FROM json_each(?))"
)
_SORTS = {
    "TotalExecutionCount": "execution_count",
    "Popularity": "public",
    "TemplateName": "key",
    "CreatedDate": "created_at",
    "UpdatedDate": "updated_at",
}


class Templates:
    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    async def keep_text(self, text_hash: str, text: str) -> None:
        await self._statements.change(
            "INSERT INTO template_texts (hash, text) VALUES (?, ?) ON CONFLICT DO NOTHING",
            text_hash,
            text,
        )

    async def text(self, text_hash: str) -> str | None:
        rows = await self._statements.fetch(
            "SELECT text FROM template_texts WHERE hash = ?", text_hash
        )
        return rows[0][0] if rows else None

    async def add(self, template: StoredTemplate) -> bool:
        """Whether its name was free. Its first version is added with it."""
        changed = await self._statements.change(
            "INSERT INTO templates (key, id, name, latest, created_at, created_by, updated_at,"
            " updated_by, execution_count, resource_group_id, tags)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            template.name.lower(),
            template.id,
            template.name,
            template.latest.number,
            to_ms(template.created_at),
            template.created_by,
            to_ms(template.updated_at),
            template.updated_by,
            template.execution_count,
            template.resource_group_id,
            to_json(template.tags),
        )
        if changed:
            await self._add_version(template.name, template.latest)
        return bool(changed)

    async def _add_version(self, name: str, version: TemplateVersion) -> None:
        await self._statements.change(
            f"INSERT INTO template_versions (key, {_VERSION}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            name.lower(),
            version.number,
            version.name,
            version.hash,
            version.format,
            _encoded(version.description),
            version.trigger_category,
            to_ms(version.created_at),
            version.created_by,
        )

    async def update(self, template: StoredTemplate) -> None:
        """Save a template with a new version."""
        await self._add_version(template.name, template.latest)
        await self._statements.change(
            "UPDATE templates SET latest = ?, updated_at = ?, updated_by = ?,"
            " resource_group_id = ?, tags = ? WHERE key = ?",
            template.latest.number,
            to_ms(template.updated_at),
            template.updated_by,
            template.resource_group_id,
            to_json(template.tags),
            template.name.lower(),
        )

    async def count_execution(self, name: str) -> None:
        await self._statements.change(
            "UPDATE templates SET execution_count = execution_count + 1 WHERE key = ?",
            name.lower(),
        )

    async def get(self, name: str, number: int | None = None) -> StoredTemplate | None:
        """With its newest version, or with the one of a number."""
        rows = await self._statements.fetch(
            f"SELECT {_COLUMNS}, t.key, 0 FROM templates t"
            " JOIN template_versions v ON v.key = t.key"
            " AND v.number = coalesce(?, t.latest) WHERE t.key = ?",
            number,
            name.lower(),
        )
        return _template(rows[0]) if rows else None

    async def find(
        self, wanted: TemplateFilter, window: Window, *, public: Sequence[StoredTemplate]
    ) -> Page[StoredTemplate]:
        """Among those that are stored and those that are not, because they are public."""
        condition, values = _condition(wanted)
        key = _SORTS[wanted.sort_field]
        rows, total, after = await paged(
            self._statements,
            f"{_ALL} SELECT {_FOUND}, {key}, key FROM found WHERE {condition}",
            [_encoded([_public_row(one) for one in public]), *values],
            keys=(key, "key"),
            window=window,
            ascending=wanted.ascending,
        )
        return Page(items=[_template(row) for row in rows], total=total, next=after)

    async def versions(self, name: str, window: Window) -> Page[TemplateVersion]:
        """The newest first."""
        rows, total, after = await paged(
            self._statements,
            f"SELECT {_VERSION}, number FROM template_versions WHERE key = ?",
            [name.lower()],
            keys=("number",),
            window=window,
        )
        return Page(items=[_version(row) for row in rows], total=total, next=after)

    async def remove(self, name: str) -> None:
        await self._statements.change("DELETE FROM templates WHERE key = ?", name.lower())

    async def forget_texts(self) -> None:
        """Those that nobody refers to any more."""
        await self._statements.change(
            "DELETE FROM template_texts WHERE hash NOT IN (SELECT hash FROM template_versions)"
            " AND hash NOT IN (SELECT template_hash FROM executions)"
        )


def _condition(wanted: TemplateFilter) -> tuple[str, list[object]]:
    condition, tag_values = tags_condition(wanted.tags)
    values: list[object] = list(tag_values)
    if wanted.name:
        condition += " AND name LIKE ? ESCAPE '\\'"
        values.append(like(f"*{wanted.name}*"))
    for column, one in (
        ("created_by", wanted.created_by),
        ("format", wanted.format),
        ("resource_group_id", wanted.resource_group_id),
    ):
        if one:
            condition += f" AND {column} = ?"
            values.append(one)
    if wanted.public is not None:
        condition += " AND public = ?"
        values.append(int(wanted.public))
    if wanted.categories:
        condition += f" AND trigger_category IN ({marks(wanted.categories)})"
        values += sorted(wanted.categories)
    for sign, at in ((">=", wanted.created_from), ("<=", wanted.created_until)):
        if at is not None:
            condition += f" AND created_at {sign} ?"
            values.append(to_ms(at))
    return condition, values


def _version(row: Sequence[Any]) -> TemplateVersion:
    return TemplateVersion(
        number=row[0],
        name=row[1],
        hash=row[2],
        format=row[3],
        description=json.loads(row[4]),
        trigger_category=row[5],
        created_at=moment(row[6]),
        created_by=row[7],
    )


def _encoded(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _public_row(one: StoredTemplate) -> list[object]:
    version = one.latest
    return [
        one.id,
        one.name,
        to_ms(one.created_at),
        one.created_by,
        to_ms(one.updated_at),
        one.updated_by,
        one.execution_count,
        one.resource_group_id,
        to_json(one.tags),
        version.number,
        version.name,
        version.hash,
        version.format,
        _encoded(version.description),
        version.trigger_category,
        to_ms(version.created_at),
        version.created_by,
        one.name.lower(),
        1,
    ]


def _template(row: Row) -> StoredTemplate:
    return StoredTemplate(
        id=row[0],
        name=row[1],
        created_at=moment(row[2]),
        created_by=row[3],
        updated_at=moment(row[4]),
        updated_by=row[5],
        execution_count=row[6],
        resource_group_id=row[7],
        tags=json.loads(row[8]),
        latest=_version(row[9:17]),
        public=bool(row[18]),
    )
