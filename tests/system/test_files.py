"""Files that are sent to real instances."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest

from tests.system.place import Plane, mode_options
from tests.system.waiting import until


@pytest.fixture
def here(either: Plane) -> Iterator[tuple[Plane, str, str]]:
    """A control plane, an instance of it, and a directory of the instance."""
    (instance_id,) = either.instances()
    yield either, instance_id, _directory(either, instance_id)
    either.release([instance_id])


def _directory(plane: Plane, instance_id: str) -> str:
    """Plain processes have the files of this machine."""
    if "--plain-processes" in (*plane.options, *mode_options()):
        return str(plane.place.root / "sent" / instance_id)
    return "/root/sent"


def send(plane: Plane, instance_id: str, directory: str, **values: object) -> str:
    order = {"Name": "config", "TargetDir": directory, "Content": "hello\n", **values}
    invoke_id: str = plane.call("SendFile", InstanceId=[instance_id], **order)["InvokeId"]
    return invoke_id


def told(plane: Plane, invoke_id: str) -> dict[str, Any]:
    """What became of a file on its only instance."""
    answer = plane.call("DescribeSendFileResults", InvokeId=invoke_id)
    (whole,) = answer["Invocations"]["Invocation"]
    (target,) = whole["InvokeInstances"]["InvokeInstance"]
    found: dict[str, Any] = target
    return found


def ended(plane: Plane, invoke_id: str) -> tuple[str, str]:
    until(
        lambda: told(plane, invoke_id)["InvocationStatus"] not in ("Pending", "Running"),
        what="the end of the file",
    )
    found = told(plane, invoke_id)
    return found["InvocationStatus"], found["ErrorCode"]


def test_a_file_is_what_was_sent(here: tuple[Plane, str, str]) -> None:
    plane, instance_id, directory = here
    content = bytes(range(256)) * 96
    encoded = base64.b64encode(content).decode()
    sent = send(
        plane, instance_id, directory, Content=encoded, ContentType="Base64", FileMode="0750"
    )
    assert ended(plane, sent) == ("Success", "")
    look = f"cd {directory}; sha256sum < config; stat -c %a config; ls -A; pwd"
    lines = plane.run(instance_id, look).output.decode().split("\n")
    assert lines[:4] == [f"{sha256(content).hexdigest()}  -", "750", "config", directory]


def test_what_is_there_is_kept_unless_it_may_be_overwritten(here: tuple[Plane, str, str]) -> None:
    plane, instance_id, directory = here
    assert ended(plane, send(plane, instance_id, directory)) == ("Success", "")
    again = send(plane, instance_id, directory, Content="other")
    assert ended(plane, again) == ("Invalid", "FileAlreadyExists")
    over = send(plane, instance_id, directory, Content="over", Overwrite="true")
    assert ended(plane, over) == ("Success", "")
    assert plane.run(instance_id, f"cat {directory}/*").output == b"over"


def test_what_stands_in_the_way_is_told(here: tuple[Plane, str, str]) -> None:
    plane, instance_id, directory = here
    assert plane.run(instance_id, f"mkdir -p {directory}; touch {directory}/file").exit_code == 0
    below = send(plane, instance_id, f"{directory}/file/below")
    assert ended(plane, below) == ("Failed", "FilePathInvalid")
    assert directory in told(plane, below)["ErrorInfo"]
    for values, code in (
        ({"FileOwner": "no-such-user"}, "AccountNotExists"),
        ({"FileGroup": "no-such-group"}, "UserGroupNotExists"),
    ):
        sent = send(plane, instance_id, directory, **values)
        assert ended(plane, sent) == ("Invalid", code)


def test_a_file_can_be_given_to_another_user(shared: Plane, instance: str) -> None:
    """Where root of an instance has other users, that is."""
    ids = shared.run(instance, "id -u; id -u nobody; cat /proc/self/uid_map").output.decode()
    who, nobody, mapped = ids.split("\n")[:3]
    if who != "0" or int(mapped.split()[2]) <= int(nobody):
        pytest.skip("instances here have one user")
    for overwrite in ("false", "true"):
        sent = send(
            shared,
            instance,
            "/srv/app",
            FileOwner="nobody",
            FileGroup="daemon",
            Overwrite=overwrite,
        )
        assert ended(shared, sent) == ("Success", "")
        seen = shared.run(instance, "stat -c '%U %G %a' /srv/app/config").output
        assert seen == b"nobody daemon 644\n"


def test_a_user_of_the_instance_cannot_lead_a_file_astray(shared: Plane, instance: str) -> None:
    ids = shared.run(instance, "id -u; id -u nobody; cat /proc/self/uid_map").output.decode()
    who, nobody, mapped = ids.split("\n")[:3]
    if who != "0" or int(mapped.split()[2]) <= int(nobody):
        pytest.skip("instances here have one user")
    lead = "ln -s /etc /tmp/app; ln -s /etc/passwd /tmp/config"
    shared.run(instance, lead, Username="nobody", WorkingDir="/tmp")
    sent = send(shared, instance, "/tmp/app", Overwrite="true")
    assert ended(shared, sent) == ("Failed", "FilePathInvalid")
    over = send(shared, instance, "/tmp", Overwrite="true")
    assert ended(shared, over) == ("Success", "")
    seen = shared.run(instance, "ls /etc/config; head -c 4 /etc/passwd; cat /tmp/config").output
    assert seen.endswith(b"roothello\n")


def test_a_file_arrives_once_although_the_control_plane_is_killed(own: Plane) -> None:
    own.start()
    (instance_id,) = own.instances()
    directory = _directory(own, instance_id)
    ids = [send(own, instance_id, directory, Name=f"n{number}") for number in range(5)]
    own.kill()
    own.start()
    own.wait([instance_id])
    assert {ended(own, invoke_id) for invoke_id in ids} == {("Success", "")}
    listed = own.run(instance_id, f"ls -A {directory}").output
    assert listed.split() == [b"n0", b"n1", b"n2", b"n3", b"n4"]
