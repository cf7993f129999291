"""What the plugin manager of a published agent asks and says."""

from __future__ import annotations

import json

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from cloudhand.core.ids import InstanceId
from cloudhand.wire import agent as wire
from cloudhand.wire import plugin
from tests.gateway.plane import Plane, Visitor


async def _say(visitor: Visitor, path: str, said: object) -> httpx.Response:
    return await visitor.ask("POST", path, "", json.dumps(said).encode())


async def _report(visitor: Visitor, *said: tuple[str, str, str]) -> httpx.Response:
    entries = [{"name": name, "status": status, "version": v} for name, status, v in said]
    return await _say(visitor, plugin.REPORT_PATH, {"plugin": entries})


async def _told(plane: Plane, visitor: Visitor) -> dict[str, tuple[str, str]]:
    (view,) = await plane.world.control.plugins.find([InstanceId(visitor.instance_id)], "")
    now = plane.world.clock.now()
    return {one.name: (one.shown(now), one.version) for one in view.plugins}


async def test_no_plugins_are_offered(plane: Plane, rsa_key: rsa.RSAPrivateKey) -> None:
    visitor = await plane.published(rsa_key)
    wanted = {"osType": "linux", "pluginName": "any", "version": "", "arch": "x64"}
    listed = await _say(visitor, plugin.LIST_PATH, wanted)
    assert listed.json() == {"code": 200, "pluginList": []}
    had = {"os": "linux", "arch": "x64", "plugin": [{"name": "any", "version": "1.0"}]}
    assert (await _say(visitor, plugin.UPDATE_PATH, had)).json()["plugin"] == []


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("ONCE_INSTALLED", "Installed"),
        ("PERSIST_RUNNING", "Running"),
        ("PERSIST_STOPPED", "Stopped"),
        ("PERSIST_FAIL", "Crashed"),
        ("REMOVED", "Removed"),
        ("PERSIST_SOMETHING", "Unknown"),
        ("", "Unknown"),
    ],
)
async def test_what_an_agent_says_of_a_plugin_is_kept(
    plane: Plane, rsa_key: rsa.RSAPrivateKey, said: str, status: str
) -> None:
    visitor = await plane.published(rsa_key)

    answer = await _report(visitor, ("ecs_dump", said, "1.2"))

    assert answer.json() == {
        "code": 200,
        "instanceId": visitor.instance_id,
        "scanInterval": 900,
        "pullInterval": 300,
        "refreshInterval": 1800,
        "reportType": 0,
    }
    assert await _told(plane, visitor) == {"ecs_dump": (status, "1.2")}


async def test_nothing_is_known_of_a_plugin_that_is_not_spoken_of(
    plane: Plane, rsa_key: rsa.RSAPrivateKey
) -> None:
    visitor = await plane.published(rsa_key)
    await _report(visitor, ("lives", "PERSIST_RUNNING", "1"), ("gone", "REMOVED", "1"))
    await plane.world.advance(minutes=35)
    assert (await _told(plane, visitor))["lives"] == ("Running", "1")
    await plane.world.advance(seconds=1)
    assert await _told(plane, visitor) == {"lives": ("Unknown", "1"), "gone": ("Removed", "1")}


async def test_the_first_word_of_a_plugin_is_remembered_until_it_is_removed(
    plane: Plane, rsa_key: rsa.RSAPrivateKey
) -> None:
    visitor = await plane.published(rsa_key)
    started = plane.world.clock.now()
    firsts = []
    for said in ("PERSIST_RUNNING", "PERSIST_FAIL", "REMOVED", "PERSIST_RUNNING"):
        await _report(visitor, ("p", said, "1"))
        (view,) = await plane.world.control.plugins.find([InstanceId(visitor.instance_id)], "p")
        first = view.plugins[0].first_heard_at
        assert first is not None
        firsts.append((first - started).total_seconds())
        await plane.world.advance(seconds=10)
    assert firsts == [0, 0, 0, 30]


async def test_plugins_go_with_their_machine(plane: Plane, rsa_key: rsa.RSAPrivateKey) -> None:
    visitor = await plane.published(rsa_key)
    await _report(visitor, ("p", "ONCE_INSTALLED", "1"))
    await visitor.ask("POST", wire.DEREGISTER_PATH)
    with pytest.raises(Exception, match="cannot find plugin p"):
        await plane.world.control.plugins.find([], "p")


async def test_an_instance_has_so_many_plugins_and_no_more(
    plane: Plane, rsa_key: rsa.RSAPrivateKey
) -> None:
    visitor = await plane.published(rsa_key)
    await _report(visitor, ("first", "ONCE_INSTALLED", "1"))
    await plane.world.advance(seconds=1)
    await _report(visitor, *((f"p{n:03}", "ONCE_INSTALLED", "1") for n in range(200)))
    told = await _told(plane, visitor)
    assert len(told) == 200
    assert "first" not in told


@pytest.mark.parametrize(
    "said",
    [
        {"plugin": "p"},
        {"plugin": [{"name": "", "status": "REMOVED"}]},
        {"plugin": [{"name": "p" * 256, "status": "REMOVED"}]},
        {"plugin": [{"name": "p", "status": 7}]},
        {"plugin": [{"name": "p", "status": "REMOVED", "version": "1" * 33}]},
        {"plugin": [{"name": f"p{n}", "status": "REMOVED"} for n in range(201)]},
    ],
)
async def test_a_report_that_is_none_is_refused(
    plane: Plane, rsa_key: rsa.RSAPrivateKey, said: object
) -> None:
    visitor = await plane.published(rsa_key)
    assert (await _say(visitor, plugin.REPORT_PATH, said)).status_code == 422
    assert await _told(plane, visitor) == {}
