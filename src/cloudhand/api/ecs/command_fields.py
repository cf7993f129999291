"""Parameters that say what a command is, alike in CreateCommand, ModifyCommand and RunCommand."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from cloudhand.api import bind
from cloudhand.api.bind import Limit, longest, one_of, text
from cloudhand.api.ecs import errors
from cloudhand.api.refusal import Refused, WireError
from cloudhand.core.command import CommandType

_SHORTEST, _LONGEST = 10, 86400  # seconds
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def plain(error: WireError) -> Limit:
    return Limit(fits=lambda value: not _CONTROL.search(value), error=error)


def command_type() -> Any:
    return text("Type", one_of(tuple(CommandType), errors.BAD_TYPE), required=True)


def name(*, required: bool = False) -> Any:
    limits = longest(128, errors.NAME_TOO_LONG), plain(errors.BAD_NAME)
    return text("Name", *limits, required=required)


def description() -> Any:
    return text(
        "Description", longest(512, errors.DESCRIPTION_TOO_LONG), plain(errors.BAD_DESCRIPTION)
    )


def working_dir(note: str = "") -> Any:
    limits = longest(200, errors.WORKING_DIR_TOO_LONG), plain(errors.BAD_WORKING_DIR)
    return text("WorkingDir", *limits, note=note)


def launcher(note: str = "") -> Any:
    fits = Limit(fits=lambda value: len(value.encode()) <= 1024, error=errors.LAUNCHER_TOO_LONG)
    return text("Launcher", fits, note=note)


def timeout(*, default: int | None, note: str) -> Any:
    """What is shorter than the shortest counts as the shortest, as the console has it."""

    def read(flat: bind.Flat, wire: str) -> int | None:
        if not flat.get(wire):
            return default
        allowed = range(-_LONGEST, _LONGEST + 1)
        return max(bind.whole(flat, wire, 0, allowed, errors.TIMEOUT_TOO_LONG), _SHORTEST)

    return bind.custom(
        read,
        kind="Integer",
        names=("Timeout",),
        note=f"seconds, to {_LONGEST}; less than {_SHORTEST} counts as {_SHORTEST}; {note}",
        errors=(errors.TIMEOUT_TOO_LONG,),
        default=default,
    )


def decoded(content: str, error: WireError = errors.UNDECODABLE) -> bytes:
    try:
        return base64.b64decode("".join(content.split()), validate=True)
    except (binascii.Error, ValueError):
        raise Refused(error) from None
