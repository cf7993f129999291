"""What of a template's executions is not to be shown: parameters with NoEcho, and what is made of
them. What operations answer is shown as it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from cloudhand.core.execution import Execution, Hidden
from cloudhand.core.task import TaskExecution
from cloudhand.orchestration import secrets, values
from cloudhand.orchestration.expression import (
    Expression,
    Items,
    Members,
    Output,
    Parameter,
    Pseudo,
    references,
)
from cloudhand.orchestration.model import TaskSpec, Template
from cloudhand.orchestration.secrets import HIDDEN

Path = tuple[str | int, ...]
_PROPERTIES, _OUTPUTS, _ITEM = "properties", "outputs", "item"
_EMBEDDED = "Parameters"  # of ACS::Template


class Hiding:
    """``given``: parameters, in lower case, that were hidden by whoever gave them."""

    def __init__(self, template: Template, given: Iterable[str] = ()) -> None:
        self._template = template
        self._parameters = {*given}
        self._parameters |= {n for n, one in template.parameters.items() if one.no_echo}
        self._close_over_defaults()
        self._outputs: set[tuple[str, str]] = set()  # of tasks, with their names, in lower case
        self._tasks = {task.name: tuple(self._of_task(task)) for task in template.tasks}

    def _close_over_defaults(self) -> None:
        """A default may be made of another parameter, whose own default is made of a third."""
        made_of: dict[str, list[str]] = {}
        for name, one in self._template.parameters.items():
            for reference in references(one.default) if one.default is not None else ():
                if isinstance(reference, Parameter):
                    made_of.setdefault(reference.name.lower(), []).append(name)
        left = [*self._parameters]
        while left:
            found = {*made_of.get(left.pop(), ())} - self._parameters
            self._parameters |= found
            left += found

    def of_execution(self) -> Hidden:
        results = (one.name for one in self._template.outputs if self._hides(one.value))
        return Hidden(
            parameters=frozenset(self._parameters), outputs=frozenset(map(str.lower, results))
        )

    def of_task(self, spec: TaskSpec) -> tuple[Path, ...]:
        """What of a run of it is hidden, each by its path from the run."""
        return self._tasks[spec.name]

    def _of_task(self, spec: TaskSpec) -> Iterator[Path]:
        item = spec.loop is not None and self._hides(spec.loop.items)
        if item:
            yield (_ITEM,)
        for name, one in spec.properties.items():
            yield from self._in((_PROPERTIES, name), one, item)
        for output in spec.outputs:
            if self._hides(output.selector, item=item):
                self._outputs.add((spec.name.lower(), output.name.lower()))
                yield (_OUTPUTS, output.name)
        for aggregate in spec.loop.outputs if spec.loop else ():
            if (spec.name.lower(), aggregate.field.lower()) in self._outputs:
                self._outputs.add((spec.name.lower(), aggregate.name.lower()))
                yield (_OUTPUTS, aggregate.name)

    def _in(self, path: Path, expression: Expression, item: bool) -> Iterator[Path]:
        match expression:
            case Members(members):
                for name, one in members.items():
                    yield from self._in((*path, name), one, item)
            case Items(items):
                for at, one in enumerate(items):
                    yield from self._in((*path, at), one, item)
            case _ if self._hides(expression, item=item):
                yield path

    def _hides(self, expression: Expression, *, item: bool = False) -> bool:
        for one in references(expression):
            match one:
                case Parameter(name) if name.lower() in self._parameters:
                    return True
                case Output(task, name) if (task.lower(), name.lower()) in self._outputs:
                    return True
                case Pseudo(name) if item and name.lower() == "taskloopitem":
                    return True
        return False


def given_to_embedded(spec: TaskSpec, hidden: Iterable[Path], given: Iterable[str]) -> set[str]:
    """Which of the parameters that a task gives to the template that it embeds are hidden."""
    depth = 2 if spec.action == "ACS::Template" else 1
    paths = [path for path in hidden if path[0] == _PROPERTIES]
    if depth == 2:
        paths = [path for path in paths if path[1] == _EMBEDDED]
        if (_PROPERTIES, _EMBEDDED) in paths:
            return {name.lower() for name in given}
    return {str(path[depth]).lower() for path in paths}


def texts(execution: Execution) -> set[str]:
    """The hidden texts and numbers of an execution, which no message may tell."""
    return {
        text
        for name, value in execution.parameters.items()
        if name.lower() in execution.hidden.parameters
        for text in _texts(value)
    }


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield values.text(value)


# What may be shown


def shown_execution(execution: Execution) -> Execution:
    """The execution as it may be shown."""
    hidden, outputs = execution.hidden, execution.outputs
    return replace(
        execution,
        parameters=_without(execution.parameters, hidden.parameters),
        outputs=None if outputs is None else _without(outputs, hidden.outputs),
    )


def _without(many: Mapping[str, Any], hidden: frozenset[str]) -> dict[str, Any]:
    return {
        name: HIDDEN if name.lower() in hidden else secrets.masked(value)
        for name, value in many.items()
    }


def shown_task(task: TaskExecution) -> TaskExecution:
    """The run of a task as it may be shown."""
    told: Any = {_PROPERTIES: task.properties, _OUTPUTS: task.outputs, _ITEM: task.item}
    told = secrets.masked(told)
    for path in task.hidden:
        told = _hidden(told, path)
    return replace(task, properties=told[_PROPERTIES], outputs=told[_OUTPUTS], item=told[_ITEM])


def _hidden(value: Any, path: Path) -> Any:
    """The value with nothing to be seen at a path, if it goes that far."""
    if not path:
        return HIDDEN if value is not None else None
    first, rest = path[0], path[1:]
    if isinstance(value, Mapping) and first in value:
        return {**value, first: _hidden(value[first], rest)}
    if isinstance(value, list) and isinstance(first, int) and first < len(value):
        return [*value[:first], _hidden(value[first], rest), *value[first + 1 :]]
    return value
