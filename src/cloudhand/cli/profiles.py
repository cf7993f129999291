"""Profiles of control planes in the file of the `aliyun` command.

The file is that command's: of it we read and write only profiles that say for which control plane
they are, and keep all else as it is.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from cloudhand.cli.errors import ClientError, Mistake

NAME = "cloudhand"
SHOWN = "~/.aliyun/config.json"
# The `aliyun` command has no field for an address that we know of; these are ours.
_URL, _CA = "cloudhand_endpoint", "cloudhand_ca"
# What that command asks for when it makes a profile; kept where it is said already.
_USUAL = {"output_format": "json", "language": "en"}

Document = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Profile:
    name: str
    url: str
    access_key_id: str
    access_key_secret: str
    region_id: str
    ca: str = ""  # path of a PEM file


def chosen() -> str:
    """The name of the profile that commands go by."""
    return os.environ.get("CLOUDHAND_PROFILE") or NAME


def path() -> Path:
    """Of the file, where a link leads; Mistake if this user has no home."""
    try:
        return Path(os.path.realpath(Path(SHOWN).expanduser()))
    except RuntimeError:
        raise Mistake("cannot find your home directory: set HOME") from None


def find() -> Profile | None:
    """The chosen profile; ClientError if it is no control plane's, or cannot be read.

    None if nobody chose one, and there is none.
    """
    name = chosen()
    fields = named(load(path()), name) if _is_there() else None
    if fields is None:
        if os.environ.get("CLOUDHAND_PROFILE"):
            raise ClientError(f"{SHOWN} has no profile {name}, which CLOUDHAND_PROFILE names")
        return None
    if not fields.get(_URL):
        raise ClientError(
            f"the profile {name} of {SHOWN} names no control plane: `cloudhand configure` has it"
            " name one"
        )
    return _profile(fields)


def _is_there() -> bool:
    try:
        return path().exists()
    except (OSError, Mistake):  # the home of somebody else, or none
        return False


def load(file: Path) -> Document:
    """What it holds, which is little if it is not there; ClientError."""
    try:
        return _checked(json.loads(file.read_bytes(), parse_float=_float, parse_constant=_float))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ClientError(f"cannot read {file}: {_why(error)}") from None
    except (ValueError, RecursionError) as error:
        raise ClientError(
            f"cannot read {file}: {error}; repair it, or move it away. Nothing was changed"
        ) from None


def _float(text: str) -> float:
    number = float(text)
    if number - number != 0:  # infinite, or none: it could not be written as it was
        raise ValueError(f"{text} is no number of JSON that can be kept")
    return number


def _checked(document: Any) -> Document:
    profiles = document.get("profiles") if isinstance(document, dict) else ()
    if profiles is not None and not isinstance(profiles, list):
        raise ValueError("it is no configuration of the `aliyun` command")
    if not all(isinstance(one, dict) for one in profiles or ()):
        raise ValueError("one of its profiles is none")
    return dict(document)


def named(document: Document, name: str) -> Document | None:
    """The fields of the first profile of that name."""
    return next((one for one in document.get("profiles") or () if one.get("name") == name), None)


def _profile(fields: Document) -> Profile:
    def field(name: str) -> str:
        return str(fields.get(name, ""))

    return Profile(
        name=field("name"),
        url=field(_URL),
        access_key_id=field("access_key_id"),
        access_key_secret=field("access_key_secret"),
        region_id=field("region_id"),
        ca=field(_CA),
    )


def with_profile(document: Document, profile: Profile) -> Document:
    """The same with this profile in it; Mistake if one of that name is for something else."""
    old = named(document, profile.name)
    _check_is_ours(old, profile.name)
    new = {
        **({} if old else {"name": profile.name}),
        **(_USUAL | (old or {})),
        "mode": "AK",
        "access_key_id": profile.access_key_id,
        "access_key_secret": profile.access_key_secret,
        "region_id": profile.region_id,
        _URL: profile.url,
        _CA: profile.ca,
    }
    if not profile.ca:
        del new[_CA]
    others = document.get("profiles") or []
    profiles = [new if one is old else one for one in others] if old else [*others, new]
    # Which one is current is decided elsewhere, unless there is no other.
    return {**(document or {"current": profile.name}), "profiles": profiles}


def without_profile(document: Document, name: str) -> Document:
    """The same without it; the very same if there is none. Mistake as of ``with_profile``."""
    old = named(document, name)
    if old is None:
        return document
    _check_is_ours(old, name)
    left = {**document, "profiles": [one for one in document["profiles"] if one is not old]}
    if not left["profiles"] and left.get("current") == name:
        del left["current"]
    return left


def _check_is_ours(fields: Document | None, name: str) -> None:
    if fields is not None and name != NAME and not fields.get(_URL):
        raise Mistake(
            f"the profile {name} of {SHOWN} is not one of Cloudhand's, and stays: choose another"
            " name with --profile-name"
        )


def change(file: Path, alter: Callable[[Document], Document]) -> None:
    """Write what is made of the file's content as it is then, whole or not at all; ClientError."""
    try:
        file.parent.mkdir(mode=0o700, exist_ok=True)
        with _part(file) as part:
            part.write(_text(alter(load(file))))
            part.flush()
            os.fsync(part.fileno())
    except OSError as error:
        raise ClientError(f"cannot write {file}: {_why(error)}; it is as it was") from None


@contextmanager
def _part(file: Path) -> Iterator[BinaryIO]:
    """An empty file that takes the place of ``file`` in the end; of one process at a time."""
    part = file.with_name(f"{file.name}.cloudhand-part")
    while True:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        with open(descriptor, "wb") as new:
            fcntl.flock(new, fcntl.LOCK_EX)
            if not _is(part, new):
                continue  # whoever held it has put it into its place
            new.truncate()
            try:
                _keep_owner(file, new)
                yield new
                part.replace(file)
            except BaseException:
                part.unlink(missing_ok=True)
                raise
            return


def _is(path: Path, file: BinaryIO) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _keep_owner(file: Path, new: BinaryIO) -> None:
    """Let it stay its owner's when root writes, by sudo for instance."""
    os.fchmod(new.fileno(), 0o600)
    if os.geteuid() == 0 and file.exists():
        was = file.stat()
        os.fchown(new.fileno(), was.st_uid, was.st_gid)


def _text(document: Document) -> bytes:
    # As the `aliyun` command writes it. Half a character, which JSON can hold, stays escaped.
    text = json.dumps(document, indent="\t", ensure_ascii=False) + "\n"
    return text.encode("utf-8", "backslashreplace")


def _why(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
