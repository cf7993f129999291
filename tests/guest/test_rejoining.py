"""The line that is pasted where an agent is installed already, and is nobody any more."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.agent.proxies import Proxy
from tests.guest.guest import Guest, missing, way
from tests.guest.test_install import installed, line
from tests.system.place import Plane
from tests.system.waiting import until

pytestmark = [
    pytest.mark.skipif(bool(missing()), reason=missing() or "it can"),
    pytest.mark.timeout(600),  # a guest is made and boots
]

_PASTE = "paste the line that `cloudhand invite` prints"


def does(plane: Plane, machine: str) -> bool:
    """Whether it is the one that runs commands."""
    (result,) = plane.settled(plane.ask([machine], "echo here"))
    return (result.status, result.output) == ("Success", b"here\n")


def commands() -> Iterator[str]:
    """Of all processes that there are, those of a guest among them."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            yield path.read_bytes().replace(b"\0", b" ").decode(errors="replace")


def test_a_machine_that_is_nobody_any_more_joins_again(plane: Plane, guest: Guest) -> None:
    first = installed(guest, line(plane))

    # Its state is lost, while its agent still runs.
    guest.run("rm -r /var/lib/cloudhand-agent")
    assert _PASTE in guest.run("cloudhand-agent status").stderr
    second = installed(guest, line(plane))
    assert second != first and does(plane, second)

    # It was deregistered while it was off.
    guest.run("systemctl stop cloudhand-agent")
    plane.call("DeregisterManagedInstance", InstanceId=second)
    guest.run("systemctl start cloudhand-agent")
    until(
        lambda: guest.run("systemctl is-active cloudhand-agent").stdout == "failed\n",
        what="its resting",
    )
    assert _PASTE in guest.run("journalctl -u cloudhand-agent").stdout
    assert _PASTE in guest.run("cloudhand-agent doctor").stdout
    third = installed(guest, line(plane, "--tag", "room=3"))
    assert third not in (first, second) and does(plane, third)

    # It is a copy, of a machine that is off.
    other = "echo 0123456789abcdef0123456789abcdef >/etc/machine-id"
    guest.run(f"{other}; rm -f /var/lib/dbus/machine-id")
    assert "if it is a copy" in guest.run("cloudhand-agent doctor").stdout
    fourth = installed(guest, line(plane))
    assert fourth != third and does(plane, fourth)
    assert installed(guest, line(plane)) == fourth

    # Its control plane is made anew.
    address = urlsplit(plane.client.endpoint.url).netloc
    plane.end()
    plane.state = plane.place.root / "anew"
    plane.options = (*plane.options, "--listen", address)
    plane.start()
    # Its certificate is another's.
    assert "FAIL  certificate" in guest.run("cloudhand-agent doctor").stdout
    fifth = installed(guest, line(plane))
    assert fifth != fourth and does(plane, fifth)
    assert plane.call("DescribeManagedInstances")["TotalCount"] == 1


def test_a_machine_becomes_another_if_it_is_told_to(plane: Plane, guest: Guest) -> None:
    machine = installed(guest, line(plane))
    again = installed(guest, line(plane, after="--new"))
    assert again != machine and does(plane, again)


def test_the_password_of_a_proxy_is_in_no_list_of_processes(plane: Plane, guest: Guest) -> None:
    if way() != "nspawn":
        pytest.skip("the processes of a virtual machine are not seen from outside")
    shown: set[str] = set()
    with Proxy(secret="ann:s3cret", meanwhile=lambda: shown.update(commands())) as proxy:
        url = f"http://ann:s3cret@{proxy.name}"
        # As `sudo --preserve-env=CLOUDHAND_PROXY sh` hands it over.
        machine = installed(guest, f"export CLOUDHAND_PROXY={url}; {line(plane)}")
        assert does(plane, machine)
        told = guest.run("cloudhand-agent doctor; cloudhand-agent status; journalctl --no-pager")
        unit = guest.run("grep -rl s3cret /usr/local /etc /run /var/lib /var/log").stdout
        mode = guest.run("stat -c %a /var/lib/cloudhand-agent/identity.json").stdout
        guest.run("systemctl stop cloudhand-agent")

    agents = [words for words in shown if "agent" in words]
    assert any(" register " in words for words in agents)
    assert any(" doctor " in words for words in agents)
    assert not [words for words in agents if "s3cret" in words]
    assert f"through the proxy {proxy.name}" in told.stdout and "s3cret" not in told.stdout
    assert (unit, mode) == ("/var/lib/cloudhand-agent/identity.json\n", "600\n")
