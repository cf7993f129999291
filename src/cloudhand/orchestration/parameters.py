"""The parameters of a template: what is declared, and what a start makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, assert_never

from cloudhand.core.errors import Problem
from cloudhand.orchestration import secrets, values
from cloudhand.orchestration.arguments import comparable
from cloudhand.orchestration.evaluation import EvaluationError, Evaluator, Scope, stored_value
from cloudhand.orchestration.expression import (
    Expression,
    Parameter,
    Stored,
    references,
    stored_reference,
)
from cloudhand.orchestration.programs import ProgramError, Programs
from cloudhand.orchestration.values import shown

_LONGEST = 32  # parameters whose defaults refer to each other
_LARGEST = 4 << 20  # characters of all values


class Type(StrEnum):
    STRING = "String"
    NUMBER = "Number"
    BOOLEAN = "Boolean"
    LIST = "List"
    JSON = "Json"


# Older pages, and other services, have other names for it.
SYNONYMS = {"object": Type.JSON, "array": Type.LIST, "int": Type.NUMBER, "integer": Type.NUMBER}


@dataclass(frozen=True, kw_only=True)
class Declared:
    """One declared parameter. Bounds that are None do not bind."""

    name: str
    type: Type = Type.STRING
    default: Expression | None = None  # None: it must be given
    allowed_values: tuple[Any, ...] | None = None
    allowed_pattern: str = ""
    length: tuple[int | None, int | None] = (None, None)  # of a text
    bounds: tuple[float | None, float | None] = (None, None)  # of a number
    constraint: Any = None  # the author's words for a broken rule: text, or texts by language
    no_echo: bool = False  # not to be shown


def convert(value: Any, kind: Type) -> Any:
    """A given value as its type; ValueError."""
    match kind:
        case Type.STRING:
            return _text(value)
        case Type.NUMBER:
            return values.number(value)
        case Type.BOOLEAN:
            return values.truth(value)
        case Type.LIST:
            return _list(value)
        case Type.JSON:
            return _decoded(value)
        case _:
            assert_never(kind)


def _text(value: Any) -> str:
    if isinstance(value, dict | list) and secrets.held(value):
        raise ValueError(f"{shown(value)} cannot be written as text")
    return values.text(value)


def _list(value: Any) -> list[Any]:
    """A single value stands for a list of one."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        value = _decoded(value)
    return value if isinstance(value, list) else [value]


def _decoded(value: Any) -> Any:
    """JSON text as what it says, be that JSON text again: whoever passes it on changes nothing.

    An empty text is nothing, and any other is a text.
    """
    while isinstance(value, str):
        try:
            value = values.decoded(value) if value.strip() else None
        except ValueError:
            return value
    return value


def stored_names(declared: Mapping[str, Declared], given: Mapping[str, Any]) -> set[str]:
    """The common parameters of the store that a resolving may ask for."""
    found: list[Any] = [stored_reference(value) for value in given.values()]
    for one in declared.values():
        found += references(one.default) if one.default is not None else ()
    return {one.name for one in found if isinstance(one, Stored) and not one.secret}


def looked_up(given: Mapping[str, Any], scope: Scope) -> tuple[dict[str, Any], list[Problem]]:
    """What a caller gives, with what is meant in place of references to the parameter store.

    A value is a reference as a whole or not at all. The engine itself gives none: what comes in
    through a value is not looked up.
    """
    found, problems = dict(given), []
    for name, value in given.items():
        reference = stored_reference(value)
        if reference is None:
            continue
        try:
            found[name] = stored_value(reference, scope)
        except EvaluationError as error:
            problems.append(Problem(path=f"Parameters.{name}", text=str(error)))
    return found, problems


async def resolve(
    declared: Mapping[str, Declared],
    given: Mapping[str, Any],
    *,
    scope: Scope,
    programs: Programs,
) -> tuple[dict[str, Any], list[Problem]]:
    """The values of all parameters, by declared name, and all that is wrong with them.

    ``declared`` is by lower-case name. Defaults may refer to other parameters, and to all else in
    ``scope``; a value that was given as None counts as not given.
    """
    resolving = _Resolving(declared, scope, programs)
    for name, value in given.items():
        resolving.give(name, value)
    for name in declared:
        await resolving.value(name, ())
    return {declared[name].name: value for name, value in resolving.values.items()}, (
        resolving.problems
    )


class _Resolving:
    def __init__(
        self,
        declared: Mapping[str, Declared],
        scope: Scope,
        programs: Programs,
    ) -> None:
        self._declared = declared
        self._scope = scope
        self._programs = programs
        self._given: dict[str, Any] = {}
        self._left = _LARGEST
        self.values: dict[str, Any] = {}  # by lower-case name
        self.problems: list[Problem] = []

    def give(self, name: str, value: Any) -> None:
        if name.lower() not in self._declared:
            self._problem(name, "the template has no such parameter")
        elif value is not None:
            try:
                values.check(value)
                self._given[name.lower()] = value
            except ValueError as error:
                self._fail(name, str(error))

    def _problem(self, name: str, text: str) -> None:
        self.problems.append(Problem(path=f"Parameters.{name}", text=text))

    def _fail(self, name: str, text: str) -> None:
        self._problem(name, text)
        self.values[name.lower()] = None

    async def value(self, name: str, chain: tuple[str, ...]) -> None:
        """Have the value of a parameter, those that it needs first."""
        declared = self._declared.get(name)
        if declared is None or name in self.values:
            return
        raw = self._given.get(name)
        if name in chain:
            self._fail(declared.name, "its default depends on itself")
        elif len(chain) == _LONGEST:
            told = f"defaults refer to each other in a chain of more than {_LONGEST}"
            self._fail(declared.name, told)
        elif raw is None and declared.default is None:
            self._fail(declared.name, "it has no default, and no value is given")
        elif raw is None and declared.default is not None:
            raw = await self._default(declared, declared.default, (*chain, name))
        if name not in self.values:
            await self._settle(name, declared, raw)

    async def _settle(self, name: str, declared: Declared, raw: Any) -> None:
        if raw is None or secrets.genuine(raw, self._scope.mark):
            self.values[name] = raw  # what a secret is, nobody knows here
            return
        try:
            value = convert(raw, declared.type)
        except ValueError as error:
            told = f"it is no {declared.type.value}" if declared.no_echo else str(error)
            self._fail(declared.name, told)
            return
        self._left -= values.weight(value)
        if self._left < 0:
            self._fail(declared.name, f"all values are larger than {_LARGEST} characters")
            return
        self.values[name] = value
        if name in self._given:  # what the author put there is no mistake of the caller
            for text in await broken(declared, value, self._programs):
                self._problem(declared.name, text)

    async def _default(
        self, declared: Declared, default: Expression, chain: tuple[str, ...]
    ) -> Any:
        for reference in references(default):
            if isinstance(reference, Parameter):
                await self.value(reference.name.lower(), chain)
        scope = replace(self._scope, parameters=self.values)
        try:
            return await Evaluator(scope, self._programs).value(default)
        except EvaluationError as error:
            self._problem(declared.name, f"its default: {error}")
            return None


async def broken(declared: Declared, value: Any, programs: Programs) -> list[str]:
    """The rules of a parameter that a value breaks, each as a phrase."""
    if value is None:
        return []
    found = [
        told
        for rule in (_not_allowed, _too_long_or_short, _out_of_bounds)
        if (told := rule(declared, value))
    ]
    if declared.allowed_pattern and isinstance(value, str):
        try:
            if not await programs.matches(declared.allowed_pattern, value):
                found.append(f"{_shown(declared, value)} does not fit {declared.allowed_pattern}")
        except ProgramError as error:
            found.append(f"its AllowedPattern: {error}")
    own = declared.constraint
    words = own if isinstance(own, str) else own.get("en", "") if isinstance(own, dict) else ""
    return [f"{told}: {words}" if words else told for told in found]


def _shown(declared: Declared, value: Any) -> str:
    return "it" if declared.no_echo else shown(value)


def _not_allowed(declared: Declared, value: Any) -> str:
    if declared.allowed_values is None:
        return ""
    given = value if declared.type is Type.LIST else [value]
    try:
        comparable(given, declared.allowed_values)
    except ValueError as error:
        return str(error)
    strange = [
        one
        for one in given
        if not any(values.same(one, allowed) for allowed in declared.allowed_values)
    ]
    allowed = ", ".join(shown(one) for one in declared.allowed_values)
    return f"{_shown(declared, strange[0])} is none of {allowed}" if strange else ""


def _too_long_or_short(declared: Declared, value: Any) -> str:
    least, most = declared.length
    if not isinstance(value, str):
        return ""
    if least is not None and len(value) < least:
        return f"it is shorter than {least} characters"
    if most is not None and len(value) > most:
        return f"it is longer than {most} characters"
    return ""


def _out_of_bounds(declared: Declared, value: Any) -> str:
    least, most = declared.bounds
    if not isinstance(value, int | float) or isinstance(value, bool):
        return ""
    if least is not None and value < least:
        return f"{_shown(declared, value)} is less than {least:g}"
    if most is not None and value > most:
        return f"{_shown(declared, value)} is more than {most:g}"
    return ""
