"""Real instances that are restarted one after the other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

import pytest

from tests.system.place import Plane


@pytest.fixture
def fleet(shared: Plane) -> Iterator[list[str]]:
    ids = shared.instances(3)
    yield ids
    shared.release(ids)


def test_each_has_the_proof_of_its_new_boot_before_the_next(
    shared: Plane, fleet: list[str]
) -> None:
    before = {one: shared.boot_id(one) for one in fleet}
    shared.run(fleet[1], "touch /var/lib/ill")
    check = "test ! -e /var/lib/ill"
    words = ("--at-a-time", "1", "--max-errors", "1", "--check", check, "--yes")

    told = shared.place.run("reboot", *fleet, *words, "--state", str(shared.state))

    assert told.returncode == 1, told.stderr
    after = {one: shared.boot_id(one) for one in fleet}
    assert all(before[one] != after[one] for one in fleet)
    by_id = {one: line for one in fleet for line in told.stdout.splitlines() if one in line}
    for one in fleet:
        boots = f"boot {before[one][:8]}→{after[one][:8]}"
        end = "its check failed: exit code 1 .t-.*" if one == fleet[1] else "its check succeeded"
        assert re.search(rf"restarted: {boots}; {end}$", by_id[one])


def test_those_are_left_alone_of_which_no_restart_is_due(shared: Plane, fleet: list[str]) -> None:
    before = {one: shared.boot_id(one) for one in fleet}
    shared.run(fleet[0], "touch /run/reboot-required")

    told = shared.place.run(
        *("reboot", *fleet, "--at-a-time", "2", "--if-needed"), "--state", str(shared.state)
    )

    assert told.returncode == 0, told.stderr
    restarted = [one for one in fleet if shared.boot_id(one) != before[one]]
    due = shared.run(fleet[0], "test -e /run/reboot-required")
    assert restarted == [fleet[0]]
    assert due.exit_code == 1  # /run does not outlive a boot
    assert told.stdout.count("need not restart") == 2


def test_under_a_governor_they_go_down_one_at_a_time_by_whatever_way(
    shared: Plane, fleet: list[str]
) -> None:
    before = {one: shared.boot_id(one) for one in fleet}
    shared.call("SetGovernorGroup", GroupName="all", CountsOffline=False)
    try:
        shared.call("RebootInstances", InstanceId=[fleet[0]])
        invoke_id = shared.ask(fleet[1:], "exit 194")
        for result in shared.settled(invoke_id):
            assert result.whole
        shared.wait(fleet)
        slots = shared.call("DescribeGovernorSlots", Ended=True)["Slots"]
    finally:
        shared.call("DeleteGovernorGroup", GroupName="all")
    assert all(shared.boot_id(one) != before[one] for one in fleet)
    assert {slot["Status"] for slot in slots} == {"Returned"}
    spans = sorted((slot["HeldTime"], slot["EndTime"]) for slot in slots)
    assert len(spans) == 3
    assert all(end <= began for (_, end), (began, _) in pairwise(spans))
