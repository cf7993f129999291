"""A control plane that cannot write for a while refuses, loses nothing, and goes on."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from cloudhand.cli.errors import ApiError
from tests.system.meeting import Meeting
from tests.system.place import Plane
from tests.system.waiting import until


@contextmanager
def _no_room(plane: Plane) -> Iterator[None]:
    """Any byte that would be written to a file of the control plane is refused."""
    assert plane.process is not None
    pid = plane.process.pid
    limits = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)


def _told(plane: Plane) -> dict[str, str]:
    """The status of all invocations."""
    invocations = plane.call("DescribeInvocations")["Invocations"]["Invocation"]
    return {one["InvokeId"]: one["InvocationStatus"] for one in invocations}


def test_what_ends_while_nothing_can_be_written_is_told_once_it_can(
    own: Plane, meeting: Meeting
) -> None:
    own.start()
    ids = own.instances(2)
    asked = [
        own.ask([instance_id], meeting.script(after=f"echo bye; exit {code}"))
        for instance_id, code in zip(ids, (3, 194), strict=True)
    ]
    guests = meeting.guests(2)
    running = dict.fromkeys(asked, "Running")
    until(lambda: _told(own) == running, what="the start of both")

    with _no_room(own):
        for action, parameters in (
            ("RunCommand", {"Type": "RunShellScript", "CommandContent": "x", "InstanceId": ids}),
            ("RunInstances", {}),
            ("StopInstances", {"InstanceId": ids}),
        ):
            with pytest.raises(ApiError, match="cannot be written") as refused:
                own.call(action, **parameters)
            assert (refused.value.code, refused.value.status) == ("ServiceUnavailable", 503)
        for guest in guests:
            guest.release()
            guest.gone()
        found = own.call("DescribeInstances", InstanceIds=str(ids))["Instances"]["Instance"]
        assert [one["Status"] for one in found] == ["Running"] * 2
        assert _told(own) == running

    ends = [own.settled(invoke_id)[0] for invoke_id in asked]
    assert [(end.status, end.exit_code, end.output) for end in ends] == [
        ("Failed", 3, b"bye\n"),
        ("Success", 194, b"bye\n"),
    ]
    assert ends[1].power is not None
    assert ends[1].power.boot_id_before != ends[1].power.boot_id_after
    assert own.run(ids[0], "echo again").output == b"again\n"
    assert own.stop() == 0
