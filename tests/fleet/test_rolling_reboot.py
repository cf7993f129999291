"""Twenty real instances are restarted in turns, under a governor; two of them go wrong."""

from __future__ import annotations

import re
from typing import Any

from tests.system.place import Plane, ended

_FLEET, _AT_ONCE, _BUDGET = 20, 6, 4
_CHECK = "test ! -e /var/lib/ill"
# One that does not start is given up after three minutes.
_BOUND = 900.0  # seconds


def _held_at_once(slots: list[dict[str, Any]]) -> int:
    """At most; the moments of slots are whole seconds, and one may begin as another ends."""
    ends = [(slot["HeldTime"], 1) for slot in slots if slot["HeldTime"]]
    ends += [(slot["EndTime"], -1) for slot in slots if slot["HeldTime"] and slot["EndTime"]]
    most = held = 0
    for _, step in sorted(ends):
        held += step
        most = max(most, held)
    return most


def _unplug_disk(plane: Plane, instance_id: str) -> None:
    """It runs on, and cannot start again."""
    layers = plane.state / "sandbox" / "instances" / instance_id / "layers"
    layers.rename(layers.with_name("layers.gone"))
    layers.touch()


def test_the_budget_holds_and_the_report_names_those_that_went_wrong(own: Plane) -> None:
    own.start()
    ids = own.instances(_FLEET)
    lost, ill = ids[4], ids[11]
    before = {one: own.boot_id(one) for one in ids}
    own.run(ill, "touch /var/lib/ill")
    own.call("SetGovernorGroup", GroupName="all", Budget=str(_BUDGET), CountsOffline=False)
    _unplug_disk(own, lost)
    words = ("--all", "--yes", "--at-a-time", str(_AT_ONCE), "--max-errors", "2")
    state = ("--state", str(own.state))

    rolling = own.place.start("reboot", *words, "--check", _CHECK, *state)
    out, error = rolling.communicate(timeout=_BOUND)

    assert rolling.returncode == 1, error
    told = {one: line for one in ids for line in out.splitlines() if one in line}
    assert set(told) == set(ids)
    well = [one for one in ids if one not in (lost, ill)]
    for one in well:
        now = own.boot_id(one)
        assert now != before[one]
        boots = f"boot {before[one][:8]}→{now[:8]}"
        assert re.search(rf"restarted: {boots}; its check succeeded$", told[one])
    assert re.search(r"restarted: boot .*; its check failed: exit code 1 .t-", told[ill])
    assert re.search(r"did not restart: .*Stopped", told[lost])

    slots = own.call("DescribeGovernorSlots", Ended=True, MaxResults=1000)["Slots"]
    assert sorted(slot["Holder"] for slot in slots if slot["HeldTime"]) == ids
    assert 1 < _held_at_once(slots) <= _BUDGET
    left = [(slot["Holder"], slot["Status"]) for slot in slots if slot["Status"] != "Returned"]
    assert left == [(lost, "Held")]  # until its lease ends, or somebody releases it
    shown = ended(own.place.start("governor", "show", *state))
    assert re.search(rf"^all\t.*{lost}\trestarts, until .* at most; RebootInstances$", shown.stdout)
