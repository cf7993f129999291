"""ACS::ExecuteAPI: call an operation once. What it answers is what outputs are selected from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cloudhand.orchestration.action import Again, Done, Outcome, Task, action, prop
from cloudhand.orchestration.parameters import Type
from cloudhand.orchestration.polling import SOON, parameters_of


@dataclass(frozen=True, kw_only=True)
class Properties:
    service: str = prop("Service", Type.STRING)
    api: str = prop("API", Type.STRING)
    parameters: Any = prop("Parameters", Type.JSON, default=None, secrets=True)
    auto_paging: bool = prop("AutoPaging", Type.BOOLEAN, default=True)
    risk: str = prop("Risk", Type.STRING, default="")
    method: str = prop("Method", Type.STRING, default="")
    uri: str = prop("URI", Type.STRING, default="")
    headers: Any = prop("Headers", default=None)
    body: Any = prop("Body", default=None)

    def __post_init__(self) -> None:
        parameters_of(self.parameters)


@action("ACS::ExecuteAPI")
async def execute_api(task: Task, properties: Properties) -> Outcome:
    reply = await task.call(
        properties.service,
        properties.api,
        parameters_of(properties.parameters),
        effect="",
        pages=properties.auto_paging,
    )
    if reply.transient:
        return Again(SOON)
    return reply.failed() if reply.refused else Done(reply.body)
