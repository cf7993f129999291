"""Where the databases of a state directory are: that of the first account, and the others'."""

from __future__ import annotations

import os
from pathlib import Path

from cloudhand.store.database import StoreError
from cloudhand.store.envelope import given_envelope, open_envelope
from cloudhand.store.lasting import make_folder
from cloudhand.store.sqlite import SqliteDatabase

KEYS_VARIABLE = "CLOUDHAND_SECRET_KEY"  # of the environment; else there is the file
KEY_FILE = "secret.key"
_NAME = "cloudhand.sqlite"


def store_file(state: Path) -> Path:
    """Of the first account."""
    return state / _NAME


def has_database(state: Path) -> bool:
    return store_file(state).exists()


def open_database(state: Path, account_id: str = "", *, durable: bool = True) -> SqliteDatabase:
    """The first account's, or another's; made if it is missing. StoreError, with what would help.

    One key seals the secrets of all.
    """
    folder = account_folder(state, account_id) if account_id else state
    given = os.environ.get(KEYS_VARIABLE)
    if given:
        envelope = given_envelope(given, given_by=KEYS_VARIABLE)
    else:
        envelope = open_envelope(state / KEY_FILE, new=not has_database(state))
    if account_id:
        _make(folder)
    return SqliteDatabase(folder / _NAME, envelope, durable=durable)


def account_folder(state: Path, account_id: str) -> Path:
    return state / "accounts" / account_id


def account_folders(state: Path) -> list[Path]:
    """Of all accounts beside the first that have left something here."""
    return sorted((state / "accounts").glob("*"))


def _make(folder: Path) -> None:
    try:
        if not folder.exists():
            make_folder(folder, 0o700)
    except OSError as error:
        raise StoreError(f"cannot make {folder}: {error.strerror or error}") from error
