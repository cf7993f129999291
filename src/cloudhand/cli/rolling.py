"""Restart machines a few at a time: the execution of a public template, told machine by machine."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from cloudhand.cli import bulk, confirm, follow
from cloudhand.cli.bulk import Pace
from cloudhand.cli.client import Client
from cloudhand.cli.fleet import Machine, machines
from cloudhand.cli.following import aside
from cloudhand.cli.opening import Opening
from cloudhand.cli.outage import Patience
from cloudhand.cli.people import called
from cloudhand.cli.template import executions
from cloudhand.cli.template.executions import Execution, Task
from cloudhand.wire.agent import REFUSED_BY_MACHINE

_ORDER = {"TemplateName": "ACS-ECS-BulkyRebootAndCheck"}
_NOT_BEGUN = "Skipped"
# Its task, and those of the template within.
_LOOP, _CHECK, _IN_TIME = "rebootAndCheck", "check", "inTime"
_FIRST_PAUSE, _LAST_PAUSE = 0.02, 1.0  # seconds between looks
_RESTART = "exit 194\n"
# Where Debian and its kin, or Red Hat and its kin, say that a restart is due.
_IF_NEEDED = """\
if [ -e /run/reboot-required ] || [ -e /var/run/reboot-required ]; then exit 194; fi
if command -v needs-restarting >/dev/null; then needs-restarting -r || exit 194; fi
"""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """How to restart."""

    pace: Pace | None  # None: all at once
    check: str = ""  # a script that says whether a machine is well again; empty: none
    if_needed: bool = False
    opening: Opening | None = None  # when any may be restarted; None: at any time

    @property
    def words(self) -> str:
        """What it adds to what would be hit, with a comma before it."""
        pace = f", {self.pace.at_a_time} at a time" if self.pace else ""
        needed = ", if it is due" if self.if_needed else ""
        return f"{pace}{needed}{self.opening.words if self.opening else ''}"

    def concerns(self, chosen: Sequence[Machine]) -> bool:
        """Whether more was said than to restart instances."""
        managed = any(machine.status == "Managed" for machine in chosen)
        return managed or bool(self.pace or self.check or self.if_needed or self.opening)

    def parameters(self, chosen: Sequence[Machine]) -> dict[str, Any]:
        kind = bulk.kind_of(chosen)
        # A machine of one's own is restarted by itself, where there is nobody else to do it.
        by_itself = _RESTART if kind == bulk.MANAGED else ""
        return {
            "resourceType": kind,
            "targets": {"Type": "ResourceIds", "ResourceIds": [one.id for one in chosen]},
            "restartCommand": _IF_NEEDED if self.if_needed else by_itself,
            # Without one it must at least be able to run something.
            "checkCommand": self.check or "true",
            "rateControl": (self.pace or Pace(at_a_time="100%")).rate_control(),
            **(self.opening.parameters if self.opening else {}),
        }


def carry_out(client: Client, wish: Wish, chosen: Sequence[Machine]) -> bool:
    """Tell of each machine when it is done; whether all are well."""
    patience = Patience(client=client, tell=aside)
    execution_id = executions.start(client, _ORDER, wish.parameters(chosen))
    # Whether one does is for it to say: it may have rules of its own.
    aside(f"{execution_id} asks {confirm.machines(len(chosen))} to restart{wish.words}")
    try:
        return _followed(patience, execution_id, wish, chosen)
    except KeyboardInterrupt:
        aside(executions.goes_on(client, execution_id))
        raise


def _followed(patience: Patience, execution_id: str, wish: Wish, chosen: Sequence[Machine]) -> bool:
    names = {machine.id: machine.name for machine in chosen}
    waiting = {machine.id: machine for machine in chosen}
    failed: list[str] = []
    pause = _FIRST_PAUSE
    while True:
        execution, items = patience.ask(lambda: _look(patience.client, execution_id), execution_id)
        for item in items:
            if item.final and item.status != _NOT_BEGUN and item.item in waiting:
                machine = waiting.pop(item.item)
                what = partial(_told, patience.client, machine, item, wish)
                good, told = patience.ask(what, execution_id)
                print(f"{called(machine.id, names)} {told}", flush=True)
                failed += [] if good else [machine.id]
        if execution.final:
            break
        time.sleep(pause)
        pause = min(pause * 1.5, _LAST_PAUSE)
    for machine in waiting.values():
        print(f"{called(machine.id, names)} was left as it is: its turn did not come", flush=True)
    if failed or waiting:
        aside(f"{execution_id} {execution.status}: {execution.message}")
    return not failed and not waiting


def _look(client: Client, execution_id: str) -> tuple[Execution, Sequence[Task]]:
    execution = executions.find(client, execution_id)
    loop = next((task for task in execution.tasks if task.name == _LOOP), None)
    return execution, executions.items(client, loop) if loop else ()


def _told(client: Client, before: Machine, item: Task, wish: Wish) -> tuple[bool, str]:
    """Whether it is well, and what became of it."""
    tasks = executions.find(client, item.child_id).tasks if item.child_id else ()
    if any(task.name == _IN_TIME and task.status == "Failed" for task in tasks):
        return False, "was left as it is: the window is over"
    now = next((one for one in machines(client) if one.id == before.id), before)
    changed = now.boot_id != before.boot_id
    boots = f": boot {before.boot_id[:8]}→{now.boot_id[:8]}" if changed else ""
    restarted = f"restarted{boots}" if changed or not wish.if_needed else "need not restart"
    if item.status == "Success":
        return True, f"{restarted}{'; its check succeeded' if wish.check else ''}"
    for task in tasks:
        if task.status in ("Failed", "Cancelled") and task.name == _CHECK:
            failed = "its check failed" if wish.check else "it runs nothing"
            why = _end(client, task) or task.message or task.status
            return False, f"{restarted}; {failed}: {why}"
        if task.status in ("Failed", "Cancelled"):
            why = _refusal(client, task) or task.message or task.status
            return False, f"did not restart: {why}"
    return False, f"{item.status}: {item.message}"


def _end(client: Client, task: Task) -> str:
    """How the command of a task ended, where it did not end well, and which one it was."""
    for invoke_id in executions.invocations(client, task):
        for result in follow.results(client, invoke_id):
            if result.ended and result.status != "Success":
                code = result.exit_code
                how = f"exit code {code}" if code else f"{result.error_code} {result.error_info}"
                return f"{how} ({invoke_id})"
    return ""


def _refusal(client: Client, task: Task) -> str:
    """The machine's own word, whole, which the message of a task has only the beginning of."""
    for invoke_id in executions.invocations(client, task):
        for result in follow.results(client, invoke_id):
            if result.error_code == REFUSED_BY_MACHINE:
                return result.error_info
    return ""
