"""What else a published agent asks and says, and what becomes of it."""

from __future__ import annotations

import json

from cloudhand.core.ids import InstanceId
from cloudhand.core.notice import KEPT, Kind, Notice
from tests.official.host import Host
from tests.official.lab import Lab

_METRICS = "/luban/api/metrics"


async def _said(lab: Lab, host: Host) -> list[Notice]:
    return await lab.world.control.notices.find(InstanceId(host.instance_id))


async def test_its_control_plane_is_found_by_two_letters(lab: Lab, host: Host) -> None:
    """Unsigned, as an agent asks before it knows who it is."""
    own, host.instance_id = host.instance_id, ""
    answer = await lab.agent(host).ask("/luban/api/connection_detect", {}, method="GET")
    host.instance_id = own
    assert answer == (200, b"ok")


async def test_it_is_not_updated_and_starts_at_once(lab: Lab, host: Host) -> None:
    (asked,) = host.network.said("update_check")
    first = [one.path.rpartition("/")[2] for one in host.network.asked]
    assert first == ["update_check", "heart-beat", "list", "metrics"]
    assert asked.body


async def test_what_it_says_of_itself_is_kept_the_last_first(lab: Lab, host: Host) -> None:
    await lab.restart(after=2)
    await lab.advance(seconds=7)

    lost, started = await _said(lab, host)

    assert (started.kind, started.name) == (Kind.METRIC, "agent.startup")
    assert (lost.kind, lost.name) == (Kind.CLIENT_REPORT, "switch_channel_in_wsk")
    assert lost.detail == "start:read failed"
    assert lost.heard_at > started.heard_at


async def test_no_more_of_it_is_kept_than_anybody_reads(lab: Lab, host: Host) -> None:
    other = await lab.join()
    for number in range(KEPT + 3):
        said = {"eventId": f"event-{number}", "eventLevel": "WARN", "keywords": "x" * 5000}
        await lab.agent(host).post(_METRICS, said)

    kept = await _said(lab, host)

    assert [one.name for one in kept] == [f"event-{n}" for n in range(KEPT + 2, 2, -1)]
    assert {(one.level, len(one.detail)) for one in kept} == {("WARN", 4096)}
    assert len(await _said(lab, other)) == 1


async def test_what_cannot_be_understood_is_refused(lab: Lab, host: Host) -> None:
    before = await _said(lab, host)
    for said in (b"", b"[]", json.dumps({"eventId": 7}).encode(), b'{"eventId": "\\ud800"}'):
        status, _ = await lab.agent(host).ask(_METRICS, {}, said)
        assert status == 422
    assert await _said(lab, host) == before
