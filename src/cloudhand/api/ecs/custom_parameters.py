"""The parameter ``Parameters``: values for the placeholders of a script, as one JSON object."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from cloudhand.api import bind
from cloudhand.api.ecs.errors import PARAMETER_ERRORS, ParameterErrors
from cloudhand.api.refusal import Refused
from cloudhand.core.command import NAME_LIMIT, PARAMETER_LIMIT


class _Fields(list[tuple[str, Any]]):
    """The fields of a JSON object in their order, with those that come twice."""


def parameters(errors: ParameterErrors = PARAMETER_ERRORS, *, optional: bool = False) -> Any:
    """``optional``: None when it is not given, which else is the same as no entries."""

    def read(flat: bind.Flat, wire: str) -> Mapping[str, str] | None:
        value = flat.get(wire, "")
        if not value:
            return None if optional else {}
        return _read(value, errors)

    return bind.custom(
        read,
        kind="JSON object",
        names=("Parameters",),
        note=f"at most {PARAMETER_LIMIT} entries; numbers and booleans count as their JSON text",
        errors=tuple(dict.fromkeys(vars(errors).values())),
    )


def _read(text: str, errors: ParameterErrors) -> Mapping[str, str]:
    try:
        # Numbers keep the spelling that the caller gave them.
        found = json.loads(
            text, object_pairs_hook=_Fields, parse_int=str, parse_float=str, parse_constant=str
        )
    except bind.UNREADABLE:
        raise Refused(errors.malformed) from None
    if not isinstance(found, _Fields):
        raise Refused(errors.malformed)
    _check_names([name for name, _ in found], errors)
    return {name: _text(inner, errors) for name, inner in found}


def _check_names(names: Sequence[str], errors: ParameterErrors) -> None:
    if len(names) > PARAMETER_LIMIT:
        raise Refused(errors.too_many)
    for name in names:
        if not name:
            raise Refused(errors.no_name)
        if len(name) > NAME_LIMIT:
            raise Refused(errors.too_long_name)
        if not name.isascii() or not name.isprintable():
            raise Refused(errors.bad_name)
    if len({name.lower() for name in names}) < len(names):
        raise Refused(errors.twice)


def _text(value: object, errors: ParameterErrors) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        raise Refused(errors.bad_value)
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        raise Refused(errors.bad_name)  # half of a pair is no text
    return value
