"""Targets as rows hold them, of runs that go on and of those that are past."""

from __future__ import annotations

from cloudhand.core.invocation import State, Target
from cloudhand.store.database import Row
from cloudhand.store.rows import from_ms, moment, to_ms
from cloudhand.wire.receipt import Receipt

# What a run leaves behind, in every table that has runs.
OF_RUN = (
    "state, updated_at, fetched_at, started_at, finished_at, stop_asked_at, boot_id, exit_code,"
    " error_code, error_info, dropped, inferred, receipt"
)
COLUMNS = (
    f"invoke_id, instance_id, created_at, run, version, deadline_at, next_at, on_boot, {OF_RUN}"
)
COUNT = 21
FIXED_COUNT = 3  # of the first columns, which never change


def target_row(target: Target) -> tuple[object, ...]:
    """The values of ``COLUMNS``."""
    return (
        target.invoke_id,
        target.instance_id,
        to_ms(target.created_at),
        target.run,
        target.version,
        to_ms(target.deadline_at),
        to_ms(target.next_at),
        int(target.on_boot),
        *run_row(target),
    )


def run_row(target: Target) -> tuple[object, ...]:
    """The values of ``OF_RUN``."""
    return (
        target.state,
        to_ms(target.updated_at),
        to_ms(target.fetched_at),
        to_ms(target.started_at),
        to_ms(target.finished_at),
        to_ms(target.stop_asked_at),
        target.boot_id,
        target.exit_code,
        target.error_code,
        target.error_info,
        target.dropped,
        int(target.inferred),
        target.receipt.to_text() if target.receipt is not None else "",
    )


def read_target(row: Row) -> Target:
    """Of a row that begins with ``COLUMNS``."""
    return Target(
        invoke_id=row[0],
        instance_id=row[1],
        created_at=moment(row[2]),
        run=row[3],
        version=row[4],
        deadline_at=from_ms(row[5]),
        next_at=from_ms(row[6]),
        on_boot=bool(row[7]),
        state=State(row[8]),
        updated_at=moment(row[9]),
        fetched_at=from_ms(row[10]),
        started_at=from_ms(row[11]),
        finished_at=from_ms(row[12]),
        stop_asked_at=from_ms(row[13]),
        boot_id=row[14],
        exit_code=row[15],
        error_code=row[16],
        error_info=row[17],
        dropped=row[18],
        inferred=bool(row[19]),
        receipt=Receipt.from_text(row[20]) if row[20] else None,
    )
