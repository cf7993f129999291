"""Shapes that several answers share, and how what we know is told in them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from cloudhand.control.executions import ExecutionView
from cloudhand.core.task import State as TaskState
from cloudhand.core.task import TaskExecution, Wait
from cloudhand.core.template import StoredTemplate
from cloudhand.wire import times


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing but that it is done."""


def as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def worded(description: Any) -> str:
    """A description as text: one that is several texts by language is told as JSON."""
    return description if isinstance(description, str) else as_json(description)


class TemplateShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    template_id: str
    template_name: str
    template_version: str
    template_format: str
    description: str
    hash: str
    has_trigger: bool
    share_type: str
    resource_group_id: str
    tags: Mapping[str, str]
    created_by: str
    created_date: str
    updated_by: str
    updated_date: str


AUTOMATION = "Automation"  # the type of every template here


def template_shape(one: StoredTemplate) -> TemplateShape:
    return TemplateShape(**template_fields(one))


def template_fields(one: StoredTemplate) -> dict[str, Any]:
    return {
        "template_id": one.id,
        "template_name": one.name,
        "template_version": f"v{one.latest.number}",
        "template_format": one.latest.format,
        "description": worded(one.latest.description),
        "hash": one.latest.hash,
        "has_trigger": bool(one.latest.trigger_category),
        "share_type": "Public" if one.public else "Private",
        "resource_group_id": one.resource_group_id,
        "tags": one.tags,
        "created_by": one.created_by,
        "created_date": times.second(one.created_at),
        "updated_by": one.updated_by,
        "updated_date": times.second(one.updated_at),
    }


class CurrentTask(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    task_name: str
    task_action: str
    task_execution_id: str


def execution_fields(view: ExecutionView) -> dict[str, Any]:
    """What the answers about executions have in common, by the names of their fields."""
    one = view.execution
    return {
        "execution_id": one.id,
        "status": one.state.value,
        "status_message": one.status_message,
        "mode": one.mode.value,
        "safety_check": one.safety_check.value,
        "ram_role": one.ram_role,
        "executed_by": one.executed_by,
        "description": one.description,
        "template_id": one.template.id,
        "template_name": one.template.name,
        "template_version": one.template.version,
        "parent_execution_id": one.root_id if one.root_id != one.id else "",
        "is_parent": view.has_children,
        "create_date": times.second(one.created_at),
        "start_date": times.second(one.started_at),
        "end_date": times.second(one.ended_at),
        "update_date": times.second(one.updated_at),
        "outputs": as_json(one.outputs) if one.outputs is not None else "",
        "counters": counters(view.counts),
        "current_tasks": [
            CurrentTask(task_name=task.name, task_action=task.action, task_execution_id=task.id)
            for task in view.current
        ],
        "resource_group_id": one.resource_group_id,
        "tags": one.tags,
    }


def counters(counts: Mapping[str, int]) -> dict[str, int]:
    return {
        "Total": sum(counts.values()),
        **{state.value: counts.get(state.value, 0) for state in TaskState},
    }


def loop_shape(task: TaskExecution) -> Mapping[str, Any]:
    """Only what holds the items has it: its configuration, and how far it is."""
    loop = task.loop
    if loop is None:
        return {}
    rate = loop.rate
    batch = len(rate["sizes"]) > 1 or rate["sizes"][0] < loop.total
    return {
        "RateControl": {
            "Mode": "Batch" if batch else "Concurrency",
            **({"Batch": rate["sizes"], "ConcurrencyInBatches": rate["at_once"]} if batch else {}),
            **({} if batch else {"Concurrency": rate["at_once"][0]}),
            "MaxErrors": rate["max_errors"],
            "BatchPauseOption": rate["pause"],
            "Strict": rate["strict"],
        },
        "Total": loop.total,
        "Pending": loop.total - loop.begun,
        "Running": loop.active - loop.waiting,
        "Waiting": loop.waiting,
        "Success": loop.succeeded,
        "Failed": loop.failed,
        "Cancelled": loop.cancelled,
        "Skipped": loop.skipped,
    }


def extra(task: TaskExecution) -> Mapping[str, Any]:
    """What a task waits for, and what it was told."""
    found: dict[str, Any] = {}
    if task.waits_for is not Wait.NOTHING:
        found["WaitingFor"] = task.waits_for.value
    if task.notices:
        found["NotifyNote"] = task.notices[-1].note
        found["Notices"] = [
            {"NotifyType": notice.type, "By": notice.by, "NotifyNote": notice.note}
            for notice in task.notices
        ]
    if task.attempt > 1:
        found["Attempt"] = task.attempt
    return found
