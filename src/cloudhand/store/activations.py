"""Activations."""

from __future__ import annotations

import json
from datetime import timedelta

from cloudhand.core.activation import Activation
from cloudhand.core.ids import ActivationId
from cloudhand.core.orders import ActivationFilter
from cloudhand.core.page import Page, Window
from cloudhand.store.cursors import paged
from cloudhand.store.database import Row, Statements
from cloudhand.store.envelope import Envelope
from cloudhand.store.rows import like, moment, tags_condition, to_json, to_ms

_COLUMNS = (
    "id, code_hash, created_at, time_to_live, instance_count, registered_count,"
    " deregistered_count, disabled, instance_name, description, ip_address_range,"
    " resource_group_id, tags, instance_id"
)


class Activations:
    def __init__(self, statements: Statements, envelope: Envelope) -> None:
        self._statements = statements
        self._envelope = envelope

    async def add(self, activation: Activation) -> None:
        await self._statements.change(
            f"INSERT INTO activations ({_COLUMNS})"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            activation.id,
            activation.code_hash,
            to_ms(activation.created_at),
            activation.time_to_live // timedelta(milliseconds=1),
            activation.instance_count,
            activation.registered_count,
            activation.deregistered_count,
            int(activation.disabled),
            activation.instance_name,
            activation.description,
            activation.ip_address_range,
            activation.resource_group_id,
            to_json(activation.tags),
            activation.instance_id,
        )

    async def get(self, activation_id: ActivationId) -> Activation | None:
        rows = await self._statements.fetch(
            f"SELECT {_COLUMNS} FROM activations WHERE id = ?", activation_id
        )
        return _activation(rows[0]) if rows else None

    async def keep_code(self, activation_id: ActivationId, code: str) -> None:
        """Keep the code itself, sealed, so that an instance of ours can be booted with it."""
        await self._statements.change(
            "UPDATE activations SET code = ? WHERE id = ?",
            self._envelope.seal(code.encode(), purpose=activation_id),
            activation_id,
        )

    async def code(self, activation_id: ActivationId) -> str:
        rows = await self._statements.fetch(
            "SELECT code FROM activations WHERE id = ?", activation_id
        )
        return self._envelope.open(rows[0][0], purpose=activation_id).decode()

    async def count_registered(self, activation_id: ActivationId) -> None:
        await self._statements.change(
            "UPDATE activations SET registered_count = registered_count + 1 WHERE id = ?",
            activation_id,
        )

    async def count_deregistered(self, activation_id: ActivationId) -> None:
        await self._statements.change(
            "UPDATE activations SET deregistered_count = deregistered_count + 1 WHERE id = ?",
            activation_id,
        )

    async def counts(self) -> tuple[int, int]:
        """How many there are, and how many of them a machine has used."""
        rows = await self._statements.fetch(
            "SELECT count(*), count(*) FILTER (WHERE registered_count > 0)"
            " FROM activations WHERE instance_id IS NULL"
        )
        total, used = rows[0]
        return int(total), int(used)

    async def disable(self, activation_id: ActivationId) -> None:
        await self._statements.change(
            "UPDATE activations SET disabled = 1 WHERE id = ?", activation_id
        )

    async def remove(self, activation_id: ActivationId) -> None:
        await self._statements.change("DELETE FROM activations WHERE id = ?", activation_id)

    async def find(self, wanted: ActivationFilter, window: Window) -> Page[Activation]:
        """Newest first."""
        condition, values = tags_condition(wanted.tags)
        condition += " AND instance_id IS NULL"
        if wanted.activation_id is not None:
            condition += " AND id = ?"
            values.append(wanted.activation_id)
        if wanted.instance_name:
            condition += " AND instance_name LIKE ? ESCAPE '\\'"
            values.append(like(wanted.instance_name))
        if wanted.resource_group_id:
            condition += " AND resource_group_id = ?"
            values.append(wanted.resource_group_id)
        rows, total, after = await paged(
            self._statements,
            f"SELECT {_COLUMNS}, created_at, id FROM activations WHERE {condition}",
            values,
            keys=("created_at", "id"),
            window=window,
        )
        return Page(items=[_activation(row) for row in rows], total=total, next=after)


def _activation(row: Row) -> Activation:
    return Activation(
        id=row[0],
        code_hash=row[1],
        created_at=moment(row[2]),
        time_to_live=timedelta(milliseconds=row[3]),
        instance_count=row[4],
        registered_count=row[5],
        deregistered_count=row[6],
        disabled=bool(row[7]),
        instance_name=row[8],
        description=row[9],
        ip_address_range=row[10],
        resource_group_id=row[11],
        tags=json.loads(row[12]),
        instance_id=row[13],
    )
