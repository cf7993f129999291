"""What tests of OOS share: templates, and executions followed to where they wait or end."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.api.clients import Caller
from tests.api.cloud import Cloud
from tests.world import World

PLACE = Path(__file__).parents[1] / "rehearsals" / "templates"
BULK = (PLACE / "run_and_restart.yml").read_text()  # an equal one of the published template

ENDED = ("Success", "Failed", "Cancelled")

PAUSE = {"Name": "pause", "Action": "ACS::Pause"}


def template(*tasks: Mapping[str, Any], **more: Any) -> str:
    """A template of these tasks."""
    return yaml.safe_dump({"FormatVersion": "OOS-2019-06-01", "Tasks": list(tasks), **more})


def api(name: str, operation: str, /, *, risk: str = "", **parameters: Any) -> dict[str, Any]:
    """A task that calls an operation of ECS."""
    properties: dict[str, Any] = {"Service": "ECS", "API": operation, "Parameters": parameters}
    if risk:
        properties["Risk"] = risk
    return {"Name": name, "Action": "ACS::ExecuteAPI", "Properties": properties}


def by_ids(*ids: str) -> dict[str, Any]:
    return {"targets": {"Type": "ResourceIds", "ResourceIds": list(ids)}}


class Oos:
    """The executions of one cloud, in the words of a client."""

    def __init__(self, it: Cloud, call: Caller) -> None:
        self.it = it
        self.call = call

    def start(self, content: str, **order: Any) -> str:
        """The id of a new execution of a text; parameters as values."""
        return self.started(TemplateContent=content, **order)

    def started(self, **order: Any) -> str:
        if "Parameters" in order:
            order["Parameters"] = json.dumps(order["Parameters"])
        execution_id: str = self.call("StartExecution", **order)["Execution"]["ExecutionId"]
        return execution_id

    def get(self, execution_id: str) -> dict[str, Any]:
        (found,) = self.call("ListExecutions", ExecutionId=execution_id)["Executions"]
        return dict(found)

    def tasks(self, execution_id: str, **wanted: Any) -> dict[str, dict[str, Any]]:
        """By their names, and the items of loops by their items."""
        found = self.call("ListTaskExecutions", ExecutionId=execution_id, **wanted)
        return {one["LoopItem"] or one["TaskName"]: one for one in found["TaskExecutions"]}

    def until(self, execution_id: str, *statuses: str, at_most: float = 300) -> dict[str, Any]:
        """Let time pass until the execution has one of these statuses."""

        async def wait(world: World) -> None:
            async def reached() -> bool:
                return (await world.control.executions.get(execution_id)).execution.state in (  # type: ignore[arg-type]
                    statuses
                )

            await world.until(reached, at_most=at_most)

        self.it.do(wait)
        return self.get(execution_id)

    def notify(self, execution_id: str, word: str, **more: Any) -> None:
        self.call("NotifyExecution", ExecutionId=execution_id, NotifyType=word, **more)
