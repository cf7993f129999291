"""A script at certain times: an execution of a public template that waits for them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cloudhand.cli import bulk, confirm, options
from cloudhand.cli.bulk import Pace
from cloudhand.cli.client import Client
from cloudhand.cli.errors import Mistake
from cloudhand.cli.fleet import Machine
from cloudhand.cli.following import aside
from cloudhand.cli.order import Order
from cloudhand.cli.select import Wish
from cloudhand.cli.template import executions
from cloudhand.wire import schedule, times

_ORDER = {"TemplateName": "ACS-ECS-ScheduleToRunCommand"}
# As without a rate: everywhere at once, whatever fails.
_AT_ONCE = Pace(at_a_time="100%", max_errors="100%")
_EXAMPLE = "every day at three is '0 0 3 * * ?', or '0 0 3 * * ? Asia/Shanghai'"


@dataclass(frozen=True, kw_only=True)
class Timer:
    expression: str
    zone: str
    next: str  # as the API spells moments


@dataclass(frozen=True, kw_only=True)
class Repeated:
    """What is to be run each time, and where."""

    order: Order
    wish: Wish
    chosen: Sequence[Machine]  # as of now
    pace: Pace | None  # None: everywhere at once


def timer_of(text: str) -> Timer | None:
    """The times that were typed, perhaps with a time zone behind them; None for none. Mistake."""
    if not text:
        return None
    expression, _, zone = text.strip().rpartition(" ")
    try:
        found = _timer(text, "UTC")
    except ValueError as error:
        try:
            found = _timer(expression, zone)
        except ValueError:
            raise Mistake(f"cannot use --schedule: {error}; {_EXAMPLE}") from None
    if found is None:
        raise Mistake(f"cannot use --schedule {text!r}: that time does not come any more")
    return found


def _timer(expression: str, zone: str) -> Timer | None:
    following = schedule.cron(expression, schedule.zone(zone)).after(datetime.now(UTC))
    if following is None:
        return None
    return Timer(expression=expression, zone=zone, next=times.second(following))


def begin(client: Client, timer: Timer, one: Repeated) -> str:
    """The id of the execution that runs the script at these times from now on."""
    targets = _targets(one.wish, one.chosen)
    given = bulk.parameters(one.order, bulk.kind_of(one.chosen), targets, one.pace or _AT_ONCE)
    trigger = {"type": "cron", "expression": timer.expression, "timeZone": timer.zone}
    return executions.start(client, _ORDER, {"timerTrigger": trigger, **given})


def _targets(wish: Wish, chosen: Sequence[Machine]) -> dict[str, Any]:
    """Those that are chosen by what they are, and not by name, are chosen anew each time."""
    if wish.tags:
        tags = options.pairs(wish.tags, "--tag")
        told = [{"Key": key, "Value": value} for key, value in tags.items()]
        return {"Type": "Tags", "Tags": told}
    if wish.everywhere:
        return {"Type": "All"}
    return {"Type": "ResourceIds", "ResourceIds": [machine.id for machine in chosen]}


def tell(client: Client, execution_id: str, timer: Timer, count: int, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"executionId": execution_id, "next": timer.next}, indent=2))
        return
    print(execution_id)
    show = client.endpoint.command(f"template show {execution_id}")
    cancel = client.endpoint.command(f"template cancel {execution_id}")
    aside(
        f"It runs on {confirm.machines(count)} as of now, next at {timer.next}: {show} shows what"
        f" came of it, {cancel} ends it"
    )
