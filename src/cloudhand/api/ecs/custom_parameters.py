"""The parameter ``Parameters``: values for the placeholders of a script, as one JSON object."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from cloudhand.api import bind
from cloudhand.api.ecs import errors
from cloudhand.api.refusal import Refused
from cloudhand.core.command import NAME_LIMIT, PARAMETER_LIMIT


class _Fields(list[tuple[str, Any]]):
    """The fields of a JSON object in their order, with those that come twice."""


def parameters() -> Any:
    return bind.custom(
        _read,
        kind="JSON object",
        names=("Parameters",),
        note=f"at most {PARAMETER_LIMIT} entries; numbers and booleans count as their JSON text",
        errors=(
            errors.BAD_PARAMETERS,
            errors.BAD_PARAMETER_CHARSET,
            errors.PARAMETER_TYPE,
            errors.TOO_MANY_PARAMETERS,
            errors.PARAMETER_NAME_TOO_LONG,
            errors.PARAMETER_TWICE,
        ),
    )


def _read(flat: bind.Flat, wire: str) -> Mapping[str, str]:
    value = flat.get(wire, "")
    if not value:
        return {}
    try:
        # Numbers keep the spelling that the caller gave them.
        found = json.loads(
            value, object_pairs_hook=_Fields, parse_int=str, parse_float=str, parse_constant=str
        )
    except bind.UNREADABLE:
        raise Refused(errors.BAD_PARAMETERS) from None
    if not isinstance(found, _Fields):
        raise Refused(errors.BAD_PARAMETERS)
    _check_names([name for name, _ in found])
    return {name: _text(inner) for name, inner in found}


def _check_names(names: Sequence[str]) -> None:
    if len(names) > PARAMETER_LIMIT:
        raise Refused(errors.TOO_MANY_PARAMETERS)
    for name in names:
        if not 1 <= len(name) <= NAME_LIMIT:
            raise Refused(errors.PARAMETER_NAME_TOO_LONG)
        if not name.isascii() or not name.isprintable():
            raise Refused(errors.BAD_PARAMETER_CHARSET)
    if len({name.lower() for name in names}) < len(names):
        raise Refused(errors.PARAMETER_TWICE)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        raise Refused(errors.PARAMETER_TYPE)
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        raise Refused(errors.BAD_PARAMETER_CHARSET)  # half of a pair is no text
    return value
