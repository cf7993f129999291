"""Queries of the parameter store, and that the values of secret ones are sealed to their places."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cloudhand.core import ids
from cloudhand.core.orders import StoredParameterFilter
from cloudhand.core.page import Window
from cloudhand.core.stored_parameter import StoredParameter, StoredVersion, Type
from cloudhand.store.database import StoreError
from cloudhand.store.envelope import open_envelope
from cloudhand.store.sqlite import SqliteDatabase
from cloudhand.store.transaction import Transaction

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EVERYTHING = Window(limit=1000)


def opened(path: Path) -> SqliteDatabase:
    envelope = open_envelope(path / "key", new=not (path / "key").exists())
    return SqliteDatabase(path / "db", envelope, durable=False)


def parameter(name: str, value: str = "v", **changes: object) -> StoredParameter:
    kind = Type(str(changes.pop("type", "String")))
    at = NOW + timedelta(seconds=int(str(changes.pop("after", 0))))
    made = StoredParameter(
        id=ids.stored_parameter_id(os.urandom, secret=kind is Type.SECRET),
        name=name,
        type=kind,
        created_at=at,
        created_by="me",
        version=StoredVersion(number=1, value=value, created_at=at, created_by="me"),
    )
    return StoredParameter(**{**vars(made), **changes})


def next_version(of: StoredParameter, value: str) -> StoredParameter:
    number = of.version.number + 1
    return replace(of, version=replace(of.version, number=number, value=value))


async def add(database: SqliteDatabase, *made: StoredParameter) -> list[bool]:
    async def work(tx: Transaction) -> list[bool]:
        return [await tx.stored_parameters.add(one) for one in made]

    return await database.write(work)


async def update(database: SqliteDatabase, changed: StoredParameter) -> None:
    async def work(tx: Transaction) -> None:
        await tx.stored_parameters.update(changed)

    await database.write(work)


async def get(
    database: SqliteDatabase, name: str, *, secret: bool = False, number: int | None = None
) -> StoredParameter | None:
    async def work(tx: Transaction) -> StoredParameter | None:
        return await tx.stored_parameters.get(name, secret=secret, number=number, opened=True)

    return await database.read(work)


async def test_a_name_is_taken_once_among_the_common_and_once_among_the_secret(
    tmp_path: Path,
) -> None:
    database = opened(tmp_path)
    common, secret = parameter("a", "common"), parameter("a", "secret", type="Secret")
    assert await add(database, common, secret, parameter("a")) == [True, True, False]
    assert await get(database, "a") == common
    assert await get(database, "a", secret=True) == secret
    assert await get(database, "A") is None
    await database.close()


async def test_versions_stay_as_they_were(tmp_path: Path) -> None:
    database = opened(tmp_path)
    first = parameter("a", "one", type="Secret")
    second = next_version(first, "two")
    await add(database, first)
    await update(database, second)
    assert await get(database, "a", secret=True) == second
    assert await get(database, "a", secret=True, number=1) == first
    assert await get(database, "a", secret=True, number=3) is None

    async def versions(tx: Transaction) -> list[tuple[int, str | None]]:
        page = await tx.stored_parameters.versions(second, EVERYTHING, opened=True)
        return [(one.number, one.value) for one in page.items]

    assert await database.read(versions) == [(2, "two"), (1, "one")]
    await database.close()


async def test_all_versions_go_with_a_parameter(tmp_path: Path) -> None:
    database = opened(tmp_path)
    await add(database, first := parameter("a", "one"), parameter("a", type="Secret"))
    await update(database, next_version(first, "two"))

    async def remove(tx: Transaction) -> list[bool]:
        return [await tx.stored_parameters.remove("a", secret=False) for _ in range(2)]

    assert await database.write(remove) == [True, False]
    await database.close()
    with closing(sqlite3.connect(tmp_path / "db")) as file:
        left = file.execute("SELECT count(*) FROM stored_parameter_versions").fetchone()
    assert left == (1,)


async def test_a_secret_is_not_in_the_file_and_opened_only_where_it_belongs(
    tmp_path: Path,
) -> None:
    database = opened(tmp_path)
    await add(
        database,
        parameter("mine", "canary-one", type="Secret"),
        parameter("theirs", "canary-two", type="Secret"),
    )

    async def closed(tx: Transaction) -> list[str | None]:
        found = await tx.stored_parameters.get_many(["mine", "theirs"], secret=True)
        return [one.version.value for one in found]

    assert await database.read(closed) == [None, None]
    await database.close()
    assert b"canary" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())
    with closing(sqlite3.connect(tmp_path / "db")) as file, file:
        file.execute(
            "UPDATE stored_parameter_versions SET sealed = (SELECT v.sealed FROM"
            " stored_parameter_versions v JOIN stored_parameters p ON p.id = v.parameter_id"
            " WHERE p.name = 'mine')"
        )
    database = opened(tmp_path)
    assert (await get(database, "mine", secret=True)) is not None
    with pytest.raises(StoreError, match="secret parameter theirs v1"):
        await get(database, "theirs", secret=True)
    await database.close()


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({}, ["flat", "a/under", "/a/b/c/deep", "/a/b/two", "/a/b/one", "/a/bx", "100%"]),
        ({"name": "B/"}, ["/a/b/c/deep", "/a/b/two", "/a/b/one"]),
        ({"name": "0%"}, ["100%"]),
        ({"path": "/a/b"}, ["/a/b/two", "/a/b/one"]),
        ({"path": "a/b/"}, ["/a/b/two", "/a/b/one"]),
        ({"path": "/a/b", "recursive": True}, ["/a/b/c/deep", "/a/b/two", "/a/b/one"]),
        ({"path": "/a"}, ["a/under", "/a/bx"]),
        ({"path": "/"}, ["flat", "100%"]),
        ({"path": "/A/b"}, []),
        ({"path": "/", "recursive": True, "type": "StringList"}, ["/a/b/two"]),
        ({"resource_group_id": "rg"}, ["/a/b/one"]),
        ({"tags": {"k": "v"}}, ["/a/b/one"]),
        ({"tags": {"k": ""}}, ["/a/b/two", "/a/b/one"]),
    ],
)
async def test_filters(tmp_path: Path, wanted: dict[str, object], names: list[str]) -> None:
    database = opened(tmp_path)
    await add(
        database,
        parameter("100%"),
        parameter("/a/bx", after=1),
        parameter("/a/b/one", after=2, tags={"k": "v"}, resource_group_id="rg"),
        parameter("/a/b/two", after=3, tags={"k": "w"}, type="StringList"),
        parameter("/a/b/c/deep", after=4),
        parameter("a/under", after=5),
        parameter("flat", after=6),
        parameter("/a/b/secret", type="Secret"),
    )

    async def find(tx: Transaction) -> list[str]:
        filters = StoredParameterFilter(secret=False, **wanted)  # type: ignore[arg-type]
        page = await tx.stored_parameters.find(filters, EVERYTHING)
        assert page.total == len(page.items)
        return [one.name for one in page.items]

    assert await database.read(find) == names
    await database.close()


async def test_a_list_is_worth_its_items_in_a_template(tmp_path: Path) -> None:
    database = opened(tmp_path)
    await add(
        database,
        parameter("text", "a, b"),
        parameter("commas", "a, b", type="StringList"),
        parameter("json", '["a, b", "c"]', type="StringList"),
        parameter("no-json", "[a, b", type="StringList"),
    )

    async def meanings(tx: Transaction) -> object:
        return await tx.stored_parameters.meanings(["text", "commas", "json", "no-json", "none"])

    assert await database.read(meanings) == {
        "text": "a, b",
        "commas": ["a", "b"],
        "json": ["a, b", "c"],
        "no-json": ["[a", "b"],
    }
    await database.close()
