"""Executions and their tasks, as the public API tells them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cloudhand.cli.client import OOS, Client
from cloudhand.cli.errors import Mistake

FINAL = ("Success", "Failed", "Cancelled", "Skipped")
# What is shown of the items of a loop; the others are counted.
_TOLD = ("Waiting", "Running", "Failed", "Cancelled")
_MOST_ITEMS = 100  # of a loop in each of these
_PAGE = 100
_EMBED = "ACS::Template"
_GOING = ("Pending", "Running", "Stopping")  # invocations that have not ended


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What somebody has told a task."""

    word: str  # Approve, Reject, RetryTask, SkipTask
    by: str
    note: str


@dataclass(frozen=True, kw_only=True)
class Task:
    """A run of a task, or of an item of a looped one."""

    id: str
    name: str
    action: str
    status: str
    message: str
    waits_for: str  # Approval, Pause ...; empty: nothing
    started_at: str  # as the API spells moments
    ended_at: str
    outputs: Mapping[str, Any]
    loop: Mapping[str, Any]  # the counts of a looped one; else empty
    item: str  # of a loop; empty where it is none
    answers: Sequence[Answer] = ()
    items: Sequence[Task] = ()  # those that one wants to see
    child: Sequence[Task] = ()  # the tasks of the template that it embeds
    child_id: str = ""  # its execution

    @property
    def final(self) -> bool:
        return self.status in FINAL


@dataclass(frozen=True, kw_only=True)
class Execution:
    """With its tasks in their order, as far as they have begun."""

    id: str
    status: str
    message: str
    waits_for: str
    template: str  # its name and version; empty where it was given as text
    created_at: str
    ended_at: str
    outputs: Mapping[str, Any]
    next_firing: str  # of a timer
    tasks: Sequence[Task] = ()

    @property
    def final(self) -> bool:
        return self.status in FINAL

    @property
    def triggered(self) -> bool:
        """Whether it waits for its trigger, perhaps for years."""
        return self.waits_for == "Trigger"


@dataclass(frozen=True, kw_only=True)
class Log:
    at: str
    task_id: str
    message: str


def call(client: Client, action: str, **parameters: object) -> dict[str, Any]:
    """Call an operation of OOS; ApiError, or ClientError."""
    return client.call(action, parameters, version=OOS)


def start(client: Client, order: Mapping[str, Any], parameters: Mapping[str, Any]) -> str:
    """Start an execution, once whatever the connection does; its id."""
    started = call(
        client,
        "StartExecution",
        ClientToken=os.urandom(16).hex(),
        Parameters=json.dumps(parameters, ensure_ascii=False),
        **order,
    )
    execution_id: str = started["Execution"]["ExecutionId"]
    return execution_id


def find(client: Client, execution_id: str) -> Execution:
    """With its tasks; Mistake if there is none."""
    found = call(client, "ListExecutions", ExecutionId=execution_id, IncludeChildExecution="true")
    if not found["Executions"]:
        raise Mistake(
            f"cannot find {execution_id}: {client.endpoint.command('template show')} lists what was"
            " executed"
        )
    return _execution(found["Executions"][0], _tasks(client, execution_id))


def newest(client: Client, count: int) -> list[Execution]:
    """Without their tasks."""
    return _listed(client, count)


def firings(client: Client, execution: Execution) -> list[Execution]:
    """What its trigger has started, the newest first, 100 at most, without their tasks."""
    if not any(task.action.endswith("Trigger") for task in execution.tasks):
        return []
    wanted = {"ParentExecutionId": execution.id, "Depth": "FirstChildDepth"}
    return _listed(client, _PAGE, **wanted)


def _listed(client: Client, count: int, **wanted: str) -> list[Execution]:
    found = call(client, "ListExecutions", MaxResults=count, **wanted)
    return [_execution(one, ()) for one in found["Executions"]]


def _execution(one: Mapping[str, Any], tasks: Sequence[Task]) -> Execution:
    return Execution(
        id=one["ExecutionId"],
        status=one["Status"],
        message=one["StatusMessage"],
        waits_for=one["WaitingStatus"],
        template=" ".join(filter(None, (one["TemplateName"], one["TemplateVersion"]))),
        created_at=one["CreateDate"],
        ended_at=one["EndDate"],
        outputs=_json(one["Outputs"]),
        next_firing=one["NextScheduleTime"],
        tasks=tasks,
    )


def _json(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text) if text else {}
    return found


def _tasks(client: Client, execution_id: str) -> list[Task]:
    found = _pages(client, ExecutionId=execution_id)
    return [_with_inner(client, one) for one in sorted(found, key=_place)]


def _place(one: Mapping[str, Any]) -> str:
    place: str = one["TaskExecutionId"]
    return place


def _with_inner(client: Client, one: Mapping[str, Any]) -> Task:
    items: Sequence[Task] = ()
    child: Sequence[Task] = ()
    if one["Loop"]:
        items = _items(client, one)
    elif one["ChildExecutionId"] and _shows_inside(one):
        child = _tasks(client, one["ChildExecutionId"])
    return _task(one, items, child)


def _shows_inside(one: Mapping[str, Any]) -> bool:
    """What an action of a product does inside is its own business, unless it waits for somebody."""
    action: str = one["TaskAction"]
    waits = one["ExtraData"].get("WaitingFor") == "Child"
    return action == _EMBED or action.endswith("Trigger") or waits


def _items(client: Client, one: Mapping[str, Any]) -> list[Task]:
    """Those that run, wait, failed or were cancelled."""
    wanted = [status for status in _TOLD if one["Loop"].get(status)]
    found = [
        item
        for status in wanted
        for item in _pages(
            client,
            most=_MOST_ITEMS,
            ParentTaskExecutionId=one["TaskExecutionId"],
            Status=status,
        )
    ]
    return [_task(item, (), ()) for item in sorted(found, key=_place)]


def items(client: Client, task: Task) -> list[Task]:
    """All items of a looped task, in their order."""
    found = _pages(client, ParentTaskExecutionId=task.id)
    return [_task(one, (), ()) for one in sorted(found, key=_place)]


def _pages(client: Client, *, most: int = 10**6, **wanted: str) -> Iterator[dict[str, Any]]:
    token, count = "", 0
    while count < most:
        more = {"NextToken": token} if token else {}
        page = call(
            client,
            "ListTaskExecutions",
            MaxResults=_PAGE,
            SortField="StartDate",
            SortOrder="Ascending",
            **wanted,
            **more,
        )
        yield from page["TaskExecutions"]
        count += len(page["TaskExecutions"])
        token = page["NextToken"]
        if not token:
            return


def _task(one: Mapping[str, Any], items: Sequence[Task], child: Sequence[Task]) -> Task:
    return Task(
        id=one["TaskExecutionId"],
        name=one["TaskName"],
        action=one["TaskAction"],
        status=one["Status"],
        message=one["StatusMessage"],
        waits_for=one["ExtraData"].get("WaitingFor", ""),
        started_at=one["StartDate"],
        ended_at=one["EndDate"],
        outputs=_json(one["Outputs"]),
        loop=one["Loop"],
        item=one["LoopItem"],
        answers=[
            Answer(word=said["NotifyType"], by=said["By"], note=said["NotifyNote"])
            for said in one["ExtraData"].get("Notices", ())
        ],
        items=items,
        child=child,
        child_id=one["ChildExecutionId"],
    )


def invocations(client: Client, task: Task) -> dict[str, str]:
    """The invocations that a task, or its items, led to, with the ids of those runs of tasks."""
    return {
        one["InvocationId"]: one["InvocationTaskExecutionId"] for one in _invocations(client, task)
    }


def going(client: Client, execution: Execution) -> list[str]:
    """The invocations of an execution that have not ended, those of its last firing among them."""
    fired = [find(client, one.id) for one in firings(client, execution)[:1]]
    return [
        one["InvocationId"]
        for task in (task for one in (execution, *fired) for task in one.tasks)
        for one in _invocations(client, task)
        if one["Status"] in _GOING
    ]


def _invocations(client: Client, task: Task) -> list[dict[str, Any]]:
    found = call(client, "ListTaskExecutionInvocations", TaskExecutionId=task.id)
    listed: list[dict[str, Any]] = found["TaskExecutionInvocations"]
    return listed


def logs(client: Client, execution_id: str) -> list[Log]:
    """What has happened, the oldest first."""
    found: list[Log] = []
    token = ""
    while True:
        more = {"NextToken": token} if token else {}
        page = call(client, "ListExecutionLogs", ExecutionId=execution_id, MaxResults=_PAGE, **more)
        found += [
            Log(at=one["Timestamp"], task_id=one["TaskExecutionId"], message=one["Message"])
            for one in page["ExecutionLogs"]
        ]
        token = page["NextToken"]
        if not token:
            return found


def goes_on(client: Client, execution_id: str) -> str:
    """That it runs, and the commands that show what comes of it, and end it."""
    show = client.endpoint.command(f"template show {execution_id} --follow")
    cancel = client.endpoint.command(f"template cancel {execution_id}")
    return f"{execution_id} goes on: {show} shows how it ends, {cancel} ends it"
