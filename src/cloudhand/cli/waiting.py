"""Whom one waits for in vain for a while: machines that are down, or whose agent is away."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from cloudhand.cli.client import Client
from cloudhand.cli.fleet import Machine, machines
from cloudhand.cli.follow import Result
from cloudhand.cli.outage import Patience
from cloudhand.cli.people import Names, called
from cloudhand.wire import bounds, times

_TELL_AFTER = 3.0  # seconds in one status
_LOOK_EVERY = 5.0  # seconds

# Where nothing is in the way.
_BY_STATUS = {
    "Pending": "its agent has not begun it yet",
    "Scheduled": "it runs at the next start of its machine",
    "Running": "its script runs",
    "Stopping": "its agent ends what the script has started",
}

Key = tuple[str, str]  # an invocation, and an instance


class Watch:
    """One look after the other at the same results."""

    def __init__(
        self, client: Client, names: Names, *, patience: Patience, tell: Callable[[str], None]
    ) -> None:
        self._client = client
        self._names = names
        self._patience = patience
        self._tell = tell
        self._since: dict[Key, tuple[str, float]] = {}  # its status, and from when on
        self._named: set[Key] = set()  # of which the reason was told
        self._unclear: set[Key] = set()  # of which it was told that there is none yet
        self._look_at = 0.0

    def over(self, looks: Iterable[list[Result]]) -> Iterator[list[Result]]:
        """The looks as they are; who keeps one waiting is named once."""
        for results in looks:
            now = time.monotonic()
            still = [one for one in results if self._stays(one, now)]
            if still and now >= self._look_at:
                self._look_at = now + _LOOK_EVERY
                self._name(still)
            yield results

    def _stays(self, result: Result, now: float) -> bool:
        """Whether it has been in its status for long, and nothing was said of it."""
        key = _key(result)
        status, since = self._since.get(key, ("", now))
        if status != result.status:
            since = now
            self._since[key] = (result.status, now)
        # What waits for its turn only was not asked for yet.
        asked = bool(result.invoke_id) and key not in self._named
        waits = result.status in ("Pending", "Running") and asked
        return waits and now - since > _TELL_AFTER

    def _name(self, still: Sequence[Result]) -> None:
        about = ", ".join(sorted({result.invoke_id for result in still}))
        present = self._patience.ask(lambda: machines(self._client), about)
        by_id = {machine.id: machine for machine in present}
        reasons = [
            (self._reason(result, by_id[result.instance_id]), result)
            for result in still
            if result.instance_id in by_id
        ]
        for (why, until), who in _grouped(reasons).items():
            named = ", ".join(called(result.instance_id, self._names) for result in who)
            self._tell(_sentence(named, why, until))

    def _reason(self, result: Result, machine: Machine) -> str:
        """Empty where it was told already, or there is none to be told."""
        key, why = _key(result), _why(result, machine)
        if why:
            self._named.add(key)
        elif result.status == "Pending" and key not in self._unclear:
            self._unclear.add(key)
            why = _BY_STATUS["Pending"]
        return why


def looked(results: Sequence[Result], present: Iterable[Machine]) -> list[Result]:
    """The results with what each waits for, as one look tells it."""
    by_id = {machine.id: machine for machine in present}
    return [
        replace(one, waits_for=_cause(one, by_id.get(one.instance_id)))
        if one.status in _BY_STATUS
        else one
        for one in results
    ]


def tell(results: Sequence[Result], names: Names) -> Iterator[str]:
    """A sentence for each thing that is waited for, with who waits for it."""
    for (why, until), who in _grouped((one.waits_for, one) for one in results).items():
        named = ", ".join(called(result.instance_id, names) for result in who)
        yield _sentence(named, why, until)


def _sentence(named: str, why: str, until: str) -> str:
    bound = f"; until {_clock(until)} UTC at most" if until else ""
    return f"Waiting for {named}: {why}{bound}"


def _clock(moment: str) -> str:
    """With its day, if that is another."""
    today = times.second(datetime.now(UTC))[:10]
    return moment[11:19] if moment[:10] == today else moment[:19].replace("T", " ")


def _grouped(found: Iterable[tuple[str, Result]]) -> dict[tuple[str, str], list[Result]]:
    """Those with a reason, by it and the moment until which each is waited for."""
    grouped: dict[tuple[str, str], list[Result]] = {}
    for why, result in found:
        if why:
            grouped.setdefault((why, result.deadline_at), []).append(result)
    return grouped


def _cause(result: Result, machine: Machine | None) -> str:
    if result.status == "Scheduled":
        return f"it runs next at {result.next_at}" if result.next_at else _BY_STATUS["Scheduled"]
    return (_why(result, machine) if machine else "") or _BY_STATUS[result.status]


def _why(result: Result, machine: Machine) -> str:
    """Empty where there is nothing to be said: it runs."""
    if machine.status not in ("Running", "Managed"):
        return f"it is {machine.status}"
    if not machine.online:
        heard = f", last heartbeat at {machine.heartbeat_at[11:19]} UTC"
        return f"its agent is offline{heard if machine.heartbeat_at else ' and never was online'}"
    if result.status == "Pending" and machine.running_count >= bounds.SCRIPTS_AT_ONCE:
        return f"it runs {machine.running_count} scripts at once already"
    return ""


def _key(result: Result) -> Key:
    return result.invoke_id, result.instance_id
