"""Seal anew all that is sealed, under the key that seals now."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from cloudhand.store.database import Statements
from cloudhand.store.envelope import Envelope
from cloudhand.store.sealed import SEALED


@dataclass(frozen=True, kw_only=True)
class _Column:
    """What may be sealed in a table, and for what, as the noun's own module has it."""

    table: str
    name: str
    key: tuple[str, ...]
    purpose: str  # an SQL expression
    text: bool = False  # JSON, which is sealed only where something in it is hidden


_PARAMETER = "(SELECT name FROM stored_parameters WHERE id = parameter_id)"
COLUMNS = (
    _Column(table="access_keys", name="secret", key=("id",), purpose="id"),
    _Column(table="activations", name="code", key=("id",), purpose="id"),
    _Column(table="agents", name="key", key=("instance_id",), purpose="instance_id"),
    _Column(table="client_tokens", name="answer", key=("token",), purpose="token"),
    *(
        _Column(
            table="notification_channels", name=name, key=("name",), purpose=f"name || ' {name}'"
        )
        for name in ("address", "secret")
    ),
    _Column(
        table="stored_parameter_versions",
        name="sealed",
        key=("parameter_id", "number"),
        purpose=f"'secret parameter ' || {_PARAMETER} || ' v' || number",
    ),
    *(
        _Column(table=table, name=name, key=("id",), purpose=f"id || ' {name}'", text=True)
        for table, names in (
            ("executions", ("parameters", "outputs")),
            ("task_executions", ("item", "properties", "memo", "outputs")),
        )
        for name in names
    ),
)


async def reseal(statements: Statements, envelope: Envelope) -> int:
    """How many values there were; StoreError when one of them cannot be opened."""
    count = 0
    for column in COLUMNS:
        wanted = f"{column.name} LIKE '{SEALED}%'" if column.text else f"{column.name} IS NOT NULL"
        keys = ", ".join(column.key)
        rows = await statements.fetch(
            f"SELECT {keys}, {column.name}, {column.purpose} FROM {column.table} WHERE {wanted}"
        )
        same = " AND ".join(f"{one} = ?" for one in column.key)
        await statements.change_many(
            f"UPDATE {column.table} SET {column.name} = ? WHERE {same}",
            [(_resealed(envelope, value, purpose), *key) for *key, value, purpose in rows],
        )
        count += len(rows)
    return count


def _resealed(envelope: Envelope, value: bytes | str, purpose: str) -> bytes | str:
    if isinstance(value, bytes):
        return envelope.seal(envelope.open(value, purpose=purpose), purpose=purpose)
    sealed = base64.b64decode(value.removeprefix(SEALED))
    anew = envelope.seal(envelope.open(sealed, purpose=purpose), purpose=purpose)
    return SEALED + base64.b64encode(anew).decode()
