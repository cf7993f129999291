"""Machines whose Python is too old for our agent, or is none: they join with the published one."""

from __future__ import annotations

import shutil
import socket
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.proxies import Proxy
from tests.official import program
from tests.system.adoptable import NO_PYTHON, Machines, missing
from tests.system.place import Child, Plane, ended, place

_WHY_NOT = missing() or program.missing()
pytestmark = [
    pytest.mark.drawn,
    pytest.mark.skipif(bool(_WHY_NOT), reason=_WHY_NOT or "it can"),
]

_FILES = (
    "find /usr/local /etc /var/lib/cloudhand-agent -newer /run/began -not -path '*/systemctl'"
    " -type f 2>/dev/null | sort"
)


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    """Each test leaves nothing in it."""
    with place(tmp_path_factory.mktemp("old") / "place", adopts=False) as one:
        plane = Plane(one, "--tls")
        try:
            plane.start()
            plane.call("DescribeActivations")  # over a connection that is kept
            yield plane
        finally:
            plane.end()


@pytest.fixture(scope="module")
def machines(plane: Plane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    """One, called old; each test leaves it as it was."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with Machines(tmp_path_factory.mktemp("old") / "machines", port) as some:
        some.start("127.0.3.1", "old", before=NO_PYTHON)
        some.listening()
        some.run("old", "touch /run/began")
        yield some


@pytest.fixture(scope="module")
def line(plane: Plane) -> str:
    """What is pasted; there one is root already."""
    told = plane.place.run(
        *("invite", "--tag", "room=3", "--count", "9", "--at", plane.client.endpoint.url),
        *("--state", str(plane.state)),
    )
    assert told.returncode == 0, told.stderr
    return told.stdout.strip().removesuffix("sudo sh") + "sh -s --"


def given(plane: Plane, tmp_path: Path, version: str = "2.2.3.578") -> None:
    """The operator puts what was published into the folder."""
    made = program.written(tmp_path / version, version)
    folder = plane.state / "agents"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    with tarfile.open(folder / "aliyun_assist.tar.gz", "w:gz") as archive:
        archive.add(made, f"usr/local/share/aliyun-assist/{version}/aliyun-service")


def adopting(plane: Plane, machines: Machines, *words: str) -> Child:
    host = ("-i", str(machines.folder / "hosts.ini"), "--yes", "-F", str(machines.config))
    (machines.folder / "hosts.ini").write_text(
        f"old ansible_host=127.0.3.1 ansible_port={machines.port} ansible_user=root"
        f" ansible_ssh_private_key_file='{machines.key}'\n"
    )
    at = ("--at", plane.client.endpoint.url, "--state", str(plane.state))
    return plane.place.start("adopt", *host, *at, *words)


def left(plane: Plane, machines: Machines) -> tuple[str, int]:
    """What there is on the machine that was not there when it began, and in the control plane."""
    files = machines.run("old", _FILES).stdout
    return files, plane.call("DescribeManagedInstances")["TotalCount"]


def test_one_joins_works_and_is_left_as_it_was(
    plane: Plane, machines: Machines, line: str, tmp_path: Path
) -> None:
    given(plane, tmp_path)
    first = machines.run("old", f"{line} --name 'the old one' --tag rack=7")
    assert first.returncode == 0, first.stdout + first.stderr
    lines = first.stdout.splitlines()
    machine = lines[0].removeprefix("registered as ")
    assert lines[-1] == f"{machine} online"
    assert "has the published agent 2.2.3.578, and not ours, which needs Python 3.9" in lines[1]
    (told,) = plane.call("DescribeManagedInstances")["Instances"]
    assert (told["InstanceId"], told["InstanceName"]) == (machine, "the old one")
    tags = {one["TagKey"]: one["TagValue"] for one in told["Tags"]}
    assert tags == {"room": "3", "rack": "7"}
    assert plane.run(machine, "echo from an old machine").output == b"from an old machine\n"

    agent = machines.run("old", "cat /run/agent.pid").stdout
    shutil.rmtree(plane.state / "agents")  # it was needed once
    again = machines.run("old", f"{line} --name another")
    assert (again.returncode, again.stdout.splitlines()[-1]) == (0, f"{machine} online")
    assert "it has joined already" in again.stderr
    assert machines.run("old", "cat /run/agent.pid").stdout == agent

    gone = machines.run("old", "/usr/local/lib/cloudhand-agent/uninstall")
    assert (gone.returncode, gone.stdout, gone.stderr) == (0, "removed\n", "")
    assert left(plane, machines) == ("", 0)


def test_it_is_adopted_through_a_proxy_and_a_second_run_leaves_it(
    plane: Plane, machines: Machines, line: str, tmp_path: Path
) -> None:
    given(plane, tmp_path)
    with Proxy() as proxy:
        told = ended(adopting(plane, machines, "--proxy", proxy.url))
        assert told.returncode == 0, told.stdout + told.stderr
        name, state, machine, more = told.stdout.strip().split("  ")
        assert (name, state) == ("old", "online")
        assert more == "it has the published agent 2.2.3.578, which cannot give all that ours does"
        assert set(proxy.led) == {plane.client.endpoint.url.removeprefix("https://")}

        # The proxy that it has joined by stays.
        again = machines.run("old", line)
        assert (again.returncode, again.stdout.splitlines()[-1]) == (0, f"{machine} online")
        assert proxy.url in machines.run("old", "cat /etc/sysconfig/aliyun").stdout
        second = ended(adopting(plane, machines))
        assert second.stdout == f"old  already online  {machine}\n"
        gone = machines.run("old", f"{line} --uninstall")
    assert (gone.returncode, gone.stdout, gone.stderr) == (0, "removed\n", "")
    assert left(plane, machines) == ("", 0)


def test_what_was_cut_off_is_brought_to_its_end(
    plane: Plane, machines: Machines, line: str, tmp_path: Path
) -> None:
    given(plane, tmp_path)
    half = "mkdir $LIBRARY && echo '0 2.2.3.578' >$LIBRARY/published"
    assert machines.run("old", f"LIBRARY=/usr/local/lib/cloudhand-agent; {half}").returncode == 0
    told = machines.run("old", line)
    assert (told.returncode, told.stdout.endswith(" online\n")) == (0, True), told.stderr
    machines.run("old", f"{line} --uninstall")
    assert left(plane, machines) == ("", 0)


def test_what_is_in_its_way_is_named_and_nothing_is_left(
    plane: Plane, machines: Machines, line: str, tmp_path: Path
) -> None:
    shutil.rmtree(plane.state / "agents", ignore_errors=True)
    (plane.state / "agents").mkdir()
    (plane.state / "agents/package.rpm").write_bytes(b"\xed\xab\xee\xdb" + bytes(99))

    def refused(words: str = "") -> str:
        told = machines.run("old", f"{line} {words}")
        assert told.returncode == 1, told.stdout
        assert left(plane, machines) == ("", 0)
        return told.stderr

    assert "; agents/package.rpm is an rpm: unpack it" in refused()
    given(plane, tmp_path, "2.2.3.577")
    assert "too old: it says that it is '2.2.3.577', and the first that can" in refused()
    given(plane, tmp_path)
    assert "takes no tag with a second = in it, as a=b=c has" in refused("--tag a=b=c")
    assert "takes a proxy as http://HOST:PORT" in refused("--proxy socks5://x")
    assert "cannot fetch the published agent from the control plane: curl: (" in refused(
        "--proxy http://127.0.0.1:9"
    )
    machines.run("old", line.replace("| sh -s --", ">/run/script"))
    given(plane, tmp_path, "2.2.3.579")
    late = machines.run("old", "sh /run/script")
    assert (late.returncode, "returned error: 404" in late.stderr) == (1, True)
    machines.run("old", "mkdir /usr/local/share/aliyun-assist")
    assert "an agent of another Cloud Assistant is installed here" in refused()
    machines.run("old", "rmdir /usr/local/share/aliyun-assist")
    for one in plane.call("DescribeActivations")["ActivationList"]:
        plane.call("DisableActivation", ActivationId=one["ActivationId"])
    assert "nothing was installed: the published agent was not let in: " in refused()
