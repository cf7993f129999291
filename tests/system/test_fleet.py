"""Instances that live and end beside each other."""

from __future__ import annotations

from tests.system.place import Plane


def test_an_instance_that_is_released_while_it_runs_leaves_the_others_alone(shared: Plane) -> None:
    gone, stays = shared.instances(2)
    before = shared.boot_id(stays)
    (supervisor,) = shared.supervisors()

    shared.release([gone])
    (next_one,) = shared.instances()

    assert shared.supervisors() == [supervisor]
    assert shared.boot_id(stays) == before
    shared.release([stays, next_one])
