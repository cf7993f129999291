"""What an action is, what it is told, and what a look at it gives."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

from cloudhand.core.task import Notice, Wait
from cloudhand.orchestration import parameters, secrets, selectors, values
from cloudhand.orchestration.evaluation import EvaluationError
from cloudhand.orchestration.model import ActionSpec
from cloudhand.orchestration.parameters import Type
from cloudhand.orchestration.programs import ProgramError, Programs


@dataclass(frozen=True)
class Done:
    """It has succeeded; outputs are selected from ``document``."""

    document: Any = None
    following: str = ""  # the task that comes next, where a choice or the end of a trigger says


@dataclass(frozen=True)
class Failed:
    code: str
    message: str


@dataclass(frozen=True)
class Cancelled:
    """Somebody does not want it: its execution ends as cancelled."""

    message: str


@dataclass(frozen=True)
class Again:
    """Look again after a while, or as soon as something happens to what is watched."""

    after: timedelta
    memo: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Waits:
    """Look again once somebody has said something, or at a moment."""

    on: Wait
    memo: Mapping[str, Any] = field(default_factory=dict)
    until: datetime | None = None


@dataclass(frozen=True)
class Fires:
    """A trigger starts an execution of the tasks behind it; look again once that has ended."""

    message: Any
    memo: Mapping[str, Any] = field(default_factory=dict)


Outcome = Done | Failed | Cancelled | Again | Waits | Fires


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What an operation answered: its body, which is that of an error if it was refused."""

    body: Mapping[str, Any]
    refused: bool = False
    transient: bool = False  # it could not be answered now, and may be later

    def failed(self) -> Failed:
        return Failed(str(self.body.get("Code", "")), str(self.body.get("Message", "")))


class Caller(Protocol):
    """Calls operations with the rights of an execution. Secrets are put in for the call alone."""

    async def __call__(
        self, service: str, api: str, given: Mapping[str, Any], *, effect: str, pages: bool = True
    ) -> Reply:
        """``given`` as templates spell parameters; ``pages``: those of a list are joined.

        A writing operation with the same ``effect`` is carried out once, and answered as then.
        NotStored, where there is no secret of a name.
        """


class Poster(Protocol):
    """Sends a message to an address of the world; OSError with a phrase.

    PermissionError where that address must not be sent to, however often it is tried.
    """

    async def __call__(self, url: str, *, headers: Mapping[str, str], body: bytes, key: str) -> int:
        """The status that was answered. ``key``: the same each time the same message is sent."""


class Sender(Protocol):
    """Sends messages as a Poster does. Secrets are put in for the sending alone."""

    async def __call__(
        self, url: Any, *, headers: Mapping[str, Any], content: Any, key: str
    ) -> int:
        """``content``: text as it is, all else as JSON. OSError as of a Poster; NotStored."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """What an action may know and use at one look."""

    id: str  # of its run
    execution_id: str
    name: str
    item: Any  # of a loop
    attempt: int  # from 1; a person may have had it tried again
    began_at: datetime
    now: datetime
    memo: Mapping[str, Any]  # of the last look
    retry: Mapping[str, Any]  # Retries, Delay and the like, as they stand on the task
    notices: Sequence[Notice]
    region_id: str
    call: Caller
    send: Sender
    programs: Programs

    async def select(self, selector: Any, document: Any) -> Any:
        """What a selector finds first; ProgramError."""
        found = values.text(selector)
        return await selectors.select(found, document, kind="String", programs=self.programs)


Perform = Callable[[Task, Any], Awaitable[Outcome]]
# The ids of the things whose changes make a look worth while, from the evaluated properties.
Watch = Callable[[Mapping[str, Any]], Iterable[str]]


@dataclass(frozen=True, kw_only=True)
class Action:
    spec: ActionSpec
    bind: Callable[[Mapping[str, Any]], Any]  # its properties; ValueError
    perform: Perform
    watch: Watch
    summary: str
    detail: str = ""  # what else is to be said of it
    gives: str = ""  # what outputs are selected from; empty where there is nothing
    properties: Mapping[str, Mapping[str, Any]]  # as templates declare parameters


def prop(
    name: str,
    kind: Type | None = None,
    *,
    default: Any = MISSING,
    secrets: bool = False,
    note: str = "",
) -> Any:
    """A property by its name in templates; without a default it is required.

    ``kind`` None: as it is given. What is given as nothing counts as not given. ``secrets``: it
    may hold some, since nothing but a call or a message is made of it. ``note``: what is said of it
    where actions are listed.
    """
    told = {"name": name, "kind": kind, "secrets": secrets, "note": note}
    return field(metadata=told) if default is MISSING else field(default=default, metadata=told)


def action(
    name: str,
    *,
    loops: bool = True,
    retries: bool = False,
    embedded: bool = False,
    exactly_one: tuple[str, ...] = (),
    watch: Watch = lambda _: (),
    written: Mapping[str, Mapping[str, Any]] | None = None,
    gives: str = "",
) -> Callable[[Callable[[Task, Any], Awaitable[Outcome]]], Action]:
    """Make an action of the function that looks, whose second annotation tells its properties.

    ``written``: the properties that authors write, where others are made of them. The docstring of
    its module says what it does, and below that what else is to be known.
    """

    def declare(perform: Callable[[Task, Any], Awaitable[Outcome]]) -> Action:
        kind: type[Any] = perform.__globals__["Properties"]
        spec = ActionSpec(
            name=name,
            properties={one.metadata["name"]: one.default is MISSING for one in fields(kind)},
            loops=loops,
            retries=retries,
            embedded=embedded,
            exactly_one=exactly_one,
        )
        told = (perform.__globals__["__doc__"] or "").partition(": ")[2]
        summary, _, detail = told.partition("\n\n")
        return Action(
            spec=spec,
            bind=partial(bind, kind),
            perform=perform,
            watch=watch,
            summary=summary,
            detail=detail.strip(),
            gives=gives,
            properties=_definitions(kind) if written is None else written,
        )

    return declare


def _definitions(properties: type[Any]) -> dict[str, dict[str, Any]]:
    found = {}
    for one in fields(properties):
        kind, note = one.metadata["kind"], one.metadata["note"]
        typed = {} if kind is None else {"Type": kind.value}
        optional = {} if one.default is MISSING else {"Default": one.default}
        told = {"Description": note} if note else {}
        found[one.metadata["name"]] = {**typed, **optional, **told}
    return found


def bind(properties: type[Any], given: Mapping[str, Any]) -> Any:
    """The properties of a task as its action declares them; ValueError."""
    found: dict[str, Any] = {}
    for one in fields(properties):
        name, kind = one.metadata["name"], one.metadata["kind"]
        value = given.get(name)
        if value is None:
            if one.default is MISSING:
                raise ValueError(f"{name} is nothing")
            continue
        if not one.metadata["secrets"] and secrets.held(value):
            raise ValueError(f"{name} cannot have a secret in it, and has {values.shown(value)}")
        try:
            found[one.name] = value if kind is None else parameters.convert(value, kind)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return properties(**found)


async def looked(action: Action, task: Task, given: Mapping[str, Any]) -> Outcome:
    """One look at a task."""
    try:
        properties = action.bind(given)
    except ValueError as error:
        return Failed("InvalidProperty", str(error))
    try:
        return await action.perform(task, properties)
    except ProgramError as error:
        return Failed("InvalidSelector", str(error))
    except EvaluationError as error:
        return Failed(error.code, str(error))
