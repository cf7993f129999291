"""The agent of a machine with its own systemd is upgraded; a bad one goes back; nothing is lost."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

import cloudhand
from cloudhand.core.assistant_settings import AgentUpgradeConfig
from tests.guest.guest import Guest, missing
from tests.guest.test_install import installed, line
from tests.rules.sources import SRC
from tests.system.place import Plane
from tests.system.waiting import until

pytestmark = [
    pytest.mark.skipif(bool(missing()), reason=missing() or "it can"),
    pytest.mark.timeout(1800),  # a bad one is tried for a minute
]

_LIBRARY = "/usr/local/lib/cloudhand-agent"


def becomes(plane: Plane, version: str, *, old: str = "", new: str = "") -> None:
    """Another release of Cloudhand is installed, and the control plane started anew with it.

    ``old`` and ``new``: a line of what the life of its agents is.
    """
    copy = plane.place.root / version
    shutil.copytree(SRC / "cloudhand", copy / "cloudhand")
    (copy / "cloudhand/agent_dist/cloudhand-agent.pyz").unlink(missing_ok=True)
    _change(copy / "cloudhand/__init__.py", f'"{cloudhand.__version__}"', f'"{version}"')
    if old:
        _change(copy / "cloudhand/agent/life.py", old, new)
    plane.stop()
    plane.place.extra = {"PYTHONPATH": str(copy)}
    plane.start()


def _change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def upgraded(plane: Plane, *words: str) -> tuple[int, str]:
    """How the command ended, and what it said."""
    child = plane.place.start("agent", "upgrade", *words, "--state", str(plane.state))
    out, err = child.communicate(timeout=600)
    return child.returncode, out + err


def test_it_is_upgraded_goes_back_from_a_bad_one_and_leaves_nothing(
    plane: Plane, guest: Guest
) -> None:
    before = guest.files()
    machine = installed(guest, line(plane, "--tag", "room=3"))
    asked = plane.ask(
        [machine],
        "echo ran >> /root/runs; until [ -e /root/go ]; do sleep 0.1; done; echo whole",
        Timeout=900,
    )
    until(lambda: guest.run("test -e /root/runs").returncode == 0, what="its beginning")

    first = cloudhand.__version__
    becomes(plane, "9.0.1")
    until(lambda: online(plane, machine), what="its coming back")
    code, told = upgraded(plane, "--tag", "room=3")
    assert (code, f"upgraded: {first} → 9.0.1, online after" in told) == (0, True), told
    assert guest.run(f"cat {_LIBRARY}/current").stdout == "b"
    assert guest.run("cloudhand-agent version").stdout.startswith("9.0.1 ")
    until(lambda: online(plane, machine), what="its coming back")

    # One that starts, and never joins.
    becomes(
        plane,
        "9.0.2",
        old="        inventory = self._runner.inventory()\n",
        new="        threading.Event().wait()\n        inventory = self._runner.inventory()\n",
    )
    until(lambda: online(plane, machine), what="its coming back")
    code, told = upgraded(plane, "--all", "--yes")
    assert code == 1
    assert "went back to 9.0.1: it was not online within 60 s" in told
    assert guest.run("cloudhand-agent version").stdout.startswith("9.0.1 ")
    assert guest.run("systemctl is-active cloudhand-agent").stdout == "active\n"

    # Nobody orders the next one, which the setting does once the release is another.
    kind = AgentUpgradeConfig.__name__
    config = {kind: '{"Enabled": false}'}
    plane.call("ModifyCloudAssistantSettings", SettingType=kind, **config)
    found = plane.call("DescribeAgentUpgrades", InstanceId=[machine])
    assert found["AutomaticUpgrades"] == "Halted"
    becomes(plane, "9.0.3")
    until(lambda: last(plane, machine)["Status"] == "Upgraded", what="its upgrade", at_most=120)
    assert last(plane, machine)["Automatic"]
    assert guest.run("cloudhand-agent version").stdout.startswith("9.0.3 ")

    guest.run("touch /root/go")
    (result,) = plane.settled(asked)
    assert (result.status, result.output) == ("Success", b"whole\n")
    assert guest.run("cat /root/runs").stdout == "ran\n"
    guest.run("rm /root/runs /root/go")
    (result,) = plane.settled(plane.ask([machine], "echo still here"))
    assert result.output == b"still here\n"

    gone = guest.run(f"{_LIBRARY}/uninstall")
    assert (gone.returncode, gone.stdout.splitlines()[-1]) == (0, "removed"), gone.stderr
    assert guest.files() == before


def online(plane: Plane, machine: str) -> bool:
    (agent,) = plane.call("DescribeAgentUpgrades", InstanceId=[machine])["Agents"]
    return bool(agent["Online"])


def last(plane: Plane, machine: str) -> dict[str, Any]:
    (agent,) = plane.call("DescribeAgentUpgrades", InstanceId=[machine])["Agents"]
    found: dict[str, Any] = agent["Upgrades"][0]
    return found


def test_one_that_has_one_slot_gets_two_when_the_line_is_pasted_again(
    plane: Plane, guest: Guest
) -> None:
    before = guest.files()
    pasted = line(plane)
    machine = installed(guest, pasted)
    # As releases before installed it.
    guest.run(
        f"cd {_LIBRARY} && mv a.pyz cloudhand-agent.pyz && rm current a.json release-key"
        " && sed -i 's|\"/usr.*pyz\"|/usr/local/lib/cloudhand-agent/cloudhand-agent.pyz|'"
        " /usr/local/bin/cloudhand-agent"
        " && sed -i 's| --slots .*||' /etc/systemd/system/cloudhand-agent.service"
        " && systemctl daemon-reload && systemctl restart cloudhand-agent"
    )
    until(lambda: refusal(plane, machine).startswith("its agent was not installed by"), what="it")
    assert installed(guest, pasted) == machine
    until(lambda: refusal(plane, machine) == "", what="its second slot")
    names = guest.run(f"ls {_LIBRARY}").stdout.split()
    assert names == ["a.json", "a.pyz", "current", "release-key", "uninstall"]
    guest.run(f"{_LIBRARY}/uninstall")
    assert guest.files() == before


def refusal(plane: Plane, machine: str) -> str:
    (agent,) = plane.call("DescribeAgentUpgrades", InstanceId=[machine])["Agents"]
    return str(agent["Refusal"])
