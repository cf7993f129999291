"""Where the tasks of a template lead, for those who draw it or tell of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from cloudhand.orchestration import values
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
    Reference,
    Stored,
    Text,
)
from cloudhand.orchestration.model import END, NEXT, TaskSpec, Template

_CHOICE = "ACS::Choice"
_LONGEST = 48  # characters of a condition
_OPERATORS = {"fn::equals": " = ", "fn::and": " and ", "fn::or": " or "}


class Way(StrEnum):
    """Why one goes from a task to another."""

    NEXT = "next"  # as they stand in the list
    CHOICE = "choice"
    SUCCESS = "success"  # OnSuccess names it
    ERROR = "error"
    CANCEL = "cancel"


@dataclass(frozen=True, kw_only=True)
class Edge:
    source: str
    target: str  # the name of a task, or ACS::END
    way: Way
    condition: str = ""  # of a choice, in a few words


def edges(template: Template) -> list[Edge]:
    """All ways, apart from those to the end that every failure and cancellation takes."""
    return [edge for task in template.tasks for edge in _of_task(template, task)]


def _of_task(template: Template, task: TaskSpec) -> Iterator[Edge]:
    if task.action == _CHOICE:
        for condition, target in _choices(task.properties["Next"]):
            yield Edge(
                source=task.name,
                target=_meant(template, task, target),
                way=Way.CHOICE,
                condition=condition,
            )
    else:
        way = Way.NEXT if task.on_success == NEXT else Way.SUCCESS
        yield Edge(source=task.name, target=_meant(template, task, task.on_success), way=way)
    for way, target in ((Way.ERROR, task.on_error), (Way.CANCEL, task.on_cancel)):
        if target != END:
            yield Edge(source=task.name, target=_meant(template, task, target), way=way)


def _meant(template: Template, task: TaskSpec, target: str) -> str:
    if target != NEXT:
        return target
    after = template.tasks[task.index + 1 : task.index + 2]
    return after[0].name if after else END


def _choices(following: Expression) -> Iterator[tuple[str, str]]:
    """The choices of a task in their order, each with its target; the default comes last."""
    assert isinstance(following, Branches)
    for when, target in following.cases:
        yield brief(when), target
    yield "otherwise", following.otherwise


def brief(condition: Expression) -> str:
    """A condition in a few words."""
    told = worded(condition)
    return told if len(told) <= _LONGEST else f"{told[: _LONGEST - 1]}…"


def worded(expression: Expression) -> str:
    """An expression as one would say it: ``getInstance.status = Running``."""
    match expression:
        case Literal(value):
            return values.text(value) if value not in ("", None) else '""'
        case Text(parts):
            return "".join(one if isinstance(one, str) else _named(one) for one in parts)
        case Items(items):
            return ", ".join(map(worded, items))
        case Members(members):
            return ", ".join(f"{key}: {worded(one)}" for key, one in members.items())
        case Call(function, argument):
            return _called(function.lower(), argument)
        case Branches(cases, otherwise):
            return ", ".join([*(target for _, target in cases), otherwise])
        case _:
            return _named(expression)


def _named(reference: Reference) -> str:
    match reference:
        case Parameter(name) | Condition(name):
            return name
        case Output(task, path):
            return f"{task}.{path}"
        case Pseudo(name):
            return f"ACS::{name}"
        case Stored(name, secret):
            return f"oos-secret:{name}" if secret else f"oos:{name}"


def _called(function: str, argument: Expression) -> str:
    operator = _OPERATORS.get(function)
    if operator:
        return operator.join(map(worded, _listed(argument)))
    if function == "fn::not":
        inner = worded(argument)
        single = isinstance(argument, Call) and argument.function.lower() == "fn::equals"
        return inner.replace(" = ", " ≠ ", 1) if single else f"not ({inner})"
    return f"{function.removeprefix('fn::')}({worded(argument)})"


def _listed(argument: Expression) -> tuple[Expression, ...]:
    match argument:
        case Items(items):
            return items
        case Literal(list() as items):
            return tuple(map(Literal, items))
        case _:
            return (argument,)
