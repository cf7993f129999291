"""The line that is pasted, on a machine without Python, with its own systemd."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.guest.guest import Guest, missing, started
from tests.guest.test_install import installed, line
from tests.official import program
from tests.rules.sources import ROOT
from tests.system.place import Place, Plane

_WHY_NOT = missing() or program.missing()
pytestmark = [
    pytest.mark.skipif(bool(_WHY_NOT), reason=_WHY_NOT or "it can"),
    pytest.mark.timeout(600),
]

_STATE = "systemctl show -p MainPID,ActiveEnterTimestamp aliyun"


@pytest.fixture
def stand_in(tmp_path: Path) -> Path:
    return program.written(tmp_path / "stand-in")


@pytest.fixture
def guest(tmp_path: Path, stand_in: Path) -> Iterator[Guest]:
    """Without Python, but for what the stand-in brings along, where nobody looks for it."""
    binds = (ROOT, Path(sys.base_prefix), stand_in.parent)
    with started(tmp_path / "guest", tmp_path / "guest.log", binds=binds) as one:
        one.run("rm -f /usr/bin/python3*")
        yield one


def test_it_joins_works_restarts_its_agent_and_is_left_as_it_was(
    plane: Plane, guest: Guest, stand_in: Path
) -> None:
    before = guest.files()
    without = guest.run(line(plane))
    assert without.returncode == 1
    assert "no published agent for linux-amd64 in " in without.stderr
    assert guest.files() == before

    (plane.state / "agents").mkdir()
    (plane.state / "agents/aliyun-service").write_bytes(stand_in.read_bytes())
    pasted = line(plane, "--tag", "room=3", "--name", "old")
    machine = installed(guest, pasted)
    first = guest.run(_STATE).stdout
    assert installed(guest, pasted) == machine
    assert guest.run(_STATE).stdout == first
    (told,) = plane.call("DescribeManagedInstances")["Instances"]
    assert (told["InstanceId"], told["InstanceName"]) == (machine, "old-001")
    assert plane.run(machine, "uname").output == b"Linux\n"

    # A later one comes by the line, too.
    assert guest.run("systemctl is-enabled aliyun").stdout == "enabled\n"
    later = program.written(stand_in.parent / "later", "2.2.3.640")
    (plane.state / "agents/aliyun-service").write_bytes(later.read_bytes())
    assert installed(guest, pasted) == machine
    assert "2.2.3.640" in guest.run("systemctl show -p ExecStart aliyun").stdout
    assert guest.run("ls -d /usr/local/share/aliyun-assist/2*").stdout.count("\n") == 1
    assert plane.run(machine, "uname").output == b"Linux\n"

    asked = plane.ask([machine], "setsid sleep 1000 & echo behind")
    assert [one.output for one in plane.settled(asked)] == [b"behind\n"]
    gone = guest.run(line(plane, after="--uninstall"))
    assert (gone.returncode, gone.stdout, gone.stderr) == (0, "removed\n", "")
    assert guest.run("pgrep -f 'sleep 1000'").returncode != 0
    assert guest.files() == before
    assert plane.call("DescribeManagedInstances")["TotalCount"] == 0


def test_what_was_not_let_in_leaves_nothing(plane: Plane, guest: Guest, stand_in: Path) -> None:
    (plane.state / "agents").mkdir()
    (plane.state / "agents/aliyun-service").write_bytes(stand_in.read_bytes())
    before = guest.files()
    used = line(plane)
    for one in plane.call("DescribeActivations")["ActivationList"]:
        plane.call("DisableActivation", ActivationId=one["ActivationId"])
    refused = guest.run(used)
    assert refused.returncode == 1
    assert "nothing was installed: the published agent was not let in: " in refused.stderr
    assert guest.files() == before


def test_it_does_not_join_without_https(alone: Place, guest: Guest) -> None:
    before = guest.files()
    plain = Plane(alone)
    try:
        plain.start()
        refused = guest.run(line(plain))
    finally:
        plain.end()
    assert refused.returncode == 1
    assert "the published agent speaks https alone" in refused.stderr
    assert guest.files() == before
