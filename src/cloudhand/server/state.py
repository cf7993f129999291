"""The state directory: who holds it, and what lies in it besides the database."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cloudhand.providers.sandbox.instance import remove_tree
from cloudhand.server.published import FOLDER
from cloudhand.store.lasting import make_folder, write_whole

TEMPORARY = "cloudhand-"  # how names of temporary states begin
LOCK = "lock"  # a file in every state directory
_MARK = "temporary"  # a file in them: the name alone says nothing
# What an empty directory may hold.
_NOBODYS = frozenset({"lost+found", FOLDER})


class CannotUse(Exception):
    """Why a directory cannot hold this control plane's state, in one sentence."""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """How to reach a control plane; endpoint.json in its state directory, for its owner only."""

    url: str
    region: str
    access_key_id: str
    access_key_secret: str
    ca: str = ""  # path of the PEM of its authority, with https
    public_url: str = ""  # for other machines; empty where it listens for this one alone


@contextmanager
def held(state: Path, *, temporary: bool) -> Iterator[None]:
    """Hold the state directory, which is made if it is missing; remove it if temporary.

    A temporary one also takes those beside it along that were left by a control plane that was
    killed. One that was made here, and in which nothing came to be, goes again.
    """
    made = _claim(state)
    with locked(state / LOCK) as free:
        if not free:
            asks = f"`cloudhand instances --state {state}` asks it"
            raise CannotUse(f"cannot use {state}: {_holder(state)} holds it ({asks})")
        (state / LOCK).write_text(str(os.getpid()))
        if temporary:
            (state / _MARK).touch()  # only now: without its lock it would look left behind
            _sweep(state.parent)
        try:
            yield
        finally:
            (state / "endpoint.json").unlink(missing_ok=True)
            if temporary:
                remove_tree(str(state))
            elif made:
                _remove_unused(state)


def _holder(state: Path) -> str:
    pid = (state / LOCK).read_text()
    return f"the control plane with process id {pid}" if pid else "another control plane"


def held_by(state: Path) -> str:
    """Who holds the directory at present; empty if nobody does. OSError."""
    if not (state / LOCK).exists():
        return ""
    with locked(state / LOCK) as free:
        return "" if free else _holder(state)


def _remove_unused(state: Path) -> None:
    if [entry.name for entry in state.iterdir()] == [LOCK]:
        (state / LOCK).unlink()
        state.rmdir()


@contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Hold a lock that ends with this process at the latest; False if somebody else does."""
    with path.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True


def _sweep(folder: Path) -> None:
    for state in folder.glob(f"{TEMPORARY}*"):
        try:
            if _is_ours(state) and _is_ours(state / _MARK):
                _remove_unless_used(state)
        except OSError:
            continue  # somebody else removes it just now


def _is_ours(path: Path) -> bool:
    return path.lstat().st_uid == os.geteuid() and not path.is_symlink()


def _remove_unless_used(state: Path) -> None:
    with ExitStack() as stack:
        free = stack.enter_context(locked(state / LOCK))
        for sandbox in (state / "sandbox", *state.glob("accounts/*/sandbox")):
            if free and sandbox.is_dir():
                free = stack.enter_context(locked(sandbox / "supervisor.lock"))
        if free:
            remove_tree(str(state))


def _claim(state: Path) -> bool:
    """Make the directory, for nobody else to read; one that somebody else uses is left alone.

    Whether it was missing.
    """
    try:
        made = _made(state)
        present = {entry.name for entry in state.iterdir()}
        if present - _NOBODYS and LOCK not in present:
            raise CannotUse(f"cannot use {state}: it holds other things; name a new directory")
        state.chmod(0o700)
        return made
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        if state.exists() and state.stat().st_uid != os.geteuid():
            why = "it belongs to another user"
        raise CannotUse(f"cannot use {state}: {why}; name another directory") from error


def _made(state: Path) -> bool:
    try:
        make_folder(state)
    except FileExistsError:
        return False
    return True


def write_endpoint(state: Path, endpoint: Endpoint) -> None:
    path = state / "endpoint.json"
    part = state / "endpoint.json.part"
    part.unlink(missing_ok=True)
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(
            {
                "url": endpoint.url,
                "region": endpoint.region,
                "accessKeyId": endpoint.access_key_id,
                "accessKeySecret": endpoint.access_key_secret,
                "ca": endpoint.ca,
                "publicUrl": endpoint.public_url,
            },
            file,
        )
    part.replace(path)


def last_url(state: Path) -> str:
    """Where agents of this state look for their control plane; empty if it never listened."""
    try:
        return (state / "url").read_text()
    except OSError:
        return ""


def last_port(state: Path) -> int:
    """The port this state had last; 0: none."""
    try:
        return urlsplit(last_url(state)).port or 0
    except ValueError:
        return 0


def keep_url(state: Path, url: str) -> None:
    if url != last_url(state):
        write_whole(state / "url", url.encode(), 0o600)
