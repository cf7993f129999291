"""ACS::ExecuteAPI: call an operation once.

What stands in `Parameters` is not declared here, and checked by the operation only: its page says
what it takes. Lists and maps are given as such, and `InstanceIds` is understood where the page has
`InstanceId.1`, `InstanceId.2` and so on. If the operation refuses, the task fails with its code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cloudhand.orchestration import polling
from cloudhand.orchestration.action import Again, Done, Outcome, Task, action, prop
from cloudhand.orchestration.parameters import Type

_WITHOUT_EFFECT = "taken, without effect"


@dataclass(frozen=True, kw_only=True)
class Properties:
    service: str = prop("Service", Type.STRING, note=polling.SERVICE_NOTE)
    api: str = prop("API", Type.STRING, note=polling.API_NOTE)
    parameters: Any = prop(
        "Parameters", Type.JSON, default=None, secrets=True, note=polling.PARAMETERS_NOTE
    )
    auto_paging: bool = prop("AutoPaging", Type.BOOLEAN, default=True, note=polling.PAGING_NOTE)
    risk: str = prop("Risk", Type.STRING, default="", note=polling.RISK_NOTE)
    method: str = prop("Method", Type.STRING, default="", note=_WITHOUT_EFFECT)
    uri: str = prop("URI", Type.STRING, default="", note=_WITHOUT_EFFECT)
    headers: Any = prop("Headers", default=None, note=_WITHOUT_EFFECT)
    body: Any = prop("Body", default=None, note=_WITHOUT_EFFECT)

    def __post_init__(self) -> None:
        polling.parameters_of(self.parameters)


@action("ACS::ExecuteAPI", gives=polling.GIVES)
async def execute_api(task: Task, properties: Properties) -> Outcome:
    reply = await task.call(
        properties.service,
        properties.api,
        polling.parameters_of(properties.parameters),
        effect="",
        pages=properties.auto_paging,
    )
    if reply.transient:
        return Again(polling.SOON)
    return reply.failed() if reply.refused else Done(reply.body)
