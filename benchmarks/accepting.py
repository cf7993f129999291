"""What it costs to accept a command for a great many machines."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from benchmarks.figure import Figure, Outcome, middle
from cloudhand.control.invocations import Invocations
from cloudhand.control.pokes import Pokes
from cloudhand.control.settings import ControlSettings
from cloudhand.core import ids as core_ids
from cloudhand.core.clock import Clock
from cloudhand.core.command import Command, CommandType
from cloudhand.core.ids import ActivationId, InstanceId
from cloudhand.core.instance import Agent, AgentKind, ManagedInstance
from cloudhand.core.invocation import Invocation
from cloudhand.core.orders import NewCommand, NewInvocation, RunOrder
from cloudhand.server.clock import SystemClock
from cloudhand.server.databases import open_database
from cloudhand.store.sqlite import SqliteDatabase
from cloudhand.store.transaction import Transaction

# As the targets of a new invocation are, by one statement that knows nothing of them.
_BARE = (
    "INSERT INTO targets (invoke_id, instance_id, created_at, run, version, deadline_at, next_at,"
    " on_boot, state, updated_at, error_code, error_info, dropped, inferred)"
    " SELECT ?, instance_id, 0, 0, 0, 1, NULL, 0, 'Pending', 0, '', '', 0, 0 FROM agents"
)


def measure(*, quick: bool) -> list[Outcome]:
    few, many, rounds = (5, 50, 3) if quick else (100, 10_000, 7)
    with tempfile.TemporaryDirectory(prefix="cloudhand-bench-") as folder:
        return asyncio.run(_measured(Path(folder), few, many, rounds))


async def _measured(folder: Path, few: int, many: int, rounds: int) -> list[Outcome]:
    database = open_database(folder)
    clock = SystemClock()
    ids = [InstanceId(f"mi-{number:06}") for number in range(many)]
    await database.write(lambda tx: _join(tx, ids))
    settings = ControlSettings(targets_limit=many)
    invocations = Invocations(database, clock, os.urandom, Pokes(), settings)
    accepted: list[float] = []
    bare: list[float] = []
    for _ in range(rounds):
        low = await _accept(invocations, ids[:few])
        high = await _accept(invocations, ids)
        accepted.append((high - low) / (many - few))
        bare.append(await _write(database, clock) / many)
    await database.close()
    return [
        Figure(
            name="accepting a call, marginal time per target / bare statement, per row",
            value=median(accepted) / median(bare),
            unit="ratio",
            target=3,
            raw=f"{middle(accepted, 'µs', 1e6)} between {few} and {many:,} targets"
            f" / {middle(bare, 'µs', 1e6)}",
        )
    ]


async def _join(tx: Transaction, ids: list[InstanceId]) -> None:
    for instance_id in ids:
        await tx.managed.add(
            ManagedInstance(
                id=instance_id,
                name=instance_id,
                activation_id=ActivationId("bench"),
                registered_at=datetime.now(UTC),
            )
        )
        await tx.agents.put(
            Agent(
                instance_id=instance_id,
                kind=AgentKind.CLOUDHAND,
                key=b"key",
                machine_id=instance_id,
                version="2.2.3.1100",
            )
        )


async def _accept(invocations: Invocations, ids: list[InstanceId]) -> float:
    order = RunOrder(
        command=NewCommand(type=CommandType.SHELL, content=b"true"),
        invocation=NewInvocation(instance_ids=ids),
    )
    began = time.perf_counter()
    await invocations.run(order)
    return time.perf_counter() - began


async def _write(database: SqliteDatabase, clock: Clock) -> float:
    command = Command(id=core_ids.command_id(os.urandom), type=CommandType.SHELL, content=b"true")
    made = Invocation(id=core_ids.invoke_id(os.urandom), command=command, created_at=clock.now())
    await database.write(lambda tx: tx.invocations.add(made))

    async def bare(tx: Transaction) -> int:
        return await tx.targets._statements.change(_BARE, made.id)

    began = time.perf_counter()
    await database.write(bare)
    return time.perf_counter() - began
