"""Managed instances."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime

from cloudhand.core.ids import ActivationId, InstanceId
from cloudhand.core.instance import ONLINE_WITHIN, ManagedInstance
from cloudhand.core.orders import ManagedFilter
from cloudhand.core.page import Page, Window
from cloudhand.store.cursors import paged
from cloudhand.store.database import Row, Statements
from cloudhand.store.rows import (
    from_ms,
    like,
    marks,
    moment,
    tags_condition,
    to_json,
    to_ms,
)

_COLUMNS = (
    "id, name, activation_id, registered_at, deregistered_at, internet_ip, tags, resource_group_id"
)


class ManagedInstances:
    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    async def add(self, managed: ManagedInstance) -> None:
        await self._statements.change(
            f"INSERT INTO managed_instances ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            managed.id,
            managed.name,
            managed.activation_id,
            to_ms(managed.registered_at),
            to_ms(managed.deregistered_at),
            managed.internet_ip,
            to_json(managed.tags),
            managed.resource_group_id,
        )

    async def register_again(self, managed: ManagedInstance) -> None:
        """In place of what was known of it."""
        await self._statements.change(
            "UPDATE managed_instances SET name = ?, activation_id = ?, registered_at = ?,"
            " internet_ip = ?, tags = ?, resource_group_id = ? WHERE id = ?",
            managed.name,
            managed.activation_id,
            to_ms(managed.registered_at),
            managed.internet_ip,
            to_json(managed.tags),
            managed.resource_group_id,
            managed.id,
        )

    async def of_machine(self, machine_id: str) -> ManagedInstance | None:
        """The one that registered last of those by whose name a machine is known."""
        rows = await self._statements.fetch(
            f"SELECT {_COLUMNS} FROM managed_instances WHERE deregistered_at IS NULL"
            " AND id IN (SELECT instance_id FROM agents WHERE machine_id = ?)"
            " ORDER BY registered_at DESC, id DESC LIMIT 1",
            machine_id,
        )
        return _managed(rows[0]) if rows else None

    async def get(self, instance_id: InstanceId) -> ManagedInstance | None:
        """None when it never registered or has been deregistered."""
        rows = await self._statements.fetch(
            f"SELECT {_COLUMNS} FROM managed_instances WHERE id = ? AND deregistered_at IS NULL",
            instance_id,
        )
        return _managed(rows[0]) if rows else None

    async def present(self, instance_ids: Collection[InstanceId]) -> set[InstanceId]:
        """Those of these that are registered."""
        rows = await self._statements.fetch(
            "SELECT id FROM managed_instances WHERE deregistered_at IS NULL"
            f" AND id IN ({marks(instance_ids)})",
            *instance_ids,
        )
        return {row[0] for row in rows}

    async def any_of(self, activation_id: ActivationId) -> bool:
        """Whether a machine that joined with the activation is still registered."""
        rows = await self._statements.fetch(
            "SELECT 1 FROM managed_instances"
            " WHERE activation_id = ? AND deregistered_at IS NULL LIMIT 1",
            activation_id,
        )
        return bool(rows)

    async def rename(self, instance_id: InstanceId, name: str) -> None:
        await self._statements.change(
            "UPDATE managed_instances SET name = ? WHERE id = ?", name, instance_id
        )

    async def with_tags(self, tags: dict[str, str]) -> list[InstanceId]:
        condition, values = tags_condition(tags)
        rows = await self._statements.fetch(
            f"SELECT id FROM managed_instances WHERE deregistered_at IS NULL AND {condition}"
            " ORDER BY registered_at, id",
            *values,
        )
        return [row[0] for row in rows]

    async def deregistered(self, instance_id: InstanceId) -> bool:
        """Whether it was registered once."""
        rows = await self._statements.fetch(
            "SELECT 1 FROM managed_instances WHERE id = ? AND deregistered_at IS NOT NULL",
            instance_id,
        )
        return bool(rows)

    async def deregister(self, instance_id: InstanceId, *, at: datetime) -> None:
        await self._statements.change(
            "UPDATE managed_instances SET deregistered_at = ? WHERE id = ?", to_ms(at), instance_id
        )

    async def find(
        self, wanted: ManagedFilter, window: Window, *, now: datetime
    ) -> Page[ManagedInstance]:
        """Newest first."""
        condition, values = _condition(wanted, now)
        rows, total, after = await paged(
            self._statements,
            f"SELECT {_COLUMNS}, registered_at, id FROM managed_instances WHERE {condition}",
            values,
            keys=("registered_at", "id"),
            window=window,
        )
        return Page(items=[_managed(row) for row in rows], total=total, next=after)


def _condition(wanted: ManagedFilter, now: datetime) -> tuple[str, list[object]]:
    condition, tag_values = tags_condition(wanted.tags)
    condition += " AND deregistered_at IS NULL"
    values: list[object] = list(tag_values)
    if wanted.ids is not None:
        condition += f" AND id IN ({marks(wanted.ids)})"
        values += sorted(wanted.ids)
    if wanted.name:
        condition += " AND name LIKE ? ESCAPE '\\'"
        values.append(like(wanted.name))
    if wanted.activation_id is not None:
        condition += " AND activation_id = ?"
        values.append(wanted.activation_id)
    if wanted.resource_group_id:
        condition += " AND resource_group_id = ?"
        values.append(wanted.resource_group_id)
    if wanted.ip:
        condition += (
            " AND (internet_ip = ? OR id IN (SELECT instance_id FROM agents WHERE intranet_ip = ?))"
        )
        values += [wanted.ip, wanted.ip]
    for column, value in (("os_type", wanted.os_type.lower()), ("machine_id", wanted.machine_id)):
        if value:
            condition += (
                f" AND id IN (SELECT instance_id FROM agents WHERE lower({column}) = lower(?))"
            )
            values.append(value)
    if wanted.connected is not None:
        isin = "IN" if wanted.connected else "NOT IN"
        condition += (
            f" AND id {isin} (SELECT instance_id FROM agents"
            " WHERE last_seen_at >= ? AND (gone_at IS NULL OR gone_at > ?))"
        )
        values += [to_ms(now - ONLINE_WITHIN), to_ms(now)]
    return condition, values


def _managed(row: Row) -> ManagedInstance:
    return ManagedInstance(
        id=row[0],
        name=row[1],
        activation_id=row[2],
        registered_at=moment(row[3]),
        deregistered_at=from_ms(row[4]),
        internet_ip=row[5],
        tags=json.loads(row[6]),
        resource_group_id=row[7],
    )
