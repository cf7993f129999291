"""What the names in a template's expressions mean: each is known, and comes before its use."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from cloudhand.orchestration import functions
from cloudhand.orchestration.document import Path
from cloudhand.orchestration.expression import (
    Condition,
    Expression,
    Literal,
    Output,
    Parameter,
    Pseudo,
    Reference,
    Stored,
    calls,
    references,
)
from cloudhand.orchestration.model import Aggregate, OutputSpec, TaskSpec, Template
from cloudhand.orchestration.spelling import closest, hint

PSEUDO = (
    "AccountId",
    "CurrentDate",
    "CurrentUTCTime",
    "ExecuteUser",
    "ExecutionId",
    "OOSUtilVersion",
    "RegionId",
    "TaskLoopItem",
)
_WORD = re.compile(r"[A-Za-z0-9_-]+")
_LIKE_AN_OUTPUT = 0.8
_SLIPS = 200  # names that are looked at for what was probably meant: each takes its time
_DIRECT = 100  # paths into what one task gave that may be named without being declared

Tell = Callable[[Path, str], None]


def check_functions(expression: Expression, tell: Callable[[str], None]) -> None:
    """Tell of functions that there are not."""
    known = {name.lower() for name in functions.NAMES}
    for call in calls(expression):
        if call.function.lower() not in known:
            tell(f"there is no function {call.function}{hint(call.function, functions.NAMES)}")


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where an expression stands, and what may be named there."""

    path: Path
    expression: Expression
    before: int  # tasks of the list that may be named
    item: bool = False  # whether there is a loop item


def linked(template: Template, tell: Tell) -> Template:
    """The template with the outputs that are named without being declared; tells what is wrong."""
    linking = _Linking(template, tell)
    linking.check()
    results = linking.named_by(result.value for result in template.outputs)
    return replace(
        template,
        tasks=tuple(linking.linked(task) for task in template.tasks),
        stored=_stored(results),
    )


class _Linking:
    def __init__(self, template: Template, tell: Tell) -> None:
        self._template = template
        self._tell = tell
        self._tasks = {task.name.lower(): task for task in template.tasks}
        self._declared = {name: _declared(task) for name, task in self._tasks.items()}
        # What is named without being declared, by task and by name in lower case.
        self._outputs: dict[str, dict[str, OutputSpec]] = {name: {} for name in self._tasks}
        self._aggregates: dict[str, dict[str, Aggregate]] = {name: {} for name in self._tasks}
        self._slips = 0
        # What each condition refers to, by those that it names, too.
        self._behind: dict[str, frozenset[Reference]] = {}

    def check(self) -> None:
        for place in self._places():
            for reference in references(place.expression):
                self._check(reference, place)
        for task in self._template.tasks:
            self._check_trigger(task)
            for aggregate in task.loop.outputs if task.loop else ():
                self._want_field(task, aggregate.field)
        for name in self._circling():
            self._tell(("Conditions", name), "it depends on itself, or on one that does")

    def _places(self) -> Iterator[_Place]:
        template = self._template
        everything = len(template.tasks)
        for declared in template.parameters.values():
            if declared.default is not None:
                path: Path = ("Parameters", declared.name, "Default")
                yield _Place(path=path, expression=declared.default, before=0)
        yield _Place(path=("RamRole",), expression=template.ram_role, before=0)
        for name, condition in template.conditions.items():
            yield _Place(path=("Conditions", name), expression=condition, before=everything)
        for task in template.tasks:
            yield from _of_item(task)
            yield from _of_loop(task)
        for result in template.outputs:
            path = ("Outputs", result.name, "Value")
            yield _Place(path=path, expression=result.value, before=everything)

    def _check(self, reference: Reference, place: _Place) -> None:
        template = self._template
        match reference:
            case Parameter(name) if name.lower() not in template.parameters:
                names = [one.name for one in template.parameters.values()]
                self._tell(place.path, f"there is no parameter {name}{hint(name, names)}")
            case Condition(name) if name.lower() not in template.conditions:
                known = hint(name, template.conditions)
                self._tell(place.path, f"there is no condition {name}{known}")
            case Pseudo(name) if name.lower() not in map(str.lower, PSEUDO):
                self._tell(place.path, f"there is no ACS::{name}{hint(name, PSEUDO)}")
            case Pseudo(name) if name.lower() == "taskloopitem" and not place.item:
                self._tell(place.path, "ACS::TaskLoopItem is known inside of a looped task only")
            case Output(task, path):
                self._check_output(task, path, place)
            case Stored() if place.path == ("RamRole",):
                self._tell(place.path, "a role cannot come from the parameter store")
            case _:
                pass

    def _check_output(self, name: str, path: str, place: _Place) -> None:
        task = self._tasks.get(name.lower())
        if task is None:
            names = [one.name for one in self._template.tasks]
            self._tell(place.path, f"there is no task {name}{hint(name, names)}")
        elif task.index >= place.before:
            self._tell(place.path, f"{task.name} does not come before")
        elif not self._declares(task, path):
            self._want(task, path, place)

    def _declares(self, task: TaskSpec, name: str) -> bool:
        """Whether it is there, or will be since it has been named before."""
        by_task = (self._declared, self._outputs, self._aggregates)
        return any(name.lower() in known[task.name.lower()] for known in by_task)

    def _want(self, task: TaskSpec, path: str, place: _Place) -> None:
        """An output that is not declared: of each item of a loop, or a path into the result."""
        declared = [one.name for one in task.outputs]
        declared += [one.name for one in task.loop.outputs] if task.loop else []
        if task.loop and path.lower() in [one.name.lower() for one in task.outputs]:
            aggregate = Aggregate(name=path, function="Fn::ListJoin", field=path)
            self._aggregates[task.name.lower()][path.lower()] = aggregate
        elif task.loop:
            known = hint(path, declared)
            self._tell(place.path, f"{task.name} is looped and has no output {path}{known}")
        elif like := self._slip(path, declared):
            self._tell(place.path, f"{task.name} has no output {path}; do you mean {like}?")
        else:
            self._direct(task, path, place)

    def _slip(self, path: str, declared: Sequence[str]) -> str:
        """The declared output that was probably meant."""
        if not _WORD.fullmatch(path) or self._slips == _SLIPS:
            return ""
        self._slips += 1
        return closest(path, declared, like=_LIKE_AN_OUTPUT)

    def _direct(self, task: TaskSpec, path: str, place: _Place) -> None:
        found = self._outputs[task.name.lower()]
        if len(found) == _DIRECT and path.lower() not in found:
            told = f"more than {_DIRECT} outputs of {task.name} are named and not declared"
            self._tell(place.path, told)
            return
        found[path.lower()] = OutputSpec(name=path, kind="List", selector=Literal(path))

    def _want_field(self, task: TaskSpec, name: str) -> None:
        """An aggregate may be of what an embedded template gives, without its being declared."""
        if name and name.lower() not in [one.name.lower() for one in task.outputs]:
            output = OutputSpec(name=name, selector=Literal(name))
            self._outputs[task.name.lower()][name.lower()] = output

    def _check_trigger(self, task: TaskSpec) -> None:
        if task.action.endswith("Trigger") and task.index > 0:
            self._tell(("Tasks", task.index, "Action"), "a trigger can only be the first task")

    def _circling(self) -> list[str]:
        """The conditions that cannot be settled, however many of the others are."""
        left = {
            name: {one.name.lower() for one in references(condition) if isinstance(one, Condition)}
            for name, condition in self._template.conditions.items()
        }
        needed_by: dict[str, list[str]] = {}
        for name, needs in left.items():
            needs &= left.keys()
            for one in needs:
                needed_by.setdefault(one, []).append(name)
        settled = [name for name, needs in left.items() if not needs]
        for name in settled:
            del left[name]
            self._behind[name] = frozenset(self.named_by([self._template.conditions[name]]))
            for other in needed_by.get(name, ()):
                left[other].discard(name)
                if not left[other]:
                    settled.append(other)
        return list(left)

    def linked(self, task: TaskSpec) -> TaskSpec:
        name, loop = task.name.lower(), task.loop
        if loop is not None:
            loop = replace(loop, outputs=(*loop.outputs, *self._aggregates[name].values()))
        of_item = self.named_by(place.expression for place in _of_item(task))
        named = of_item | self.named_by(place.expression for place in _of_loop(task))
        return replace(
            task,
            outputs=(*task.outputs, *self._outputs[name].values()),
            loop=loop,
            needs=_tasks(named),
            item_needs=_tasks(of_item),
            stored=_stored(named),
        )

    def named_by(self, expressions: Iterable[Expression]) -> set[Reference]:
        """All that is referred to, by the conditions that are named, too; after ``check``."""
        named: set[Reference] = set()
        for expression in expressions:
            for reference in references(expression):
                if isinstance(reference, Condition):
                    named |= self._behind.get(reference.name.lower(), frozenset())
                else:
                    named.add(reference)
        return named


def _tasks(named: Iterable[Reference]) -> frozenset[str]:
    """Those whose outputs are among them, in lower case."""
    return frozenset(one.task.lower() for one in named if isinstance(one, Output))


def _stored(named: Iterable[Reference]) -> frozenset[str]:
    """The common parameters of the store among them. Secret ones are not looked at here."""
    return frozenset(one.name for one in named if isinstance(one, Stored) and not one.secret)


def _declared(task: TaskSpec) -> set[str]:
    """What can be named of a task: of one that is looped, its aggregates."""
    outputs: Sequence[Aggregate | OutputSpec] = task.loop.outputs if task.loop else task.outputs
    return {one.name.lower() for one in outputs}


def _of_item(task: TaskSpec) -> Iterator[_Place]:
    """What is evaluated for each item, or once where the task is not looped."""
    path: Path = ("Tasks", task.index)
    looped = task.loop is not None
    before = task.index
    if task.when is not None:
        yield _Place(path=(*path, "When"), expression=task.when, before=before, item=looped)
    for name, one in task.properties.items():
        inner: Path = (*path, "Properties", name)
        yield _Place(path=inner, expression=one, before=before, item=looped)
    for output in task.outputs:
        inner = (*path, "Outputs", output.name, "ValueSelector")
        yield _Place(path=inner, expression=output.selector, before=before, item=looped)
    for name, one in (*task.retry.items(), ("Timeout", task.timeout)):
        yield _Place(path=(*path, name), expression=one, before=before)


def _of_loop(task: TaskSpec) -> Iterator[_Place]:
    if task.loop is not None:
        inner: Path = ("Tasks", task.index, "Loop")
        before = task.index
        items, rate = task.loop.items, task.loop.rate_control
        yield _Place(path=(*inner, "Items"), expression=items, before=before)
        yield _Place(path=(*inner, "RateControl"), expression=rate, before=before)
