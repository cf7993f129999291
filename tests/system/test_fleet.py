"""Instances that live and end beside each other."""

from __future__ import annotations

import os
import signal

import pytest

from tests.system.meeting import Meeting
from tests.system.place import Plane

pytestmark = pytest.mark.drawn


def test_an_instance_that_is_released_while_it_runs_leaves_the_others_alone(shared: Plane) -> None:
    gone, stays = shared.instances(2)
    before = shared.boot_id(stays)
    (supervisor,) = shared.supervisors()

    shared.release([gone])
    (next_one,) = shared.instances()

    assert shared.supervisors() == [supervisor]
    assert shared.boot_id(stays) == before
    shared.release([stays, next_one])


def test_instances_whose_supervisor_was_killed_are_seen_stopped_and_can_be_started(
    own: Plane, meeting: Meeting
) -> None:
    own.start()
    (instance_id,) = own.instances()
    before = own.boot_id(instance_id)
    invoke_id = own.ask([instance_id], meeting.script())
    guest = meeting.guest()
    (supervisor,) = own.supervisors()

    os.kill(supervisor, signal.SIGKILL)

    guest.gone()
    own.wait([instance_id], "Stopped")
    own.call("StartInstances", InstanceId=[instance_id])
    (result,) = own.settled(invoke_id)
    assert (result.status, result.error_code) == ("Error", "InstanceRestarted")
    own.wait([instance_id])
    assert own.boot_id(instance_id) != before


def test_instances_that_ran_on_without_their_control_plane_are_found_again(own: Plane) -> None:
    own.start()
    ids = own.instances(2)
    boots = [own.boot_id(i) for i in ids]
    own.kill()

    own.start()

    own.wait(ids)
    assert [own.boot_id(i) for i in ids] == boots


def test_a_restart_that_a_killed_control_plane_had_ordered_is_carried_out(own: Plane) -> None:
    own.start()
    ids = own.instances(2)
    boots = [own.boot_id(i) for i in ids]
    own.call("RebootInstances", InstanceId=ids)
    own.kill()

    own.start()

    own.wait(ids)
    assert all(own.boot_id(i) != boot for i, boot in zip(ids, boots, strict=True))
