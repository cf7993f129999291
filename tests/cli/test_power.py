"""`cloudhand start`, `stop` and `reboot`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import pytest

from cloudhand.core.ids import InstanceId
from tests.api.cloud import Cloud
from tests.cli.conftest import Cli


@contextmanager
def time_passes(it: Cloud) -> Iterator[None]:
    """What loops do only later is done meanwhile."""
    over = Event()

    def pass_on() -> None:
        while not over.wait(0.05):
            it.advance(seconds=1)

    with ThreadPoolExecutor(1) as pool:
        passing = pool.submit(pass_on)
        try:
            yield
        finally:
            over.set()
            passing.result(20)


def status(it: Cloud, instance_id: InstanceId) -> str | None:
    return it.do(lambda world: world.status(instance_id))


def test_a_restart_is_waited_for_and_told_with_both_boots(it: Cloud, cli: Cli) -> None:
    (instance_id,) = it.instances()
    before = it.world.machine(instance_id).boot_id

    with time_passes(it):
        told = cli("reboot", instance_id)

    assert told.returncode == 0, told.stderr
    assert re.fullmatch(rf".*{instance_id} restarted: boot boot-\S+→boot-\S+\n", told.stdout)
    assert it.world.machine(instance_id).boot_id != before


def test_a_machine_is_stopped_and_started(it: Cloud, cli: Cli) -> None:
    one, other = it.instances(2)

    with time_passes(it):
        stopped = cli("stop", one, "--force")
        refused = [cli("run", "--on", one, "--", "true"), cli("reboot", one)]
        assert status(it, one) == "Stopped"
        started = cli("start", one, other)

    assert (stopped.returncode, started.returncode) == (0, 0)
    assert f"{one} stopped: boot " in stopped.stdout
    assert f"{one} started: boot " in started.stdout
    assert f"{other} is Running already" in started.stderr
    for told in refused:
        assert told.returncode == 2
        assert f"`cloudhand start {one}`" in told.stderr


def test_all_of_them_ask_for_their_number(it: Cloud, cli: Cli) -> None:
    ids = it.instances(2)

    told = cli("stop", "--all")
    dry = cli("reboot", "--all", "--dry-run")

    assert told.returncode == 2
    assert "this would stop 2 machines" in told.stderr
    assert "add --yes" in told.stderr
    assert all(instance_id in told.stderr for instance_id in ids)
    assert dry.stderr == "This would restart 2 machines. Nothing was done.\n"
    assert {status(it, instance_id) for instance_id in ids} == {"Running"}


def test_a_tag_chooses(it: Cloud, cli: Cli) -> None:
    it.instances()
    (wanted,) = it.instances(1, tags={"env": "prod"})

    told = cli("reboot", "--tag", "env=prod", "--dry-run")
    named = cli("reboot", "--on", wanted, "--dry-run")

    assert told.stdout.split("\t")[0] == wanted
    assert "1 machine." in told.stderr
    assert named.stdout == told.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "name instances, or choose"),
        (("i-nowhere",), "cannot find i-nowhere"),
        (("i-1", "--all"), "one of their names"),
        (("--tag", "a=b"), "no machine is tagged a=b"),
    ],
)
def test_who_is_meant_must_be_clear(it: Cloud, cli: Cli, words: tuple[str, ...], says: str) -> None:
    told = cli("stop", *words)
    assert told.returncode == 2
    assert says in told.stderr


def test_nothing_to_start_is_no_error(it: Cloud, cli: Cli) -> None:
    it.instances()
    told = cli("start", "--all")
    assert told.returncode == 0
    assert "there is nothing to start" in told.stderr
