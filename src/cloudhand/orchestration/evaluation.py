"""What an expression is worth where it stands."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, assert_never

from cloudhand.orchestration import functions, secrets, values
from cloudhand.orchestration.expression import (
    Branches,
    Call,
    Condition,
    Expression,
    Items,
    Literal,
    Members,
    Output,
    Parameter,
    Pseudo,
    Stored,
    Text,
)
from cloudhand.orchestration.programs import ProgramError, Programs

# They pass on what they are given without looking into it.
_PASSING = ("fn::select", "fn::first", "fn::last", "fn::rangeselect", "fn::listjoin",
            "fn::mergelist", "fn::mergemap", "fn::convertmaptolist")  # fmt: skip
_LARGEST = 4 << 20  # characters of all that one expression refers to and makes
_DEEPEST = 128  # levels of an expression, those of the conditions that it names among them


class EvaluationError(Exception):
    """An expression cannot be evaluated; one phrase."""

    code = "InvalidExpression"


class NotStored(EvaluationError):
    """The parameter store has not what is referred to."""

    code = "EntityNotExists.Parameter"

    def __init__(self, names: Collection[str], *, secret: bool = False) -> None:
        kind = "secret parameter" if secret else "parameter"
        told = ", ".join(sorted(names))
        super().__init__(f"there is no {kind} {told} in the parameter store")


class NotReadable(NotStored):
    """Whoever the execution acts for may not read it; one phrase."""

    code = "Forbidden.RAM"

    def __init__(self, why: str) -> None:
        EvaluationError.__init__(self, why)


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What names mean. All names are in lower case; one that is not there means nothing."""

    parameters: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # by task
    pseudo: Mapping[str, Any] = field(default_factory=dict)
    conditions: Mapping[str, Expression] = field(default_factory=dict)
    stored: Mapping[str, Any] = field(default_factory=dict)  # as they are spelled
    mark: str = ""  # of what stands for secrets


def _meant(reference: Parameter | Output | Pseudo | Stored, scope: Scope) -> Any:
    match reference:
        case Parameter(name):
            return scope.parameters.get(name.lower())
        case Output(task, path):
            return scope.outputs.get(task.lower(), {}).get(path.lower())
        case Pseudo(name):
            return scope.pseudo.get(name.lower())
        case Stored():
            return stored_value(reference, scope)
        case _:
            assert_never(reference)


def stored_value(reference: Stored, scope: Scope) -> Any:
    """What is in the parameter store, or what stands for it; NotStored."""
    if reference.secret:
        return secrets.stand_in(reference.name, scope.mark)
    if reference.name not in scope.stored:
        raise NotStored([reference.name])
    return scope.stored[reference.name]


class Evaluator:
    """Evaluates within one scope."""

    def __init__(self, scope: Scope, programs: Programs) -> None:
        self._scope = scope
        self._programs = programs
        self._left = _LARGEST
        self._depth = 0

    async def value(self, expression: Expression) -> Any:
        """EvaluationError."""
        if self._depth == _DEEPEST:
            raise EvaluationError(f"it is nested deeper than {_DEEPEST} levels")
        self._depth += 1
        try:
            return await self._value(expression)
        finally:
            self._depth -= 1

    async def _value(self, expression: Expression) -> Any:
        match expression:
            case Literal(value):
                return value
            case Text(parts):
                return secrets.joined([await self._part(part) for part in parts], self._scope.mark)
            case Call(function, argument):
                return await self._call(function, argument)
            case Items(items):
                return [await self.value(one) for one in items]
            case Members(members):
                return {key: await self.value(one) for key, one in members.items()}
            case Branches(cases, otherwise):
                return await self._branch(cases, otherwise)
            case Condition(name):
                return await self.truth(self._scope.conditions[name.lower()])
            case _:
                return self._counted(_meant(expression, self._scope))

    async def truth(self, expression: Expression) -> bool:
        """What a condition says; EvaluationError."""
        try:
            return values.truth(await self.value(expression))
        except ValueError as error:
            raise EvaluationError(str(error)) from None

    def _counted(self, value: Any) -> Any:
        """A small template can name a large value, or make one, a thousand times."""
        self._left -= values.weight(value)
        if self._left < 0:
            raise EvaluationError(f"it would be larger than {_LARGEST} characters")
        return value

    async def _part(self, part: Any) -> Any:
        """Text, or what stands for some."""
        if isinstance(part, str):
            return part
        value = await self.value(part)
        if secrets.genuine(value, self._scope.mark):
            return value
        self._refuse_secrets("a longer text", value)
        return values.text(value)

    def _refuse_secrets(self, what: str, value: Any) -> None:
        """Where a value would be looked into: what stands for a secret is not the secret."""
        held = secrets.names(value, self._scope.mark)
        if held:
            raise EvaluationError(f"{what} cannot have the secret {', '.join(sorted(held))} in it")

    async def _call(self, function: str, argument: Expression) -> Any:
        match function.lower():
            case "fn::if":
                return await self._if(argument)
            case "fn::jq":
                return await self._jq(await self.value(argument))
        given = await self.value(argument)
        passing = function.lower() in _PASSING
        if not passing:
            self._refuse_secrets(function, given)
        try:
            found = functions.call(function, given)
        except (ValueError, OverflowError) as error:
            raise EvaluationError(f"{function}: {error}") from None
        return found if passing else self._counted(found)

    async def _if(self, argument: Expression) -> Any:
        """The branch that is not taken is not evaluated: it may not be able to."""
        if isinstance(argument, Literal) and isinstance(argument.value, list):
            argument = Items(tuple(Literal(one) for one in argument.value))
        if not isinstance(argument, Items) or len(argument.items) != 3:
            raise EvaluationError("Fn::If: it takes [condition, then, else]")
        condition, then, otherwise = argument.items
        return await self.value(then if await self.truth(condition) else otherwise)

    async def _branch(self, cases: tuple[tuple[Expression, str], ...], otherwise: str) -> str:
        for condition, chosen in cases:
            if await self.truth(condition):
                return chosen
        return otherwise

    async def _jq(self, argument: Any) -> Any:
        if not isinstance(argument, list) or len(argument) != 3:
            raise EvaluationError("Fn::Jq: it takes [First or All, program, input]")
        mode, program, document = argument
        self._refuse_secrets("Fn::Jq", argument)
        if isinstance(document, str):
            with suppress(ValueError):  # a text that is no JSON is a text
                document = values.decoded(document)
        try:
            results = self._counted(await self._programs.jq(values.text(program), document))
        except ProgramError as error:
            raise EvaluationError(f"Fn::Jq: {error}") from None
        match values.text(mode).lower():
            case "all":
                return results
            case "first":
                return results[0] if results else None
        raise EvaluationError(f"Fn::Jq: {values.shown(mode)} is neither First nor All")
