"""A template on a fleet that is made up: how long it takes, and how far it gets when things fail.

The engine is that of a control plane. What happens to a machine follows from the seed, the task
and the machine alone, so that the same seed gives the same history.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from cloudhand.core.errors import TaskNotFound
from cloudhand.core.execution import Execution
from cloudhand.core.ids import ExecutionId
from cloudhand.core.task import TaskExecution, Wait
from cloudhand.orchestration.action import Task
from cloudhand.orchestration.model import Template
from cloudhand.orchestration.polling import ids_in
from cloudhand.orchestration.values import text
from cloudhand.reconcilers.means import ITEM_LIMIT
from cloudhand.rehearsal.script import Said, Script, Step
from cloudhand.rehearsal.stage import Stage, stage
from cloudhand.store.events import Move

_SELECT = "ACS::SelectTargets"
_BOOTS = re.compile(r"(Reboot|Start)Instances?$", re.IGNORECASE)
_RESTART_CODE = re.compile(r"\bexit\s+(194|3010)\b")
_PEOPLE = ("root", *(f"person-{number}" for number in range(1, 10)))
_FOR_A_WORD = (Wait.APPROVAL, Wait.PAUSE, Wait.RISK, Wait.BATCH, Wait.CHILD)
_LONGEST = timedelta(days=4000)


@dataclass(frozen=True, kw_only=True)
class Chances:
    """What is made up."""

    fleet: int  # machines
    fails: float = 0.0  # the share of what is done to a machine that fails
    fails_to_boot: float = 0.0  # the share of restarts after which it does not come back
    takes: range = field(default_factory=lambda: range(30, 91))  # seconds, for one machine
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """What came of it. Of a template with a trigger it is one firing."""

    execution: Execution
    tasks: Sequence[TaskExecution]  # in their order, items behind their loops
    touched: frozenset[str]  # machines on which something was begun
    failed: frozenset[str]  # machines on which something failed
    down: frozenset[str]  # machines that did not come back
    answers: int  # how often a person was waited for, who said yes at once
    moves: Sequence[Move]
    took: timedelta


class _Fleet:
    """rehearsal.scripted.Meets: what becomes of what is done to machines."""

    def __init__(self, chances: Chances, template: Template) -> None:
        self._chances = chances
        self._actions = {task.name: task.action for task in template.tasks}
        self._machines = [f"i-{number:06d}" for number in range(1, chances.fleet + 1)]
        self._met: dict[tuple[str, int], Step] = {}
        self.touched: set[str] = set()
        self.failed: set[str] = set()
        self.down: set[str] = set()

    def __call__(self, task: Task, given: Mapping[str, Any]) -> Step | None:
        action = self._actions[task.name]
        if action == _SELECT:
            return Step(answers=[_described(one) for one in self._machines])
        machines = _machines(task, given)
        if not machines:
            return None
        key = (task.id, task.attempt)
        if key not in self._met:
            self._met[key] = self._drawn(task, machines, boots=_boots(action, given))
        return self._met[key]

    def _drawn(self, task: Task, machines: Sequence[str], *, boots: bool) -> Step:
        chances = self._chances
        dice = random.Random(f"{chances.seed}/{task.name}/{text(task.item)}/{task.attempt}")
        takes = timedelta(seconds=dice.choice(chances.takes))
        unlucky, stays_down = dice.random() < chances.fails, dice.random() < chances.fails_to_boot
        self.touched.update(machines)
        fails = ""
        if boots:
            self.down.difference_update(machines)
            fails = "DidNotBoot" if stays_down else ""
        elif not self.down.isdisjoint(machines):
            fails = "MachineDown"
        if not fails and unlucky:
            fails = "Unlucky"
        if fails == "DidNotBoot":
            self.down.update(machines)
        if fails:
            self.failed.update(machines)
        return Step(answers={}, fails=fails, takes=takes)


def _described(machine: str) -> dict[str, Any]:
    return {
        "InstanceId": machine,
        "InstanceName": machine,
        "Status": "Running",
        "OSType": "linux",
    }


def _machines(task: Task, given: Mapping[str, Any]) -> list[str]:
    """Those that the properties of a task name; an item of a loop stands for one, too."""
    named = [one for one in ids_in(given) if one.startswith(("i-", "mi-"))]
    return named or ([text(task.item)] if task.item is not None else [])


def _boots(action: str, given: Mapping[str, Any]) -> bool:
    script = text(given.get("commandContent"))
    return bool(
        _BOOTS.search(action)
        or _BOOTS.search(text(given.get("API")))
        or _RESTART_CODE.search(script)
    )


async def simulated(
    content: str, template: Template, given: Mapping[str, Any], chances: Chances
) -> Simulated:
    """TemplateInvalid, ParametersInvalid. ``content``: the text of the template."""
    fleet = _Fleet(chances, template)
    limit = max(chances.fleet, ITEM_LIMIT)
    async with stage(seed=chances.seed, meets=fleet, item_limit=limit) as on_it:
        execution_id = await on_it.start(content, Script(given=given))
        simulation = _Simulation(on_it, execution_id, template)
        shown = await simulation.to_its_end()
        tasks, moves = await on_it.rows(shown.id)
        return Simulated(
            execution=shown,
            tasks=list(tasks.values()),
            touched=frozenset(fleet.touched),
            failed=frozenset(fleet.failed),
            down=frozenset(fleet.down),
            answers=simulation.answers,
            moves=moves,
            took=(shown.ended_at or on_it.clock.now()) - shown.created_at,
        )


class _Simulation:
    def __init__(self, on_it: Stage, execution_id: ExecutionId, template: Template) -> None:
        self._stage = on_it
        self._id = execution_id
        self._triggered = template.trigger is not None
        self._by_hand = template.trigger is not None and "Timer" not in template.trigger.action
        self.answers = 0

    async def to_its_end(self) -> Execution:
        """Of the execution, or of the first one that its trigger starts; as far as it gets."""
        clock = self._stage.clock
        began = clock.now()
        while True:
            await self._stage.carry_on()
            own = await self._stage.execution(self._id)
            shown = await self._fired() if self._triggered else own
            if shown.final:
                return shown
            if await self._goes_on_by_a_word(own):
                continue
            due = await self._stage.next_due()
            if due is None or due - began > _LONGEST:
                return shown
            clock.move_to(due)

    async def _fired(self) -> Execution:
        """What the trigger has started; itself as long as that is nothing."""
        return await self._stage.execution((await self._stage.below(self._id))[:2][-1])

    async def _goes_on_by_a_word(self, waiting: Execution) -> bool:
        """Whether somebody was waited for, who has now said yes."""
        if self._by_hand and waiting.waits_for is Wait.TRIGGER:
            await self._say(Said(at=timedelta(), word="Trigger", content="{}"))
            return True
        if waiting.waits_for not in _FOR_A_WORD:
            return False
        for person in (*await self._approvers(waiting), *_PEOPLE):
            await self._say(Said(at=timedelta(), word="Approve", by=person))
            if (await self._stage.execution(self._id)).version != waiting.version:
                self.answers += 1
                return True
        return False

    async def _approvers(self, waiting: Execution) -> list[str]:
        """Those who are asked by name."""
        if waiting.waits_for not in (Wait.APPROVAL, Wait.CHILD):
            return []
        tasks, _ = await self._stage.rows(self._id)
        asked = [task for task in tasks.values() if task.waits_for is Wait.APPROVAL]
        return [text(one) for task in asked for one in task.properties.get("Approvers") or ()]

    async def _say(self, said: Said) -> None:
        with suppress(TaskNotFound):  # nobody may wait for it
            await self._stage.say(self._id, said)
        await self._stage.carry_on()
