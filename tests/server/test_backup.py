"""What a backup holds, and what is no backup."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from cloudhand.server import backup
from cloudhand.server.databases import open_database, store_file
from cloudhand.server.state import CannotUse
from cloudhand.store.transaction import Transaction


@pytest.fixture
async def state(tmp_path: Path) -> Path:
    """A state with two accounts, a key and a certificate, and an instance that is not kept."""
    state = tmp_path / "state"
    (state / "tls").mkdir(parents=True)
    (state / "tls" / "ca.pem").write_text("the authority")
    (state / "release").mkdir()
    (state / "release" / "key.pem").write_text("the release key")
    (state / "sandbox").mkdir()
    (state / "sandbox" / "disk").write_text("large")
    for account in ("", "1735209433081252"):
        await open_database(state, account).close()
    return state


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


async def test_what_was_kept_is_there_again_for_its_owner_alone(
    state: Path, tmp_path: Path
) -> None:
    file, again = tmp_path / "backup", tmp_path / "again"
    backup.back_up(state, file)
    assert file.stat().st_mode & 0o777 == 0o600
    backup.restore(file, again)
    assert names(again) == {
        "cloudhand.sqlite",
        "secret.key",
        "lock",
        "tls/ca.pem",
        "release/key.pem",
        "accounts/1735209433081252/cloudhand.sqlite",
    }
    assert (again / "secret.key").read_bytes() == (state / "secret.key").read_bytes()
    assert {path.stat().st_mode & 0o77 for path in (again, *again.rglob("*"))} == {0}

    async def opened(tx: Transaction) -> object:
        return await tx.accounts.opened()

    database = open_database(again)
    assert await database.read(opened) == []
    await database.close()
    assert not [
        path for path in tmp_path.iterdir() if "part" in path.name or "-backup-" in path.name
    ]


async def test_nothing_that_is_there_is_written_over(state: Path, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    backup.back_up(state, file)
    before = file.read_bytes()
    with pytest.raises(CannotUse, match="is there already"):
        backup.back_up(state, file)
    with pytest.raises(CannotUse, match="is not empty"):
        backup.restore(file, state)
    with pytest.raises(CannotUse, match="no control plane has been there"):
        backup.back_up(tmp_path / "none", tmp_path / "other")
    assert file.read_bytes() == before


async def test_an_account_that_is_being_closed_is_left_out(state: Path, tmp_path: Path) -> None:
    store_file(state / "accounts" / "1735209433081252").unlink()
    backup.back_up(state, tmp_path / "backup")
    backup.restore(tmp_path / "backup", tmp_path / "again")
    assert not (tmp_path / "again" / "accounts").exists()


async def test_a_file_is_no_directory_to_restore_into(state: Path, tmp_path: Path) -> None:
    backup.back_up(state, tmp_path / "backup")
    (tmp_path / "text").write_text("hello")
    with pytest.raises(CannotUse, match="cannot restore"):
        backup.restore(tmp_path / "backup", tmp_path / "text")
    assert (tmp_path / "text").read_text() == "hello"


async def test_a_store_that_cannot_be_copied_leaves_no_file(state: Path, tmp_path: Path) -> None:
    store_file(state).write_bytes(b"no store" * 1000)
    with pytest.raises(CannotUse, match="cannot copy"):
        backup.back_up(state, tmp_path / "backup")
    assert {path.name for path in tmp_path.iterdir()} == {"state"}


Members = dict[str, bytes]


def changed(members: Members) -> None:
    members["secret.key"] = bytes(32)


def lacking(members: Members) -> None:
    del members["secret.key"]


def more(members: Members) -> None:
    members["other"] = b""


def outside(members: Members) -> None:
    members["../outside"] = b"x"


def later(members: Members) -> None:
    manifest = json.loads(members["backup.json"])
    members["backup.json"] = json.dumps({**manifest, "form": 2}).encode()


def none(members: Members) -> None:
    members.clear()


@pytest.mark.parametrize(
    ("tamper", "says"),
    [
        (changed, "secret.key in it was changed"),
        (lacking, "it is not whole"),
        (more, "it is not whole"),
        (outside, "../outside in it is none of a backup"),
        (later, "made by a later release"),
        (none, "No such file"),
    ],
)
async def test_what_is_no_backup_is_refused_and_leaves_nothing(
    state: Path, tmp_path: Path, tamper: Callable[[Members], None], says: str
) -> None:
    file, wrong = tmp_path / "backup", tmp_path / "wrong"
    backup.back_up(state, file)
    members: Members = {}
    with tarfile.open(file) as tar:
        for member in tar:
            content = tar.extractfile(member)
            assert content is not None
            members[member.name] = content.read()
    tamper(members)
    with tarfile.open(wrong, "w:gz") as tar:
        for name, content_of_it in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content_of_it)
            tar.addfile(info, io.BytesIO(content_of_it))
    with pytest.raises(
        CannotUse, match=says.replace(".", r"\.") if says != "backup.json" else "No such file"
    ):
        backup.restore(wrong, tmp_path / "again")
    assert {path.name for path in tmp_path.iterdir()} == {"state", "backup", "wrong"}


@pytest.mark.parametrize("share", [0.02, 0.5, 0.9, 0.98])
async def test_a_file_that_was_cut_off_is_refused_and_leaves_nothing(
    state: Path, tmp_path: Path, share: float
) -> None:
    file, cut = tmp_path / "backup", tmp_path / "cut"
    backup.back_up(state, file)
    whole = file.read_bytes()
    cut.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(CannotUse, match="cannot restore"):
        backup.restore(cut, tmp_path / "again")
    assert {path.name for path in tmp_path.iterdir()} == {"state", "backup", "cut"}


async def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    for name in ("text", "none"):
        with pytest.raises(CannotUse, match="cannot restore"):
            backup.restore(tmp_path / name, tmp_path / "again")
