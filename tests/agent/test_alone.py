"""One agent per state."""

from __future__ import annotations

import os

from tests.agent.conftest import Machine, task, wait_until
from tests.agent.gateway import FakeGateway


def test_a_second_agent_of_the_same_state_ends_in_one_sentence(
    machine: Machine, gateway: FakeGateway
) -> None:
    machine.start()
    assert machine.process is not None

    second = machine.agent("run", f"--state={machine.state}", "--power-command=false")

    assert second.returncode == 1
    assert second.stderr.count("\n") == 1
    assert f"another agent (pid {machine.process.pid}) runs with this state" in second.stderr
    gateway.run(task("t-1", "echo here"))
    assert gateway.end_of("t-1").exit_code == 0
    assert machine.stop() == 0
    machine.start()


def test_what_an_agent_leaves_behind_does_not_stand_in_the_way_of_the_next(
    machine: Machine, gateway: FakeGateway
) -> None:
    os.mkfifo(machine.root / "gate")
    machine.start()
    gateway.run(task("t-1", f"echo begun; read x < {machine.root}/gate"))
    gateway.wait(lambda: gateway.output_of("t-1") == b"begun\n")
    holder = machine.holder_of("t-1")
    machine.kill()
    assert os.path.exists(f"/proc/{holder}")

    machine.start()

    (machine.root / "gate").write_text("x\n")
    assert gateway.end_of("t-1").exit_code == 0
    wait_until(lambda: ", acknowledged" in machine.log)
