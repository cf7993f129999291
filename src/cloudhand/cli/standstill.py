"""Machines that were to restart or stop: whom one waits for, and who has not moved.

A machine that goes down ends its agent soon. So one whose agent still speaks in the old boot
long after has not moved, whatever its power command said.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from cloudhand.cli.client import Client
from cloudhand.cli.errors import ApiError
from cloudhand.cli.follow import Result
from cloudhand.cli.outage import Patience
from cloudhand.cli.people import Names, called
from cloudhand.wire import bounds

_MOVES_WITHIN = timedelta(seconds=bounds.DOWN_WITHIN)
_TELL_AFTER = 2.0  # seconds of waiting for nothing but power
_LOOK_EVERY = 5.0  # seconds


class Watch:
    """One look after the other at the same results."""

    def __init__(
        self, client: Client, names: Names, *, patience: Patience, tell: Callable[[str], None]
    ) -> None:
        self._client = client
        self._names = names
        self._patience = patience
        self._tell = tell
        self._unmoved: dict[tuple[str, str], str] = {}  # since when
        self._began = 0.0  # waiting for nothing but power
        self._told = False
        self._look_at = 0.0

    @property
    def waits(self) -> bool:
        """Whether there is nothing left to wait for but power."""
        return bool(self._began)

    def over(self, looks: Iterable[list[Result]]) -> Iterator[list[Result]]:
        """The looks, with what is known of machines that have not moved; ends when all settled."""
        for results in looks:
            now = self._known(results)
            if any(_moving(result) for result in now) and all(result.ended for result in now):
                now = self._waited(now)
            yield now
            if all(result.settled for result in now):
                return

    def _waited(self, now: list[Result]) -> list[Result]:
        moment = time.monotonic()
        self._began = self._began or moment
        overdue = any(result.power and result.power.status == "Overdue" for result in now)
        if moment >= self._look_at or overdue:
            self._look_at = moment + _LOOK_EVERY
            self._look(now)
            now = self._known(now)
        waiting = [result for result in now if not result.settled]
        if waiting and not self._told and moment - self._began > _TELL_AFTER:
            self._told = True
            self._tell(_awaited(waiting, self._names))
        return now

    def _look(self, now: Sequence[Result]) -> None:
        wanted = [result for result in now if _moving(result)][:100]
        about = ", ".join(sorted({result.invoke_id for result in wanted}))

        def question() -> dict[str, Any]:
            ids = sorted({result.instance_id for result in wanted})
            return self._client.call("DescribeCloudAssistantStatus", {"InstanceId": ids})

        try:
            found = self._patience.ask(question, about)["InstanceCloudAssistantStatusSet"]
        except ApiError:
            return  # one of them has gone
        seen = {one["InstanceId"]: one for one in found["InstanceCloudAssistantStatus"]}
        for result in wanted:
            agent = seen.get(result.instance_id)
            if agent and has_not_moved(result, agent):
                self._unmoved[result.invoke_id, result.instance_id] = agent["LastHeartbeatTime"]

    def _known(self, results: list[Result]) -> list[Result]:
        return [
            replace(result, power=replace(result.power, unmoved_at=at))
            if _moving(result)
            and result.power
            and (at := self._unmoved.get((result.invoke_id, result.instance_id)))
            else result
            for result in results
        ]


def _moving(result: Result) -> bool:
    """Whether a stop or restart is asked for of which nobody said that it is done, or refused."""
    over = ("Done", "Refused")
    return result.ended and result.power is not None and result.power.status not in over


def has_not_moved(result: Result, agent: dict[str, Any]) -> bool:
    """``agent``: as DescribeCloudAssistantStatus tells it."""
    action = result.power
    if action is None or not action.boot_id_before or not agent["LastHeartbeatTime"]:
        return False
    if not action.ordered_at:  # it waits for its turn
        return False
    late = _moment(agent["LastHeartbeatTime"]) - _moment(action.ordered_at) >= _MOVES_WITHIN
    return late and agent.get("BootId") == action.boot_id_before


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _awaited(waiting: Sequence[Result], names: Names) -> str:
    who = ", ".join(called(result.instance_id, names) for result in waiting)
    actions = sorted({result.power.action for result in waiting if result.power})
    pending = [result.power for result in waiting if result.power]
    deadline = max(action.deadline_at for action in pending)
    held = any(action.status == "Held" for action in pending)  # for as long as others take
    until = f", until {deadline[11:19]} UTC at most" if deadline and not held else ""
    return f"Waiting for {who} to {' or '.join(actions)}{until}; Ctrl-C waits no longer"
