"""A value of a template with the references and functions in it.

``{{ name }}`` is a parameter, ``{{ task.output }}`` an output of an earlier task and
``{{ ACS::Name }}`` a pseudo parameter; ``{{ oos:name }}`` and ``{{ oos-secret:name }}`` are kept in
the parameter store. Names are compared without regard to case. What stands in such braces and could
be none of these, such as ``{{.Names}}``, is text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_BRACES = re.compile(r"\{\{([^{}]*)\}\}")
_PSEUDO = re.compile(r"acs::(\w+)", re.IGNORECASE | re.ASCII)
_STORED = re.compile(r"(oos|oos-secret)\s*:\s*([\w./-]+)", re.IGNORECASE | re.ASCII)
_OUTPUT = re.compile(r"([A-Za-z0-9_-]+)\.(.+)")
_PARAMETER = re.compile(r"[A-Za-z0-9_-]+")
FUNCTION = "fn::"


@dataclass(frozen=True)
class Literal:
    value: Any


@dataclass(frozen=True)
class Parameter:
    name: str


@dataclass(frozen=True)
class Output:
    task: str
    path: str  # the name of an output, or else a path into what the task gave


@dataclass(frozen=True)
class Pseudo:
    name: str  # without ACS::


@dataclass(frozen=True)
class Stored:
    name: str
    secret: bool


@dataclass(frozen=True)
class Condition:
    """The name of a condition, where a condition is asked for."""

    name: str


Reference = Parameter | Output | Pseudo | Stored | Condition


@dataclass(frozen=True)
class Text:
    """Text with references in it, which are written into it as text."""

    parts: tuple[str | Reference, ...]


@dataclass(frozen=True)
class Call:
    function: str  # as it is written, with Fn::
    argument: Expression


@dataclass(frozen=True)
class Items:
    items: tuple[Expression, ...]


@dataclass(frozen=True)
class Members:
    members: Mapping[str, Expression]


@dataclass(frozen=True)
class Branches:
    """What stands with the first condition that is true; made of the choices of a task."""

    cases: tuple[tuple[Expression, str], ...]
    otherwise: str


Expression = Literal | Reference | Text | Call | Items | Members | Branches


class Misshapen(Exception):
    """A map that looks like a function and is none."""

    def __init__(self, path: tuple[str | int, ...], text: str) -> None:
        super().__init__(text)
        self.path = path


def parse(value: Any, path: tuple[str | int, ...] = ()) -> Expression:
    """Misshapen, with the path of what is wrong."""
    if isinstance(value, str):
        return _of_text(value)
    if isinstance(value, list):
        items = tuple(parse(one, (*path, index)) for index, one in enumerate(value))
        return Literal(value) if all(_plain(one) for one in items) else Items(items)
    if isinstance(value, dict):
        return _of_map(value, path)
    return Literal(value)


def _of_map(value: dict[str, Any], path: tuple[str | int, ...]) -> Expression:
    members = {key: parse(one, (*path, key)) for key, one in value.items()}
    functions = [key for key in members if key.lower().startswith(FUNCTION)]
    if functions:
        if len(members) > 1:
            raise Misshapen(path, f"{functions[0]} stands in a map with other keys")
        return Call(functions[0], members[functions[0]])
    return Literal(value) if all(map(_plain, members.values())) else Members(members)


def _plain(expression: Expression) -> bool:
    return isinstance(expression, Literal)


def _of_text(text: str) -> Expression:
    parts: list[str | Reference] = []
    end = 0
    for match in _BRACES.finditer(text):
        reference = _reference(match[1].strip())
        if reference is None:
            continue
        if match.start() > end:
            parts.append(text[end : match.start()])
        parts.append(reference)
        end = match.end()
    if not parts:
        return Literal(text)
    if end < len(text):
        parts.append(text[end:])
    if len(parts) == 1 and not isinstance(parts[0], str):
        return parts[0]
    return Text(tuple(parts))


def _reference(name: str) -> Reference | None:
    if match := _PSEUDO.fullmatch(name):
        return Pseudo(match[1])
    if match := _STORED.fullmatch(name):
        return Stored(match[2], secret=match[1].lower() == "oos-secret")
    if _PARAMETER.fullmatch(name):
        return Parameter(name)
    if match := _OUTPUT.fullmatch(name):
        return Output(match[1], match[2])
    return None


def stored_reference(value: Any) -> Stored | None:
    """The reference to the parameter store that a value is, from end to end."""
    found = _of_text(value.strip()) if isinstance(value, str) else None
    return found if isinstance(found, Stored) else None


def as_condition(expression: Expression) -> Expression:
    """Where a condition is asked for, a plain word names one."""
    match expression:
        case Literal(str(name)) if name.lower() not in ("true", "false"):
            return Condition(name)
        case Call(function, argument) if function.lower() in ("fn::and", "fn::or"):
            if isinstance(argument, Items):
                argument = Items(tuple(as_condition(one) for one in argument.items))
            elif isinstance(argument, Literal) and isinstance(argument.value, list):
                argument = Items(tuple(as_condition(Literal(one)) for one in argument.value))
            return Call(function, argument)
        case Call(function, argument) if function.lower() == "fn::not":
            return Call(function, as_condition(argument))
    return expression


def references(expression: Expression) -> Iterator[Reference]:
    """All of them, in the order of the text."""
    if isinstance(expression, Reference):
        yield expression
    for one in _inner(expression):
        yield from references(one)


def calls(expression: Expression) -> Iterator[Call]:
    """All functions in it, the outer ones first."""
    if isinstance(expression, Call):
        yield expression
    for one in _inner(expression):
        yield from calls(one)


def _inner(expression: Expression) -> Iterable[Expression]:
    """What an expression is made of."""
    match expression:
        case Text(parts):
            return [part for part in parts if not isinstance(part, str)]
        case Call(_, argument):
            return [argument]
        case Items(items):
            return items
        case Members(members):
            return members.values()
        case Branches(cases, _):
            return [condition for condition, _ in cases]
    return ()
