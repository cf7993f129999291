"""Machines that are adopted over ssh, from an inventory: real sshd, the real installer."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system import processes
from tests.system.adoptable import NO_KEYS, NO_PYTHON, Machines, missing
from tests.system.place import Child, Place, Plane, ended, place
from tests.system.waiting import until

pytestmark = [
    pytest.mark.drawn,
    pytest.mark.skipif(bool(missing()), reason=missing() or "it can"),
]

_JOINED = "test -e /var/lib/cloudhand-agent/identity.json"
_COUNT = int(os.environ.get("CLOUDHAND_TEST_MACHINES", "6"))


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[Plane]:
    # What is adopted here has another parent: its machine's first process.
    with place(tmp_path / "place", adopts=False) as one:
        plane = Plane(one, "--tls")
        try:
            plane.start()
            yield plane
        finally:
            plane.end()


@pytest.fixture
def machines(tmp_path: Path, plane: Plane) -> Iterator[Machines]:
    """They end first: those that live are something that is left."""
    assert plane.process is not None
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with Machines(tmp_path / "machines", port) as some:
        yield some


class Adopting:
    """`cloudhand adopt` against a control plane, with what the machines are reached by."""

    def __init__(self, plane: Plane, machines: Machines) -> None:
        self.place: Place = plane.place
        self._plane = plane
        self._machines = machines

    def inventory(self, text: str) -> str:
        """One that says, too, how all of its machines are reached."""
        path = self._machines.folder / "hosts.ini"
        key, port = self._machines.key, self._machines.port
        path.write_text(
            f"{text}\n[all:vars]\nansible_port={port}\nansible_user=root\n"
            f"ansible_ssh_private_key_file='{key}'\n"
        )
        return str(path)

    def start(self, *words: str) -> Child:
        at = ("--at", self._plane.client.endpoint.url, "--state", str(self._plane.state))
        return self.place.start("adopt", "-F", str(self._machines.config), *at, *words)

    def __call__(self, *words: str) -> tuple[int, dict[str, tuple[str, str]], str]:
        """The exit code; by names, how they ended, with id or reason; what else was said."""
        return told(self.start(*words))


def told(child: Child) -> tuple[int, dict[str, tuple[str, str]], str]:
    said = ended(child)
    lines = [line.split("  ", 2) for line in said.stdout.splitlines()]
    found = {name: (state, "".join(rest)) for name, state, *rest in lines}
    assert len(found) == len(lines)
    return said.returncode, found, said.stderr


@pytest.fixture
def adopt(plane: Plane, machines: Machines) -> Adopting:
    return Adopting(plane, machines)


def managed(plane: Plane) -> dict[str, str]:
    """Ids by names."""
    found = plane.call("DescribeManagedInstances", PageSize=50)
    assert found["TotalCount"] == len(found["Instances"])
    return {one["InstanceName"]: one["InstanceId"] for one in found["Instances"]}


def secrets_shown() -> set[str]:
    """Words that hold the code of an activation, of any process here or on a machine of ours."""
    words = [process.words for process in processes.below(os.getpid()).values()]
    given = {
        after
        for one in words
        for word, after in zip(one, one[1:], strict=False)
        if word == "--activation-code"
    }
    return (given - {"-"}) | {word for one in words for word in one if "&code=" in word}


def test_a_fleet_is_adopted_and_a_second_run_does_the_rest(
    plane: Plane, machines: Machines, adopt: Adopting
) -> None:
    names = [f"web{number:02}" for number in range(1, _COUNT + 1)]
    refused, without_python, closed = names[1], names[_COUNT // 2], names[-1]
    addresses = {name: f"127.0.{number // 200 + 1}.{number % 200 + 1}"
                 for number, name in enumerate(names)}  # fmt: skip
    breaks = {without_python: NO_PYTHON, closed: NO_KEYS}
    for name in names:
        if name != refused:
            machines.start(addresses[name], name, before=breaks.get(name, (":",)))
    machines.listening()
    hosts = "".join(f"{name} ansible_host={address}\n" for name, address in addresses.items())
    listed = adopt.inventory(
        f"{hosts}[front]\nweb[01:{_COUNT - 1:02}]\n[last]\n{names[-1]}\n{names[-2]}\n"
        "[house:children]\nfront\nlast\n"
    )

    child = adopt.start("-i", listed, "--yes", "--tag", "room=3")
    shown: set[str] = set()

    def over() -> bool:
        shown.update(secrets_shown())
        return child.poll() is not None

    until(over, at_most=150)
    code, first, said = told(child)
    assert (code, shown) == (1, set())
    broken = {name: first.pop(name) for name in (refused, without_python, closed)}
    why = broken[without_python][1]
    assert why.startswith("no Python 3.9 or later with its standard library")
    assert "no published agent for linux-" in why and f"{plane.state}/agents" in why
    assert broken == {
        refused: (
            "failed",
            f"connection refused: nobody listens at {addresses[refused]} port {machines.port}",
        ),
        without_python: ("failed", why),
        closed: (
            "failed",
            "Permission denied (publickey): it lets in none of the keys that ssh has",
        ),
    }
    assert {state for state, _ in first.values()} == {"online"}
    assert f"{_COUNT - 3} online, 3 failed; the same command again goes on" in said
    assert managed(plane) == {name: one for name, (_, one) in first.items()}
    chosen = plane.place.run(
        *("run", "--state", str(plane.state), "--tag", "group:front=yes", "--tag", "room=3"),
        *("--yes", "--", "hostname"),
    )
    front = sorted(set(names[:-1]) & set(first))
    assert sorted(re.findall("^web..$", chosen.stdout, re.MULTILINE)) == front, chosen

    machines.start(addresses[refused], refused)
    machines.listening()
    code, second, said = adopt("-i", listed, "--yes", "--tag", "room=3")
    assert code == 1
    assert second.pop(refused)[0] == "online"
    assert {second.pop(name) for name in (without_python, closed)} == {
        broken[without_python],
        broken[closed],
    }
    assert second == {name: ("already online", one) for name, (_, one) in first.items()}
    activations = plane.call("DescribeActivations")["ActivationList"]
    used = sorted((one["RegisteredCount"], one["Disabled"]) for one in activations)
    assert used == [(1, True), (_COUNT - 3, True)]


def test_whoever_is_interrupted_goes_on(plane: Plane, machines: Machines, adopt: Adopting) -> None:
    names = ["one", "two", "three", "four"]
    for number, name in enumerate(names, 1):
        machines.start(f"127.0.1.{number}", name)
    machines.listening()
    listed = adopt.inventory(
        "".join(f"{name} ansible_host=127.0.1.{n}\n" for n, name in enumerate(names, 1))
    )
    child = adopt.start("-i", listed, "--at-a-time", "2")
    # The moment at which it has joined, and nothing starts its agent yet.
    until(lambda: machines.run("one", _JOINED).returncode == 0, what="its having joined")
    child.send_signal(signal.SIGINT)
    code, first, said = told(child)
    assert code == 130
    states = {state for state, _ in first.values()}
    assert states <= {"online", "interrupted"} and first["one"][0] in states
    assert all(told.endswith(" there") for state, told in first.values() if state == "interrupted")
    # Whatever had become of them, each is counted.
    counted = sum(map(int, re.findall(r"\b(\d+) (?:online|interrupted|not begun)", said)))
    assert counted == len(names) and "; the same command again goes on" in said

    code, second, said = adopt("-i", listed)
    assert code == 0, second
    assert set(second) == set(names)
    assert managed(plane) == {name: one for name, (_, one) in second.items()}
    assert "is another now" not in said
    activations = plane.call("DescribeActivations")["ActivationList"]
    assert all(one["Disabled"] for one in activations)


# Its sessions; the first process listens.
_CUT = (
    "for pid in $(cat /proc/1/task/1/children); do"
    " if grep -q '^sshd: root' /proc/$pid/cmdline; then kill -9 $pid; fi; done"
)


def test_a_connection_that_breaks_leaves_nothing_half_done(
    plane: Plane, machines: Machines, adopt: Adopting
) -> None:
    machines.start("127.0.1.1", "one")
    machines.listening()
    listed = adopt.inventory("one ansible_host=127.0.1.1\n")
    child = adopt.start("-i", listed)
    until(lambda: machines.run("one", _JOINED).returncode == 0, what="its having joined")
    machines.run("one", _CUT)
    code, first, _ = told(child)
    assert code == 1
    assert re.fullmatch(r"(?:mi-\w+  )?the connection broke: .*", first["one"][1])

    code, second, _ = adopt("-i", listed)
    assert (code, second["one"][1]) == (0, managed(plane)["one"])
    assert plane.call("DescribeManagedInstances")["TotalCount"] == 1


def test_a_machine_that_is_half_joined_is_brought_to_its_end(
    plane: Plane, machines: Machines, adopt: Adopting
) -> None:
    machines.start("127.0.1.1", "one")
    machines.start("127.0.1.2", "two")
    machines.listening()
    listed = adopt.inventory("one ansible_host=127.0.1.1\nalias ansible_host=127.0.1.1\n")
    code, first, _ = adopt("-i", listed, "--at-a-time", "1")
    (state, machine) = first["one"]
    assert (code, state) == (0, "online")
    assert first["alias"] == ("already online", f"{machine}  it is one, too")

    # It has joined, and was cut off before anything was installed.
    machines.run("one", "systemctl disable --now cloudhand-agent")
    machines.run("one", "rm -r /usr/local/lib/cloudhand-agent /etc/systemd/system/cloudhand*")
    until(lambda: not plane.call("DescribeManagedInstances", Connected="true")["Instances"])
    code, again, _ = adopt("-i", listed, "--limit", "one", "--tag", "room=4")
    assert (code, again) == (0, {"one": ("online", machine)})
    (tags,) = [one["Tags"] for one in plane.call("DescribeManagedInstances")["Instances"]]
    assert tags == [{"TagKey": "room", "TagValue": "4"}]

    full = [{"Key": f"k{number}", "Value": ""} for number in range(19)]
    plane.call("TagResources", ResourceType="managedinstance", ResourceId=[machine], Tag=full)
    code, more, _ = adopt("-i", listed, "--limit", "one", "--tag", "room=4", "--tag", "more=1")
    assert (code, more["one"][0]) == (1, "failed")
    assert more["one"][1].startswith(f"{machine}  its tags cannot be put: ")

    # The control plane knows of it, and it does not itself: the answer was lost.
    machines.run("one", "/usr/local/bin/systemctl disable; rm -r /var/lib/cloudhand-agent")
    until(lambda: not plane.call("DescribeManagedInstances", Connected="true")["Instances"])
    code, anew, said = adopt("-i", listed, "--limit", "one")
    assert (code, anew["one"][0]) == (0, "online") and anew["one"][1] != machine
    assert f"one {machine} is offline, and one is another now: `cloudhand call Deregister" in said

    plane.call("DeregisterManagedInstance", InstanceId=anew["one"][1])
    code, again, _ = adopt("-i", listed, "--limit", "one")
    assert (code, again["one"][0]) == (0, "online")
    assert again["one"][1] not in (machine, anew["one"][1])

    # It belongs to another control plane, which cannot be asked.
    at = 's,"server": "[^"]*,"server": "https://127.0.0.1:9,; s,"instance_id": "mi-,&x,'
    machines.run(
        "one",
        f"/usr/local/bin/systemctl disable; sed -i '{at}' /var/lib/cloudhand-agent/identity.json",
    )
    code, other, _ = adopt("-i", listed, "--limit", "one")
    assert code == 1
    assert "has joined another control plane, which cannot be asked" in other["one"][1]


def test_each_reason_is_told(plane: Plane, machines: Machines, adopt: Adopting) -> None:
    machines.start("127.0.1.1", "one")
    machines.listening()
    other = machines.folder / "other"
    key = (machines.folder / "key.pub").read_text()
    other.write_text(f"[127.0.*]:{machines.port} {key}")
    known = "ansible_host=127.0.1.1 ansible_ssh_common_args='-o UserKnownHostsFile="
    with socket.create_server(("127.0.9.1", machines.port)):
        code, found, _ = adopt(
            *("-i", adopt.inventory(
                f"changed {known}{other}'\n"
                f"unknown {known}/dev/null'\n"
                "nowhere.invalid\n"
                "silent ansible_host=127.0.9.1 ansible_ssh_common_args='-o ConnectTimeout=1'\n"
                "windows ansible_connection=winrm\n"
                "deploy ansible_host=127.0.1.1 ansible_user=deploy ansible_become=no\n"
                "exe ansible_host=127.0.1.1 ansible_user=deploy ansible_become_exe=/opt/sudo\n"
                "far ansible_host=127.0.1.1\n"
            ), "--proxy", "http://127.0.0.1:9"),
        )  # fmt: skip
    reasons = {name: told for name, (state, told) in found.items() if state == "failed"}

    assert (code, len(reasons)) == (1, 8)
    assert reasons["changed"].startswith("host key changed: ")
    assert reasons["unknown"].startswith("host key unknown: ")
    assert reasons["nowhere.invalid"] == "name not found: ssh cannot resolve nowhere.invalid"
    assert reasons["silent"].startswith("timed out: ")
    assert reasons["windows"] == "its ansible_connection is winrm, and this goes over ssh"
    assert reasons["deploy"].startswith("deploy is not root there, and ansible_become says")
    assert reasons["exe"] == "deploy is not root there, and has no /opt/sudo"
    assert reasons["far"].startswith("the control plane cannot be reached from there: connection:")
    # Nobody has joined, so nothing is left of the activation either.
    assert plane.call("DescribeActivations")["TotalCount"] == 0


@pytest.mark.skipif(shutil.which("sudo") is None, reason="there is no sudo")
def test_who_is_not_root_goes_through_sudo(machines: Machines, adopt: Adopting) -> None:
    rule = "printf '%s\\n' 'Defaults !requiretty' 'deploy ALL=(ALL) {}' >/etc/sudoers"
    asks, lets = (("sh", "-c", rule.format(word)) for word in ("ALL", "NOPASSWD: ALL"))
    machines.start("127.0.1.1", "one", before=asks)
    machines.start("127.0.1.2", "two", before=lets)
    machines.listening()
    port = machines.port
    config = machines.config
    config.write_text(
        f"Host one two\n  User deploy\n  Port {port}\n  IdentityFile {machines.key}\n"
        f"Host one\n  HostName 127.0.1.1\nHost two\n  HostName 127.0.1.2\n{config.read_text()}"
    )
    listed = adopt.place.run("adopt", "--ssh-config", "-F", str(config), "--dry-run")
    assert listed.stdout == (f"one\tssh -F {config} -- one\t\ntwo\tssh -F {config} -- two\t\n"), (
        listed.stderr
    )
    said = ended(adopt.start("--ssh-config", "--json"))
    one, two = json.loads(said.stdout)["machines"]

    assert said.returncode == 1
    assert (one["name"], one["status"], one["instanceId"]) == ("one", "failed", "")
    assert one["reason"].startswith("sudo wants a password: ")
    assert (two["name"], two["status"], two["reason"]) == ("two", "online", "")
    code, found, _ = adopt("two")
    assert (code, found) == (0, {"two": ("already online", two["instanceId"])})
