"""Follow invocations through the public API to their end."""

from __future__ import annotations

import base64
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cloudhand.cli.client import Client
from cloudhand.cli.outage import Patience

UNFINISHED = frozenset({"Pending", "Scheduled", "Running", "Stopping"})
_POWER_UNFINISHED = frozenset({"Ordered", "Held", "Down"})
_PAGE = 50
_FIRST_PAUSE, _LAST_PAUSE = 0.01, 1.0  # seconds between looks


@dataclass(frozen=True, kw_only=True)
class PowerAction:
    """What became of the stop or restart that an exit code asked for."""

    action: str  # stop or restart
    status: str  # Ordered, Held, Down, Done, Overdue, Refused
    ordered_at: str  # as the API spells moments; empty while it is held
    deadline_at: str  # empty once it has ended
    boot_id_before: str
    boot_id_after: str
    reason: str = ""  # of Held: what it waits for; of Refused: why
    unmoved_at: str = ""  # when the machine was still seen in the boot that was to end

    @property
    def ended(self) -> bool:
        return self.status not in _POWER_UNFINISHED or bool(self.unmoved_at)

    @property
    def failed(self) -> bool:
        return self.status in ("Overdue", "Refused") or bool(self.unmoved_at)


@dataclass(frozen=True, kw_only=True)
class Process:
    pid: int
    name: str


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """How the processes of a command were ended; of each list the first are named."""

    followed_by: str  # cgroup or processes
    took: int  # milliseconds
    ended: int
    ended_pids: Sequence[int]
    survived: int
    survivors: Sequence[Process]
    left: int  # on purpose
    spared: Sequence[Process]


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of a command on one instance."""

    invoke_id: str
    instance_id: str
    status: str
    exit_code: int | None
    output: bytes
    dropped: int  # bytes of output that were not kept
    error_code: str
    error_info: str
    deadline_at: str  # when it ends at the latest; empty once it has
    next_at: str  # when its schedule has it run next; empty: after a boot, or never
    run: int  # of what runs again, the number of the run; else whether it has run
    power: PowerAction | None
    receipt: Receipt | None = None  # how its processes were ended, if they were
    waits_for: str = ""  # a clause; empty where nobody looked, or there is nothing to wait for

    @property
    def ended(self) -> bool:
        return self.status not in UNFINISHED

    @property
    def settled(self) -> bool:
        """Ended, and the machine where the exit code wanted it, or known not to be."""
        if not self.ended or self.power is None:
            return self.ended
        # Nobody looks at the power of a machine of one's own: that it was asked for is all.
        unseen = self.power.action == "stop" and self.instance_id.startswith("mi-")
        return unseen or self.power.ended

    @property
    def good(self) -> bool:
        return self.status == "Success"

    @property
    def whole(self) -> bool:
        """Good, and the machine did not fail to stop or restart."""
        return self.good and not (self.power and self.power.failed)


def results(client: Client, invoke_id: str, *, with_history: bool = False) -> list[Result]:
    """One for each instance, in the order of their ids; or for each run, in the order of these."""
    found: list[Result] = []
    page = 1
    while True:
        answer = client.call(
            "DescribeInvocationResults",
            {
                "InvokeId": invoke_id,
                "IncludeHistory": with_history,
                "PageSize": _PAGE,
                "PageNumber": page,
            },
        )["Invocation"]
        items = answer["InvocationResults"]["InvocationResult"]
        found += [_result(item) for item in items]
        if not items or len(found) >= answer["TotalCount"]:
            return sorted(found, key=lambda r: (with_history and r.run, r.instance_id))
        page += 1


def _result(item: dict[str, Any]) -> Result:
    return Result(
        invoke_id=item["InvokeId"],
        instance_id=item["InstanceId"],
        status=item["InvocationStatus"],
        exit_code=item.get("ExitCode"),
        output=base64.b64decode(item["Output"]),
        dropped=item["Dropped"],
        error_code=item["ErrorCode"],
        error_info=item["ErrorInfo"],
        deadline_at=item["DeadlineTime"],
        next_at=item["NextTime"],
        run=item["Repeats"],
        power=_power(item.get("PowerAction")),
        receipt=_receipt(item.get("Receipt")),
    )


def _power(item: dict[str, str] | None) -> PowerAction | None:
    if item is None:
        return None
    return PowerAction(
        action=item["Action"],
        status=item["Status"],
        ordered_at=item["OrderedTime"],
        deadline_at=item["DeadlineTime"],
        boot_id_before=item["BootIdBefore"],
        boot_id_after=item["BootIdAfter"],
        reason=item["Reason"],
    )


def _receipt(item: dict[str, Any] | None) -> Receipt | None:
    if item is None:
        return None
    return Receipt(
        followed_by=item["FollowedBy"],
        took=item["Took"],
        ended=item["EndedCount"],
        ended_pids=item["Ended"]["Pid"],
        survived=item["SurvivorCount"],
        survivors=_processes(item["Survivors"]),
        left=item["LeftCount"],
        spared=_processes(item["Left"]),
    )


def _processes(item: dict[str, Any]) -> list[Process]:
    return [Process(pid=one["Pid"], name=one["Name"]) for one in item["Process"]]


def follow(
    client: Client, *invoke_ids: str, patience: Patience | None = None
) -> Iterator[list[Result]]:
    """The results at each look, the last time when all are settled.

    The control plane gives every target and every power action a deadline, so this ends.
    """
    pause = _FIRST_PAUSE

    def look() -> list[Result]:
        return [result for invoke_id in invoke_ids for result in results(client, invoke_id)]

    while True:
        now = patience.ask(look, ", ".join(invoke_ids)) if patience else look()
        yield now
        if all(result.settled for result in now):
            return
        time.sleep(pause)
        pause = min(pause * 1.5, _LAST_PAUSE)


def settled(client: Client, *invoke_ids: str) -> list[Result]:
    """The results once all are settled."""
    return deque(follow(client, *invoke_ids), maxlen=1).pop()


def grouped(ended: Sequence[Result]) -> list[list[Result]]:
    """Results with the same output and the same end together, the largest group first."""
    groups: dict[tuple[object, ...], list[Result]] = {}
    for result in ended:
        key = (
            result.output,
            result.dropped,
            result.status,
            result.exit_code,
            result.error_code,
            result.error_info,
        )
        groups.setdefault(key, []).append(result)
    return sorted(groups.values(), key=len, reverse=True)
