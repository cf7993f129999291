"""ACS::Notify: send a message to a web hook, at least once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cloudhand.orchestration import messages
from cloudhand.orchestration.action import Done, Outcome, Task, action, prop
from cloudhand.orchestration.parameters import Type


@dataclass(frozen=True, kw_only=True)
class Properties:
    notify_type: str = prop("NotifyType", Type.STRING, note=messages.TYPE_NOTE)
    web_hook: Any = prop("WebHook", Type.JSON, default=None, secrets=True, note=messages.HOOK_NOTE)
    append_execution_link: bool = prop(
        "AppendExecutionLink", Type.BOOLEAN, default=False, note=messages.LINK_NOTE
    )


@action("ACS::Notify")
async def notify(task: Task, properties: Properties) -> Outcome:
    failed = await messages.send(
        task,
        properties.notify_type,
        properties.web_hook,
        with_link=properties.append_execution_link,
    )
    return failed or Done({})
