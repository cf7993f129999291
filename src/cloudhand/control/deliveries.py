"""What agents ask and say about targets: fetch, report, inventory."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cloudhand import faults
from cloudhand.control.endings import booted, close
from cloudhand.control.faults import Faults
from cloudhand.control.files import handed_out
from cloudhand.control.pokes import Kick, Loop, Pokes
from cloudhand.control.power_actions import PowerActions
from cloudhand.control.scripts import Filled, filled
from cloudhand.control.settings import ControlSettings
from cloudhand.control.speaker import Speaker
from cloudhand.core import command as commands
from cloudhand.core import verdict
from cloudhand.core.clock import Clock
from cloudhand.core.errors import ParameterProblem
from cloudhand.core.ids import BootId, InvokeId, RandomBytes
from cloudhand.core.instance import CLONED_FOR, AgentKind, cloned
from cloudhand.core.invocation import (
    GRACE,
    TARGET,
    Event,
    Invocation,
    RepeatMode,
    State,
    Target,
    of_task_id,
)
from cloudhand.core.verdict import Verdict
from cloudhand.store.database import Database
from cloudhand.store.transaction import Transaction
from cloudhand.wire import agent as wire

log = logging.getLogger(__name__)

_MS = timedelta(milliseconds=1)


class Deliveries:
    def __init__(
        self,
        database: Database,
        clock: Clock,
        random: RandomBytes,
        pokes: Pokes,
        settings: ControlSettings,
        faults: Faults,
    ) -> None:
        self._faults = faults
        self._database = database
        self._clock = clock
        self._random = random
        self._pokes = pokes
        self._settings = settings
        self._power_actions = PowerActions(random, settings)

    async def fetch(self, speaker: Speaker, fetch: wire.Fetch) -> wire.Worklist:
        """Hand out what is open. The same is handed out again until its agent speaks of it."""
        now = self._clock.now()

        async def work(tx: Transaction) -> wire.Worklist:
            await tx.agents.heard(speaker.id)
            if fetch.time_zone:
                await tx.agents.in_zone(speaker.id, fetch.time_zone)
            run: list[wire.Task] = []
            stop: list[str] = []
            test: list[wire.Task] = []
            for target in await self._open(tx, speaker, fetch):
                if target.final or target.state is State.STOPPING:
                    stop.append(target.task_id)
                    continue
                if target.state is not State.PENDING:
                    continue
                invocation = await tx.invocations.get(target.invoke_id)
                assert invocation is not None
                too_old = verdict.of_age(speaker.agent, invocation)
                if too_old is not None:
                    await close(tx, target, too_old, now)
                    continue
                try:
                    script = await filled(
                        tx, target, invocation, speaker.agent.kind, self._settings, now
                    )
                except ParameterProblem as problem:
                    await close(tx, target, _unfilled(problem), now)
                    continue
                await self._hand_out(tx, target, invocation, speaker, now)
                content = self._faults.script_of(target, invocation.command, script.content)
                script = replace(script, content=content)
                task = await self._task(tx, target, invocation, script, speaker)
                (test if invocation.repeat_mode is RepeatMode.DRY_RUN else run).append(task)
            return wire.Worklist(
                instance_id=speaker.id,
                run=tuple(run),
                stop=tuple(stop),
                test=tuple(test),
                file=await handed_out(tx, speaker.agent, fetch.task_id, now),
            )

        worklist = await self._database.write(work)
        faults.point("plane.handed-out")
        return worklist

    async def _open(self, tx: Transaction, speaker: Speaker, fetch: wire.Fetch) -> Sequence[Target]:
        if not fetch.task_id:
            return await tx.targets.unfinished(speaker.id)
        target = await _run(tx, fetch.task_id, speaker)
        if target is None or (target.final and speaker.agent.kind is not AgentKind.PUBLISHED):
            return []
        return [target]

    async def _hand_out(
        self,
        tx: Transaction,
        target: Target,
        invocation: Invocation,
        speaker: Speaker,
        now: datetime,
    ) -> None:
        if target.fetched_at is not None and target.boot_id == speaker.boot_id:
            return
        await tx.targets.note(
            target,
            fetched_at=target.fetched_at or now,
            boot_id=speaker.boot_id,
            deadline_at=now + timedelta(seconds=invocation.command.timeout) + GRACE,
        )

    async def _task(
        self,
        tx: Transaction,
        target: Target,
        invocation: Invocation,
        script: Filled,
        speaker: Speaker,
    ) -> wire.Task:
        command = invocation.command
        return wire.Task(
            task_id=target.task_id,
            type=command.type,
            content=script.content,
            sealed=script.sealed,
            timeout=command.timeout,
            command_id=command.id,
            working_directory=command.working_dir,
            username=_username(invocation.username, speaker.agent.kind),
            password_name=invocation.password_name,
            enable_parameter=command.enable_parameter,
            built_in_parameters=await self._built_in(tx, speaker)
            if command.enable_parameter
            else {},
            termination_mode=invocation.termination_mode,
            launcher=command.launcher,
            log_quota=self._log_quota(speaker.agent.kind),
            power_wait=int((await self._power_actions.patience(tx, speaker)).total_seconds()),
        )

    def _log_quota(self, kind: AgentKind) -> int:
        # Published agents keep the tail alone, in memory, and send it with the end.
        return commands.SHOWN_LIMIT if kind is AgentKind.PUBLISHED else self._settings.output_limit

    async def _built_in(self, tx: Transaction, speaker: Speaker) -> dict[str, str]:
        instance = await tx.instances.get(speaker.id) or await tx.managed.get(speaker.id)
        return {
            "RegionId": self._settings.region_id,
            "AccountId": self._settings.account_id,
            "InstanceName": instance.name if instance is not None else "",
        }

    async def report(self, speaker: Speaker, report: wire.Report) -> wire.Ack:
        """Make what an agent says durable. Late and repeated reports are normal."""
        now = self._clock.now()

        async def work(tx: Transaction) -> wire.Ack:
            target = await _run(tx, report.task_id, speaker)
            if target is None:
                log.info("report for nothing known", extra={"task": report.task_id})
                return wire.Ack(stop=True)
            if report.kind == wire.RUNNING:
                return await self._running(tx, target, speaker, report, now)
            return await self._ended(tx, target, speaker, report, now)

        faults.point("plane.heard")
        ack = await self._database.write(work)
        faults.point("plane.stored")
        # Only then may its instance have changed; the published agent says no more of it.
        if report.power or report.exit_code in wire.POWER_BY_EXIT_CODE:
            self._pokes.wake(Loop.LIFECYCLES)
        if report.kind != wire.RUNNING:
            self._pokes.wake(Loop.EXECUTIONS)
        elif ack.stop and speaker.agent.kind is AgentKind.PUBLISHED:
            # Compat: it does not read that in the answer.
            self._pokes.kick([speaker.id], Kick.STOP, InvokeId(report.task_id))
        return ack

    async def _running(
        self,
        tx: Transaction,
        target: Target,
        speaker: Speaker,
        report: wire.Report,
        now: datetime,
    ) -> wire.Ack:
        if target.final:
            disproved = verdict.disproved(target, speaker.boot_id)
            if target.inferred or disproved:  # its end will follow, and correct what was said
                await self._keep_output(tx, target, report)
            return wire.Ack(stop=not disproved)
        if target.state is State.PENDING:
            invocation = await tx.invocations.get(target.invoke_id)
            assert invocation is not None
            target = await tx.targets.move(
                target,
                Event.STARTED,
                at=now,
                source="agent",
                started_at=_moment(report.start) or now,
                boot_id=speaker.boot_id,
                deadline_at=now + timedelta(seconds=invocation.command.timeout) + GRACE,
            )
        lost = await self._keep_output(tx, target, report)
        if lost:
            target = await tx.targets.note(target, dropped=target.dropped + lost)
        return wire.Ack(stop=target.state is State.STOPPING)

    async def _ended(
        self,
        tx: Transaction,
        target: Target,
        speaker: Speaker,
        report: wire.Report,
        now: datetime,
    ) -> wire.Ack:
        overran = report.kind == wire.TIMEOUT
        said = verdict.of_report(
            report,
            target=target,
            agent=speaker.agent,
            policy=self._settings.power_exit_codes,
            invocation=await tx.invocations.get(target.invoke_id) if overran else None,
        )
        if said.event is Event.INTERRUPTED and await _of_the_other(tx, target, speaker, now):
            # If there is no other one after all, it has to be heard later.
            return wire.Ack(proceed=False, hold=CLONED_FOR // _MS)
        if verdict.disproved(target, speaker.boot_id):
            target = replace(target, inferred=True)  # the other one's journal said so
        correcting = (
            target.final
            and target.inferred
            and not said.inferred
            and TARGET.hears(State.RUNNING, said.event)
        )
        if not correcting and not TARGET.hears(target.state, said.event):
            # It has been said before, or something else came first.
            return await self._power_actions.asked_again(tx, target, speaker, report, now)
        lost = await self._keep_output(tx, target, report)
        changes = _changes(target, report, said, lost)
        save = tx.targets.correct if correcting else tx.targets.move
        after = await save(target, said.event, at=now, source="agent", **changes)
        if correcting:
            log.info(
                "verdict corrected",
                extra={
                    "instance": speaker.id,
                    "task": target.invoke_id,
                    "before": f"{target.state} {target.error_code}",
                    "after": f"{after.state} {after.error_code}",
                },
            )
        else:
            await tx.agents.count_invocation(speaker.id, at=now)
        ack = wire.Ack()
        if said.power is not None:
            ack = await self._power_actions.follow(tx, target, speaker, said, now)
        if target.on_boot and speaker.boot_id is not None:
            await booted(tx, speaker.id, speaker.boot_id, now)
        return ack

    async def _keep_output(self, tx: Transaction, target: Target, report: wire.Report) -> int:
        return await tx.outputs.append(
            target.key, report.output, position=report.offset, limit=self._settings.output_limit
        )

    async def inventory(self, speaker: Speaker, inventory: wire.Inventory) -> wire.Orders:
        """Close what an agent that started anew knows nothing of; tell it what is over."""
        now = self._clock.now()
        known = {*inventory.running, *inventory.unacknowledged}
        boot_id = BootId(inventory.boot_id)

        async def work(tx: Transaction) -> wire.Orders:
            for target in await tx.targets.unfinished(speaker.id):
                if target.fetched_at is None or target.task_id in known:
                    continue
                if await _of_the_other(tx, target, speaker, now):
                    continue
                # What never started is handed out again: the journal would know of a start.
                if target.state is not State.PENDING:
                    await close(tx, target, _forgotten(target, boot_id), now)
            if not cloned(await tx.agents.get(speaker.id), now=now):
                await booted(tx, speaker.id, boot_id, now)
            stop = []
            for task_id in inventory.running:
                running = await _run(tx, task_id, speaker)
                if running is None or (running.final and not verdict.may_go_on(running, boot_id)):
                    stop.append(task_id)
            return wire.Orders(stop=tuple(stop))

        return await self._database.write(work)


async def _run(tx: Transaction, task_id: str, speaker: Speaker) -> Target | None:
    invoke_id, number = of_task_id(task_id)
    return await tx.targets.run((invoke_id, speaker.id, number))


async def _of_the_other(tx: Transaction, target: Target, speaker: Speaker, now: datetime) -> bool:
    """Whether the target may be with the other one of two agents that speak as one."""
    agent = await tx.agents.get(speaker.id)
    return target.boot_id != speaker.boot_id and cloned(agent, now=now)


def _unfilled(problem: ParameterProblem) -> Verdict:
    """What was there and could be read when the command was asked for."""
    words = {"NotStored": "is not there any more", "NotReadable": "may not be read any more"}
    why = words.get(problem.kind, "makes the script too long")
    names = f": {problem.name}" if problem.name else ""
    return Verdict(
        event=Event.REFUSED,
        error_code="QueryParameterStoreFailed",
        error_info=f"what the command names of the parameter store {why}{names}",
    )


def _forgotten(target: Target, boot_id: BootId) -> Verdict:
    if target.state is State.STOPPING and target.started_at is None:
        return Verdict(event=Event.CANCELLED)
    return verdict.interrupted(
        "InstanceRestarted" if target.boot_id != boot_id else "ExecutionInterrupted"
    )


def _changes(target: Target, report: wire.Report, said: Verdict, lost: int) -> dict[str, Any]:
    return {
        "started_at": _moment(report.start) or target.started_at,
        "finished_at": _moment(report.end),
        "exit_code": said.exit_code,
        "error_code": said.error_code,
        "error_info": said.error_info,
        "dropped": max(report.dropped, target.dropped) + lost,
        "inferred": said.inferred,
        "receipt": report.receipt,
    }


def _username(username: str, kind: AgentKind) -> str:
    # Compat: the published agent refuses its own user by name.
    own = commands.is_agents_own(username) and kind is AgentKind.PUBLISHED
    return "" if own else username


def _moment(milliseconds: int) -> datetime | None:
    if not milliseconds:
        return None
    return datetime(1970, 1, 1, tzinfo=UTC) + milliseconds * _MS
