"""ACS::Approve: tell approvers, and wait until enough of them have approved or one has rejected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cloudhand.core.account import OWNER
from cloudhand.core.task import Wait
from cloudhand.orchestration import messages
from cloudhand.orchestration.action import Cancelled, Done, Outcome, Task, Waits, action, prop
from cloudhand.orchestration.parameters import Type


@dataclass(frozen=True, kw_only=True)
class Properties:
    notify_type: str = prop("NotifyType", Type.STRING, default="", note=messages.TYPE_NOTE)
    web_hook: Any = prop("WebHook", Type.JSON, default=None, secrets=True, note=messages.HOOK_NOTE)
    approvers: Any = prop(
        "Approvers",
        Type.LIST,
        default=(),
        note="users whose word counts, beside the owner; none: all",
    )
    least: int = prop(
        "MinRequiredApprovals",
        Type.NUMBER,
        default=1,
        note="how many of them have to approve; the owner alone is enough",
    )
    append_execution_link: bool = prop(
        "AppendExecutionLink", Type.BOOLEAN, default=True, note=messages.LINK_NOTE
    )


@action("ACS::Approve", loops=False, gives="`Approvers`, those who have approved")
async def approve(task: Task, properties: Properties) -> Outcome:
    if properties.notify_type and "told" not in task.memo:
        outcome = await messages.send(
            task,
            properties.notify_type,
            properties.web_hook,
            with_link=properties.append_execution_link,
        )
        if outcome is not None:
            return outcome
    heard = [one for one in task.notices if _counts(one.by, properties.approvers)]
    rejected = [one for one in heard if one.type == "Reject"]
    if rejected:
        return Cancelled(f"{rejected[0].by} rejected it")
    approvers = {one.by for one in heard}
    if OWNER in approvers or len(approvers) >= max(properties.least, 1):
        return Done({"Approvers": [one.by for one in heard]})
    return Waits(Wait.APPROVAL, {"told": True})


def _counts(who: str, approvers: Any) -> bool:
    """Without a list, everybody may; the owner of the account always may."""
    return not approvers or who == OWNER or who in [str(one).split("@")[0] for one in approvers]
