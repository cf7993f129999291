"""Run a command through the public API and follow it to its end."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cloudhand.cli.client import Client

UNFINISHED = frozenset({"Pending", "Running", "Stopping"})
_PAGE = 50
_FIRST_PAUSE, _LAST_PAUSE = 0.01, 1.0  # seconds between looks


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of a command on one instance."""

    instance_id: str
    status: str
    exit_code: int | None
    output: bytes
    dropped: int
    error_code: str
    error_info: str
    power: dict[str, str] | None  # Action, Status, BootIdBefore, BootIdAfter ...

    @property
    def ended(self) -> bool:
        return self.status not in UNFINISHED

    @property
    def good(self) -> bool:
        return self.status == "Success"


def results(client: Client, invoke_id: str) -> list[Result]:
    """One for each instance, in the order of their ids."""
    found: list[Result] = []
    page = 1
    while True:
        answer = client.call(
            "DescribeInvocationResults",
            {"InvokeId": invoke_id, "PageSize": _PAGE, "PageNumber": page},
        )["Invocation"]
        items = answer["InvocationResults"]["InvocationResult"]
        found += [_result(item) for item in items]
        if not items or len(found) >= answer["TotalCount"]:
            return sorted(found, key=lambda result: result.instance_id)
        page += 1


def _result(item: dict[str, Any]) -> Result:
    return Result(
        instance_id=item["InstanceId"],
        status=item["InvocationStatus"],
        exit_code=item.get("ExitCode"),
        output=base64.b64decode(item["Output"]),
        dropped=item["Dropped"],
        error_code=item["ErrorCode"],
        error_info=item["ErrorInfo"],
        power=item.get("PowerAction"),
    )


def follow(client: Client, invoke_id: str) -> Iterator[list[Result]]:
    """The results as they change, the last time when all have ended."""
    pause = _FIRST_PAUSE
    last: list[Result] | None = None
    while True:
        now = results(client, invoke_id)
        if now != last:
            last = now
            yield now
        if all(result.ended for result in now):
            return
        time.sleep(pause)
        pause = min(pause * 1.5, _LAST_PAUSE)


def grouped(ended: Sequence[Result]) -> list[tuple[list[Result], bytes]]:
    """Results with the same output and the same end together, the largest group first."""
    groups: dict[tuple[object, ...], list[Result]] = {}
    for result in ended:
        key = result.output, result.status, result.exit_code, result.error_code, result.dropped
        groups.setdefault(key, []).append(result)
    ordered = sorted(groups.values(), key=len, reverse=True)
    return [(group, group[0].output) for group in ordered]
