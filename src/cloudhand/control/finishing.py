"""End by hand what a person knows better: a word where nobody else has one.

It is a verdict like that of the control plane on a silence: an agent that tells later how a command
ended is believed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from cloudhand.control.endings import close, close_file, end_with_instance
from cloudhand.control.pokes import Loop, Pokes
from cloudhand.core import execution as executions
from cloudhand.core import file, instance, task
from cloudhand.core.audit import OK, Kind, Record
from cloudhand.core.clock import Clock
from cloudhand.core.errors import (
    CannotFinish,
    ExecutionNotFound,
    InstanceNotFound,
    InstanceNotTargeted,
    InvocationNotFound,
)
from cloudhand.core.file import FileTarget
from cloudhand.core.file_verdict import Verdict as FileVerdict
from cloudhand.core.ids import ExecutionId, InstanceId, InvokeId
from cloudhand.core.invocation import BY_HAND, TARGET, Event, State, Target
from cloudhand.core.machine import IllegalMove
from cloudhand.core.task import TaskExecution
from cloudhand.core.verdict import Verdict
from cloudhand.store.database import Database
from cloudhand.store.task_executions import Change
from cloudhand.store.transaction import Transaction

_THINGS = 50  # that a record names
# What has happened, by the states that somebody may say a command is in.
OF_COMMANDS: Mapping[State, Event] = {
    State.SUCCESS: Event.SUCCEEDED,
    State.FAILED: Event.FAILED,
    State.ERROR: Event.GONE,
    State.TIMEOUT: Event.OVERRAN,
    State.TERMINATED: Event.STOPPED,
    State.CANCELLED: Event.CANCELLED,
    State.ABORTED: Event.UNDELIVERED,
}
_OF_FILES: Mapping[State, file.Event] = {
    State.SUCCESS: file.Event.WRITTEN,
    State.FAILED: file.Event.FAILED,
    State.ERROR: file.Event.GONE,
    State.TIMEOUT: file.Event.SILENT,
    State.ABORTED: file.Event.UNDELIVERED,
}
OF_EXECUTIONS: Mapping[executions.State, executions.Event] = {
    executions.State.SUCCESS: executions.Event.SUCCEEDED,
    executions.State.FAILED: executions.Event.FAILED,
    executions.State.CANCELLED: executions.Event.CANCELLED,
}


class Finishing:
    def __init__(self, database: Database, clock: Clock, pokes: Pokes) -> None:
        self._database = database
        self._clock = clock
        self._pokes = pokes

    async def invocation(
        self,
        invoke_id: InvokeId,
        state: State,
        *,
        why: str,
        by: str,
        only: Collection[InstanceId] = (),
    ) -> list[InstanceId]:
        """Of a command or a file, on all machines where it goes on, or only on those: which.

        InvocationNotFound, InstanceNotTargeted; CannotFinish where it goes on nowhere, or cannot
        be in that state.
        """
        now = self._clock.now()
        said = f"{by} said so: {why}"

        async def work(tx: Transaction) -> list[InstanceId]:
            commands = await tx.targets.of([invoke_id])
            files = await tx.files.targets([invoke_id])
            meant = _meant([*commands, *files], invoke_id, only)
            for one in meant:
                if isinstance(one, Target):
                    event = _heard(one, state)
                    verdict = Verdict(
                        event=event, error_code=BY_HAND, error_info=said, inferred=True
                    )
                    await close(tx, one, verdict, now)
                else:
                    of_file = FileVerdict(
                        event=_heard_of_file(one, state),
                        error_code=BY_HAND,
                        error_info=said,
                        inferred=True,
                    )
                    await close_file(tx, one, of_file, now)
            things = [f"invocation/{invoke_id}", *(f"instance/{one.instance_id}" for one in meant)]
            await tx.audit.add(_record("invocation", things[:_THINGS], state, why, by, now))
            return [one.instance_id for one in meant]

        finished = await self._database.write(work)
        self._pokes.wake(Loop.EXECUTIONS)
        return finished

    async def execution(
        self, execution_id: ExecutionId, state: executions.State, *, why: str, by: str
    ) -> None:
        """With all that was started for it; commands on machines go on there.

        Whoever carries it out just now finds it changed, and lets it be. ExecutionNotFound,
        CannotFinish.
        """
        now = self._clock.now()
        said = f"{by} said so: {why}"

        async def work(tx: Transaction) -> None:
            if await tx.executions.get(execution_id) is None:
                raise ExecutionNotFound(execution_id)
            below = [open_id for open_id, _ in await tx.executions.open_below(execution_id)]
            if execution_id not in below:
                raise CannotFinish(execution_id, "it has ended")
            for open_id in reversed(below):
                before = await tx.executions.get(open_id)
                assert before is not None
                await _end_tasks(tx, open_id, said, now)
                own = open_id == execution_id
                event = OF_EXECUTIONS[state] if own else executions.Event.CANCELLED
                try:
                    after = executions.moved(
                        before,
                        event,
                        at=now,
                        ended_at=now,
                        status_message=said,
                        waits_for=task.Wait.NOTHING,
                    )
                except IllegalMove as error:
                    raise CannotFinish(open_id, _unheard(before.state, state)) from error
                await tx.executions.save(before, event, after, source="caller")
            things = [f"execution/{execution_id}"]
            await tx.audit.add(_record("execution", things, state, why, by, now))

        await self._database.write(work)
        self._pokes.wake(Loop.EXECUTIONS)

    async def instance(self, instance_id: InstanceId, *, why: str, by: str) -> None:
        """Released, whatever its provider says: it is known no more, and what is left of it is
        nobody's. InstanceNotFound."""
        now = self._clock.now()

        async def work(tx: Transaction) -> None:
            one = await tx.instances.get(instance_id)
            if one is None:
                raise InstanceNotFound([instance_id])
            event = instance.Event.SEEN_GONE
            if one.state is instance.State.PENDING:
                event = instance.Event.CREATE_FAILED
            said = f"{by} said so: {why}"
            moved = await tx.instances.move(one, event, at=now, source="caller", failure=said)
            await end_with_instance(tx, moved.id, "InstanceReleased", said, now)
            things = [f"instance/{instance_id}"]
            await tx.audit.add(_record("instance", things, moved.state, why, by, now))

        await self._database.write(work)
        self._pokes.wake(Loop.LIFECYCLES)
        self._pokes.wake(Loop.EXECUTIONS)


def _record(
    noun: str, things: Sequence[str], state: str, why: str, by: str, now: datetime
) -> Record:
    """The one record with what was given: how it ended rests on that alone."""
    return Record(
        kind=Kind.CALL,
        at=now,
        action=f"{noun}:Finished",
        who=by,
        outcome=OK,
        things=things,
        facts={"status": state, "why": why},
    )


def _meant(
    targets: Collection[Target | FileTarget], invoke_id: InvokeId, only: Collection[InstanceId]
) -> list[Target | FileTarget]:
    if not targets:
        raise InvocationNotFound(invoke_id)
    strangers = set(only) - {one.instance_id for one in targets}
    if strangers:
        raise InstanceNotTargeted(invoke_id, sorted(strangers))
    meant = [one for one in targets if not one.final and (not only or one.instance_id in only)]
    if not meant:
        raise CannotFinish(invoke_id, "it has ended")
    return meant


def _unheard(before: str, after: str) -> str:
    return f"it is {before}, which does not become {after}"


def _heard(target: Target, state: State) -> Event:
    event = OF_COMMANDS[state]
    if not TARGET.hears(target.state, event):
        raise CannotFinish(target.invoke_id, _unheard(target.state, state))
    return event


def _heard_of_file(target: FileTarget, state: State) -> file.Event:
    event = _OF_FILES.get(state)
    if event is None or not file.FILE_TARGET.hears(target.state, event):
        raise CannotFinish(target.invoke_id, _unheard(target.state, state))
    return event


async def _end_tasks(tx: Transaction, execution_id: ExecutionId, said: str, now: datetime) -> None:
    for one in await tx.tasks.top(execution_id):
        if one.final:
            continue
        if one.loop is not None:
            await tx.tasks.end_pending(one.id, task.Event.CANCELLED, at=now)
            items = await tx.tasks.items(one.id, open_only=True)
            await tx.tasks.save([_cancelled(item, said, now) for item in items], source="caller")
        await tx.tasks.save([_cancelled(one, said, now)], source="caller")


def _cancelled(before: TaskExecution, said: str, now: datetime) -> Change:
    changes: dict[str, object] = {"message": said}
    if before.loop is not None:
        loop = before.loop
        left = loop.active + loop.total - loop.begun
        changes["loop"] = replace(
            loop, begun=loop.total, active=0, waiting=0, cancelled=loop.cancelled + left
        )
    after = task.moved(before, task.Event.CANCELLED, at=now, **changes)
    return Change(before=before, event=task.Event.CANCELLED, after=after)
