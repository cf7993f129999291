"""A template as it was understood. Everything here is fixed once it is parsed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from cloudhand.core.errors import Problem
from cloudhand.orchestration.document import Format
from cloudhand.orchestration.expression import Expression, Literal
from cloudhand.orchestration.parameters import Declared

NEXT = "ACS::NEXT"  # where a task leads: to the next one of the list,
END = "ACS::END"  # or to the end of the execution; else to a task by its name


@dataclass(frozen=True, kw_only=True)
class OutputSpec:
    """An output of a task: what a selector finds in what its action gave."""

    name: str
    kind: str = "String"  # a list gets all that is found; anything else the first
    selector: Expression


@dataclass(frozen=True, kw_only=True)
class Aggregate:
    """An output of a loop: what its items gave, together."""

    name: str
    function: str  # Fn::ListJoin ...
    field: str  # an output of the task, for each item


@dataclass(frozen=True, kw_only=True)
class LoopSpec:
    items: Expression
    rate_control: Expression  # a map as documented, or None; see rate_control.read
    outputs: tuple[Aggregate, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TaskSpec:
    name: str
    index: int  # in the list
    action: str  # as the catalogue spells it
    embedded: bool = False  # it runs as an execution of its own
    properties: Mapping[str, Expression]  # as the catalogue spells their names
    outputs: tuple[OutputSpec, ...] = ()
    loop: LoopSpec | None = None
    when: Expression | None = None
    on_success: str = NEXT
    on_error: str = END
    on_cancel: str = END
    critical: bool = True
    retry: Mapping[str, Expression] = field(default_factory=dict)  # Retries, Delay, ...
    timeout: Expression = Literal(None)  # seconds; None: no bound of its own
    description: Any = ""  # text, or texts by language
    needs: frozenset[str] = frozenset()  # tasks whose outputs it refers to, in lower case
    item_needs: frozenset[str] = frozenset()  # those of them that each of its items refers to
    stored: frozenset[str] = frozenset()  # common parameters of the store that it refers to


@dataclass(frozen=True, kw_only=True)
class ResultSpec:
    """An output of the template."""

    name: str
    kind: str = "String"
    value: Expression


@dataclass(frozen=True, kw_only=True)
class Template:
    tasks: tuple[TaskSpec, ...]
    parameters: Mapping[str, Declared] = field(default_factory=dict)  # by lower-case name
    conditions: Mapping[str, Expression] = field(default_factory=dict)  # by lower-case name
    outputs: tuple[ResultSpec, ...] = ()
    ram_role: Expression = Literal("")
    stored: frozenset[str] = frozenset()  # parameters of the store that its outputs refer to
    raw: Mapping[str, Any] = field(default_factory=dict)  # the document, for those who show it
    format: Format = Format.YAML
    warnings: tuple[Problem, ...] = ()

    def task(self, name: str) -> TaskSpec:
        return next(task for task in self.tasks if task.name == name)

    @property
    def trigger(self) -> TaskSpec | None:
        """The task that waits for a moment or an event, if there is one; it is the first."""
        first = self.tasks[0]
        return first if first.action.endswith("Trigger") else None

    @property
    def trigger_category(self) -> str:
        """TimerTrigger, EventTrigger or AlarmTrigger; empty where nothing triggers it."""
        return self.trigger.action.removeprefix("ACS::") if self.trigger else ""


@dataclass(frozen=True, kw_only=True)
class ActionSpec:
    """What a template must know of an action."""

    name: str
    properties: Mapping[str, bool]  # whether it is required, by name
    loops: bool = True
    retries: bool = False  # whether it takes Retries, Delay and the like
    any_property: bool = False  # whether other properties than the listed ones are taken
    embedded: bool = False  # it is a template, and runs as an execution of its own
    exactly_one: tuple[str, ...] = ()  # properties of which one must be given, and one only


class Catalogue(Protocol):
    """The actions that a template may name."""

    def find(self, name: str) -> ActionSpec | None:
        """By name, without regard to case."""

    def names(self) -> list[str]: ...

    def serves(self, service: str, api: str) -> bool:
        """Whether an operation of a product can be called here."""
