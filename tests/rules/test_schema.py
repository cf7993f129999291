"""What the store speaks of is in the schema, and the schema holds nothing else."""

from __future__ import annotations

import ast
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from cloudhand.core import file, governor, instance, invocation, power, session, upgrade
from cloudhand.core.machine import Machine
from cloudhand.store.sqlite import migrate
from tests.rules.sources import SRC, Source, below

_SCHEMA = SRC / "cloudhand" / "store" / "schema"
_NAMED = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE)\s+([a-z_]+)\b")


@pytest.fixture(scope="module")
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection)
        yield connection


def _tables(connection: sqlite3.Connection) -> set[str]:
    found = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    )
    return {name for (name,) in found}


def _statements(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        match node:
            case ast.Constant(value=str(text)):
                yield text


def test_migrations_are_numbered_without_gaps() -> None:
    numbers = [int(path.name.split("_")[0]) for path in sorted(_SCHEMA.glob("*.sql"))]
    assert numbers == list(range(1, len(numbers) + 1))


def test_only_the_store_speaks_sql() -> None:
    speaking = [
        str(source.path)
        for source in below("src/cloudhand")
        if not source.module.startswith("cloudhand.store")
        for text in _statements(source)
        if re.match(r"\s*(SELECT|INSERT INTO|DELETE FROM|UPDATE [a-z_]+ SET)\b", text)
    ]
    assert speaking == []


def test_each_table_is_made_and_used(connection: sqlite3.Connection) -> None:
    named = {
        name
        for source in below("src/cloudhand/store")
        for text in _statements(source)
        for name in _NAMED.findall(text)
    }
    aliases = named - _tables(connection)
    assert {name for name in aliases if name not in _COMMON_TABLES} == set()
    assert _tables(connection) - named == set()


# Names that a statement gives to what it joins.
_COMMON_TABLES = frozenset({"found", "json_each", "sqlite_master", "pragma_page_count"})


def test_no_migration_needs_what_another_engine_lacks() -> None:
    for path in _SCHEMA.glob("*.sql"):
        text = path.read_text().upper()
        for word in ("AUTOINCREMENT", "WITHOUT ROWID", "STRICT;", "PRAGMA", " ROWID"):
            assert word not in text, f"{path.name} says {word}"


@pytest.mark.parametrize(
    "table, machine",
    [
        ("targets", invocation.TARGET),
        ("file_targets", file.FILE_TARGET),
        ("connections", session.CONNECTION),
        ("instances", instance.INSTANCE),
        ("governor_slots", governor.SLOT),
        ("power_actions", power.POWER),
        ("agent_upgrades", upgrade.UPGRADE),
    ],
)
def test_rows_hold_the_states_of_the_tables_and_no_others(
    connection: sqlite3.Connection, table: str, machine: Machine[Any, Any]
) -> None:
    ((sql,),) = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,))
    listed = re.search(r"CHECK \(state IN \(([^)]*)\)", sql)
    assert listed is not None
    assert set(re.findall(r"'([^']*)'", listed.group(1))) == {s.value for s in machine.table}


@pytest.mark.parametrize(
    "table, machine",
    [
        ("targets", invocation.TARGET),
        ("file_targets", file.FILE_TARGET),
        ("connections", session.CONNECTION),
        ("governor_slots", governor.SLOT),
        ("power_actions", power.POWER),
        ("agent_upgrades", upgrade.UPGRADE),
    ],
)
def test_a_row_has_a_deadline_for_as_long_as_somebody_has_to_act(
    connection: sqlite3.Connection, table: str, machine: Machine[Any, Any]
) -> None:
    ((sql,),) = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,))
    rule = re.search(r"\(deadline_at IS NULL\) = \(state (NOT )?IN \(([^)]*)\)", sql)
    assert rule is not None
    named = set(re.findall(r"'([^']*)'", rule.group(2)))
    # What is scheduled waits for its moment, or for a boot, which are columns of their own.
    final = {state.value for state in machine.final} | ({"Scheduled"} & set(machine.table))
    assert named == ({s.value for s in machine.table} - final if rule.group(1) else final)
