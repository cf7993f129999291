"""Play a template by a script: the same engine as that of a control plane, in virtual time."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cloudhand.control.executions import Executions as Verbs
from cloudhand.control.pokes import Pokes
from cloudhand.control.settings import ControlSettings
from cloudhand.control.templates import Templates
from cloudhand.core.account import Identity
from cloudhand.core.execution import Execution, Mode, SafetyCheck
from cloudhand.core.ids import ExecutionId, StoredParameterId
from cloudhand.core.orders import NewExecution, TaskFilter, TemplateText, Word
from cloudhand.core.page import Window
from cloudhand.core.stored_parameter import StoredParameter, StoredVersion, Type
from cloudhand.core.task import State as TaskState
from cloudhand.core.task import TaskExecution
from cloudhand.orchestration import secrets
from cloudhand.orchestration.action import Task
from cloudhand.orchestration.actions.library import Library
from cloudhand.orchestration.programs import Programs
from cloudhand.orchestration.values import text
from cloudhand.programs.pool import Pool
from cloudhand.reconcilers.executions import Executions
from cloudhand.reconcilers.means import ITEM_LIMIT, Means
from cloudhand.rehearsal.clock import VirtualClock
from cloudhand.rehearsal.remembered import Remembered
from cloudhand.rehearsal.script import Said, Script, Step
from cloudhand.rehearsal.scripted import Meets, ScriptedLibrary, scripted
from cloudhand.store.database import Database
from cloudhand.store.envelope import open_envelope
from cloudhand.store.events import Move
from cloudhand.store.sqlite import MemoryDatabase
from cloudhand.store.transaction import Transaction

_LONGEST = timedelta(days=400)  # of a play: triggers go on for years
_AT_ONCE = 32  # executions
_BY = "rehearsal"
_EVERYTHING = Window(limit=10**6)


@dataclass(frozen=True, kw_only=True)
class Played:
    """What came of a play. Tasks are named as in a script."""

    execution: Execution
    states: Mapping[str, TaskState]
    messages: Mapping[str, str]
    ran: list[str]  # tasks and items in the order in which they began, looped tasks left out
    received: Mapping[str, Mapping[str, Any]]  # the properties of each
    moves: list[Move]
    took: timedelta


class _Everything:
    """control.executions.StartersRights: on a stage there are none."""

    async def check(
        self, who: Identity, action: str, resources: Sequence[str], context: Mapping[str, str]
    ) -> None:
        pass

    async def check_pass(self, who: Identity, role: str) -> None:
        pass


class Stage:
    """One play at a time. ``seed`` decides what would else be chance.

    ``meets``: what tasks meet, in place of what the script of a play says of them.
    """

    def __init__(
        self,
        database: Database,
        programs: Programs,
        clock: VirtualClock,
        *,
        seed: int = 0,
        meets: Meets | None = None,
        item_limit: int = ITEM_LIMIT,
    ) -> None:
        self.clock = clock
        self._database = database
        self._programs = programs
        self._random = random.Random(seed)
        self._meets = meets or self._as_scripted
        self._item_limit = item_limit
        self._script = Script()
        self._received: dict[str, Mapping[str, Any]] = {}
        self._said: list[Said] = []
        self._enter()

    def _enter(self) -> None:
        library = ScriptedLibrary()
        pokes = Pokes()
        settings = ControlSettings()
        templates = Templates(
            self._database, self.clock, self._random.randbytes, library, self._programs
        )
        self._verbs = Verbs(
            self._database,
            self.clock,
            self._random.randbytes,
            pokes,
            settings,
            templates,
            self._programs,
            _Everything(),
        )
        self._executions = Executions(self._means(library, self._meets), pokes)

    def _means(self, library: Library, meets: Meets) -> Means:
        return Means(
            database=self._database,
            clock=self.clock,
            library=library,
            programs=self._programs,
            caller_of=_nobody,
            check_read=_all_is_read,
            post=_posted,
            actions=scripted(ScriptedLibrary(), meets),
            item_limit=self._item_limit,
        )

    def _as_scripted(self, task: Task, given: Mapping[str, Any]) -> Step | None:
        name = named(task.name, task.item)
        self._received.setdefault(name, secrets.masked(given))
        looks = task.attempt + int(task.memo.get("look", 0))
        return self._script.step(task.name, task.item, looks)

    async def play(self, template: str, script: Script) -> Played:
        """To its end, or until nothing will happen any more."""
        execution_id = await self.start(template, script)
        await self.go_on(execution_id)
        return await self.played(execution_id)

    async def go_on(self, execution_id: ExecutionId) -> None:
        """To the end of what was started, or until nothing will happen any more."""
        began = (await self.execution(execution_id)).created_at
        while True:
            await self.carry_on()
            if (await self.execution(execution_id)).final:
                return
            due = await self.next_due()
            said = self._said
            moments = [one for one in (due, began + said[0].at if said else None) if one]
            if not moments or min(moments) - began > _LONGEST:
                return
            self.clock.move_to(min(moments))
            while said and began + said[0].at <= self.clock.now():
                # First, so that who goes on after a crash does not say it again.
                await self.say(execution_id, said.pop(0))

    async def start(self, template: str, script: Script) -> ExecutionId:
        self._script, self._received = script, {}
        self._said = sorted(script.said, key=lambda one: one.at)
        if script.stored or script.secrets:
            await self._store(script)
        started = await self._verbs.start(
            NewExecution(
                template=TemplateText(content=template),
                parameters=script.given,
                mode=Mode(script.mode),
                loop_mode=script.loop_mode,
                safety_check=SafetyCheck(script.safety_check),
                by=_BY,
                account_id="1000000000000001",
            )
        )
        return started.id

    async def _store(self, script: Script) -> None:
        """Fill the parameter store."""

        async def work(tx: Transaction) -> None:
            for name, value in script.stored.items():
                kind = Type.STRING_LIST if isinstance(value, list) else Type.STRING
                await tx.stored_parameters.add(_stored(name, kind, value, self.clock.now()))
            for name, value in script.secrets.items():
                await tx.stored_parameters.add(_stored(name, Type.SECRET, value, self.clock.now()))

        await self._database.write(work)

    async def restart(self) -> None:
        """Go on as a control plane that has just been started, with nothing but what is stored."""
        self._enter()
        await self._executions.free_claims()

    async def carry_on(self) -> None:
        """Until nothing is due."""
        while claims := await self._executions.claim(_AT_ONCE):
            for held in claims:
                await self._executions.look_at(held)

    async def next_due(self) -> datetime | None:
        """When something is due next without anybody's saying anything."""
        return await self._executions.next_due()

    async def execution(self, execution_id: ExecutionId) -> Execution:
        """As it is stored; what it shows to callers counts its items, too."""

        async def work(tx: Transaction) -> Execution:
            found = await tx.executions.get(execution_id)
            assert found is not None
            return found

        return await self._database.read(work)

    async def say(self, execution_id: ExecutionId, said: Said) -> None:
        if said.word == "Cancel":
            await self._verbs.cancel(execution_id)
        elif said.word == "Trigger":
            category = (await self.execution(execution_id)).trigger_category
            await self._verbs.trigger(execution_id, category, text(said.content), by=_BY)
        else:
            await self._verbs.tell(
                Word(
                    execution_id=execution_id,
                    type=said.word,
                    by=said.by or _BY,
                    note=said.note,
                    task_name=said.task,
                    loop_item=said.item,
                )
            )

    async def played(self, execution_id: ExecutionId) -> Played:
        """What has come of it until now."""
        execution = await self.execution(execution_id)
        tasks, moves = await self.rows(execution_id)
        names = {task_id: _name(task) for task_id, task in tasks.items()}
        begun = [
            names[move.id]
            for move in moves
            if move.noun == "task"
            and (move.from_state, move.to_state) in _BEGUN
            and tasks[move.id].loop is None
        ]
        return Played(
            execution=execution,
            states={name: tasks[task_id].state for task_id, name in names.items()},
            messages={name: tasks[task_id].message for task_id, name in names.items()},
            ran=begun,
            received=self._received,
            moves=moves,
            took=(execution.ended_at or self.clock.now()) - execution.created_at,
        )

    async def rows(self, execution_id: ExecutionId) -> tuple[dict[str, TaskExecution], list[Move]]:
        """The tasks of it and of all that was started for it, by their ids, and what they did."""
        tasks: list[TaskExecution] = []
        moves: list[Move] = []
        for one in await self.below(execution_id):
            page = await self._verbs.tasks(
                TaskFilter(execution_id=one, with_items=True), _EVERYTHING
            )
            tasks += page.items
            moves += (await self._verbs.moves(one, _EVERYTHING)).items
        return {task.id: task for task in sorted(tasks, key=_place)}, moves

    async def below(self, execution_id: ExecutionId) -> list[ExecutionId]:
        """It, and all that was started for it."""

        async def work(tx: Transaction) -> list[ExecutionId]:
            return sorted(await tx.executions.below(execution_id))

        return await self._database.read(work)


def _stored(name: str, kind: Type, value: Any, at: datetime) -> StoredParameter:
    return StoredParameter(
        id=StoredParameterId(f"{kind}/{name}"),
        name=name,
        type=kind,
        created_at=at,
        created_by=_BY,
        version=StoredVersion(number=1, value=text(value), created_at=at, created_by=_BY),
    )


_BEGUN = {
    (TaskState.PENDING.value, after.value)
    for after in (TaskState.RUNNING, TaskState.WAITING, TaskState.FAILED)
}


def _place(task: TaskExecution) -> tuple[str, int]:
    """Items stand behind the task that they belong to, in their order."""
    return (task.parent_id, task.index + 1) if task.parent_id else (task.id, 0)


def _name(task: TaskExecution) -> str:
    return named(task.name, task.item if task.parent_id else None)


def named(task: str, item: Any) -> str:
    """``runCommand[i-1]``; a task that is not looped has no item."""
    return task if item is None else f"{task}[{text(item)}]"


def _nobody(execution: Execution, task: TaskExecution) -> Any:
    """Scripted actions bring their own caller."""


async def _all_is_read(execution: Execution, names: Collection[str], *, secret: bool) -> None:
    pass


async def _posted(url: str, *, headers: Mapping[str, str], body: bytes, key: str) -> int:
    return 200


@asynccontextmanager
async def stage(
    *, seed: int = 0, meets: Meets | None = None, item_limit: int = ITEM_LIMIT
) -> AsyncIterator[Stage]:
    """A stage that leaves nothing behind."""
    clock = VirtualClock()
    programs = Pool()
    with TemporaryDirectory(prefix="cloudhand-rehearsal-") as folder:
        database = MemoryDatabase(open_envelope(Path(folder) / "secret.key", new=True))
        try:
            yield Stage(
                database, Remembered(programs), clock, seed=seed, meets=meets, item_limit=item_limit
            )
        finally:
            await database.close()
            await programs.close()
