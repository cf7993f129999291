"""From flat query parameters to the dataclass that an operation declares, with all that is wrong.

A field of such a dataclass is declared by one of the functions below; its wire name comes from
the field's name unless it is given.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from cloudhand.api.refusal import Refused, WireError, invalid, missing, unsupported
from cloudhand.wire import rpc, times

Flat = Mapping[str, str]
Params = TypeVar("Params")

# What json.loads and int() say of text that they cannot read, however it is made.
UNREADABLE = (ValueError, RecursionError)
_WITHIN_A_SECOND = timedelta(milliseconds=999)


class Coverage(StrEnum):
    """What becomes of a parameter."""

    FULL = "full"  # what the documents say of it, or what our page of differences says
    WITHOUT_EFFECT = "without effect"  # it means nothing here
    REFUSED = "refused"  # so that it is not ignored


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One declared parameter: how it is read, and what its page says of it."""

    names: tuple[str, ...]  # on the wire; empty: from the field's name
    kind: str
    read: Callable[[Flat, str], Any]  # gets the first name
    required: bool = False
    note: str = ""
    errors: tuple[WireError, ...] = ()
    most: int = 0  # items of the largest page, where it asks for one
    coverage: Coverage = Coverage.FULL


def wire_name(field_name: str) -> str:
    return "".join(word.capitalize() for word in field_name.split("_"))


def parameters(params: type[Any]) -> dict[str, Parameter]:
    """The declared parameters of a dataclass, by field name; those of a group behind a dot."""
    declared: dict[str, Parameter] = {}
    for one in fields(params):
        if "group" in one.metadata:
            inner = parameters(one.metadata["group"])
            declared |= {f"{one.name}.{name}": parameter for name, parameter in inner.items()}
            continue
        parameter: Parameter = one.metadata["parameter"]
        names = parameter.names or (wire_name(one.name),)
        declared[one.name] = replace(parameter, names=names)
    return declared


def group(params: type[Any]) -> Any:
    """Parameters that several operations declare alike, as a dataclass of their own."""
    return field(metadata={"group": params})


def bind(params: type[Params], declared: Mapping[str, Parameter], flat: Flat) -> Params:
    """All problems are found before any is raised."""
    values: dict[str, Any] = {}
    problems: list[WireError] = []
    for name, parameter in declared.items():
        try:
            values[name] = parameter.read(flat, parameter.names[0])
        except Refused as refused:
            problems += refused.errors
    if problems:
        raise Refused(*problems)
    return _filled(params, values, "")


def _filled(params: type[Params], values: Mapping[str, Any], prefix: str) -> Params:
    given = {}
    for one in fields(params):  # type: ignore[arg-type]
        name, inner = f"{prefix}{one.name}", one.metadata.get("group")
        given[one.name] = _filled(inner, values, f"{name}.") if inner else values[name]
    return params(**given)


def custom(
    read: Callable[[Flat, str], Any],
    *,
    kind: str,
    names: tuple[str, ...] = (),
    required: bool = False,
    note: str = "",
    errors: tuple[WireError, ...] = (),
    most: int = 0,
    default: Any = MISSING,
    coverage: Coverage = Coverage.FULL,
) -> Any:
    """A parameter that is read in a way of its own."""
    parameter = Parameter(
        names=names,
        kind=kind,
        read=read,
        required=required,
        note=note,
        errors=errors,
        most=most,
        coverage=coverage,
    )
    if default is MISSING:
        return field(metadata={"parameter": parameter})
    return field(default=default, metadata={"parameter": parameter})


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A rule for a text and the error of a text that breaks it."""

    fits: Callable[[str], bool]
    error: WireError


def longest(length: int, error: WireError) -> Limit:
    return Limit(fits=lambda text: len(text) <= length, error=error)


def form(pattern: str, error: WireError) -> Limit:
    compiled = re.compile(pattern, re.ASCII)
    return Limit(fits=lambda text: compiled.fullmatch(text) is not None, error=error)


def one_of(values: Collection[str], error: WireError) -> Limit:
    return Limit(fits=lambda text: text in values, error=error)


def text(
    name: str = "",
    *limits: Limit,
    default: str = "",
    required: bool = False,
    absent: WireError | None = None,
    note: str = "",
    coverage: Coverage = Coverage.FULL,
) -> Any:
    """A string; an empty one counts as none given. The first limit that it breaks is told."""

    def read(flat: Flat, wire: str) -> str:
        value = flat.get(wire, "")
        if not value:
            if required:
                raise Refused(absent or missing(wire))
            return default
        for limit in limits:
            if not limit.fits(value):
                raise Refused(limit.error)
        return value

    return custom(
        read,
        kind="String",
        names=(name,) if name else (),
        required=required,
        note=note,
        errors=(*([absent] if absent else []), *(limit.error for limit in limits)),
        default=MISSING if required else default,
        coverage=coverage,
    )


def refused(name: str, *limits: Limit) -> Any:
    """A text that the handler refuses, so that it is not ignored."""
    return text(name, *limits, note="not supported; refused", coverage=Coverage.REFUSED)


# What clients send unasked, or to say that they do not want it.
_NOTHING = ("", "[]", "false", "False")


def not_served(name: str, why: str, *others: str) -> Any:
    """Parameters that are refused, with all that is in them, so that they are not ignored."""
    by_name = {one: unsupported(one, why) for one in (name, *others)}

    def read(flat: Flat, wire: str) -> None:
        for one, value in flat.items():
            error = by_name.get(one.partition(".")[0])
            if error and value not in _NOTHING:
                raise Refused(error)

    return custom(
        read,
        kind="Constant",
        names=tuple(by_name),
        note=f"refused: {why}",
        errors=tuple(by_name.values()),
        default=None,
        coverage=Coverage.REFUSED,
    )


def without_effect(name: str, why: str, *others: str) -> Any:
    """Parameters that mean nothing here, and say so on their page."""
    return custom(
        lambda flat, wire: flat.get(wire, ""),
        kind="String",
        names=(name, *others),
        note=f"without effect: {why}",
        default="",
        coverage=Coverage.WITHOUT_EFFECT,
    )


def number(
    name: str = "",
    *,
    default: int = 0,
    at_least: int = 0,
    at_most: int = 10**9,
    error: WireError | None = None,
    note: str = "",
) -> Any:
    def read(flat: Flat, wire: str) -> int:
        return whole(flat, wire, default, range(at_least, at_most + 1), error or invalid(wire))

    return custom(
        read,
        kind="Integer",
        names=(name,) if name else (),
        note=note or f"{at_least} to {at_most}; default {default}",
        errors=(error,) if error else (),
        default=default,
    )


def whole(flat: Flat, wire: str, default: int, allowed: range, error: WireError) -> int:
    value = flat.get(wire, "")
    if not value:
        return default
    try:
        found = int(value)
    except ValueError:
        raise Refused(error) from None
    if found not in allowed:
        raise Refused(error)
    return found


def flag(name: str = "", *, default: bool | None = False, note: str = "") -> Any:
    def read(flat: Flat, wire: str) -> bool | None:
        value = flat.get(wire, "")
        try:
            return rpc.truth(value) if value else default
        except ValueError:
            raise Refused(invalid(wire, "must be true or false")) from None

    return custom(read, kind="Boolean", names=(name,) if name else (), note=note, default=default)


def moment(name: str, *, last: bool = False, note: str = "") -> Any:
    """``last``: the end of that second, as moments are told in whole ones."""
    error = invalid(name, "must have the form 2026-01-02T03:04:05Z")

    def read(flat: Flat, wire: str) -> datetime | None:
        value = flat.get(wire, "")
        try:
            found = times.parse_second(value) if value else None
        except ValueError:
            raise Refused(error) from None
        return found + _WITHIN_A_SECOND if found and last else found

    return custom(read, kind="Time", names=(name,), note=note, errors=(error,), default=None)


def many(
    name: str,
    *,
    at_most: int,
    too_many: WireError,
    malformed: WireError | None = None,
    required: bool = False,
    absent: WireError | None = None,
    note: str = "",
) -> Any:
    """Strings ``name.1``, ``name.2``, …, each once; numbers may be missing or out of order."""

    def read(flat: Flat, wire: str) -> tuple[str, ...]:
        values = tuple(dict.fromkeys(value for value in rpc.listed(flat, wire) if value))
        if not values and required:
            raise Refused(absent or missing(wire))
        if len(values) > at_most:
            raise Refused(too_many)
        if malformed and not all(_ID.fullmatch(value) for value in values):
            raise Refused(malformed)
        return values

    return custom(
        read,
        kind="Strings",
        names=(f"{name}",),
        required=required,
        note=note or f"`{name}.1` to `{name}.{at_most}`",
        errors=tuple(error for error in (absent, too_many, malformed) if error),
        default=MISSING if required else (),
    )


_ID = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
# Python's own spelling of a list of plain strings, which programs send that call str() on it.
_REPR = re.compile(r"\[\s*(?:'[^'\\]*'(?:\s*,\s*'[^'\\]*')*)?\s*\]")
_QUOTED = re.compile(r"'([^'\\]*)'")


def json_list(name: str, *, at_most: int, malformed: WireError, too_many: WireError) -> Any:
    """A JSON list of strings in one parameter; None when it is not given."""

    def read(flat: Flat, wire: str) -> tuple[str, ...] | None:
        value = flat.get(wire, "").strip()
        if not value:
            return None
        # Compat: the real service also takes a list as Python prints it.
        found = _QUOTED.findall(value) if _REPR.fullmatch(value) else _strings(value, malformed)
        if len(found) > at_most:
            raise Refused(too_many)
        return tuple(dict.fromkeys(found))

    return custom(
        read,
        kind="JSON list",
        names=(name,),
        note=f"at most {at_most}; also as Python prints a list",
        errors=(malformed, too_many),
        default=None,
    )


def _strings(value: str, malformed: WireError) -> list[str]:
    try:
        found = json.loads(value)
    except UNREADABLE:
        raise Refused(malformed) from None
    if not isinstance(found, list):
        raise Refused(malformed)
    if not all(isinstance(item, str) and item.isascii() for item in found):
        raise Refused(malformed)
    return found
