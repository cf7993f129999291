"""Who this machine is for its control plane: kept in one file, readable by its owner only."""

from __future__ import annotations

import base64
import json
import os
from dataclasses import dataclass
from typing import Optional

from cloudhand.agent import lasting

_FILE = "identity.json"


@dataclass(frozen=True)
class Identity:
    server: str  # http://host:port or https://host:port
    instance_id: str
    region_id: str
    key: bytes  # of the HMAC
    ca: str = ""  # PEM of an authority to trust besides the system's
    proxy: str = ""  # address of one that leads to the server


def load(state: str) -> Optional[Identity]:
    """None when this machine has not been registered; ValueError for what is no identity."""
    path = os.path.join(state, _FILE)
    try:
        with open(path, encoding="utf-8") as file:
            values = json.load(file)
    except FileNotFoundError:
        return None
    except ValueError:
        values = None
    try:
        return Identity(**{**values, "key": base64.b64decode(values["key"])})
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(
            f"cannot read {path}: it is no identity; to have this machine join again, paste the"
            " line that `cloudhand invite` prints, or remove it and register"
        ) from error


def save(state: str, identity: Identity) -> None:
    values = dict(vars(identity), key=base64.b64encode(identity.key).decode())
    write_whole(os.path.join(state, _FILE), json.dumps(values).encode(), mode=0o600)


def forget(state: str) -> None:
    try:
        os.unlink(os.path.join(state, _FILE))
    except FileNotFoundError:
        pass


def write_whole(path: str, content: bytes, *, mode: int) -> None:
    """Write a file so that after a crash it is either whole or as it was, and from now on whole."""
    part = path + ".part"
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
    lasting.sync_names(os.path.dirname(path))
