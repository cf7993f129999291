"""A script on many machines at a rate: the execution of a public template, followed as a run is."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cloudhand.cli import follow
from cloudhand.cli.client import Client
from cloudhand.cli.errors import Mistake
from cloudhand.cli.fleet import Machine
from cloudhand.cli.follow import Result
from cloudhand.cli.order import Order
from cloudhand.cli.outage import Patience
from cloudhand.cli.template import executions
from cloudhand.cli.template.executions import Execution, Task

TEMPLATE = "ACS-ECS-BulkyRunCommand"
_ORDER = {"TemplateName": TEMPLATE}
_LOOP = "runCommand"  # its task
_SHARE = re.compile(r"(?P<number>\d{1,9})(?P<percent>%?)")
_FIRST_PAUSE, _LAST_PAUSE = 0.02, 1.0  # seconds between looks
INSTANCE, MANAGED = "ALIYUN::ECS::Instance", "ALIYUN::ECS::ManagedInstance"


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How many machines at a time, and how many may fail; numbers, or shares like 10%."""

    at_a_time: str
    max_errors: str = "0"
    strict: bool = False  # never more at a time than may still fail, and one

    def rate_control(self) -> dict[str, Any]:
        return {
            "Mode": "Concurrency",
            "Concurrency": _share(self.at_a_time),
            "MaxErrors": _share(self.max_errors),
            "Strict": self.strict,
        }

    @property
    def options(self) -> str:
        """What was typed, with a space before it."""
        errors = f" --max-errors {self.max_errors}" if self.max_errors != "0" else ""
        return f" --at-a-time {self.at_a_time}{errors}{' --strict' if self.strict else ''}"


def _share(text: str) -> int | str:
    return text if text.endswith("%") else int(text)


def pace_of(at_a_time: str, max_errors: str, *, strict: bool) -> Pace | None:
    """None where nothing was said; Mistake."""
    if not at_a_time:
        if max_errors or strict:
            option = "--max-errors" if max_errors else "--strict"
            raise Mistake(f"{option} goes with --at-a-time: say how many machines at a time")
        return None
    check(at_a_time, "--at-a-time", least=1)
    check(max_errors or "0", "--max-errors", least=0)
    return Pace(at_a_time=at_a_time, max_errors=max_errors or "0", strict=strict)


def check(text: str, option: str, *, least: int) -> None:
    """Mistake unless it is a number, or a share."""
    found = _SHARE.fullmatch(text)
    number = int(found["number"]) if found else -1
    if found is None or number < least or (found["percent"] and number > 100):
        raise Mistake(
            f"cannot use {option} {text}: it is a number from {least}, or a share like 10%"
        )


def kind_of(chosen: Sequence[Machine]) -> str:
    """The type of resource that all of them are; Mistake."""
    kinds = {MANAGED if machine.status == "Managed" else INSTANCE for machine in chosen}
    if len(kinds) > 1:
        raise Mistake(
            "an execution runs on instances or on machines of your own, and not on both: name those"
            " of one kind"
        )
    return kinds.pop()


def parameters(order: Order, kind: str, targets: Mapping[str, Any], pace: Pace) -> dict[str, Any]:
    """What the template is given."""
    return {
        "resourceType": kind,
        "targets": targets,
        "commandType": order.kind,
        "commandContent": order.script,
        "timeout": order.timeout,
        "enableParameter": order.fill is not None,
        "parameters": order.fill or {},
        "username": order.user,
        "workingDir": order.workdir,
        "rateControl": pace.rate_control(),
    }


class Bulk:
    """One execution. A machine whose turn has not come has a result, too, which is Pending."""

    def __init__(self, client: Client, execution_id: str, machines: Sequence[str]) -> None:
        self.id = execution_id
        self._client = client
        self._machines = machines
        self._settled: dict[str, Result] = {}  # by their invocations

    @property
    def invoke_ids(self) -> list[str]:
        """Those that have ended, as far as it was looked at."""
        return list(self._settled)

    def looks(self, patience: Patience) -> Iterator[list[Result]]:
        """The results at each look, the last time when all are settled."""
        pause = _FIRST_PAUSE
        while True:
            now = patience.ask(self.look, self.id)
            yield now
            if all(result.settled for result in now):
                return
            time.sleep(pause)
            pause = min(pause * 1.5, _LAST_PAUSE)

    def look(self) -> list[Result]:
        execution = executions.find(self._client, self.id)
        task = next((one for one in execution.tasks if one.name == _LOOP), None)
        found = self._results(task) if task else {}
        items = self._items(execution, task) if task else {}
        return [
            found.get(one) or _without_result(one, execution, items.get(one))
            for one in self._machines
        ]

    def _items(self, execution: Execution, task: Task) -> dict[str, Task]:
        """By machine, of those that went wrong; all of them in the end."""
        items = executions.items(self._client, task) if execution.final else task.items
        return {item.item: item for item in items}

    def _results(self, task: Task) -> dict[str, Result]:
        """By machine, of those where the command was asked for."""
        found: dict[str, Result] = {}
        for invoke_id in executions.invocations(self._client, task):
            its = self._settled.get(invoke_id)
            if its is None:
                (its,) = follow.results(self._client, invoke_id)
                if its.settled:
                    self._settled[invoke_id] = its
            found[its.instance_id] = its
        return found

    def end(self, patience: Patience) -> Execution:
        """The execution itself, which ends soon after the last command."""
        pause = _FIRST_PAUSE
        while True:
            now = patience.ask(lambda: executions.find(self._client, self.id), self.id)
            if now.final:
                return now
            time.sleep(pause)
            pause = min(pause * 1.5, _LAST_PAUSE)

    def going(self) -> list[str]:
        """The invocations that have not ended."""
        return sorted({one.invoke_id for one in self.look() if one.invoke_id and not one.ended})

    def cancel(self) -> None:
        executions.call(self._client, "CancelExecution", ExecutionId=self.id)


def _without_result(instance_id: str, execution: Execution, item: Task | None) -> Result:
    """Of a machine on which the command was not asked for, or not yet."""
    status, code, info = "Pending", "", ""
    if item is not None and item.status == "Failed":
        status = "Failed"
        code, _, info = item.message.partition(": ")
    elif execution.final:
        status, info = "Skipped", "its turn did not come"
    return Result(
        next_at="",
        run=0,
        invoke_id="",
        instance_id=instance_id,
        status=status,
        exit_code=None,
        output=b"",
        dropped=0,
        error_code=code or info,
        error_info=info if code else "",
        deadline_at="",
        power=None,
    )


def begin(client: Client, order: Order, chosen: Sequence[Machine], pace: Pace) -> Bulk:
    ids = [machine.id for machine in chosen]
    targets = {"Type": "ResourceIds", "ResourceIds": ids}
    given = parameters(order, kind_of(chosen), targets, pace)
    return Bulk(client, executions.start(client, _ORDER, given), ids)


def order_of(given: Mapping[str, Any]) -> Order:
    """What was asked for by such parameters."""
    return Order(
        script=given["commandContent"],
        kind=given["commandType"],
        timeout=given["timeout"],
        user=given["username"],
        workdir=given["workingDir"],
        fill=given["parameters"] if given["enableParameter"] else None,
    )
