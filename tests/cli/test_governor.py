"""`cloudhand governor`, and what commands say of machines that wait for their turn."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloudhand.core.ids import InstanceId
from tests.api.cloud import Cloud, cloud
from tests.cli.conftest import Cli
from tests.cli.test_power import time_passes
from tests.machines import exit_with


@pytest.fixture
def it(tmp_path: Path) -> Iterator[Cloud]:
    """One of its own, whose machines restart by every command."""
    with cloud(tmp_path) as running:
        running.world.machines.behave = exit_with(194)
        yield running


@pytest.fixture
def fleet(it: Cloud) -> list[InstanceId]:
    return it.instances(3, instance_name="db-[1,1]", tags={"role": "db"})


def lost(it: Cloud, instance_id: InstanceId) -> None:
    """It holds its slot, and does not come back."""
    it.world.machine(instance_id).has_agent = False
    it.do(lambda world: world.control.instances.reboot([instance_id], force=False, together=True))
    it.advance(seconds=2)
    it.to_the_present()


def test_a_group_is_set_listed_and_removed(it: Cloud, cli: Cli, fleet: list[InstanceId]) -> None:
    nothing = cli("governor", "list")
    assert (nothing.stdout, "Nothing is governed" in nothing.stderr) == ("", True)
    words = ("--at-a-time", "67%", "--lease", "30m", "--restarts", "3", "--within", "2h")
    made = cli("governor", "set", "db", "--tag", "role=db", *words)
    assert made.stdout == (
        "db: 3 machines with role=db, 2 (67%) at a time, those that are offline counted; each for"
        " 30 min at most, and 3 times within 2 h\n"
    )
    assert cli("governor", "set", "all", "--ignore-offline").returncode == 0
    changed = cli("governor", "set", "db", "--restarts", "4")
    assert "with role=db, 2 (67%)" in changed.stdout and "4 times within 2 h" in changed.stdout
    cli("governor", "set", "db", "--restarts", "3")
    assert cli("governor", "list").stdout.splitlines()[1:] == [
        "all\t3\t1\t0\t0\tall machines",
        "db\t3\t2 (67%)\t0\t0\trole=db",
    ]
    assert json.loads(cli("governor", "list", "--json").stdout)[1] == {
        "group": "db",
        "tags": {"role": "db"},
        "machines": 3,
        "budget": "67%",
        "atATime": 2,
        "restarting": 0,
        "waiting": 0,
        "leaseSeconds": 1800,
        "restarts": 3,
        "withinSeconds": 7200,
        "countsOffline": True,
        "fleetLock": False,
    }
    assert cli("governor", "remove", "db").returncode == 0
    gone = cli("governor", "remove", "db")
    assert (gone.returncode, "no group of the specified" in gone.stderr) == (3, True)
    assert cli("governor", "set", "x", "--at-a-time", "0").returncode == 2
    assert cli("governor", "set", "x", "--tag", "a=b", "--all-machines").returncode == 2
    assert cli("governor", "show", "x").returncode == 3
    assert cli("governor", "set", "x", "--lease", "soon").returncode == 2


def test_machines_restart_in_turns_and_each_says_for_whom_it_waits(
    it: Cloud, cli: Cli, fleet: list[InstanceId]
) -> None:
    cli("governor", "set", "db", "--tag", "role=db", "--ignore-offline")
    with time_passes(it):
        told = cli("reboot", "--tag", "role=db", "--yes")
    assert told.returncode == 0, told.stderr
    assert len(re.findall(r"db-\d \S+ restarted: boot", told.stdout)) == 3


def test_who_waits_is_told_by_name(it: Cloud, cli: Cli, fleet: list[InstanceId]) -> None:
    cli("governor", "set", "db", "--tag", "role=db", "--ignore-offline")
    lost(it, fleet[0])
    it.do(lambda world: world.run(fleet[1]))
    it.do(lambda world: world.settle())
    held, waiting = cli("governor", "show").stdout.splitlines()
    assert re.fullmatch(
        rf"db\tdb-1 {fleet[0]}\trestarts, until \S+ \S+ UTC at most; RebootInstances", held
    )
    assert re.fullmatch(
        rf"db\tdb-2 {fleet[1]}\twaits for its turn in db \(1 at a time\): db-1 restarts;"
        r" exit code of t-\w+",
        waiting,
    )
    assert len(json.loads(cli("governor", "show", "db", "--json").stdout)) == 2

    result = cli("result", re.search(r"t-\w+", waiting)[0])  # type: ignore[index]
    assert "waits for its turn in db (1 at a time): db-1 restarts" in result.stdout

    released = cli("governor", "release", "db-2")
    assert released.stdout == f"db db-2 {fleet[1]} waits no longer, and does not restart\n"
    it.advance(seconds=10)
    it.to_the_present()
    assert it.world.machine(fleet[1]).boots == 1
    result = cli("result", re.search(r"t-\w+", waiting)[0])  # type: ignore[index]
    assert (
        f"db-2 {fleet[1]} does not restart: withdrawn by root with ReleaseGovernorSlot"
        in result.stdout
    )
    assert result.returncode == 1

    assert cli("governor", "release", "db-1").stdout == f"db db-1 {fleet[0]} is released\n"
    nobody = cli("governor", "release", "db-1")
    assert (nobody.returncode, "neither holds a slot" in nobody.stderr) == (2, True)
    assert cli("governor", "show").stdout == ""
    history = cli("governor", "show", "--history").stdout
    assert "was released at" in history and "waited no longer at" in history


def test_what_was_ordered_from_outside_stands(it: Cloud, cli: Cli, fleet: list[InstanceId]) -> None:
    cli("governor", "set", "db", "--ignore-offline")
    lost(it, fleet[0])
    lost(it, fleet[1])
    listed = cli("instances")
    assert re.search(rf"{fleet[1]}\tdb-2\tStarting\tonline\t", listed.stdout)
    assert listed.stderr == (
        f"db-2 {fleet[1]} waits for its turn in db (1 at a time): db-1 restarts, and works until"
        " then\n"
    )
    told = cli("governor", "release", "db-2")
    assert (told.returncode, "was ordered by RebootInstances, and stands" in told.stderr) == (
        2,
        True,
    )


def test_other_tools_are_given_an_address(it: Cloud, cli: Cli) -> None:
    cli("governor", "set", "db")
    told = cli("governor", "fleetlock", "db")
    assert re.fullmatch(r"http://127.0.0.1:\d+/fleetlock/\d{16}/[0-9a-f]{48}\n", told.stdout)
    assert 'group = "db"' in told.stderr
    off = cli("governor", "fleetlock", "db", "--off")
    assert (off.returncode, off.stdout) == (0, "")
