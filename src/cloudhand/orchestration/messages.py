"""Messages to web hooks: at least once, each with a key by which a receiver knows a repetition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudhand.orchestration import secrets
from cloudhand.orchestration.action import Again, Failed, Task
from cloudhand.orchestration.parameters import Type, convert
from cloudhand.orchestration.retrying import Retry
from cloudhand.orchestration.values import text

_RETRY = Retry(retries=3)

# What is said of the properties that actions have for it.
TYPE_NOTE = "WebHook; others are not served here"
HOOK_NOTE = "`URI`, `Headers` and `Content` of the message"
LINK_NOTE = "whether the message names the execution and the task"


async def send(
    task: Task, notify_type: str, web_hook: Any, *, with_link: bool
) -> Failed | Again | None:
    """None once it is sent."""
    if notify_type.lower() != "webhook":
        return Failed("UnsupportedNotifyType", f"{notify_type} is not served here: WebHook is")
    hook = _map(web_hook)
    url = hook.get("URI")
    if not url:
        return Failed("InvalidProperty", "WebHook has no URI")
    headers = {"Content-Type": "application/json;charset=utf-8", **_map(hook.get("Headers"))}
    content = convert(hook.get("Content") or {}, Type.JSON)
    if not secrets.alike(content):  # a text with secrets in it is sent as it is
        content = _map(content)
        if with_link:
            content = _linked(content, f"execution {task.execution_id}, task {task.name}")
    forbidden = False
    try:
        status = await task.send(
            url, headers=headers, content=content, key=f"{task.id}/{task.attempt}"
        )
        told = "" if status < 400 else f"it answered {status}"
    except OSError as error:
        told = str(error)
        forbidden = isinstance(error, PermissionError)
    if not told:
        return None
    tries = task.memo.get("tries", 0) + 1
    if forbidden or tries > _RETRY.retries:
        return Failed("NotifyFailed", f"cannot send to {text(url).partition('?')[0]}: {told}")
    return Again(_RETRY.pause(tries), {"tries": tries})


def _map(given: Any) -> dict[str, Any]:
    return dict(given) if isinstance(given, Mapping) and not secrets.alike(given) else {}


def _linked(content: dict[str, Any], where: str) -> dict[str, Any]:
    """With the place to look at, in the text that chat services show, or else beside it."""
    for kind, field in (("text", "content"), ("markdown", "text")):
        inner = content.get(kind)
        if isinstance(inner, Mapping) and isinstance(inner.get(field), str):
            return {**content, kind: {**inner, field: f"{inner[field]}\n{where}"}}
    return {**content, "execution": where}
