"""Exit codes and orders that stop or restart a machine, told truthfully, on real instances."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest

from tests.system.place import Plane

_LONG = 300_000  # bytes of output; several reports


def _moves(plane: Plane, noun: str, id: str) -> list[tuple[str, int]]:
    """What happened to a thing and when, as the control plane wrote it down."""
    path = f"file:{plane.state}/cloudhand.sqlite?mode=ro"
    with contextlib.closing(sqlite3.connect(path, uri=True)) as connection:
        rows = connection.execute(
            "SELECT event, at FROM events WHERE noun = ? AND id = ? ORDER BY rowid", (noun, id)
        )
        return [(str(event), int(at)) for event, at in rows]


@pytest.mark.parametrize("code", [194, 3010])
def test_a_restart_by_exit_code_is_a_success_and_the_machine_comes_back(
    shared: Plane, instance: str, code: int
) -> None:
    before = shared.boot_id(instance)

    result = shared.run(instance, f"echo helloworld; exit {code}")

    assert (result.status, result.exit_code, result.error_code) == ("Success", 194, "")
    assert result.output == b"helloworld\n"
    assert result.power is not None and result.power.action == "restart"
    assert result.power.status == "Done"
    shared.wait([instance])
    after = shared.boot_id(instance)
    assert after != before
    assert (result.power.boot_id_before, result.power.boot_id_after) == (before, after)


def test_the_whole_result_is_stored_before_the_machine_goes_down(
    shared: Plane, instance: str
) -> None:
    script = f"head -c {_LONG} /dev/zero | tr '\\0' x; exit 194"

    result = shared.run(instance, script, ContentEncoding="PlainText")

    assert len(result.output) + result.dropped == _LONG
    assert result.output == b"x" * len(result.output)
    (stored,) = [
        at
        for event, at in _moves(shared, "target", f"{result.invoke_id}/{instance}")
        if event == "succeeded"
    ]
    shared.wait([instance])
    began = [at for event, at in _moves(shared, "instance", instance) if event != "created"]
    assert stored <= began[-1]
