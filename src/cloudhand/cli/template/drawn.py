"""What a drawing of a template says of each task, whoever draws it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cloudhand.orchestration.expression import Expression, Literal, Members
from cloudhand.orchestration.flow import brief
from cloudhand.orchestration.model import LoopSpec, TaskSpec

# What colours tell apart, by the name of the action.
_KINDS = {
    "ACS::Choice": "choice",
    "ACS::WaitFor": "wait",
    "ACS::CheckFor": "wait",
    "ACS::Sleep": "wait",
    "ACS::Approve": "person",
    "ACS::Pause": "person",
    "ACS::SelectTargets": "select",
    "ACS::ExecuteAPI": "call",
    "ACS::Notify": "call",
}


@dataclass(frozen=True, kw_only=True)
class Drawn:
    name: str
    action: str  # without ACS::
    kind: str  # of action
    notes: tuple[str, ...]  # its loop, its condition, and whether its failure is borne
    looped: bool


def drawn(task: TaskSpec) -> Drawn:
    kind = "trigger" if task.action.endswith("Trigger") else _KINDS.get(task.action, "embedded")
    return Drawn(
        name=task.name,
        action=_action(task),
        kind=kind,
        notes=tuple(_notes(task)),
        looped=task.loop is not None,
    )


def _action(task: TaskSpec) -> str:
    """With the operation or the template that it is about, where the text says so."""
    name = task.action.removeprefix("ACS::")
    about = task.properties.get("API") or task.properties.get("TemplateName")
    return f"{name} {about.value}" if isinstance(about, Literal) else name


def _notes(task: TaskSpec) -> Iterator[str]:
    if task.loop is not None:
        rate = _rate(task.loop.rate_control)
        yield f"for each of {_items(task.loop)}{rate}"
    if task.when is not None:
        yield f"if {brief(task.when)}"
    if not task.critical:
        yield "may fail"


def _items(loop: LoopSpec) -> str:
    match loop.items:
        case Literal(list() as items):
            return f"{len(items)} items"
        case other:
            return brief(other)


def _rate(rate: Expression) -> str:
    """How fast the loop goes, as far as that is known before it runs."""
    match rate:
        case Literal(None):
            return ", one at a time"
        case Literal(dict() as given):
            known = given
        case Members(members):
            known = {key: one.value for key, one in members.items() if isinstance(one, Literal)}
        case other:
            return f", {brief(other)}"
    sizes = known.get("Batch") or known.get("Concurrency")
    if isinstance(sizes, list):
        return f", in batches of {', '.join(map(str, sizes))}"
    return f", {sizes} at a time" if sizes else ""
