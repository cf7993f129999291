"""Long outputs: told whole and piece by piece, or with exactly what is too much left out."""

from __future__ import annotations

import os

from tests.agent.conftest import Machine, task, wait_until
from tests.agent.gateway import FakeGateway

_MEGABYTE = 1024 * 1024
_TAIL = 24 * 1024


def numbers(count: int) -> bytes:
    """Lines of eight bytes."""
    return b"".join(b"%07d\n" % number for number in range(count))


def script(count: int) -> str:
    return f"seq -f %07.0f 0 {count - 1}"


def test_a_long_output_comes_whole(machine: Machine, gateway: FakeGateway) -> None:
    machine.start()
    gateway.run(task("t-1", script(100_000), log_quota=_MEGABYTE))
    end = gateway.end_of("t-1")
    assert gateway.output_of("t-1") == numbers(100_000)
    assert (end.exit_code, end.dropped) == (0, 0)
    assert max(len(report.output) for report in gateway.reports) <= 64 * 1024
    wait_until(lambda: not list((machine.state / "tasks").iterdir()))


def test_of_what_is_too_long_the_middle_is_left_out(machine: Machine, gateway: FakeGateway) -> None:
    machine.start()
    gateway.run(task("t-1", script(300_000), log_quota=_MEGABYTE))
    end = gateway.end_of("t-1")
    whole = numbers(300_000)
    assert gateway.output_of("t-1") == whole[: _MEGABYTE - _TAIL] + whole[-_TAIL:]
    assert end.dropped == len(whole) - _MEGABYTE


def test_a_long_output_is_told_while_it_comes(machine: Machine, gateway: FakeGateway) -> None:
    machine.start()
    gate = machine.root / "gate"
    os.mkfifo(gate)
    waiting = f"{script(50_000)}; read x < {gate}"
    gateway.run(task("t-1", waiting, log_quota=_MEGABYTE))
    gateway.wait(lambda: gateway.output_of("t-1") == numbers(50_000))
    assert gateway.finals("t-1") == []
    gate.write_text("on\n")
    assert gateway.end_of("t-1").output == b""


def test_a_long_output_outlives_its_agent(machine: Machine, gateway: FakeGateway) -> None:
    machine.start()
    gate = machine.root / "gate"
    os.mkfifo(gate)
    gateway.run(task("t-1", f"read x < {gate}; {script(50_000)}", log_quota=_MEGABYTE))
    gateway.wait(lambda: bool(gateway.reports))
    machine.kill()
    gate.write_text("on\n")
    machine.start()
    assert gateway.end_of("t-1").exit_code == 0
    assert gateway.output_of("t-1") == numbers(50_000)
