"""`cloudhand reboot` of a few machines at a time, each back and well before the next."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cloudhand.cli.client import Client
from cloudhand.core.ids import InstanceId
from cloudhand.core.orders import NewActivation
from cloudhand.wire import agent as wire
from tests.api.cloud import Cloud, cloud
from tests.cli.conftest import Cli
from tests.cli.test_power import time_passes
from tests.machines import Behaviour, Machine, finish

pytestmark = pytest.mark.drawn


def checked(*ill: str) -> Behaviour:
    """Machines on which a check succeeds, but for these."""

    def behave(machine: Machine, task: wire.Task) -> wire.Report:
        return finish(task, 4 if machine.instance_id in ill else 0, b"looked\n")

    return behave


@pytest.fixture
def it(tmp_path: Path) -> Iterator[Cloud]:
    """One of its own: its time goes on, and requests are signed with the real one."""
    with cloud(tmp_path) as running:
        yield running


@pytest.fixture
def fleet(it: Cloud) -> list[InstanceId]:
    """Four machines, in the order in which they are restarted."""
    it.world.machines.behave = checked()
    return it.instances(4, instance_name="box-[1,1]")


def boots(it: Cloud, fleet: list[InstanceId]) -> list[int]:
    return [it.world.machine(one).boots for one in fleet]


def test_each_is_back_and_well_before_the_next(
    it: Cloud, cli: Cli, fleet: list[InstanceId]
) -> None:
    with time_passes(it):
        told = cli("reboot", "--all", "--yes", "--at-a-time", "1", "--check", "systemctl status")

    assert told.returncode == 0, told.stderr
    assert boots(it, fleet) == [2, 2, 2, 2]
    assert [line.split()[:2] for line in told.stdout.splitlines()] == [
        [f"box-{number}", one] for number, one in enumerate(fleet, 1)
    ]
    well = r"box-\d \S+ restarted: boot boot-\S+→boot-\S+; its check succeeded"
    assert all(re.fullmatch(well, line) for line in told.stdout.splitlines())
    assert re.search(r"exec-\w+ asks 4 machines to restart, 1 at a time", told.stderr)


def test_after_one_that_is_not_well_no_other_is_restarted(
    it: Cloud, cli: Cli, fleet: list[InstanceId]
) -> None:
    it.world.machines.behave = checked(fleet[1])
    with time_passes(it):
        told = cli("reboot", "--all", "--yes", "--at-a-time", "1", "--check", "true")

    assert told.returncode == 1
    assert boots(it, fleet) == [2, 2, 1, 1]
    lines = told.stdout.splitlines()
    assert re.search(rf"{fleet[1]} restarted: boot .*; its check failed: exit code 4 .t-", lines[1])
    assert [line for line in lines if "left as it is: its turn did not come" in line] == lines[2:]
    assert re.search(r"exec-\w+ Failed: ", told.stderr)


def test_only_those_are_restarted_of_which_it_is_due(
    it: Cloud, cli: Cli, fleet: list[InstanceId]
) -> None:
    def behave(machine: Machine, task: wire.Task) -> wire.Report:
        asks = b"reboot-required" in task.content
        return finish(task, 194 if asks and machine.instance_id == fleet[0] else 0, b"")

    it.world.machines.behave = behave
    with time_passes(it):
        told = cli("reboot", fleet[0], fleet[1], "--at-a-time", "1", "--if-needed")

    assert told.returncode == 0, told.stderr
    assert boots(it, fleet) == [2, 1, 1, 1]
    first, second = told.stdout.splitlines()
    assert re.search(r"restarted: boot \S+→\S+$", first)
    assert second == f"box-2 {fleet[1]} need not restart"


def test_it_can_be_looked_at_before(it: Cloud, cli: Cli, fleet: list[InstanceId]) -> None:
    told = cli("reboot", "--all", "--at-a-time", "25%", "--if-needed", "--dry-run")
    assert told.returncode == 0, told.stderr
    assert "This would restart 4 machines, 25% at a time, if it is due. Nothing" in told.stderr
    assert boots(it, fleet) == [1, 1, 1, 1]


def span(begin: datetime, end: datetime) -> str:
    return f"{begin:%H:%M}-{end:%H:%M}"


def test_nothing_is_restarted_before_its_window_opens(
    it: Cloud, cli: Cli, fleet: list[InstanceId]
) -> None:
    opens = datetime.now(UTC) + timedelta(minutes=2)
    window = ("--window", span(opens, opens + timedelta(hours=1)), "--zone", "UTC")
    with time_passes(it):
        told = cli("reboot", *fleet[:2], "--at-a-time", "1", *window)
    assert told.returncode == 0, told.stderr
    words = rf"1 at a time, from \w+ {opens:%Y-%m-%d %H:%M} until \w+ \S+ \S+ in UTC"
    assert re.search(words, told.stderr)
    assert boots(it, fleet) == [2, 2, 1, 1]


def test_what_had_no_turn_when_the_window_is_over_is_left_as_it_is(
    it: Cloud, cli: Cli, fleet: list[InstanceId]
) -> None:
    now = datetime.now(UTC)
    window = ("--window", span(now, now + timedelta(minutes=4)), "--zone", "UTC")
    it.world.clock.move(timedelta(minutes=10))
    with time_passes(it):
        told = cli("reboot", fleet[0], "--at-a-time", "1", *window)
    assert told.returncode == 1
    assert told.stdout == f"box-1 {fleet[0]} was left as it is: the window is over\n"
    assert boots(it, fleet) == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--at-a-time", "0"), "--at-a-time 0"),
        (("--max-errors", "1"), "--max-errors goes with --at-a-time"),
        (("--force", "--check", "true"), "--force cuts the power at once"),
        (("--window", "soon"), "--window has no time in 'soon'"),
    ],
)
def test_what_cannot_be_meant_is_said(
    it: Cloud, cli: Cli, fleet: list[InstanceId], words: tuple[str, ...], why: str
) -> None:
    told = cli("reboot", fleet[0], *words)
    assert (told.returncode, why in told.stderr) == (2, True), told.stderr
    assert boots(it, fleet) == [1, 1, 1, 1]


def test_a_machine_of_ones_own_that_is_offline_cannot_restart(
    it: Cloud, cli: Cli, client: Client
) -> None:
    made, code = it.do(lambda world: world.control.activations.create(NewActivation()))
    machine = it.join(made.id, code)
    told = cli("reboot", machine, "--at-a-time", "1")
    client.call("DeregisterManagedInstance", {"InstanceId": machine})
    assert (told.returncode, "whose agent is offline" in told.stderr) == (2, True)
