"""The state directory: who holds it, and what lies in it besides the database."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cloudhand.providers.sandbox.instance import remove_tree

# What an empty directory may hold.
_NOBODYS = frozenset({"lost+found"})


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


@contextmanager
def held(state: Path, *, temporary: bool) -> Iterator[None]:
    """Hold the state directory, which is made if it is missing; remove it if temporary."""
    _claim(state)
    with (state / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CannotUse(f"cannot use {state}: another control plane holds it") from None
        try:
            yield
        finally:
            (state / "endpoint.json").unlink(missing_ok=True)
            if temporary:
                remove_tree(str(state))


def _claim(state: Path) -> None:
    """Make the directory, for nobody else to read; one that somebody else uses is left alone."""
    try:
        state.mkdir(parents=True, exist_ok=True)
        present = {entry.name for entry in state.iterdir()}
        if present - _NOBODYS and "lock" not in present:
            raise CannotUse(f"cannot use {state}: it holds other things; name a new directory")
        state.chmod(0o700)
    except OSError as error:
        raise CannotUse(f"cannot use {state}: {(error.strerror or str(error)).lower()}") from error


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
            },
            file,
        )
    part.replace(path)


def last_port(state: Path) -> int:
    """The port this state had last, so that agents find their control plane again; 0: none."""
    try:
        return int((state / "port").read_text())
    except (OSError, ValueError):
        return 0


def keep_port(state: Path, port: int) -> None:
    (state / "port").write_text(str(port))
