"""Whatever dies, and wherever: nothing runs twice, and no result is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from typing import Any

import pytest

from cloudhand.agent import process
from cloudhand.wire import agent as wire
from tests.agent.conftest import Machine, task, wait_until
from tests.agent.gateway import FakeGateway

pytestmark = pytest.mark.drawn

# In the order in which one command passes them.
POINTS = (
    "agent.before-journal",
    "agent.after-journal",
    "agent.spawn",
    "agent.spawned",
    "agent.exit",
    "agent.spool",
    "agent.report",
    "agent.ack",
)


def _counting(machine: Machine, *, then: str = "") -> str:
    return f"echo ran >> {machine.root}/count; echo helloworld; {then}"


def _count(machine: Machine) -> int:
    path = machine.root / "count"
    return len(path.read_text().splitlines()) if path.exists() else 0


@pytest.mark.parametrize("point", POINTS)
def test_agent_killed_at_every_step(machine: Machine, gateway: FakeGateway, point: str) -> None:
    machine.register()
    gateway.run(task("t-1", _counting(machine, then="exit 7")))
    machine.start(die_at=point)
    machine.died()
    machine.start()
    end = gateway.end_of("t-1")
    wait_until(lambda: ", acknowledged" in machine.log)  # and so it is in the journal
    if point == "agent.spawn":
        # It was not told to run; but that cannot be known any more, so it is not claimed.
        assert (end.kind, end.error_code) == (wire.INTERRUPTED, "ExecutionInterrupted")
        assert _count(machine) == 0
    else:
        assert (end.kind, end.exit_code) == (wire.FINISH, 7)
        assert gateway.output_of("t-1") == b"helloworld\n"
        assert _count(machine) == 1
    gateway.run(task("t-1", _counting(machine)))  # as a server that lost what it had
    gateway.wait(lambda: "t-1" not in gateway.open)
    assert _count(machine) == (point != "agent.spawn")


@pytest.mark.parametrize("kind", [wire.TIMEOUT, wire.STOPPED])
def test_killed_when_it_has_ended_a_script(
    machine: Machine, gateway: FakeGateway, kind: str
) -> None:
    machine.register()
    machine.start_only(die_at="agent.spool")
    timeout = 1 if kind == wire.TIMEOUT else 60
    gateway.run(task("t-1", "echo begun; exec sleep 1000", timeout=timeout))
    gateway.wait(lambda: gateway.output_of("t-1") == b"begun\n")
    if kind == wire.STOPPED:
        gateway.stop("t-1")
    machine.died()
    machine.start()
    end = gateway.end_of("t-1")
    assert end.kind == kind  # and not that it ended by itself, with the code of a signal
    assert gateway.output_of("t-1") == b"begun\n"


def test_new_agent_follows_a_script_that_runs(machine: Machine, gateway: FakeGateway) -> None:
    os.mkfifo(machine.root / "gate")
    machine.start()
    script = _counting(machine, then=f"read x < {machine.root}/gate; echo end; exit 5")
    gateway.run(task("t-1", script))
    gateway.wait(lambda: gateway.output_of("t-1") == b"helloworld\n")
    machine.kill()
    machine.start()
    assert gateway.inventories[-1].running == ("t-1",)
    (machine.root / "gate").write_text("x\n")
    end = gateway.end_of("t-1")
    assert (end.kind, end.exit_code) == (wire.FINISH, 5)
    assert gateway.output_of("t-1") == b"helloworld\nend\n"
    assert _count(machine) == 1


def test_script_that_ends_while_there_is_no_agent(machine: Machine, gateway: FakeGateway) -> None:
    os.mkfifo(machine.root / "gate")
    machine.start()
    gateway.run(task("t-1", f"read x < {machine.root}/gate; echo alone; kill -9 $$"))
    gateway.wait(lambda: bool(gateway.reports))
    holder = machine.holder_of("t-1")
    machine.kill()
    (machine.root / "gate").write_text("x\n")
    wait_until(lambda: holder not in machine.processes())
    machine.start()
    end = gateway.end_of("t-1")
    assert (end.kind, end.exit_code) == (wire.FINISH, 128 + signal.SIGKILL)
    assert gateway.output_of("t-1").startswith(b"alone\n")  # a shell may add "Killed"


def test_a_stop_that_reaches_the_new_agent(machine: Machine, gateway: FakeGateway) -> None:
    machine.start()
    gateway.run(task("t-1", "sleep 1000 & sleep 1000"))
    gateway.wait(lambda: bool(gateway.reports))
    machine.kill()
    machine.start()
    gateway.stop("t-1")
    assert gateway.end_of("t-1").kind == wire.STOPPED
    wait_until(lambda: machine.processes() == [machine.process.pid])  # type: ignore[union-attr]


def test_agent_and_holder_killed(machine: Machine, gateway: FakeGateway) -> None:
    machine.start()
    gateway.run(task("t-1", _counting(machine, then="setsid sleep 1000 & sleep 1000")))
    gateway.wait(lambda: gateway.output_of("t-1") == b"helloworld\n")
    holder = machine.holder_of("t-1")
    machine.kill()
    os.kill(holder, signal.SIGKILL)
    wait_until(lambda: holder not in machine.processes())
    machine.start()
    end = gateway.end_of("t-1")
    assert (end.kind, end.error_code) == (wire.INTERRUPTED, "ExecutionInterrupted")
    assert gateway.output_of("t-1") == b"helloworld\n"
    assert machine.processes() == [machine.process.pid]  # type: ignore[union-attr]
    assert _count(machine) == 1


def test_the_same_task_of_another_agent_is_left_alone(
    machine: Machine, gateway: FakeGateway
) -> None:
    theirs = {**os.environ, process.TASK_ID: "t-1", process.MARK: "/elsewhere/tasks/t-1"}
    with subprocess.Popen(["sleep", "1000"], env=theirs) as stranger:
        machine.start()
        gateway.run(task("t-1", "sleep 1000"))
        gateway.wait(lambda: bool(gateway.reports))
        gateway.stop("t-1")
        assert gateway.end_of("t-1").kind == wire.STOPPED
        assert stranger.poll() is None
        stranger.kill()


def test_holder_killed_under_the_agent(machine: Machine, gateway: FakeGateway) -> None:
    machine.start()
    gateway.run(task("t-1", _counting(machine, then="sleep 1000")))
    gateway.wait(lambda: gateway.output_of("t-1") == b"helloworld\n")
    os.kill(machine.holder_of("t-1"), signal.SIGKILL)
    end = gateway.end_of("t-1")
    assert (end.kind, end.error_code) == (wire.INTERRUPTED, "ExecutionInterrupted")
    gateway.run(task("t-2", "echo next"))
    assert gateway.end_of("t-2").output == b"next\n"


def test_what_a_script_has_said_is_kept_when_all_are_told_to_end(
    machine: Machine, gateway: FakeGateway
) -> None:
    machine.start()
    gateway.run(
        task(
            "t-1",
            f"echo $$ > {machine.root}/pid; while ! test -e {machine.root}/go; do :; done;"
            f" echo last words; touch {machine.root}/said; while :; do :; done",
        )
    )
    wait_until(lambda: (machine.root / "pid").exists())
    gateway.wait(lambda: bool(gateway.reports))
    holder = machine.holder_of("t-1")
    os.kill(holder, signal.SIGSTOP)
    (machine.root / "go").touch()
    wait_until(lambda: (machine.root / "said").exists())

    for pid in (holder, int((machine.root / "pid").read_text())):
        os.kill(pid, signal.SIGTERM)
    os.kill(holder, signal.SIGCONT)

    end = gateway.end_of("t-1")
    assert (end.kind, end.error_code) == (wire.INTERRUPTED, "ExecutionInterrupted")
    assert gateway.output_of("t-1") == b"last words\n"


def test_machine_goes_down_under_a_script(machine: Machine, gateway: FakeGateway) -> None:
    machine.start()
    gateway.run(task("t-1", _counting(machine, then="sleep 1000")))
    gateway.wait(lambda: gateway.output_of("t-1") == b"helloworld\n")
    holder = machine.holder_of("t-1")
    machine.kill()
    for pid in machine.processes():
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: holder not in machine.processes())
    machine.boot_id = "boot-2"
    machine.start()
    end = gateway.end_of("t-1")
    assert (end.kind, end.error_code) == (wire.INTERRUPTED, "InstanceRestarted")
    assert gateway.inventories[-1] == wire.Inventory("boot-2", (), ("t-1",))
    assert gateway.beats[-1].cold_start or gateway.beats[-2].cold_start
    assert gateway.output_of("t-1") == b"helloworld\n"


def test_machine_that_ends_a_holder_before_its_agent(
    machine: Machine, gateway: FakeGateway
) -> None:
    machine.start()
    gateway.run(task("t-1", _counting(machine, then="sleep 1000")))
    gateway.wait(lambda: gateway.output_of("t-1") == b"helloworld\n")
    os.kill(machine.holder_of("t-1"), signal.SIGKILL)
    machine.stop()
    assert "interrupted" not in machine.log
    machine.boot_id = "boot-2"
    machine.start()
    end = gateway.end_of("t-1")
    assert (end.kind, end.error_code) == (wire.INTERRUPTED, "InstanceRestarted")


def test_machine_goes_down_while_the_agent_waits_for_an_answer(
    machine: Machine, gateway: FakeGateway
) -> None:
    waits, answers = threading.Event(), threading.Event()
    answer = gateway.answer

    def late(method: str, target: str, *said: Any) -> Any:
        if target.startswith(wire.TASK_LIST_PATH):
            waits.set()
            answers.wait(15)
        return answer(method, target, *said)

    gateway.takes_requests = False
    machine.start()
    gateway.run(task("t-1", _counting(machine, then="sleep 1000")))
    gateway.wait(lambda: gateway.output_of("t-1") == b"helloworld\n")
    gateway.answer = late  # type: ignore[method-assign, assignment]
    gateway.kick("kick_vm")
    assert waits.wait(15)
    assert machine.process is not None
    machine.process.terminate()
    wait_until(lambda: "ending, as asked" in machine.log)
    os.kill(machine.holder_of("t-1"), signal.SIGKILL)
    machine.process.wait(30)
    answers.set()
    assert '"what":"ended"' not in (machine.state / "journal").read_text()
    machine.boot_id = "boot-2"
    machine.start()
    end = gateway.end_of("t-1")
    assert (end.kind, end.error_code) == (wire.INTERRUPTED, "InstanceRestarted")


def test_result_kept_while_the_server_is_away(machine: Machine, gateway: FakeGateway) -> None:
    os.mkfifo(machine.root / "gate")
    machine.start()
    gateway.run(task("t-1", _counting(machine, then=f"read x < {machine.root}/gate")))
    gateway.wait(lambda: bool(gateway.reports))
    gateway.down()
    (machine.root / "gate").write_text("x\n")
    # Not only in the log, which may speak of a report that it runs.
    wait_until(lambda: '"what":"ended"' in (machine.state / "journal").read_text())
    wait_until(lambda: "t-1: not reported yet" in machine.log)
    machine.kill()
    machine.boot_id = "boot-2"  # the power was cut, too
    gateway.up()
    machine.start()
    end = gateway.end_of("t-1")
    assert (end.kind, end.exit_code) == (wire.FINISH, 0)
    assert gateway.output_of("t-1") == b"helloworld\n"


def test_server_that_forgot_an_acknowledged_result(machine: Machine, gateway: FakeGateway) -> None:
    machine.start()
    gateway.run(task("t-1", _counting(machine, then="exit 9")))
    gateway.end_of("t-1")
    wait_until(lambda: not list((machine.state / "tasks").iterdir()))
    machine.stop()
    gateway.reports.clear()
    machine.start()
    gateway.run(task("t-1", _counting(machine)))
    end = gateway.end_of("t-1")
    assert (end.kind, end.exit_code) == (wire.FINISH, 9)
    assert _count(machine) == 1


def test_reports_refused_for_a_while_are_repeated(machine: Machine, gateway: FakeGateway) -> None:
    answers: list[wire.Ack | int] = [500, 503, 429, 502]
    gateway.acknowledge = lambda report: answers.pop() if answers else wire.Ack()
    machine.start()
    gateway.run(task("t-1", _counting(machine)))
    gateway.wait(lambda: "t-1" not in gateway.open)
    assert len({repr(report) for report in gateway.finals("t-1")}) == 1
    assert len(gateway.finals("t-1")) == 5


def test_orderly_stop_leaves_scripts_alone(machine: Machine, gateway: FakeGateway) -> None:
    os.mkfifo(machine.root / "gate")
    machine.start()
    gateway.run(task("t-1", _counting(machine, then=f"read x < {machine.root}/gate")))
    gateway.wait(lambda: bool(gateway.reports))
    assert machine.stop() == 0
    machine.start()
    (machine.root / "gate").write_text("x\n")
    assert gateway.end_of("t-1").kind == wire.FINISH
    assert _count(machine) == 1
