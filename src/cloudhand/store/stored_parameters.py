"""Parameters of the parameter store. The values of secret ones are sealed."""

from __future__ import annotations

import json
from collections.abc import Collection

from cloudhand.core.orders import StoredParameterFilter
from cloudhand.core.page import Page, Window
from cloudhand.core.stored_parameter import (
    StoredParameter,
    StoredVersion,
    Type,
    folder,
    meaning,
    path,
)
from cloudhand.store.cursors import paged
from cloudhand.store.database import Row, Statements
from cloudhand.store.envelope import Envelope
from cloudhand.store.rows import like, marks, moment, tags_condition, to_json, to_ms

_OWN = (
    "id, name, type, description, constraints, key_id, dkms_instance_id, created_at, created_by,"
    " resource_group_id, tags"
)
_VERSION = "number, value, sealed, created_at, created_by"
_COLUMNS = ", ".join(
    [f"p.{name}" for name in _OWN.split(", ")] + [f"v.{name}" for name in _VERSION.split(", ")]
)
_JOINED = "FROM stored_parameters p JOIN stored_parameter_versions v ON v.parameter_id = p.id"
_NEWEST = f"{_JOINED} AND v.number = p.latest"
_SORTS = {"CreatedDate": "p.created_at", "Name": "p.name"}


class StoredParameters:
    def __init__(self, statements: Statements, envelope: Envelope) -> None:
        self._statements = statements
        self._envelope = envelope

    async def add(self, parameter: StoredParameter) -> bool:
        """Whether its name was free. Its first version is added with it."""
        changed = await self._statements.change(
            f"INSERT INTO stored_parameters ({_OWN}, secret, path, latest)"
            f" VALUES ({marks(range(14))}) ON CONFLICT DO NOTHING",
            parameter.id,
            parameter.name,
            parameter.type,
            parameter.description,
            parameter.constraints,
            parameter.key_id,
            parameter.dkms_instance_id,
            to_ms(parameter.created_at),
            parameter.created_by,
            parameter.resource_group_id,
            to_json(parameter.tags),
            int(parameter.secret),
            folder(parameter.name),
            parameter.version.number,
        )
        if changed:
            await self._add_version(parameter)
        return bool(changed)

    async def update(self, parameter: StoredParameter) -> None:
        """Save a parameter with a new version."""
        await self._add_version(parameter)
        await self._statements.change(
            "UPDATE stored_parameters SET description = ?, resource_group_id = ?, tags = ?,"
            " latest = ? WHERE id = ?",
            parameter.description,
            parameter.resource_group_id,
            to_json(parameter.tags),
            parameter.version.number,
            parameter.id,
        )

    async def _add_version(self, parameter: StoredParameter) -> None:
        version = parameter.version
        value = version.value or ""
        purpose = _purpose(parameter.name, version.number)
        await self._statements.change(
            "INSERT INTO stored_parameter_versions"
            " (parameter_id, number, value, sealed, created_at, created_by)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            parameter.id,
            version.number,
            None if parameter.secret else value,
            self._envelope.seal(value.encode(), purpose=purpose) if parameter.secret else None,
            to_ms(version.created_at),
            version.created_by,
        )

    async def get(
        self, name: str, *, secret: bool, number: int | None = None, opened: bool = False
    ) -> StoredParameter | None:
        """With its newest version, or the one of a number; ``opened``: a secret with its value."""
        rows = await self._statements.fetch(
            f"SELECT {_COLUMNS} {_JOINED} AND v.number = coalesce(?, p.latest)"
            " WHERE p.secret = ? AND p.name = ?",
            number,
            int(secret),
            name,
        )
        return self._parameter(rows[0], opened) if rows else None

    async def get_many(
        self, names: Collection[str], *, secret: bool, opened: bool = False
    ) -> list[StoredParameter]:
        """Those that there are, in the order of their names."""
        rows = await self._statements.fetch(
            f"SELECT {_COLUMNS} {_NEWEST} WHERE p.secret = ? AND p.name IN ({marks(names)})"
            " ORDER BY p.name",
            int(secret),
            *sorted(names),
        )
        return [self._parameter(row, opened) for row in rows]

    async def find(
        self, wanted: StoredParameterFilter, window: Window, *, opened: bool = False
    ) -> Page[StoredParameter]:
        condition, values = _condition(wanted)
        key = _SORTS[wanted.sort_field]
        rows, total, after = await paged(
            self._statements,
            f"SELECT {_COLUMNS}, {key}, p.id {_NEWEST} WHERE {condition}",
            values,
            keys=(key, "p.id"),
            window=window,
            ascending=wanted.ascending,
        )
        items = [self._parameter(row, opened) for row in rows]
        return Page(items=items, total=total, next=after)

    async def versions(
        self, parameter: StoredParameter, window: Window, *, opened: bool = False
    ) -> Page[StoredVersion]:
        """The newest first."""
        rows, total, after = await paged(
            self._statements,
            f"SELECT {_VERSION}, number FROM stored_parameter_versions WHERE parameter_id = ?",
            [parameter.id],
            keys=("number",),
            window=window,
        )
        items = [self._version(row, parameter.name, opened) for row in rows]
        return Page(items=items, total=total, next=after)

    async def remove(self, name: str, *, secret: bool) -> bool:
        """Whether it was there. All its versions go with it."""
        changed = await self._statements.change(
            "DELETE FROM stored_parameters WHERE secret = ? AND name = ?", int(secret), name
        )
        return bool(changed)

    async def meanings(self, names: Collection[str]) -> dict[str, str | list[str]]:
        """What common parameters are worth in a template; those that are not there are left out."""
        found = await self.get_many(names, secret=False)
        return {one.name: meaning(one.type, one.version.value or "") for one in found}

    async def secrets(self, names: Collection[str]) -> dict[str, str]:
        """The values of secret parameters in the clear; those that are not there are left out."""
        found = await self.get_many(names, secret=True, opened=True)
        return {one.name: one.version.value or "" for one in found}

    def _parameter(self, row: Row, opened: bool) -> StoredParameter:
        return StoredParameter(
            id=row[0],
            name=row[1],
            type=Type(row[2]),
            description=row[3],
            constraints=row[4],
            key_id=row[5],
            dkms_instance_id=row[6],
            created_at=moment(row[7]),
            created_by=row[8],
            resource_group_id=row[9],
            tags=json.loads(row[10]),
            version=self._version(row[11:16], row[1], opened),
        )

    def _version(self, row: Row, name: str, opened: bool) -> StoredVersion:
        number, value, sealed = row[:3]
        if opened and sealed is not None:
            value = self._envelope.open(sealed, purpose=_purpose(name, number)).decode()
        return StoredVersion(
            number=number, value=value, created_at=moment(row[3]), created_by=row[4]
        )


def _purpose(name: str, number: int) -> str:
    """It binds a sealed value to its place, so that none can be put in that of another."""
    return f"secret parameter {name} v{number}"


def _condition(wanted: StoredParameterFilter) -> tuple[str, list[object]]:
    condition, tag_values = tags_condition(wanted.tags, column="p.tags")
    condition += " AND p.secret = ?"
    values: list[object] = [*tag_values, int(wanted.secret)]
    if wanted.name:
        condition += " AND p.name LIKE ? ESCAPE '\\'"
        values.append(like(f"*{wanted.name}*"))
    if wanted.path is not None:
        within = path(wanted.path)
        column = "substr(p.path, 1, length(?))" if wanted.recursive else "p.path"
        condition += f" AND {column} = ?"
        values += [within] * (1 + wanted.recursive)
    for column, one in (("p.type", wanted.type), ("p.resource_group_id", wanted.resource_group_id)):
        if one:
            condition += f" AND {column} = ?"
            values.append(one)
    return condition, values
