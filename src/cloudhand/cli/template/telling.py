"""Executions in words: their tasks as a tree, what they wait for, and what to type next."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cloudhand.cli.endpoint import Endpoint
from cloudhand.cli.people import Names, called
from cloudhand.cli.template.executions import Answer, Execution, Task

COLOURS = {"Success": "green", "Running": "cyan", "Waiting": "yellow", "Pending": "yellow",
           "Started": "cyan", "Skipped": "dim"}  # fmt: skip
_COUNTS = ("Success", "Failed", "Cancelled", "Skipped", "Waiting", "Running", "Pending")
_ITEMS = 20  # of a loop that are named; the others are counted


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the tree."""

    depth: int
    name: str
    status: str
    text: str  # empty where there is nothing more to say


def rows(tasks: Sequence[Task], names: Names, *, depth: int = 1) -> Iterator[Row]:
    for task in tasks:
        yield Row(depth=depth, name=task.name, status=task.status, text=_told(task))
        for item in task.items[:_ITEMS]:
            yield Row(
                depth=depth + 1,
                name=called(item.item, names),
                status=item.status,
                text=_told(item),
            )
        if len(task.items) > _ITEMS:
            left = len(task.items) - _ITEMS
            yield Row(depth=depth + 1, name="…", status="", text=f"{left} more like these")
        yield from rows(task.child, names, depth=depth + 1)


def _told(task: Task) -> str:
    told = [counts(task), *map(_answer, task.answers), task.message]
    return "; ".join(filter(None, told))


def _answer(said: Answer) -> str:
    """``Approve by root (go on)``."""
    return f"{said.word} by {said.by}{f' ({said.note})' if said.note else ''}"


def counts(task: Task) -> str:
    """``3 items: 2 Success, 1 Running``; empty for what is not looped."""
    if not task.loop:
        return ""
    told = ", ".join(f"{task.loop[one]} {one}" for one in _COUNTS if task.loop.get(one))
    total = task.loop["Total"]
    return f"{total} item{'' if total == 1 else 's'}{': ' if told else ''}{told}"


def line(row: Row) -> str:
    text = f": {row.text}" if row.text and row.status else row.text
    return f"{'  ' * row.depth}{row.name} {row.status}{text}"


def head(execution: Execution) -> str:
    of = f" of {execution.template}" if execution.template else ""
    why = f": {execution.message}" if execution.message else ""
    return f"{execution.id}{of} {execution.status}{why}"


def outputs(execution: Execution) -> Iterator[str]:
    """What the template gave, each output on a line; texts of several lines as they are."""
    for name, value in execution.outputs.items():
        if isinstance(value, str) and "\n" in value.strip():
            yield f"  {name}:"
            yield from (f"    {one}" for one in value.rstrip("\n").split("\n"))
        else:
            told = value.strip() if isinstance(value, str) else _json(value)
            yield f"  {name}: {told}"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def waits(endpoint: Endpoint, execution: Execution, names: Names) -> list[str]:
    """What it waits for, and the command that answers; a sentence for each."""
    return [
        f"{_who(task, names)} {_wait(endpoint, execution, task)}"
        for task in _waiting(execution.tasks)
    ]


def _waiting(tasks: Sequence[Task]) -> Iterator[Task]:
    """The tasks that wait by themselves, those that are embedded among them."""
    for task in tasks:
        inner = [*task.items, *task.child]
        if task.waits_for and not (task.waits_for == "Child" and inner):
            yield task
        yield from _waiting(inner)


def _who(task: Task, names: Names) -> str:
    return f"{task.name} on {called(task.item, names)}" if task.item else task.name


def _wait(endpoint: Endpoint, execution: Execution, task: Task) -> str:
    def typed(word: str) -> str:
        return endpoint.command(f"template {word} {execution.id}")

    yes_or_no = f"{typed('approve')} or {typed('reject')}"
    match task.waits_for:
        case "Approval":
            return f"waits for an approval: {yes_or_no}"
        case "Pause":
            return f"waits to be let on: {yes_or_no}"
        case "RiskConfirmation":
            return f"makes a call of high risk, which has to be confirmed: {yes_or_no}"
        case "BatchPause":
            return f"waits before its next batch ({counts(task)}): {yes_or_no}"
        case "FailurePause":
            answers = f"{typed('retry')}, {typed('skip')} or {typed('cancel')}"
            return f"failed ({task.message}) and waits for an answer: {answers}"
        case "Trigger":
            at = f", next at {execution.next_firing}" if execution.next_firing else ""
            return f"waits for its trigger{at}: {typed('cancel')} ends it"
        case other:
            return f"waits ({other}): {typed('show')} tells more"


def results(endpoint: Endpoint, found: Mapping[str, str], tasks: Sequence[Task]) -> Iterator[str]:
    """Where the results of commands are: of the items that are shown, or of all if they are few.

    ``found``: invocations, with the runs of tasks that asked for them.
    """
    shown = {item.id for task in tasks for item in task.items}
    wanted = [
        invoke_id for invoke_id, by in found.items() if any(by.startswith(one) for one in shown)
    ]
    listed = list(found) if len(found) <= _ITEMS else wanted
    if listed:
        words = " ".join(["result", *listed])
        yield f"  results: {endpoint.command(words)}"


def document(execution: Execution) -> dict[str, Any]:
    """What --json prints."""
    return summary(execution) | {"tasks": [entry(task) for task in execution.tasks]}


def summary(execution: Execution) -> dict[str, Any]:
    return {
        "executionId": execution.id,
        "template": execution.template,
        "status": execution.status,
        "message": execution.message,
        "waitsFor": execution.waits_for,
        "createdAt": execution.created_at,
        "endedAt": execution.ended_at,
        "nextFiring": execution.next_firing,
        "outputs": execution.outputs,
    }


def entry(task: Task) -> dict[str, Any]:
    found: dict[str, Any] = {
        "taskExecutionId": task.id,
        "name": task.name,
        "action": task.action,
        "status": task.status,
        "message": task.message,
        "waitsFor": task.waits_for,
        "startedAt": task.started_at,
        "endedAt": task.ended_at,
        "outputs": task.outputs,
        "answers": [asdict(said) for said in task.answers],
    }
    if task.item:
        found["item"] = task.item
    if task.loop:
        found["counts"] = {one.lower(): task.loop[one] for one in ("Total", *_COUNTS)}
        found["items"] = [entry(item) for item in task.items]
    if task.child:
        found["tasks"] = [entry(inner) for inner in task.child]
    return found
