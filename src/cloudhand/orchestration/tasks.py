"""The tasks of a template."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cloudhand.orchestration import rate_control, retrying
from cloudhand.orchestration.document import Path
from cloudhand.orchestration.expression import Branches, Expression, Literal
from cloudhand.orchestration.model import (
    END,
    NEXT,
    ActionSpec,
    Aggregate,
    Catalogue,
    LoopSpec,
    OutputSpec,
    TaskSpec,
)
from cloudhand.orchestration.reading import Reading
from cloudhand.orchestration.spelling import closest, hint
from cloudhand.orchestration.values import shown

NAME = re.compile(r"[A-Za-z0-9_-]{1,200}")
_SLIP = 0.9  # how like a known action a name is that is taken for a slip of the pen
_PRODUCT_ACTION = re.compile(r"ACS::(\w+)::\w+", re.IGNORECASE)
_TASK = ("Name", "Action", "Description", "Properties", "Outputs", "Loop", "When", "OnError",
         "OnSuccess", "OnCancel", "IsCritical", "Timeout", *retrying.KEYS)  # fmt: skip
_LOOP = ("Items", "RateControl", "Outputs")
_LEGACY_LOOP = ("Mode", "Concurrency", "MaxErrors", "BatchPauseOption")
_AGGREGATES = ("Fn::ListJoin", "Fn::MapJoin", "Fn::Sum", "Fn::MergeList", "Fn::Min", "Fn::Max",
               "Fn::Union")  # fmt: skip
_OLD_TARGETS = {"end": END, "continue": NEXT, END.lower(): END, NEXT.lower(): NEXT}


class TaskReader:
    def __init__(self, reading: Reading, catalogue: Catalogue) -> None:
        self._reading = reading
        self._catalogue = catalogue
        self._names: dict[str, str] = {}  # of tasks, by their names in lower case
        self._order: dict[str, int] = {}

    def tasks(self, value: Any) -> list[TaskSpec] | None:
        path: Path = ("Tasks",)
        if not isinstance(value, list) or not value:
            self._reading.problem(path, "it must be a list of at least one task")
            return None
        names = [self._name(one, (*path, index)) for index, one in enumerate(value)]
        for index, name in enumerate(names):
            if name and name.lower() in self._order:
                self._reading.problem((*path, index, "Name"), f"there is a task {name} before")
            self._names[name.lower()] = name
            self._order[name.lower()] = index
        return [
            self._task(index, names[index], self._reading.as_map(one, (*path, index)))
            for index, one in enumerate(value)
        ]

    def _name(self, one: Any, path: Path) -> str:
        name = one.get("Name") if isinstance(one, dict) else None
        if not isinstance(name, str) or not NAME.fullmatch(name):
            what = "a name has 1 to 200 letters, digits, - and _" if name else "it has no Name"
            self._reading.problem((*path, "Name") if name else path, what)
            return ""
        return name

    def _task(self, index: int, name: str, data: Mapping[str, Any]) -> TaskSpec:
        path: Path = ("Tasks", index)
        self._reading.known(path, data, _TASK)
        action = self._action(data.get("Action"), (*path, "Action"))
        known = action or ActionSpec(name=str(data.get("Action")), properties={}, any_property=True)
        targets = {
            key: self._target(data[key], index, (*path, key))
            for key in ("OnSuccess", "OnError", "OnCancel")
            if key in data
        }
        when = self._reading.condition(data["When"], (*path, "When")) if "When" in data else None
        return TaskSpec(
            name=name,
            index=index,
            action=known.name,
            embedded=known.embedded,
            properties=self._properties(known, data, index),
            outputs=self._outputs(data.get("Outputs"), (*path, "Outputs")),
            loop=self._loop(known, data["Loop"], (*path, "Loop")) if "Loop" in data else None,
            when=when,
            on_success=targets.get("OnSuccess", NEXT),
            on_error=targets.get("OnError", END),
            on_cancel=targets.get("OnCancel", END),
            critical=data.get("IsCritical", True) not in (False, "false", "False"),
            retry=self._retry(known, data, path),
            timeout=self._reading.expression(data.get("Timeout"), (*path, "Timeout")),
            description=data.get("Description", ""),
        )

    def _action(self, name: Any, path: Path) -> ActionSpec | None:
        if not isinstance(name, str) or not name:
            self._reading.problem(path[:-1] if name is None else path, "it has no Action")
            return None
        found = self._catalogue.find(name)
        if found is not None:
            return found
        known = self._catalogue.names()
        if _PRODUCT_ACTION.fullmatch(name) and not closest(name, known, like=_SLIP):
            self._reading.warning(path, f"{name} is not served here: the task will fail")
        else:
            self._reading.problem(path, f"there is no action {name}{hint(name, known)}")
        return None

    def _target(self, value: Any, index: int, path: Path) -> str:
        """Where a task leads that has this place in the list."""
        written = value.lower() if isinstance(value, str) else ""
        if written in _OLD_TARGETS:
            return _OLD_TARGETS[written]
        if written and written in self._names:
            if self._order[written] <= index:
                told = f"{self._names[written]} does not come after: tasks lead forward only"
                self._reading.problem(path, told)
            return self._names[written]
        known = [*self._names.values(), NEXT, END]
        close = hint(written, known)
        self._reading.problem(path, f"{shown(value)} is no task, {NEXT} or {END}{close}")
        return END

    def _properties(
        self, action: ActionSpec, data: Mapping[str, Any], index: int
    ) -> dict[str, Expression]:
        path: Path = ("Tasks", index, "Properties")
        given = self._reading.as_map(data.get("Properties"), path)
        if action.name == "ACS::Choice":
            return self._choice(given, index, path)
        by_lower = {name.lower(): name for name in action.properties}
        found: dict[str, Expression] = {}
        for key, value in given.items():
            known = by_lower.get(key.lower(), key if action.any_property else None)
            if known is None:
                on_task = "it stands on the task" if key in retrying.KEYS else ""
                close = (
                    on_task or f"{action.name} has no such property{hint(key, by_lower.values())}"
                )
                self._reading.problem((*path, key), close)
                continue
            found[known] = self._reading.expression(value, (*path, key))
        for name, required in action.properties.items():
            if required and name not in found:
                self._reading.problem(path if given else path[:-1], f"{action.name} needs {name}")
        one_of = [name for name in action.exactly_one if name in found]
        if action.exactly_one and len(one_of) != 1:
            wanted = " or ".join(action.exactly_one)
            self._reading.problem(path, f"{action.name} needs either {wanted}")
        self._served(action, found, path)
        return found

    def _served(self, action: ActionSpec, given: Mapping[str, Expression], path: Path) -> None:
        service, api = given.get("Service"), given.get("API")
        if isinstance(service, Literal) and isinstance(api, Literal):
            called = f"{service.value}", f"{api.value}"
            if not self._catalogue.serves(*called):
                text = f"{'.'.join(called)} is not served here: the task will fail"
                self._reading.warning((*path, "API"), text)

    def _choice(self, given: Mapping[str, Any], index: int, path: Path) -> dict[str, Expression]:
        """The choices as one property: the name of the task that comes next."""
        self._reading.known(path, given, ("DefaultTask", "Choices"))
        choices = given.get("Choices")
        if not isinstance(choices, list) or not choices:
            self._reading.problem((*path, "Choices"), "it must be a list of at least one choice")
            choices = []
        otherwise = NEXT
        if "DefaultTask" in given:
            otherwise = self._target(given["DefaultTask"], index, (*path, "DefaultTask"))
        else:
            self._reading.problem(path, "it has no DefaultTask")
        cases = []
        for number, one in enumerate(choices):
            here: Path = (*path, "Choices", number)
            data = self._reading.as_map(one, here)
            self._reading.known(here, data, ("When", "NextTask"))
            when = self._reading.condition(data.get("When"), (*here, "When"))
            cases.append((when, self._target(data.get("NextTask"), index, (*here, "NextTask"))))
        return {"Next": Branches(tuple(cases), otherwise)}

    def _retry(
        self, action: ActionSpec, data: Mapping[str, Any], path: Path
    ) -> dict[str, Expression]:
        found = {}
        for key in retrying.KEYS:
            if key in data:
                found[key] = self._reading.expression(data[key], (*path, key))
                if not action.retries:
                    self._reading.problem((*path, key), f"{action.name} is not tried again")
        return found

    def _outputs(self, value: Any, path: Path) -> tuple[OutputSpec, ...]:
        found = []
        given = self._reading.as_map(value, path)
        self._reading.distinct(path, given)
        for name, one in given.items():
            here: Path = (*path, name)
            data = self._reading.as_map(one, here)
            self._reading.known(here, data, ("Type", "ValueSelector", "Description"))
            if "ValueSelector" not in data:
                self._reading.problem(here, "it has no ValueSelector")
            selector = self._reading.expression(
                data.get("ValueSelector", "."), (*here, "ValueSelector")
            )
            kind = str(data.get("Type", "String"))
            found.append(OutputSpec(name=name, kind=kind, selector=selector))
        return tuple(found)

    def _loop(self, action: ActionSpec, value: Any, path: Path) -> LoopSpec:
        data = self._reading.as_map(value, path)
        if not action.loops:
            self._reading.problem(path, f"{action.name} cannot be looped")
        self._reading.known(path, data, (*_LOOP, *_LEGACY_LOOP))
        if "Items" not in data:
            self._reading.problem(path, "it has no Items")
        legacy = {key: data[key] for key in _LEGACY_LOOP if key in data}
        if "RateControl" in data and legacy:
            self._reading.problem((*path, "RateControl"), f"{next(iter(legacy))} belongs into it")
        rate = data.get("RateControl", {"Legacy": True, **legacy} if legacy else None)
        aggregates = []
        given = self._reading.as_map(data.get("Outputs"), (*path, "Outputs"))
        self._reading.distinct((*path, "Outputs"), given)
        for name, one in given.items():
            here: Path = (*path, "Outputs", name)
            aggregates.append(self._aggregate(name, self._reading.as_map(one, here), here))
        return LoopSpec(
            items=self._reading.expression(data.get("Items"), (*path, "Items")),
            rate_control=self._rate_control(rate, (*path, "RateControl")),
            outputs=tuple(aggregates),
        )

    def _rate_control(self, value: Any, path: Path) -> Expression:
        found = self._reading.expression(value, path)
        if isinstance(found, Literal):
            try:
                rate_control.read(found.value, count=1)
            except ValueError as error:
                self._reading.problem(path, str(error))
        return found

    def _aggregate(self, name: str, data: Mapping[str, Any], path: Path) -> Aggregate:
        self._reading.known(path, data, ("AggregateType", "AggregateField", "Description"))
        by_lower = {one.lower(): one for one in _AGGREGATES}
        kind, field = data.get("AggregateType"), data.get("AggregateField")
        if not isinstance(kind, str) or kind.lower() not in by_lower:
            told = f"{shown(kind)} is none of {', '.join(_AGGREGATES)}"
            self._reading.problem((*path, "AggregateType"), told)
            kind = _AGGREGATES[0]
        if not isinstance(field, str) or not field:
            self._reading.problem((*path, "AggregateField"), "it names no output of the task")
            field = ""
        return Aggregate(name=name, function=by_lower[kind.lower()], field=field)
