"""What a command, or a file, waits for on one machine, and what becomes of it else. Pure.

What happens at a deadline is asked of those who decide then, so that it is not said otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cloudhand.core import file, file_verdict, invocation, power, verdict
from cloudhand.core.explanation import Barrier, Cause, Explanation, Fact, Kind, Owner
from cloudhand.core.file import FileTarget
from cloudhand.core.file import State as FileState
from cloudhand.core.instance import AgentKind
from cloudhand.core.invocation import GRACE, Invocation, State, Target
from cloudhand.core.power import PowerAction
from cloudhand.core.totals import OVERDUE_AFTER
from cloudhand.core.why_machine import (
    Site,
    barrier,
    of_clones,
    of_power_action,
    stays_within_reach,
)
from cloudhand.wire import bounds

_DEAF_AFTER = timedelta(seconds=15)  # kicks go out every 5 s


@dataclass(frozen=True, kw_only=True)
class _Wait:
    cause: Cause
    because: str
    owner: Owner
    since: datetime | None
    until: datetime | None
    then: str
    facts: Sequence[Fact] = ()


def of_target(
    target: Target,
    asked: Invocation,
    site: Site,
    action: PowerAction | None,
    now: datetime,
) -> list[Explanation]:
    """Of a command on a machine; and of the restart or stop that it asked for, if that goes on."""
    wait = _of(target, asked, site, now)
    told = _explained(Kind.TARGET, target.task_id, target, wait, _history(target))
    if action is None or action.state in power.POWER.final:
        return [told]
    return [told, of_power_action(action, site, now)]


def _explained(
    kind: Kind, thing: str, target: Target | FileTarget, wait: _Wait, history: Iterable[Fact]
) -> Explanation:
    return Explanation(
        kind=kind,
        id=thing,
        instance_id=target.instance_id,
        state=target.state.value,
        cause=wait.cause,
        because=wait.because,
        owner=wait.owner,
        since=wait.since,
        until=wait.until,
        then=wait.then,
        facts=[*wait.facts, *history],
    )


def _of(target: Target, asked: Invocation, site: Site, now: datetime) -> _Wait:
    match target.state:
        case State.SCHEDULED:
            return _to_come(target)
        case _ if target.final:
            return _ended(target)
        case _ if _past(target.deadline_at, now):
            return _undecided(target.deadline_at)
        case State.PENDING if target.fetched_at is None:
            return _undelivered(target, site, now)
        case State.PENDING:
            return _fetched(target, site, now)
        case State.STOPPING:
            return _being_stopped(target, site, now)
        case _:
            return _running(target, asked, site, now)


def _past(deadline: datetime | None, now: datetime) -> bool:
    return deadline is not None and now > deadline + OVERDUE_AFTER


def _undecided(deadline: datetime | None) -> _Wait:
    return _Wait(
        cause=Cause.OVERDUE,
        because="its deadline is past, and the control plane has not decided",
        owner=Owner.CONTROL_PLANE,
        since=deadline,
        until=None,
        then="",
    )


def _to_come(target: Target) -> _Wait:
    if target.next_at is not None:
        cause, because = Cause.NEXT_MOMENT, "its next run is at a moment that is to come"
        owner, then = Owner.CLOCK, "it runs"
    else:
        cause, because = Cause.NEXT_BOOT, "it runs when its machine has started the next time"
        owner, then = Owner.MACHINE, ""
    return _Wait(
        cause=cause,
        because=because,
        owner=owner,
        since=target.updated_at,
        until=target.next_at,
        then=then,
    )


def _ended(target: Target) -> _Wait:
    code = target.exit_code
    how = f"it ended with exit code {code}" if code is not None else ""
    said = "nobody who was there has said so" if target.inferred else "who was there said so"
    return _over(target, how, [Fact(text=said, at=target.updated_at)])


def _over(target: Target | FileTarget, how: str, facts: Sequence[Fact]) -> _Wait:
    """``how``: where no error says it; empty: its state is all that is known."""
    because = target.error_info or how or f"it is {target.state.value}"
    return _Wait(
        cause=Cause.ENDED,
        because=f"{target.error_code}: {because}" if target.error_code else because,
        owner=Owner.NOBODY,
        since=target.finished_at or target.updated_at,
        until=None,
        then="",
        facts=facts,
    )


def _behind(
    found: Barrier, target: Target | FileTarget, then: str, *, meanwhile: str = ""
) -> _Wait:
    """What keeps it from its machine."""
    return _Wait(
        cause=found.cause,
        because=found.because,
        owner=found.owner,
        since=found.since,
        until=target.deadline_at,
        then=then,
        facts=[*found.facts, *([Fact(text=meanwhile)] if meanwhile else [])],
    )


def _unless(target: Target, site: Site, now: datetime) -> str:
    """What it is at its deadline, if things are as they are now."""
    said = verdict.of_silence(
        target,
        instance=site.instance.state if site.instance is not None else None,
        agent=site.agent,
        online=stays_within_reach(site, now, target.deadline_at),
    )
    state = invocation.TARGET.move(target.state, said.event)
    return f"it ends as {state.value} with {said.error_code}"


def _undelivered(target: Target, site: Site, now: datetime) -> _Wait:
    found = barrier(site, now) or of_clones(site, now)
    if found is not None:
        return _behind(found, target, _unless(target, site, now))
    agent = site.agent
    cause = Cause.NOT_FETCHED
    because = "its agent was told to look, is told again every 5 s, and has not fetched it"
    if (
        agent is not None
        and agent.kind is AgentKind.PUBLISHED
        and now - target.created_at > _DEAF_AFTER
    ):
        cause = Cause.AGENT_DEAF
        because = (
            "its agent beats and hears nothing: a published one whose channel was refused"
            " tries again after up to 30 minutes"
        )
    return _Wait(
        cause=cause,
        because=because,
        owner=Owner.AGENT,
        since=target.updated_at,
        until=target.deadline_at,
        then=_unless(target, site, now),
        facts=[Fact(text="its agent beat last", at=agent.last_seen_at if agent else None)],
    )


def _fetched(target: Target, site: Site, now: datetime) -> _Wait:
    found = barrier(site, now) or of_clones(site, now)
    if found is not None:
        return _behind(
            found, target, _unless(target, site, now), meanwhile="its agent has fetched it before"
        )
    full = site.running >= bounds.SCRIPTS_AT_ONCE
    because = (
        f"{site.running} commands run there, and no more do at once"
        if full
        else "its agent has it, and has not said that it began"
    )
    return _Wait(
        cause=Cause.MACHINE_FULL if full else Cause.NOT_BEGUN,
        because=because,
        owner=Owner.MACHINE if full else Owner.AGENT,
        since=target.fetched_at,
        until=target.deadline_at,
        then="it goes on waiting while others run there"
        if site.running
        else _unless(target, site, now),
    )


def _running(target: Target, asked: Invocation, site: Site, now: datetime) -> _Wait:
    found = barrier(site, now) or of_clones(site, now)
    if found is not None:
        away = found.cause in (Cause.AGENT_AWAY, Cause.AGENT_SILENCED)
        meanwhile = "what it has begun may go on all the while" if away else ""
        return _behind(found, target, _unless(target, site, now), meanwhile=meanwhile)
    over_at = target.deadline_at - GRACE if target.deadline_at is not None else None
    timeout = asked.command.timeout
    if over_at is not None and now >= over_at:
        return _Wait(
            cause=Cause.TIME_IS_OVER,
            because=f"its timeout of {timeout} s is over, and its agent has not said that it ended",
            owner=Owner.AGENT,
            since=over_at,
            until=target.deadline_at,
            then=_unless(target, site, now),
        )
    return _Wait(
        cause=Cause.RUNS,
        because="its script runs",
        owner=Owner.MACHINE,
        since=target.started_at,
        until=over_at,
        then=f"its timeout of {timeout} s is over, and its agent ends it with all that it started",
    )


def _being_stopped(target: Target, site: Site, now: datetime) -> _Wait:
    found = barrier(site, now) or of_clones(site, now)
    if found is not None:
        return _behind(
            found, target, _unless(target, site, now), meanwhile="nobody is there to stop it"
        )
    return _Wait(
        cause=Cause.BEING_STOPPED,
        because="its agent is to stop it, with all that it started, and has not said that it has",
        owner=Owner.AGENT,
        since=target.stop_asked_at,
        until=target.deadline_at,
        then=_unless(target, site, now),
    )


def _history(target: Target) -> Iterator[Fact]:
    yield Fact(text="it was asked for", at=target.created_at)
    if target.fetched_at is not None:
        yield Fact(text="its agent fetched it first", at=target.fetched_at)
    if target.started_at is not None:
        yield Fact(text="it began, by the clock of its machine", at=target.started_at)
    if target.stop_asked_at is not None:
        yield Fact(text="somebody asked for its end", at=target.stop_asked_at)
    if target.finished_at is not None and not target.inferred:
        yield Fact(text="it ended, by the clock of its machine", at=target.finished_at)


def of_file(target: FileTarget, site: Site, now: datetime) -> Explanation:
    """Of a file that is sent to a machine."""
    wait = _of_file(target, site, now)
    sent = [Fact(text="it was sent", at=target.created_at)]
    return _explained(Kind.FILE_TARGET, target.invoke_id, target, wait, sent)


def _of_file(target: FileTarget, site: Site, now: datetime) -> _Wait:
    if target.final:
        return _over(target, "", [])
    if _past(target.deadline_at, now):
        return _undecided(target.deadline_at)
    said = file_verdict.of_silence(
        target,
        instance=site.instance.state if site.instance is not None else None,
        agent=site.agent,
        online=stays_within_reach(site, now, target.deadline_at),
    )
    then = (
        f"it ends as {file.FILE_TARGET.move(target.state, said.event).value} with {said.error_code}"
    )
    found = barrier(site, now) or of_clones(site, now)
    if found is not None:
        return _behind(found, target, then)
    pending = target.state is FileState.PENDING
    return _Wait(
        cause=Cause.NOT_FETCHED if pending else Cause.RUNS,
        because=(
            "its agent was told to look, and has not fetched it"
            if pending
            else "its agent has it, and has not said that it is written"
        ),
        owner=Owner.AGENT,
        since=target.updated_at,
        until=target.deadline_at,
        then=then,
    )
