"""What ends without a report: by a boot, by silence, with its agent or machine."""

from __future__ import annotations

from datetime import datetime

from cloudhand.control import turns
from cloudhand.core import power, session_verdict, verdict
from cloudhand.core.file import Event as FileEvent
from cloudhand.core.file import FileTarget
from cloudhand.core.file_verdict import Verdict as FileVerdict
from cloudhand.core.ids import BootId, InstanceId
from cloudhand.core.invocation import GRACE, Event, RepeatMode, State, Target
from cloudhand.core.session import Connection
from cloudhand.core.session_verdict import Verdict as SessionVerdict
from cloudhand.core.verdict import Verdict
from cloudhand.store.transaction import Transaction


async def booted(
    tx: Transaction, instance_id: InstanceId, boot_id: BootId | None, now: datetime
) -> None:
    """Close the power actions that a new boot carried out, and run what was to run after one.

    ``boot_id`` None: it is not known, but a new one.
    """
    for action in await tx.power_actions.open(instance_id):
        if boot_id is None or boot_id != action.boot_id_before:
            await tx.power_actions.move(
                action,
                power.Event.BOOTED,
                at=now,
                source="agent",
                boot_id_after=boot_id,
                done_at=now,
            )
    await turns.returned(tx, instance_id, boot_id, now)
    for target in await tx.targets.awaiting_boot(instance_id):
        if boot_id is None or boot_id != target.boot_id:
            await _run_after_boot(tx, target, boot_id, now)


async def _run_after_boot(
    tx: Transaction, target: Target, boot_id: BootId | None, now: datetime
) -> None:
    if target.state is State.PENDING:  # it will run in this boot
        await tx.targets.move(target, Event.LEFT_OUT, at=now, source="agent", boot_id=boot_id)
        return
    if target.state is not State.SCHEDULED:  # first its end in the last boot has to be told
        return
    invocation = await tx.invocations.get(target.invoke_id)
    assert invocation is not None
    await tx.targets.fire(
        target,
        at=now,
        source="agent",
        boot_id=boot_id,
        on_boot=invocation.repeat_mode is RepeatMode.EVERY_REBOOT,
        deadline_at=now + GRACE,
    )


async def interrupt(
    tx: Transaction, instance_id: InstanceId, code: str, now: datetime, *, fetched_before: datetime
) -> None:
    """Close what a published agent, which keeps no journal, had when it restarted."""
    for target in await tx.targets.unfinished(instance_id):
        if target.fetched_at is not None and target.fetched_at < fetched_before:
            await close(tx, target, verdict.interrupted(code), now)
    for connection in await tx.sessions.open_to(instance_id):
        if connection.fetched_at is not None and connection.fetched_at < fetched_before:
            await close_connection(tx, connection, session_verdict.RESTARTED, now)


async def hasten(tx: Transaction, instance_id: InstanceId, now: datetime) -> None:
    """Wait no longer than this for a machine that is down: whatever ran there has ended.

    Its agent may hold a true end, and tells it if the machine is started in time or later. What
    nobody has fetched may be there to wait for the machine.
    """
    bound = now + GRACE
    for target in await tx.targets.unfinished(instance_id):
        if target.state is State.PENDING and target.fetched_at is None:
            continue
        if target.deadline_at is None or target.deadline_at > bound:
            await tx.targets.note(target, deadline_at=bound)
    await tx.files.hasten(instance_id, bound)
    for connection in await tx.sessions.open_to(instance_id):
        await close_connection(tx, connection, session_verdict.WENT_DOWN, now)


async def end_with_instance(
    tx: Transaction, instance_id: InstanceId, code: str, info: str, now: datetime
) -> None:
    """Close everything of an instance that is no more."""
    for target in await tx.targets.unending(instance_id):
        gone = Verdict(event=Event.GONE, error_code=code, error_info=info)
        await close(tx, target, gone, now, for_good=True)
    for unsent in await tx.files.unfinished(instance_id):
        lost = FileVerdict(event=FileEvent.GONE, error_code=code, error_info=info)
        await close_file(tx, unsent, lost, now)
    for connection in await tx.sessions.open_to(instance_id):
        await close_connection(tx, connection, session_verdict.gone(info), now)
    for action in await tx.power_actions.open(instance_id):
        await tx.power_actions.move(action, power.Event.EXPIRED, at=now, source="lifecycles")
    await turns.gone(tx, instance_id, now)
    await tx.upgrades.drop(instance_id)
    await tx.agents.remove(instance_id)


async def close(
    tx: Transaction, target: Target, said: Verdict, now: datetime, *, for_good: bool = False
) -> None:
    """``for_good``: it does not run again either, if that was to be."""
    await tx.targets.move(
        target,
        said.event,
        at=now,
        source="control plane",
        error_code=said.error_code,
        error_info=said.error_info,
        inferred=said.inferred,
        finished_at=now if target.started_at else None,
        next_at=None if for_good else target.next_at,
        on_boot=target.on_boot and not for_good,
    )


async def close_file(tx: Transaction, target: FileTarget, said: FileVerdict, now: datetime) -> None:
    await tx.files.move(
        target,
        said.event,
        at=now,
        source="control plane",
        error_code=said.error_code,
        error_info=said.error_info,
        inferred=said.inferred,
    )


async def close_connection(
    tx: Transaction,
    connection: Connection,
    said: SessionVerdict,
    now: datetime,
    *,
    source: str = "control plane",
) -> None:
    await tx.sessions.move(
        connection,
        said.event,
        at=now,
        source=source,
        closed_reason=said.reason,
        detail=said.detail,
    )
