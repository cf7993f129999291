"""Actions that meet what a script says, in place of those that call operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from cloudhand.orchestration.action import (
    Action,
    Again,
    Caller,
    Cancelled,
    Done,
    Failed,
    Outcome,
    Reply,
    Task,
    looked,
)
from cloudhand.orchestration.actions import ACTIONS
from cloudhand.orchestration.actions.library import Library
from cloudhand.orchestration.model import ActionSpec
from cloudhand.orchestration.values import text
from cloudhand.rehearsal.script import Step

# What asks the world; the others wait for a moment or for a person.
_ASKING = ("ACS::ExecuteAPI", "ACS::WaitFor", "ACS::CheckFor", "ACS::SelectTargets", "ACS::Notify")
_EMBED = "ACS::Template"

# What an attempt at a task meets that was given these properties; None: nothing is said of it.
Meets = Callable[[Task, Mapping[str, Any]], Step | None]


class ScriptedLibrary(Library):
    """As if every operation were served, and actions of products were single steps."""

    def __init__(self) -> None:
        super().__init__({})

    def find(self, name: str) -> ActionSpec | None:
        found = super().find(name)
        return replace(found, embedded=False) if found else None

    def serves(self, service: str, api: str) -> bool:
        return True


def scripted(library: ScriptedLibrary, meets: Meets) -> dict[str, Action]:
    """All actions by their names; each meets what ``meets`` says, if it says something."""
    found = {name: _asking(one, meets) if name in _ASKING else one for name, one in ACTIONS.items()}
    for name in library.names():
        spec = library.find(name)
        if spec is not None and (name not in ACTIONS or name == _EMBED):
            found[name] = _single(spec, meets)
    return found


def _asking(one: Action, meets: Meets) -> Action:
    """An action whose calls are answered by the script."""

    async def perform(task: Task, given: Mapping[str, Any]) -> Outcome:
        met = meets(task, given)
        if met is None and one.spec.name != "ACS::SelectTargets":
            return Done({})
        early = _early(task, met) if met else None
        if early is not None:
            return early
        told = replace(task, call=_answering(met) if met else _echo)
        return await looked(one, told, given)

    return replace(one, bind=lambda given: given, perform=perform, watch=lambda _: ())


def _single(spec: ActionSpec, meets: Meets) -> Action:
    """An action of a product, or another template, as one step."""

    async def perform(task: Task, given: Mapping[str, Any]) -> Outcome:
        met = meets(task, given)
        if met is None:
            return Done({})
        early = _early(task, met)
        if early is not None:
            return early
        return _refused(met.refuses) if met.refuses is not None else Done(met.answers or {})

    return Action(
        spec=spec, bind=lambda given: given, perform=perform, watch=lambda _: (), summary=""
    )


def _early(task: Task, met: Step) -> Outcome | None:
    """What is over before anything is answered."""
    left = met.takes - (task.now - task.began_at)
    if left > timedelta():
        return Again(left, task.memo)
    if met.fails:
        return Failed(met.fails, "the script says so")
    return Cancelled(met.cancels) if met.cancels else None


def _refused(body: Mapping[str, Any]) -> Failed:
    return Failed(text(body.get("Code")), text(body.get("Message")))


def _answering(met: Step) -> Caller:
    async def call(
        service: str, api: str, given: Mapping[str, Any], *, effect: str, pages: bool = True
    ) -> Reply:
        if met.refuses is not None:
            return Reply(body=met.refuses, refused=True)
        answers = met.answers
        if isinstance(answers, list):
            return Reply(body=_instances(answers))
        return Reply(body=answers if isinstance(answers, Mapping) else {})

    return call


async def _echo(
    service: str, api: str, given: Mapping[str, Any], *, effect: str, pages: bool = True
) -> Reply:
    """Whatever instances are asked for are there."""
    return Reply(body=_instances(given.get("InstanceIds") or given.get("InstanceId") or []))


def _instances(ids: list[Any]) -> dict[str, Any]:
    """As DescribeInstances answers; what is no map is an id."""
    items = [one if isinstance(one, Mapping) else {"InstanceId": one} for one in ids]
    return {"Instances": {"Instance": items}}
