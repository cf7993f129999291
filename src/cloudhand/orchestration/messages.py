"""Messages to web hooks: at least once, each with a key by which a receiver knows a repetition."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cloudhand.orchestration.action import Again, Failed, Task
from cloudhand.orchestration.parameters import Type, convert
from cloudhand.orchestration.retrying import Retry
from cloudhand.orchestration.values import text

_RETRY = Retry(retries=3)


async def send(
    task: Task, notify_type: str, web_hook: Any, *, with_link: bool
) -> Failed | Again | None:
    """None once it is sent."""
    if notify_type.lower() != "webhook":
        return Failed("UnsupportedNotifyType", f"{notify_type} is not served here: WebHook is")
    hook = web_hook if isinstance(web_hook, Mapping) else {}
    url = text(hook.get("URI"))
    if not url:
        return Failed("InvalidProperty", "WebHook has no URI")
    headers = {"Content-Type": "application/json;charset=utf-8"}
    headers |= {key: text(value) for key, value in _map(hook.get("Headers")).items()}
    content = _map(convert(hook.get("Content") or {}, Type.JSON))
    if with_link:
        content = _linked(content, f"execution {task.execution_id}, task {task.name}")
    try:
        status = await task.post(
            url,
            headers=headers,
            body=json.dumps(content, ensure_ascii=False).encode(),
            key=f"{task.id}/{task.attempt}",
        )
        told = "" if status < 400 else f"it answered {status}"
    except OSError as error:
        told = str(error)
    if not told:
        return None
    tries = task.memo.get("tries", 0) + 1
    if tries > _RETRY.retries:
        return Failed("NotifyFailed", f"cannot send to {url.partition('?')[0]}: {told}")
    return Again(_RETRY.pause(tries), {"tries": tries})


def _map(given: Any) -> dict[str, Any]:
    return dict(given) if isinstance(given, Mapping) else {}


def _linked(content: dict[str, Any], where: str) -> dict[str, Any]:
    """With the place to look at, in the text that chat services show, or else beside it."""
    for kind, field in (("text", "content"), ("markdown", "text")):
        inner = content.get(kind)
        if isinstance(inner, Mapping) and isinstance(inner.get(field), str):
            return {**content, kind: {**inner, field: f"{inner[field]}\n{where}"}}
    return {**content, "execution": where}
