"""The line that is pasted, on a machine with its own systemd."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest

from cloudhand.cli import follow
from tests.guest.guest import Guest, missing
from tests.system.place import Place, Plane, place
from tests.system.waiting import until

pytestmark = [
    pytest.mark.skipif(bool(missing()), reason=missing() or "it can"),
    pytest.mark.timeout(1800),  # a guest boots, and boots again; an emulated one takes its time
]


_MAIN_PID = "systemctl show -p MainPID,ActiveEnterTimestamp cloudhand-agent"


def line(plane: Plane, *words: str, after: str = "") -> str:
    """What is pasted; inside one is root already. ``after``: words for the script."""
    at = ("--at", plane.client.endpoint.url, "--state", str(plane.state))
    told = plane.place.run("invite", *words, *at)
    assert told.returncode == 0, told.stderr
    return told.stdout.replace("sudo sh", f"sh -s -- {after}" if after else "sh").strip()


def installed(guest: Guest, pasted: str) -> str:
    """The id of the machine."""
    told = guest.run(pasted)
    assert told.returncode == 0, told.stdout + told.stderr
    found = re.search(r"^(mi-\S+) online$", told.stdout, re.MULTILINE)
    assert found, told.stdout
    return found[1]


def test_a_machine_joins_works_restarts_and_is_left_as_it_was(plane: Plane, guest: Guest) -> None:
    before = guest.files()
    pasted = line(plane, "--tag", "room=3")
    machine = installed(guest, pasted)

    first = guest.run(_MAIN_PID).stdout
    assert installed(guest, pasted) == machine
    assert guest.run(_MAIN_PID).stdout == first

    # A restart of the agent ends no script.
    asked = plane.ask(
        [machine], "touch /root/begun; until [ -e /root/go ]; do sleep 0.1; done; echo whole"
    )
    until(lambda: guest.run("test -e /root/begun").returncode == 0, what="its beginning")
    assert guest.run("systemctl restart cloudhand-agent && touch /root/go").returncode == 0
    (result,) = plane.settled(asked)
    assert (result.status, result.output) == ("Success", b"whole\n")
    guest.run("rm /root/begun /root/go")

    restarting = threading.Thread(target=guest.wait_for_restart)
    restarting.start()
    (result,) = plane.settled(plane.ask([machine], "echo down; exit 194"))
    restarting.join()
    assert (result.status, result.exit_code, result.output) == ("Success", 194, b"down\n")
    assert result.power is not None and result.power.status == "Done"
    assert result.power.boot_id_before != result.power.boot_id_after

    gone = guest.run("/usr/local/lib/cloudhand-agent/uninstall")
    assert (gone.returncode, gone.stdout.splitlines()[-1]) == (0, "removed"), gone.stderr
    assert guest.files() == before
    assert plane.call("DescribeManagedInstances")["TotalCount"] == 0


def test_what_cannot_be_installed_leaves_nothing(plane: Plane, guest: Guest) -> None:
    before = guest.files()
    used = line(plane)
    for activation in plane.call("DescribeActivations")["ActivationList"]:
        plane.call("DisableActivation", ActivationId=activation["ActivationId"])
    refused = guest.run(used)
    assert refused.returncode == 1
    assert "nothing was installed" in refused.stderr
    assert guest.files() == before

    far = guest.run(line(plane, after="--proxy http://127.0.0.1:9"))
    assert far.returncode == 1
    assert "FAIL  connection" in far.stdout and "paste the line again" in far.stderr
    assert guest.files() == before

    # As it is where only python3-minimal is installed.
    guest.run("mv /usr/lib/python3.11/json /usr/lib/python3.11/away")
    without = guest.run(line(plane))
    guest.run("mv /usr/lib/python3.11/away /usr/lib/python3.11/json")
    assert without.returncode == 1
    assert "Python 3.9 or later with its standard library" in without.stderr
    assert guest.files() == before

    unclear = guest.run(line(plane, after="--fast"))
    assert (unclear.returncode, "cannot understand '--fast'" in unclear.stderr) == (1, True)


def test_it_joins_without_https_as_well(alone: Place, guest: Guest) -> None:
    before = guest.files()
    plain = Plane(alone)
    try:
        plain.start()
        pasted = line(plain, after="--name 'the last one' --tag room=4")
        assert "--insecure" not in pasted
        machine = installed(guest, pasted)
        (told,) = plain.call("DescribeManagedInstances")["Instances"]
        again = guest.run(line(plain, after="--name another"))
        gone = guest.run(line(plain, after="--uninstall"))
    finally:
        plain.end()

    assert (told["InstanceId"], told["InstanceName"]) == (machine, "the last one")
    assert told["Tags"] == [{"TagKey": "room", "TagValue": "4"}]
    assert "it has joined already; its name and tags stay" in again.stderr
    assert (gone.returncode, gone.stdout.splitlines()[-1]) == (0, "removed")
    assert guest.files() == before


def test_another_release_is_started_though_a_first_attempt_failed(
    plane: Plane, guest: Guest
) -> None:
    machine = installed(guest, line(plane))
    guest.run("echo '# of an older release' >> /usr/local/lib/cloudhand-agent/uninstall")
    before = guest.run(_MAIN_PID).stdout
    far = guest.run(line(plane, after="--proxy http://127.0.0.1:9"))
    between = guest.run(_MAIN_PID).stdout
    again = installed(guest, line(plane))
    after = guest.run(_MAIN_PID).stdout

    assert (far.returncode, between, again) == (1, before, machine)
    assert after != before


def test_a_machine_of_another_control_plane_is_left_to_it(
    plane: Plane, guest: Guest, tmp_path: Path
) -> None:
    machine = installed(guest, line(plane))
    with place(tmp_path / "other", adopts=False) as elsewhere:
        other = Plane(elsewhere, "--tls")
        try:
            other.start()
            refused = guest.run(line(other))
            assert "has joined another control plane" in refused.stderr
            assert refused.returncode == 1
        finally:
            other.end()
    (result,) = follow.settled(plane.client, plane.ask([machine], "echo still here"))
    assert result.output == b"still here\n"
