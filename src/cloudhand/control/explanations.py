"""Gather what is known of a thing, and of what it waits for in turn, and have it explained."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from cloudhand.control import turns
from cloudhand.control.faults import Faults
from cloudhand.core import why_command, why_execution, why_machine
from cloudhand.core.clock import Clock
from cloudhand.core.errors import InstanceNotTargeted, ResourceNotFound
from cloudhand.core.explanation import Cause, Explanation, Kind, Owner
from cloudhand.core.governor import State as SlotState
from cloudhand.core.ids import ExecutionId, FaultId, InstanceId, InvokeId, TaskExecutionId
from cloudhand.core.invocation import State, Target, of_task_id, overall
from cloudhand.core.power import POWER
from cloudhand.core.task import TaskExecution
from cloudhand.core.why_machine import Site
from cloudhand.orchestration import hiding
from cloudhand.store.database import Database
from cloudhand.store.transaction import Transaction

_PARTS = 50  # of one thing that are explained; the others are counted
_NAMED = 3  # machines for whose sake another waits
_DEPTH = 8  # templates nest so far


@dataclass(frozen=True, kw_only=True)
class _Means:
    tx: Transaction
    now: datetime
    silenced_by: Callable[[InstanceId], FaultId | None]


class Explanations:
    def __init__(self, database: Database, clock: Clock, faults: Faults) -> None:
        self._database = database
        self._clock = clock
        self._faults = faults

    async def of_invocation(
        self, thing: str, instance_id: InstanceId | None = None
    ) -> Sequence[Explanation]:
        """Of an invocation of a command, a run of one, or a file; all its targets, or one.

        ResourceNotFound, InstanceNotTargeted.
        """
        if thing.startswith("f-"):
            return await self._found(
                "invocation", thing, lambda means: _of_file(means, InvokeId(thing), instance_id)
            )
        return await self._found(
            "invocation", thing, lambda means: _of_invocation(means, thing, instance_id, depth=0)
        )

    async def of_instance(self, instance_id: InstanceId) -> Sequence[Explanation]:
        """ResourceNotFound."""
        return await self._found(
            "instance", instance_id, lambda means: _of_machine(means, instance_id, depth=0)
        )

    async def of_execution(self, thing: str) -> Sequence[Explanation]:
        """Of an execution, or of a task of one; ResourceNotFound."""

        async def explained(means: _Means) -> Sequence[Explanation]:
            task = await means.tx.tasks.get(TaskExecutionId(thing))
            if task is not None:
                return await _of_task(means, task, depth=0)
            return await _of_execution(means, ExecutionId(thing), depth=0)

        return await self._found("execution", thing, explained)

    async def _found(
        self, kind: str, thing: str, explained: Callable[[_Means], Awaitable[Sequence[Explanation]]]
    ) -> Sequence[Explanation]:
        """The thing first, and below each what it waits for."""

        async def work(tx: Transaction) -> Sequence[Explanation]:
            return await explained(
                _Means(tx=tx, now=self._clock.now(), silenced_by=self._faults.silencing)
            )

        found = await self._database.read(work)
        if not found:
            raise ResourceNotFound(kind, [thing])
        return found


async def _site(means: _Means, instance_id: InstanceId) -> Site:
    tx = means.tx
    instance = await tx.instances.get(instance_id)
    managed = None if instance is not None else await tx.managed.get(instance_id)
    slots = await tx.governor.open_of(instance_id)
    waiting = next((one for one in slots if one.state is SlotState.WAITING), None)
    running = await tx.targets.unfinished(instance_id)
    return Site(
        id=instance_id,
        instance=instance,
        present=instance is not None or managed is not None,
        agent=await tx.agents.get(instance_id),
        silenced_by=means.silenced_by(instance_id),
        running=sum(target.state is State.RUNNING for target in running),
        moved_at=await tx.events.last_moved("instance", instance_id),
        turn=await turns.waits_for(tx, waiting, means.now) if waiting is not None else "",
        turn_since=waiting.asked_at if waiting is not None else None,
    )


async def _of_machine(
    means: _Means, instance_id: InstanceId, *, depth: int
) -> Sequence[Explanation]:
    site = await _site(means, instance_id)
    if not site.present and site.moved_at is None:
        return []
    found = [replace(why_machine.of_machine(site, means.now), depth=depth)]
    for action in await means.tx.power_actions.open(instance_id):
        told = why_machine.of_power_action(action, site, means.now)
        found.append(replace(told, depth=depth + 1))
    if depth == 0:
        found += await _in_the_way(means, found[-1], site, depth=len(found))
    return found


async def _of_invocation(
    means: _Means, thing: str, instance_id: InstanceId | None, *, depth: int
) -> Sequence[Explanation]:
    invoke_id, run = of_task_id(thing)
    invocation = await means.tx.invocations.get(invoke_id)
    targets = await means.tx.targets.of([invoke_id])
    if invocation is None or not targets:
        return []
    if instance_id is not None:
        targets = [one for one in targets if one.instance_id == instance_id]
        if not targets:
            raise InstanceNotTargeted(invoke_id, [instance_id])
    if run:
        runs = [await means.tx.targets.run((invoke_id, one.instance_id, run)) for one in targets]
        targets = [one for one in runs if one is not None]
    actions = await means.tx.power_actions.of([target.key for target in targets])
    to_move = {key for key, action in actions.items() if action.state not in POWER.final}
    shown = sorted(
        targets,
        key=lambda one: (one.final and one.key not in to_move, one.state, one.instance_id),
    )[:_PARTS]
    found: list[Explanation] = []
    below = depth
    if len(targets) > 1:
        left = len(targets) - len(shown)
        found.append(replace(_whole(thing, targets, left, len(to_move)), depth=depth))
        below += 1
    for target in shown:
        site = await _site(means, target.instance_id)
        told = why_command.of_target(target, invocation, site, actions.get(target.key), means.now)
        found += [replace(one, depth=below + place) for place, one in enumerate(told)]
        found += await _in_the_way(means, told[-1], site, depth=below + len(told))
    return found


async def _in_the_way(
    means: _Means, told: Explanation, site: Site, *, depth: int
) -> Sequence[Explanation]:
    """The machines for which one waits for its turn, if something is to be said of them."""
    if told.cause is not Cause.TURN:
        return []
    found: list[Explanation] = []
    for group in await turns.groups_of(means.tx, site.id):
        for holder in await turns.ahead(means.tx, group, site.id, means.now):
            its = await _of_machine(means, InstanceId(holder), depth=depth)
            known = {one.id for one in found}
            found += [one for one in _unfinished(its) if one.id not in known]
    return found[:_NAMED]


def _whole(thing: str, targets: Sequence[Target], left: int, to_come: int) -> Explanation:
    """Of an invocation on several machines."""
    state = overall(target.state for target in targets)
    unfinished = [target for target in targets if not target.final]
    because = f"{len(unfinished)} of its {len(targets)} machines are not done"
    if not unfinished:
        because = f"all of its {len(targets)} machines are done"
    if to_come:
        because += f"; {to_come} are still to restart or stop"
    if left:
        because += f"; of {left} nothing is said here"
    return Explanation(
        kind=Kind.INVOCATION,
        id=thing,
        state=state.value,
        cause=Cause.PARTS if unfinished or to_come else Cause.ENDED,
        because=because,
        owner=Owner.OTHERS if unfinished or to_come else Owner.NOBODY,
        since=min(target.created_at for target in targets)
        if unfinished or to_come
        else max(target.updated_at for target in targets),
    )


async def _of_file(
    means: _Means, invoke_id: InvokeId, instance_id: InstanceId | None
) -> Sequence[Explanation]:
    targets = await means.tx.files.targets([invoke_id])
    chosen = [one for one in targets if instance_id in (None, one.instance_id)]
    if targets and not chosen and instance_id is not None:
        raise InstanceNotTargeted(invoke_id, [instance_id])
    return [
        why_command.of_file(target, await _site(means, target.instance_id), means.now)
        for target in sorted(chosen, key=lambda one: (one.final, one.instance_id))
    ]


async def _of_execution(
    means: _Means, execution_id: ExecutionId, *, depth: int
) -> Sequence[Explanation]:
    execution = await means.tx.executions.get(execution_id)
    if execution is None:
        return []
    tasks = await means.tx.tasks.top(execution_id)
    open_tasks = [task for task in tasks if not task.final] if not execution.final else []
    found = [replace(why_execution.of_execution(execution, open_tasks, means.now), depth=depth)]
    failed = [task for task in tasks if task.error_code] if execution.final else []
    for task in (*open_tasks, *failed[:1]):
        found += await _of_task(means, task, depth=depth + 1)
    return found


async def _of_task(means: _Means, task: TaskExecution, *, depth: int) -> Sequence[Explanation]:
    parts = [] if task.final or depth >= _DEPTH else await _parts(means, task, depth=depth + 1)
    shown = hiding.shown_task(task)
    told = why_execution.of_task(shown, parts=len(parts), now=means.now)
    return [replace(told, depth=depth), *parts]


async def _parts(means: _Means, task: TaskExecution, *, depth: int) -> Sequence[Explanation]:
    """What a task waits for in turn: its items, its child, and what it watches."""
    if task.loop is not None:
        items = await means.tx.tasks.items(task.id, open_only=True)
        return [
            told for item in items[:_PARTS] for told in await _of_task(means, item, depth=depth)
        ]
    if task.child_id is not None:
        return await _of_execution(means, task.child_id, depth=depth)
    return [
        told
        for thing in await means.tx.watches.of(task.id)
        for told in _unfinished(await _of_watched(means, thing, depth=depth))
    ]


async def _of_watched(means: _Means, thing: str, *, depth: int) -> Sequence[Explanation]:
    if thing.startswith("t-"):
        return await _of_invocation(means, thing, None, depth=depth)
    if thing.startswith("exec-"):
        return await _of_execution(means, ExecutionId(thing), depth=depth)
    return await _of_machine(means, InstanceId(thing), depth=depth)


def _unfinished(found: Iterable[Explanation]) -> list[Explanation]:
    return [one for one in found if one.cause not in (Cause.ENDED, Cause.NOTHING)]
