"""`cloudhand agent upgrade`: a few at a time, until all are upgraded or one is not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cloudhand.cli.upgrading import BY_ITSELF
from cloudhand.core.automatic_upgrade import Stance
from cloudhand.wire.release import ROLLED_BACK, UPGRADED, Order, Outcome
from tests.api.cloud import Cloud, cloud
from tests.cli.conftest import Cli
from tests.cli.test_power import time_passes
from tests.machines import Machine, Upgrading
from tests.sessions import own_machine

pytestmark = pytest.mark.drawn

ROOM = (("room", "3"),)


@pytest.fixture
def it(tmp_path: Path) -> Iterator[Cloud]:
    with cloud(tmp_path) as running:
        yield running


@pytest.fixture
def fleet(it: Cloud) -> list[Machine]:
    return [it.do(lambda w, n=n: own_machine(w, f"web-{n}", tags=ROOM)) for n in (1, 2, 3)]  # type: ignore[misc]


def failing(*names: str) -> Upgrading:
    def upgrade(machine: Machine, order: Order) -> Outcome:
        if machine.instance_id in names:
            return Outcome(order.id, ROLLED_BACK, "it was not online within 60 s")
        return Outcome(order.id, UPGRADED)

    return upgrade


def test_each_is_upgraded_and_told(it: Cloud, cli: Cli, fleet: list[Machine]) -> None:
    look = cli("agent", "upgrade", "--tag", "room=3", "--dry-run")
    assert look.returncode == 0
    assert look.stderr.splitlines() == [
        "This would upgrade 3 machines. Nothing was done.",
        "The control plane upgrades none by itself.",
    ]
    assert re.fullmatch(r"(web-\d mi-\S+ 0\.1\.0 → 0\.2\.0\n){3}", look.stdout)
    assert not any(one.orders for one in fleet)

    told = cli("agent", "upgrade", "--tag", "room=3", "--at-a-time", "2")
    assert (told.returncode, told.stderr) == (0, "")
    line = r"web-\d mi-\S+ upgraded: 0\.1\.0 → 0\.2\.0, online after \d+ s\n"
    assert re.fullmatch(f"({line}){{3}}", told.stdout)

    again = cli("agent", "upgrade", "--tag", "room=3")
    digest = it.world.releases.release.digest[:8]
    assert again.returncode == 0
    assert re.fullmatch(rf"(web-\d mi-\S+ already 0\.2\.0 \({digest}\)\n){{3}}", again.stdout)
    assert all(len(one.orders) == 1 for one in fleet)


def test_what_the_control_plane_does_by_itself_is_told_of_each_stance() -> None:
    assert set(BY_ITSELF) == set(Stance)


def test_at_the_first_that_fails_no_more_are_begun(
    it: Cloud, cli: Cli, fleet: list[Machine]
) -> None:
    first, second, third = fleet
    it.world.machines.upgrading = failing(second.instance_id)
    told = cli("agent", "upgrade", "--all", "--yes")
    assert told.returncode == 1
    lines = told.stdout.splitlines()
    assert lines[0].startswith(f"web-1 {first.instance_id} upgraded: ")
    assert lines[1:] == [
        f"web-2 {second.instance_id} went back to 0.1.0: it was not online within 60 s",
        f"web-3 {third.instance_id} was left as it is: its turn did not come",
    ]
    assert not third.orders


def test_who_cannot_be_is_told_and_holds_nobody_up(
    it: Cloud, cli: Cli, fleet: list[Machine]
) -> None:
    by_hand = it.do(lambda world: own_machine(world, "by-hand", tags=ROOM, upgradable=False))
    told = cli("agent", "upgrade", "--tag", "room=3", "--at-a-time", "3")
    assert told.returncode == 1
    assert f"by-hand {by_hand.instance_id} cannot be upgraded: its agent was not" in told.stdout
    assert told.stdout.count(" upgraded: 0") == 3


def test_one_that_says_nothing_is_told_as_that(it: Cloud, cli: Cli, fleet: list[Machine]) -> None:
    it.world.machines.upgrading = lambda machine, order: None
    with time_passes(it):
        told = cli("agent", "upgrade", "--on", "web-1")
    assert told.returncode == 1
    assert "is not known to be upgraded: its agent has not told what became of it" in told.stdout
    assert told.stderr.count("Waiting for web-1") == 1


def test_of_one_version_the_packages_are_named(it: Cloud, cli: Cli, fleet: list[Machine]) -> None:
    offered = it.world.releases.release
    it.world.releases.release = replace(offered, version="0.1.0")
    told = cli("agent", "upgrade", "--on", "web-1")
    old, new = "0.1.0 (00000000)", f"0.1.0 ({offered.digest[:8]})"
    assert f"upgraded: {old} → {new}, online" in told.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "name machines with --on, or choose them with --tag or --all"),
        (("--tag", "room=4"), "no machine is tagged room=4"),
        (("--on", "web-9"), "cannot find web-9"),
        (("--on", "web-1", "--all"), "name the instances by one of"),
        (("--all",), "nobody is here to be asked: add --yes"),
        (("--all", "--at-a-time", "0"), "0"),
    ],
)
def test_what_is_not_clear_is_asked(
    cli: Cli, fleet: list[Machine], words: tuple[str, ...], says: str
) -> None:
    told = cli("agent", "upgrade", *words)
    assert told.returncode == 2
    assert says in told.stderr
    assert not any(one.orders for one in fleet)


def test_instances_have_none_of_their_own(it: Cloud, cli: Cli) -> None:
    it.instances(1, tags={"room": "5"})
    told = cli("agent", "upgrade", "--tag", "room=5")
    assert (told.returncode, "none of these is a machine of your own" in told.stderr) == (2, True)
