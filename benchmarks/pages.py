"""Whether a page of results takes longer when a great many results are kept."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.figure import Figure, Outcome, middle
from benchmarks.plane import Plane, plane
from cloudhand.core import ids
from cloudhand.core.command import Command, CommandType
from cloudhand.core.ids import CommandId, InstanceId
from cloudhand.core.invocation import Invocation, State, Target
from cloudhand.server.databases import open_database
from cloudhand.store.transaction import Transaction

_PER_INVOCATION = 100
_COMMANDS = 10
_INSTANCES = 1000  # fewer of few results, so that a page of one of them is as long
_AT_ONCE = 100  # invocations in one transaction
_BEGIN = datetime.now(UTC) - timedelta(days=1)
_SAMPLES = 15  # of each page, from which the median is taken
_TAGGED = {"Tag": [{"Key": "k", "Value": "v"}]}

Latencies = dict[str, list[float]]


def measure(*, quick: bool) -> list[Outcome]:
    few, many = (200, 2000) if quick else (1000, 1_000_000)
    small, large = _latencies(few), _latencies(many)
    return [
        Figure(
            name=f"page of results {name}, {many:,} kept / {few:,} kept",
            value=median(large[name]) / median(small[name]),
            unit="ratio",
            target=1.5,
            raw=f"{middle(large[name])} / {middle(small[name])}",
        )
        for name in small
    ]


def _latencies(total: int) -> Latencies:
    """Seconds, by which page of what it is."""
    with tempfile.TemporaryDirectory(prefix="cloudhand-bench-") as folder:
        state = Path(folder) / "state"
        with plane(state=state):
            pass  # it has made its state
        asyncio.run(_fill(state, total))
        with plane(state=state) as control:
            return dict(_measured(control))


async def _fill(state: Path, total: int) -> None:
    database = open_database(state, durable=False)
    instances = max(_PER_INVOCATION, min(_INSTANCES, total // 10))
    commands = [ids.command_id(os.urandom) for _ in range(_COMMANDS)]
    count = total // _PER_INVOCATION
    for first in range(0, count, _AT_ONCE):
        some = range(first, min(first + _AT_ONCE, count))

        async def work(tx: Transaction, some: range = some) -> None:
            for number in some:
                await _add(tx, number, commands[number % _COMMANDS], instances)

        await database.write(work)
    await database.close()


async def _add(tx: Transaction, number: int, command_id: CommandId, instances: int) -> None:
    at = _BEGIN + timedelta(seconds=number)
    made = Invocation(
        id=ids.invoke_id(os.urandom),
        command=Command(id=command_id, type=CommandType.SHELL, content=b"true", name="bench"),
        created_at=at,
        tags={"k": "v"} if number % 10 == 0 else {},
    )
    targets = [
        Target(
            invoke_id=made.id,
            instance_id=InstanceId(f"i-{(number * 7 + place) % instances:04}"),
            state=State.TIMEOUT if place % 20 == 0 else State.SUCCESS,
            created_at=at,
            updated_at=at,
            deadline_at=None,
            exit_code=0,
        )
        for place in range(_PER_INVOCATION)
    ]
    await tx.invocations.add(made)
    await tx.targets.add(targets)
    for target in targets:
        await tx.outputs.append(target.key, b"helloworld\n", position=0, limit=1024)


def _measured(control: Plane) -> Iterator[tuple[str, list[float]]]:
    newest = _page(control, {})["InvocationResults"]["InvocationResult"][0]
    wanted: Mapping[str, Mapping[str, Any]] = {
        "of everything": {},
        "of one invocation": {"InvokeId": newest["InvokeId"]},
        "of one instance": {"InstanceId": newest["InstanceId"]},
        "of one command": {"CommandId": newest["CommandId"]},
        "with a tag": _TAGGED,
        "in one state": {"InvokeRecordStatus": "Failed"},
    }
    for name, asked in wanted.items():
        total = _page(control, asked)["TotalCount"]
        last = max((total - 1) // 10, 0) + 1
        token = _page(control, {**asked, "MaxResults": 10})["NextToken"]
        yield f"{name}, the first", _times(control, asked)
        yield f"{name}, the last", _times(control, {**asked, "PageNumber": last})
        if token:
            following = {**asked, "MaxResults": 10, "NextToken": token}
            yield f"{name}, by token", _times(control, following)


def _page(control: Plane, asked: Mapping[str, Any]) -> dict[str, Any]:
    answer = control.client.call("DescribeInvocationResults", dict(asked))
    return dict(answer["Invocation"])


def _times(control: Plane, asked: Mapping[str, Any]) -> list[float]:
    _page(control, asked)
    found = []
    for _ in range(_SAMPLES):
        began = time.perf_counter()
        _page(control, asked)
        found.append(time.perf_counter() - began)
    return found
