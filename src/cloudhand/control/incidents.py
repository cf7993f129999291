"""What has gone wrong since somebody looked last, as news. Found from rows, and marked as seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cloudhand.core.ids import InstanceId
from cloudhand.core.invocation import FAILURE_STATES, Overall, State, of_task_id, overall
from cloudhand.core.notification import News, Occasion
from cloudhand.core.totals import OVERDUE_AFTER
from cloudhand.store.incidents import EVENTS, OVERDUE, FailedMachine, NotBack, Silence
from cloudhand.store.transaction import Transaction
from cloudhand.wire import times

_MACHINES = 5  # of a failure that are named
_BEHIND = 10_000  # moves that may be read again and again, before it is noted that they were


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What one look has found."""

    news: Sequence[News] = ()
    last_move: int
    overdue: int
    silent: Sequence[Silence] = ()  # that were not known to be
    spoke: Sequence[InstanceId] = field(default_factory=list)  # that are not silent any more
    worth_noting: bool


async def look(
    tx: Transaction, *, now: datetime, up_since: datetime, gone_after: timedelta, anew: bool = False
) -> Seen:
    """``up_since``: nobody could be heard before. ``anew``: what has moved is not looked at."""
    after, last = await tx.incidents.mark(EVENTS), await tx.incidents.last_move()
    moved = [] if anew else await _of_moves(tx, after)
    known = await tx.incidents.mark(OVERDUE)
    # What came due while nobody was there is given more time, which is to happen first.
    counts = await tx.totals.overdue(now) if now - up_since >= OVERDUE_AFTER else {}
    overdue = sum(counts.values()) if counts else known
    silent, spoke, of_agents = await _of_agents(tx, now, up_since, gone_after)
    news = [*moved, *_of_overdue(known, overdue, counts, now), *of_agents]
    return Seen(
        news=news,
        last_move=last,
        overdue=overdue,
        silent=silent,
        spoke=spoke,
        worth_noting=bool(news or silent or spoke or overdue != known or last - after > _BEHIND),
    )


async def note(tx: Transaction, seen: Seen) -> None:
    """It is not found again."""
    await tx.incidents.set_mark(EVENTS, seen.last_move)
    await tx.incidents.set_mark(OVERDUE, seen.overdue)
    await tx.incidents.fell_silent(seen.silent)
    await tx.incidents.spoke(seen.spoke)


async def _of_moves(tx: Transaction, after: int) -> list[News]:
    found = [
        *[await _of_invocation(tx, *one) for one in await tx.incidents.failed_invocations(after)],
        *[
            await _of_run(tx, task_id, at, machines)
            for task_id, (at, machines) in (await tx.incidents.failed_runs(after)).items()
        ],
        *[
            News(
                occasion=Occasion.FAILED,
                at=at,
                about=id_,
                facts={"name": name, "status": "Failed", "look": f"cloudhand template show {id_}"},
            )
            for id_, name, at in await tx.incidents.failed_executions(after)
        ],
        *await _of_upgrades(tx, after),
        *await _of_power(tx, await tx.incidents.not_back(after)),
    ]
    return sorted(found, key=lambda one: one.at)


async def _of_invocation(tx: Transaction, invoke_id: str, at: datetime) -> News:
    states = await tx.incidents.states(invoke_id)
    machines = await tx.incidents.failed_machines(invoke_id, limit=_MACHINES)
    failed = sum(count for state, count in states.items() if state in FAILURE_STATES)
    facts = {
        "name": await tx.incidents.command_name(invoke_id),
        "status": overall(map(State, states)).value,
        "targets": states,
        "failedCount": failed,
        "totalCount": sum(states.values()),
        "machines": await _machines(tx, machines),
        "look": f"cloudhand result {invoke_id}",
    }
    return News(occasion=Occasion.FAILED, at=at, about=invoke_id, facts=facts)


async def _of_run(
    tx: Transaction, task_id: str, at: datetime, instance_ids: Sequence[InstanceId]
) -> News:
    """Of a command that runs again: what else runs in it is not waited for."""
    invoke_id, run = of_task_id(task_id)
    machines = await tx.incidents.failed_in_run(invoke_id, run, instance_ids[:_MACHINES])
    states = await tx.incidents.states(invoke_id)
    failed, total = len(instance_ids), sum(states.values())
    facts = {
        "name": await tx.incidents.command_name(invoke_id),
        "status": Overall.FAILED.value if failed == total else Overall.PARTIAL_FAILED.value,
        "failedCount": failed,
        "totalCount": total,
        "machines": await _machines(tx, machines),
        "look": f"cloudhand result {invoke_id} --history",
    }
    return News(occasion=Occasion.FAILED, at=at, about=task_id, facts=facts)


async def _machines(
    tx: Transaction, machines: Iterable[FailedMachine]
) -> list[dict[str, str | int | None]]:
    found = list(machines)
    names = await tx.incidents.names([one.instance_id for one in found])
    found.sort(key=lambda one: (names.get(one.instance_id, ""), one.instance_id))
    return [
        {
            "instanceId": one.instance_id,
            "instanceName": names.get(one.instance_id, ""),
            "status": one.state,
            "exitCode": one.exit_code,
            "errorCode": one.error_code,
        }
        for one in found
    ]


async def _of_upgrades(tx: Transaction, after: int) -> list[News]:
    found = await tx.incidents.failed_upgrades(after)
    names = await tx.incidents.names({id_ for id_, *_ in found})
    look = "cloudhand call DescribeAgentUpgrades InstanceId.1="
    return [
        News(
            occasion=Occasion.FAILED,
            at=at,
            about=id_,
            facts=_named(names, id_)
            | {"status": state, "release": release, "look": f"{look}{id_}"},
        )
        for id_, release, state, at in found
    ]


async def _of_power(tx: Transaction, found: Sequence[NotBack]) -> list[News]:
    names = await tx.incidents.names({one.instance_id for one in found})
    return [
        News(
            occasion=Occasion.NOT_BACK,
            at=one.at,
            about=one.instance_id,
            facts=_named(names, one.instance_id) | {"kind": one.kind, "invokeId": one.invoke_id},
        )
        for one in found
    ]


def _of_overdue(known: int, count: int, counts: Mapping[str, int], now: datetime) -> list[News]:
    """When it begins, and when it is over."""
    if bool(known) is bool(count):
        return []
    some = {noun: number for noun, number in counts.items() if number}
    facts: dict[str, Any] = {"counts": some} if count else {}
    return [News(occasion=Occasion.OVERDUE, over=not count, at=now, facts=facts)]


async def _of_agents(
    tx: Transaction, now: datetime, up_since: datetime, gone_after: timedelta
) -> tuple[list[Silence], list[InstanceId], list[News]]:
    """Who is gone, who is so no more, and what is to be told of both."""
    known = await tx.incidents.silences()
    back = await tx.incidents.heard_again() if known else []
    over = await tx.incidents.need_not_run() if known else []
    silent: list[Silence] = []
    if now - up_since > gone_after:
        found = await tx.incidents.silent(since=now - gone_after)
        silent = [one for one in found if one.instance_id not in known]
    names = await tx.incidents.names(back)
    news = [
        *(
            News(
                occasion=Occasion.AGENT_GONE,
                at=now,
                about=one.instance_id,
                facts={
                    "instanceName": one.name,
                    "lastHeardAt": times.second(one.heard_at) if one.heard_at else "",
                },
            )
            for one in silent
        ),
        *(
            News(
                occasion=Occasion.AGENT_GONE,
                over=True,
                at=now,
                about=one,
                facts=_named(names, one) | {"goneSince": times.second(known[one])},
            )
            for one in back
        ),
    ]
    return silent, [*back, *over], news


def _named(names: Mapping[InstanceId, str], instance_id: InstanceId) -> dict[str, str]:
    return {"instanceName": names.get(instance_id, "")}
