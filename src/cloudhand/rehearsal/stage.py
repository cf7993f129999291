"""Play a template by a script: the same engine as that of a control plane, in virtual time."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Mapping
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
from cloudhand.reconcilers.means import Means
from cloudhand.rehearsal.clock import VirtualClock
from cloudhand.rehearsal.script import Said, Script, Step
from cloudhand.rehearsal.scripted import Meets, ScriptedLibrary, scripted
from cloudhand.store.database import Database
from cloudhand.store.envelope import open_envelope
from cloudhand.store.events import Move
from cloudhand.store.sqlite import SqliteDatabase
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


class Stage:
    """One play at a time. ``seed`` decides what would else be chance."""

    def __init__(
        self, database: Database, programs: Programs, clock: VirtualClock, *, seed: int = 0
    ) -> None:
        self.clock = clock
        self._database = database
        self._programs = programs
        self._random = random.Random(seed)
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
        )
        self._executions = Executions(self._means(library, self._meets), pokes)

    def _means(self, library: Library, meets: Meets) -> Means:
        return Means(
            database=self._database,
            clock=self.clock,
            library=library,
            programs=self._programs,
            caller_of=_nobody,
            post=_posted,
            actions=scripted(ScriptedLibrary(), meets),
        )

    def _meets(self, task: Task, given: Mapping[str, Any]) -> Step | None:
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
        began = (await self._execution(execution_id)).created_at
        while True:
            await self._carry_on()
            if (await self._execution(execution_id)).final:
                return
            due = await self._executions.next_due()
            said = self._said
            moments = [one for one in (due, began + said[0].at if said else None) if one]
            if not moments or min(moments) - began > _LONGEST:
                return
            self.clock.move_to(min(moments))
            while said and began + said[0].at <= self.clock.now():
                await self._say(execution_id, said[0])
                said.pop(0)

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

    async def _carry_on(self) -> None:
        """Until nothing is due."""
        while claims := await self._executions.claim(_AT_ONCE):
            for held in claims:
                await self._executions.look_at(held)

    async def _execution(self, execution_id: ExecutionId) -> Execution:
        return (await self._verbs.get(execution_id)).execution

    async def _say(self, execution_id: ExecutionId, said: Said) -> None:
        if said.word == "Cancel":
            await self._verbs.cancel(execution_id)
        elif said.word == "Trigger":
            await self._verbs.trigger(execution_id, text(said.content), by=_BY)
        else:
            await self._verbs.tell(
                Word(
                    execution_id=execution_id,
                    type=said.word,
                    by=_BY,
                    note=said.note,
                    task_name=said.task,
                    loop_item=said.item,
                )
            )

    async def played(self, execution_id: ExecutionId) -> Played:
        """What has come of it until now."""
        execution = await self._execution(execution_id)
        tasks: dict[str, TaskExecution] = {}
        moves: list[Move] = []
        for one in await self._below(execution.id):
            page = await self._verbs.tasks(
                TaskFilter(execution_id=one, with_items=True), _EVERYTHING
            )
            tasks |= {task.id: task for task in page.items}
            moves += (await self._verbs.moves(one, _EVERYTHING)).items
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
            states={names[task_id]: task.state for task_id, task in tasks.items()},
            messages={names[task_id]: task.message for task_id, task in tasks.items()},
            ran=begun,
            received=self._received,
            moves=moves,
            took=(execution.ended_at or self.clock.now()) - execution.created_at,
        )

    async def _below(self, execution_id: ExecutionId) -> list[ExecutionId]:
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


def _name(task: TaskExecution) -> str:
    return named(task.name, task.item if task.parent_id else None)


def named(task: str, item: Any) -> str:
    """``runCommand[i-1]``; a task that is not looped has no item."""
    return task if item is None else f"{task}[{text(item)}]"


def _nobody(execution: Execution, task: TaskExecution) -> Any:
    """Scripted actions bring their own caller."""


async def _posted(url: str, *, headers: Mapping[str, str], body: bytes, key: str) -> int:
    return 200


@asynccontextmanager
async def stage(*, seed: int = 0, start: datetime | None = None) -> AsyncIterator[Stage]:
    """A stage that leaves nothing behind."""
    clock = VirtualClock(start) if start else VirtualClock()
    programs = Pool()
    with TemporaryDirectory(prefix="cloudhand-rehearsal-") as folder:
        envelope = open_envelope(Path(folder) / "secret.key", new=True)
        database = SqliteDatabase(Path(folder) / "stage.sqlite", envelope, durable=False)
        try:
            yield Stage(database, programs, clock, seed=seed)
        finally:
            await database.close()
            await programs.close()
