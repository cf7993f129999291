"""All that a control plane keeps, in one file; and a state directory from such a file.

What is in it: the stores of all accounts, the key that seals secrets, the one that signs releases
of the agent, the authority and certificate of https, and where it was last. Not the disks of its
instances, which are ended by a loss anyway.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import cloudhand
from cloudhand.providers.sandbox.instance import remove_tree
from cloudhand.server.databases import KEY_FILE, account_folders, has_database, store_file
from cloudhand.server.release import FOLDER as RELEASE_FOLDER
from cloudhand.server.state import LOCK, CannotUse
from cloudhand.store.database import StoreError
from cloudhand.store.lasting import sync
from cloudhand.store.sqlite import snapshot

_MANIFEST = "backup.json"
_FORM = 1  # of the manifest
# What reading a file that is none, or not whole, ends with.
_BROKEN = (OSError, EOFError, tarfile.TarError, zlib.error, ValueError, KeyError, TypeError)
_OTHERS = (KEY_FILE, "url", "tls", RELEASE_FOLDER)  # beside the stores, as far as they are there


def back_up(state: Path, file: Path) -> int:
    """Into a new file, while the control plane runs or not; its bytes. CannotUse."""
    if not has_database(state):
        raise CannotUse(f"cannot back up {state}: no control plane has been there")
    if file.exists():
        raise CannotUse(f"{file} is there already: name another file")
    part = file.with_name(f"{file.name}.part")
    try:
        with tempfile.TemporaryDirectory(prefix=".cloudhand-backup-", dir=file.parent) as folder:
            _collect(state, Path(folder))
            _pack(Path(folder), part)
        part.rename(file)
        sync(file.parent)
        return file.stat().st_size
    except OSError as error:
        part.unlink(missing_ok=True)
        raise CannotUse(f"cannot write {file}: {error.strerror or error}") from error
    except StoreError as error:
        part.unlink(missing_ok=True)
        raise CannotUse(str(error)) from error


def restore(file: Path, state: Path) -> datetime:
    """Into a new state directory; when the backup was made. CannotUse, and nothing is left."""
    part = state.with_name(f".{state.name}.part")
    try:
        if state.exists() and any(state.iterdir()):
            raise CannotUse(f"{state} is not empty: name a new directory")
        remove_tree(str(part))
        part.mkdir(mode=0o700, parents=True)
        made_at = _unpack(file, part)
        if state.exists():
            state.rmdir()
        for path in (*part.rglob("*"), part):  # who has restored it may remove the backup
            sync(path)
        part.rename(state)
        sync(state.parent)
    except _BROKEN as error:
        remove_tree(str(part))
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise CannotUse(f"cannot restore {file}: {why or type(error).__name__}") from error
    return made_at


def _collect(state: Path, folder: Path) -> None:
    snapshot(store_file(state), store_file(folder))
    for account in filter(has_database, account_folders(state)):  # one may be being closed
        to = folder / account.relative_to(state)
        to.mkdir(parents=True)
        snapshot(store_file(account), store_file(to))
    for path in (one for name in _OTHERS for one in _files(state / name)):
        to = folder / path.relative_to(state)
        to.parent.mkdir(exist_ok=True)
        shutil.copyfile(path, to)


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(path.iterdir())
    elif path.exists():
        yield path


def _pack(folder: Path, file: Path) -> None:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    digests = {str(path.relative_to(folder)): _digest(path) for path in paths}
    manifest = {
        "form": _FORM,
        "release": cloudhand.__version__,
        "madeAt": datetime.now(UTC).isoformat(timespec="seconds"),
        "files": digests,
    }
    text = json.dumps(manifest, indent=2).encode()
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as written:
        with tarfile.open(fileobj=written, mode="w:gz") as tar:
            first = tarfile.TarInfo(_MANIFEST)
            first.size = len(text)
            tar.addfile(first, io.BytesIO(text))
            for path in paths:
                tar.add(path, str(path.relative_to(folder)))
        written.flush()
        os.fsync(written.fileno())


def _unpack(file: Path, folder: Path) -> datetime:
    with tarfile.open(file, mode="r:gz") as tar:
        for member in tar:
            _extract(tar, member, folder)
    manifest = json.loads((folder / _MANIFEST).read_text())
    if manifest["form"] != _FORM:
        raise ValueError("it was made by a later release")
    (folder / _MANIFEST).unlink()
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    if there != set(manifest["files"]):
        raise ValueError("it is not whole")
    for name, digest in manifest["files"].items():
        if _digest(folder / name) != digest:
            raise ValueError(f"{name} in it was changed")
    (folder / LOCK).touch()  # the mark of a state directory
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
    return datetime.fromisoformat(manifest["madeAt"])


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    """Files alone, and only below the folder."""
    to, content = folder / member.name, tar.extractfile(member) if member.isfile() else None
    if content is None or not to.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"{member.name} in it is none of a backup")
    to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with content, to.open("xb") as file:
        shutil.copyfileobj(content, file)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
