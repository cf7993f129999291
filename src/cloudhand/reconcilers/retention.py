"""Forget what is old: invocations with all that belongs to them, files, sessions, events, client
tokens."""

from __future__ import annotations

from datetime import datetime, timedelta

from cloudhand.control.control import Control
from cloudhand.control.pokes import Loop
from cloudhand.core.command import SHOWN_LIMIT
from cloudhand.reconcilers.reconciler import keep_looking
from cloudhand.store.database import Database
from cloudhand.store.transaction import Transaction

_EVERY = timedelta(minutes=10)
_TOKENS_KEPT = timedelta(days=1)


async def keep_forgetting(control: Control, database: Database) -> None:
    """Run for ever."""

    async def look() -> datetime | None:
        now = control.clock.now()

        async def work(tx: Transaction) -> None:
            old = now - control.settings.retention
            excess = await tx.outputs.total() - control.settings.outputs_quota
            if excess > 0:
                await tx.outputs.cut(excess, leave=SHOWN_LIMIT)
            await tx.past_runs.forget(before=old)
            await tx.invocations.forget(before=old)
            await tx.files.forget(before=now - control.settings.files_kept)
            await tx.sessions.forget(before=old)
            await tx.power_actions.forget(before=old)
            await tx.governor.forget(before=old)
            executions_before = now - control.settings.executions_kept
            await tx.events.forget(before=old, executions_before=executions_before)
            await tx.incidents.lower_mark()
            await tx.tokens.forget(before=now - _TOKENS_KEPT, effects_before=old)
            await tx.executions.forget(before=executions_before)
            await tx.templates.forget_texts()
            await tx.audit.forget(before=now - control.settings.audit_kept)

        await database.write(work)
        return None

    await keep_looking(
        Loop.RETENTION, look, pokes=control.pokes, clock=control.clock, at_latest=_EVERY
    )
