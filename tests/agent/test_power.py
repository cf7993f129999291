"""Results first, then the machine goes down. Power commands here only write down their call."""

from __future__ import annotations

import json
import os
import time

import pytest

from cloudhand.wire import agent as wire
from tests.agent.conftest import Machine, task, wait_until
from tests.agent.gateway import Answer, FakeGateway


@pytest.mark.parametrize(
    ("code", "power", "order"), [(193, "stop", "-h now"), (194, "restart", "-r now")]
)
def test_acknowledged_before_the_machine_goes_down(
    machine: Machine, gateway: FakeGateway, code: int, power: str, order: str
) -> None:
    before: list[list[str]] = []

    def acknowledge(report: wire.Report) -> Answer:
        if report.kind != wire.RUNNING:
            before.append(machine.power_orders)
        journal = (machine.state / "journal").read_text()
        assert report.power == "" or f'"power":"{power}"' in journal
        return wire.Ack()

    gateway.acknowledge = acknowledge
    machine.start()
    gateway.run(task("t-1", f"echo whole; exit {code}"))
    end = gateway.end_of("t-1")
    assert (end.kind, end.exit_code, end.power) == (wire.FINISH, code, power)
    assert gateway.output_of("t-1") == b"whole\n"
    wait_until(lambda: machine.power_orders == [order])
    assert before == [[]]


def test_nothing_of_the_script_works_on(machine: Machine, gateway: FakeGateway) -> None:
    machine.start()
    gateway.run(task("t-1", "env -i setsid sleep 1000 & echo x; exit 194"))
    gateway.end_of("t-1")
    wait_until(lambda: machine.power_orders == ["-r now"])
    gateway.run(task("t-2", "pgrep -P $PPID -x sleep"))
    assert gateway.end_of("t-2").output == b""


@pytest.mark.parametrize(
    "script",
    [
        "kill -TERM $$",
        "sleep 1000; exit 194",
        "exit 192",
        "sh -c 'exit 194'; exit 0",
    ],
)
def test_only_a_process_that_ends_so_by_itself(
    machine: Machine, gateway: FakeGateway, script: str
) -> None:
    machine.start()
    gateway.run(task("t-1", "trap 'exit 194' TERM\n" + script if "sleep" in script else script))
    if "sleep" in script:
        gateway.wait(lambda: bool(gateway.reports))
        gateway.stop("t-1")
    assert gateway.end_of("t-1").power == ""
    gateway.run(task("t-2", "true"))
    gateway.end_of("t-2")
    assert machine.power_orders == []


def test_hold_is_obeyed(machine: Machine, gateway: FakeGateway) -> None:
    answers = [wire.Ack(proceed=False, hold=50)] * 3
    gateway.acknowledge = lambda report: (
        answers.pop() if answers and report.kind != wire.RUNNING else wire.Ack()
    )
    machine.start()
    gateway.run(task("t-1", "exit 194"))
    wait_until(lambda: machine.power_orders == ["-r now"])
    assert len(gateway.finals("t-1")) == 4


def test_who_was_told_to_wait_waits_for_a_word_however_long_the_server_is_silent(
    machine: Machine, gateway: FakeGateway
) -> None:
    answers: list[Answer] = [503] * 5 + [wire.Ack(proceed=False, hold=10)]
    gateway.acknowledge = lambda report: (
        answers.pop() if answers and report.kind != wire.RUNNING else wire.Ack()
    )
    machine.start()
    gateway.run(task("t-1", "exit 194", power_wait=1))
    wait_until(lambda: machine.power_orders == ["-r now"], at_most=60)  # longer than its power_wait
    assert not answers


def test_a_word_that_comes_too_late_is_asked_for_again(
    machine: Machine, gateway: FakeGateway
) -> None:
    said: list[list[str]] = []

    def acknowledge(report: wire.Report) -> Answer:
        if report.power:
            said.append(machine.power_orders)
        if len(said) == 1:
            began = time.monotonic()
            wait_until(lambda: time.monotonic() - began > 0.1)
        return wire.Ack(within=100 if len(said) == 1 else 60_000)

    gateway.acknowledge = acknowledge
    machine.start()
    gateway.run(task("t-1", "exit 194"))
    wait_until(lambda: machine.power_orders == ["-r now"])
    assert said == [[], []]


def test_a_refused_action_is_not_taken_and_the_result_is_told(
    machine: Machine, gateway: FakeGateway
) -> None:
    gateway.acknowledge = lambda report: wire.Ack(refused=bool(report.power))
    machine.start()
    gateway.run(task("t-1", "echo kept; exit 194"))
    end = gateway.end_of("t-1")
    assert (end.exit_code, end.output) == (194, b"kept\n")
    wait_until(lambda: not list((machine.state / "tasks").iterdir()))
    gateway.run(task("t-2", "true"))  # it works on
    gateway.end_of("t-2")
    assert machine.power_orders == []
    machine.kill()
    machine.start()
    gateway.run(task("t-3", "true"))
    gateway.end_of("t-3")
    assert machine.power_orders == []


def test_one_that_waits_waits_on_after_its_agent_has_been_killed(
    machine: Machine, gateway: FakeGateway
) -> None:
    gateway.acknowledge = lambda report: wire.Ack(proceed=False, hold=20)
    machine.start()
    gateway.run(task("t-1", "exit 194", power_wait=1))
    gateway.wait(lambda: len(gateway.finals("t-1")) > 2)
    machine.kill()
    asked = len(gateway.finals("t-1"))
    machine.start()
    gateway.wait(lambda: len(gateway.finals("t-1")) > asked)
    assert machine.power_orders == []
    gateway.acknowledge = lambda report: wire.Ack()
    wait_until(lambda: machine.power_orders == ["-r now"])


def test_silent_server_is_not_waited_for_for_ever(machine: Machine, gateway: FakeGateway) -> None:
    gateway.acknowledge = lambda report: 503
    machine.start()
    gateway.run(task("t-1", "echo kept; exit 194", power_wait=1))
    wait_until(lambda: machine.power_orders == ["-r now"])
    machine.kill()
    machine.boot_id = "boot-2"
    gateway.acknowledge = lambda report: wire.Ack()
    machine.start()
    gateway.wait(lambda: "t-1" not in gateway.open)
    end = gateway.finals("t-1")[-1]
    assert (end.exit_code, end.power, end.output) == (194, "restart", b"kept\n")
    wait_until(lambda: not list((machine.state / "tasks").iterdir()))
    assert machine.power_orders == ["-r now"]


@pytest.mark.parametrize(
    "point",
    ["agent.exit", "agent.spool", "agent.before-power", "agent.power"],
)
def test_agent_killed_before_the_order(machine: Machine, gateway: FakeGateway, point: str) -> None:
    machine.register()
    gateway.run(task("t-1", f"echo ran >> {machine.root}/count; exit 193"))
    machine.start(die_at=point)
    machine.died()
    assert machine.power_orders == []
    machine.start()
    wait_until(lambda: machine.power_orders == ["-h now"])
    assert {(r.kind, r.exit_code, r.power) for r in gateway.finals("t-1")} == {
        (wire.FINISH, 193, "stop")
    }
    assert (machine.root / "count").read_text() == "ran\n"


@pytest.mark.parametrize("point", ["agent.power", "agent.after-power", "agent.ack"])
def test_order_is_not_repeated_after_the_boot(
    machine: Machine, gateway: FakeGateway, point: str
) -> None:
    machine.register()
    gateway.run(task("t-1", "exit 193"))
    machine.start(die_at=point)
    machine.died()
    orders = machine.power_orders
    machine.boot_id = "boot-2"
    machine.start()
    wait_until(lambda: not list((machine.state / "tasks").iterdir()))
    assert machine.power_orders == orders


def test_other_commands_run_on_meanwhile(machine: Machine, gateway: FakeGateway) -> None:
    os.mkfifo(machine.root / "gate")
    machine.start()
    gateway.run(task("t-1", f"read x < {machine.root}/gate"))
    gateway.wait(lambda: bool(gateway.reports))
    gateway.run(task("t-2", "exit 194"))
    wait_until(lambda: machine.power_orders == ["-r now"])
    (machine.root / "gate").write_text("x\n")
    assert gateway.end_of("t-1").exit_code == 0


def test_refused_outside_of_a_sandbox(machine: Machine, gateway: FakeGateway) -> None:
    boot = machine.root / "boot.json"
    boot.write_text(
        json.dumps(
            {
                "server": gateway.url,
                "activationId": "id",
                "activationCode": "code",
                "instanceId": "i-1",
                "regionId": "cn-test",
                "name": "n",
                "launcherPidNamespace": os.readlink("/proc/self/ns/pid"),
                "powerCommand": None,
            }
        )
    )
    machine.options = (f"--boot={boot}",)
    machine.start()
    gateway.run(task("t-1", "exit 194"))
    assert gateway.end_of("t-1").exit_code == 194
    wait_until(lambda: "power refused" in machine.log)
    assert machine.power_orders == []
