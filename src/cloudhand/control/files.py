"""Send files to instances, hand them to agents, and hear and tell what became of them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from cloudhand.control.endings import close_file
from cloudhand.control.pokes import Kick, Loop, Pokes
from cloudhand.control.settings import ControlSettings
from cloudhand.control.targeting import present
from cloudhand.core import file_verdict, ids
from cloudhand.core.clock import Clock
from cloudhand.core.file import (
    FILE_TARGET,
    Event,
    FileFilter,
    FileInvocation,
    FileTarget,
    FileView,
    SendOrder,
    State,
)
from cloudhand.core.file_verdict import Verdict
from cloudhand.core.ids import InstanceId, InvokeId, RandomBytes
from cloudhand.core.instance import Agent, AgentKind
from cloudhand.core.instance import State as InstanceState
from cloudhand.core.page import Page, Window
from cloudhand.store.database import Database
from cloudhand.store.transaction import Transaction
from cloudhand.wire import agent as wire

log = logging.getLogger(__name__)


class Files:
    def __init__(
        self,
        database: Database,
        clock: Clock,
        random: RandomBytes,
        pokes: Pokes,
        settings: ControlSettings,
    ) -> None:
        self._database = database
        self._clock = clock
        self._random = random
        self._pokes = pokes
        self._settings = settings

    async def send(self, order: SendOrder) -> InvokeId:
        """Record that a file shall be sent to instances; all of them or none: InstanceNotFound.

        Whether one runs is no matter of the call: of one that does not, its target says so.
        """
        invocation = FileInvocation(
            id=ids.file_invoke_id(self._random),
            file=order.file,
            created_at=self._clock.now(),
            timeout=order.timeout,
            description=order.description,
            resource_group_id=order.resource_group_id,
            tags=order.tags,
        )

        async def work(tx: Transaction) -> tuple[InvokeId, Sequence[InstanceId]]:
            earlier = await tx.tokens.earlier(order.once, InvokeId)
            if earlier is not None:
                return earlier, ()
            down = await _not_running(tx, order.instance_ids)
            await self._record(tx, invocation, order.instance_ids, down)
            await tx.tokens.remember(order.once, invocation.id, at=invocation.created_at)
            return invocation.id, order.instance_ids

        invoke_id, kicked = await self._database.write(work)
        self._pokes.kick(kicked, Kick.FILE, invoke_id)
        self._pokes.wake(Loop.DELIVERIES)
        return invoke_id

    async def _record(
        self,
        tx: Transaction,
        invocation: FileInvocation,
        instance_ids: Sequence[InstanceId],
        down: frozenset[InstanceId],
    ) -> None:
        now = invocation.created_at
        targets = [
            FileTarget(
                invoke_id=invocation.id,
                instance_id=instance_id,
                created_at=now,
                updated_at=now,
                deadline_at=now + self._settings.delivery_window,
            )
            for instance_id in instance_ids
        ]
        await tx.files.add(invocation, targets)
        code, info = file_verdict.NOT_RUNNING
        said = Verdict(event=Event.UNDELIVERED, error_code=code, error_info=info)
        for target in targets:
            if target.instance_id in down:
                await close_file(tx, target, said, now)

    async def find(self, wanted: FileFilter, window: Window) -> Page[FileView]:
        """File invocations with their targets; only the one on ``wanted.instance_id`` if given."""

        async def work(tx: Transaction) -> Page[FileView]:
            page = await tx.files.find(wanted, window)
            targets = await tx.files.targets([invocation.id for invocation in page.items])
            views = [_view(invocation, targets, wanted.instance_id) for invocation in page.items]
            return Page(items=views, total=page.total, next=page.next)

        return await self._database.read(work)

    async def report(self, agent: Agent, report: wire.Report) -> wire.Ack:
        """Make what an agent says durable. Late and repeated reports are normal."""
        now = self._clock.now()

        async def work(tx: Transaction) -> None:
            target = await tx.files.target(InvokeId(report.task_id), agent.instance_id)
            if target is None:
                log.info("report for nothing known", extra={"task": report.task_id})
                return
            said = file_verdict.of_report(report)
            correcting = target.final and target.inferred
            if not correcting and not FILE_TARGET.hears(target.state, said.event):
                return  # it has been said before, or something else came first
            save = tx.files.correct if correcting else tx.files.move
            await save(
                target,
                said.event,
                at=now,
                source="agent",
                finished_at=now,
                error_code=said.error_code,
                error_info=said.error_info,
            )

        await self._database.write(work)
        self._pokes.wake(Loop.EXECUTIONS)
        return wire.Ack()


async def handed_out(
    tx: Transaction, agent: Agent, task_id: str, now: datetime
) -> tuple[wire.FileTask, ...]:
    """What an agent is given to write; only the one that is named, if one is.

    A published agent writes again whatever it is given again, so it is given each once. Ours is
    given it until it speaks of it, as with commands.
    """
    found = []
    for target in await _open(tx, agent.instance_id, task_id):
        if target.state is State.RUNNING and agent.kind is AgentKind.PUBLISHED:
            continue
        refused = file_verdict.refusal(agent)
        if refused is not None:
            await close_file(tx, target, refused, now)
            continue
        invocation = await tx.files.get(target.invoke_id)
        assert invocation is not None
        if target.state is State.PENDING:
            deadline_at = now + timedelta(seconds=invocation.timeout)
            await tx.files.move(
                target,
                Event.FETCHED,
                at=now,
                source="agent",
                fetched_at=now,
                deadline_at=deadline_at,
            )
        found.append(_task(invocation))
    return tuple(found)


async def _open(tx: Transaction, instance_id: InstanceId, task_id: str) -> list[FileTarget]:
    if not task_id:
        return await tx.files.unfinished(instance_id)
    target = await tx.files.target(InvokeId(task_id), instance_id)
    return [target] if target is not None and not target.final else []


def _task(invocation: FileInvocation) -> wire.FileTask:
    file = invocation.file
    return wire.FileTask(
        task_id=invocation.id,
        name=file.name,
        directory=file.directory,
        content=file.content,
        owner=file.owner,
        group=file.group,
        mode=file.mode,
        overwrite=file.overwrite,
        timeout=invocation.timeout,
    )


async def _not_running(
    tx: Transaction, instance_ids: Sequence[InstanceId]
) -> frozenset[InstanceId]:
    """Which of the instances do not run; InstanceNotFound."""
    own = await present(tx, instance_ids)
    return frozenset(
        instance.id for instance in own.values() if instance.state is not InstanceState.RUNNING
    )


def _view(
    invocation: FileInvocation, targets: Sequence[FileTarget], only: InstanceId | None
) -> FileView:
    own = [target for target in targets if target.invoke_id == invocation.id]
    return FileView(
        invocation=invocation,
        targets=own,
        shown=[target for target in own if only in (None, target.instance_id)],
    )
