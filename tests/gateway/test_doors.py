"""Every path of the gateway, asked by somebody who must not be answered.

The paths are those of the application itself: one that is new fails here until it has a row.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from cloudhand.control import pace
from cloudhand.core.file import File, SendOrder
from cloudhand.core.ids import InstanceId
from cloudhand.core.session import Terminal
from cloudhand.gateway import doorkeeper, http
from cloudhand.gateway.http import GatewayApp
from cloudhand.gateway.office import Office
from cloudhand.wire import agent as wire
from cloudhand.wire import enclosed, notice, plugin, release, session
from tests.gateway.plane import OurSigner, Plane, PublishedSigner, Visitor, gateway
from tests.sessions import start

# What belongs to the machine that is attacked, and must not be in any answer to another.
_SCRIPT, _CONTENT, _USER = "echo topsecret-script", b"topsecret-content", "topsecret-user"
_NOBODYS = "t-nobodys"


@dataclass(frozen=True, kw_only=True)
class Row:
    """How one asks on a path for what is ``id``'s, of the machine ``of``."""

    method: str = "POST"
    query: str = ""
    body: str = ""

    def of(self, work_id: str, machine: str) -> tuple[str, str, bytes]:
        def fill(text: str) -> str:
            return text.replace("@ID@", work_id).replace("@OF@", machine)

        return self.method, fill(self.query), fill(self.body).encode()


_REPORT = Row(query="taskId=@ID@&start=1&end=2&exitCode=0&instanceId=@OF@", body="forged")
_BARE = Row(query="instanceId=@OF@", body='{"instanceId": "@OF@"}')
# Paths on which only who signs is heard.
ROWS: Mapping[str, Row] = {
    wire.HEARTBEAT_PATH: Row(method="GET", query="uptime=1&pid=7&process_uptime=0&instanceId=@OF@"),
    wire.INVENTORY_PATH: Row(
        body='{"bootId": "boot-1", "running": ["@ID@"], "unacknowledged": ["@ID@"]}'
    ),
    wire.TASK_LIST_PATH: Row(query="reason=kickoff&taskId=@ID@&instanceId=@OF@"),
    wire.DEREGISTER_PATH: _BARE,
    wire.STATUS_PATH: Row(method="GET", query="instanceId=@OF@"),
    notice.METRICS_PATH: Row(body='{"eventId": "agent.startup", "instanceId": "@OF@"}'),
    notice.CLIENT_REPORT_PATH: Row(body='{"type": "panic", "info": "forged"}'),
    plugin.REPORT_PATH: Row(body='{"plugin": [], "instanceId": "@OF@"}'),
    plugin.LIST_PATH: _BARE,
    plugin.UPDATE_PATH: _BARE,
    release.PACKAGE_PATH: Row(method="GET", query="id=@ID@"),
    release.UPGRADE_PATH: Row(query="id=@ID@&outcome=upgraded"),
    session.LIST_PATH: Row(query="channelId=@ID@"),
    session.STATUS_PATH: Row(query="channelId=@ID@&status=Failed&errorcode=forged"),
    "/luban/api/gshell": _BARE,
    "/luban/api/v1/update/update_check": _BARE,
    "/luban/api/instance/list_instance_state_configurations": _BARE,
    "/luban/api/instance/put_inventory": _BARE,
    "/luban/api/instance/put_instance_state_report": _BARE,
    **{wire.REPORT_PATH + kind: _REPORT for kind in wire.KINDS},
}
# And each has a test of its own below.
OPEN = {wire.CONNECTION_PATH, wire.REGISTER_PATH}
OPENED = {wire.CHANNEL_PATH, session.AGENT_PATH, session.USER_PATH}


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One machine with something of everything, and another one that wants it."""

    plane: Plane
    victim: Visitor
    intruder: Visitor
    work: Mapping[str, str]  # ids of what the victim has, by what it is

    @property
    def ids(self) -> list[str]:
        return list(self.work.values())


# Whose key an attacker has, of its own.
@pytest.fixture(params=["ours", "published"])
async def scene(
    request: pytest.FixtureRequest, plane: Plane, other_rsa_key: rsa.RSAPrivateKey
) -> Scene:
    victim = await plane.ours(hostname="victim")
    await victim.beat(release="0.1.0", package="0" * 64, upgradable="true")
    if request.param == "ours":
        intruder = await plane.ours(machineId="machine-2", boot_id="boot-2")
    else:
        intruder = await plane.published(other_rsa_key, machine_id="machine-2")
    await intruder.beat()
    return await _with_work(plane, victim, intruder)


async def _with_work(plane: Plane, victim: Visitor, intruder: Visitor) -> Scene:
    at = InstanceId(victim.instance_id)
    running = await plane.run(victim, script=_SCRIPT)
    await victim.fetch(taskId=running)
    await victim.say(wire.RUNNING, running, b"so far", start=1, offset=0)
    file = File(name="config", directory="/etc", content=_CONTENT)
    started = await start(plane.world, at, terminal=Terminal(username=_USER))
    (upgrade,) = await plane.world.control.upgrades.ask([at])
    work = {
        "running": running,
        "pending": await plane.run(victim, script=_SCRIPT),
        "file": await plane.world.control.files.send(SendOrder(file=file, instance_ids=[at])),
        "session": started.id,
        "upgrade": upgrade.id,
    }
    return Scene(plane=plane, victim=victim, intruder=intruder, work=work)


def _rows(plane: Plane) -> dict[str, list[str]]:
    """All that is stored, by table."""
    with closing(sqlite3.connect(plane.world.path / "world.sqlite")) as store:
        tables = store.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        names = [name for (name,) in tables]
        return {
            name: [repr(row) for row in store.execute(f'SELECT * FROM "{name}"')] for name in names
        }


def _of_the_victim(scene: Scene) -> list[str]:
    names = (scene.victim.instance_id, *scene.ids)
    return [
        row for rows in _rows(scene.plane).values() for row in rows if any(n in row for n in names)
    ]


def _tells(scene: Scene, text: str) -> list[str]:
    """What of the victim's an answer gives away."""
    hidden = ("topsecret", "dG9wc2VjcmV0", "ZWNobyB0b3BzZWNyZXQ", scene.victim.instance_id)
    return [one for one in hidden if one in text]


async def test_every_path_has_a_row(plane: Plane) -> None:
    app = GatewayApp(Office(plane.world.control, plane.channel))
    assert set(app.paths) == {*ROWS, *OPEN, *OPENED}


async def test_every_path_that_the_protocol_names_is_answered(plane: Plane) -> None:
    """So that none is answered beside the table."""
    app = GatewayApp(Office(plane.world.control, plane.channel))
    named = {
        value
        for module in (wire, notice, plugin, release, session, http)
        for name, value in vars(module).items()
        if name.endswith("_PATH") and isinstance(value, str)
    }
    assert named - {wire.REPORT_PATH} <= set(app.paths)


async def test_nobody_asks_for_or_reports_about_what_is_anothers(scene: Scene) -> None:
    """Signed well, by an agent that is known: nothing changes, and nothing is told."""
    before = _of_the_victim(scene)
    for path in sorted(set(ROWS) - {wire.DEREGISTER_PATH}):
        # The same words as for what there is not.
        other = await scene.intruder.ask(*_placed(path, _NOBODYS, "i-nobodys"))
        for work_id in scene.ids:
            said = await scene.intruder.ask(*_placed(path, work_id, scene.victim.instance_id))
            assert _tells(scene, said.text.replace(work_id, "")) == [], (path, said.text)
            assert said.status_code == other.status_code, path
            assert _steady(said, work_id) == _steady(other, _NOBODYS), path
        assert _of_the_victim(scene) == before, path


async def test_nobody_takes_another_machine_away(scene: Scene) -> None:
    before = _of_the_victim(scene)
    path = wire.DEREGISTER_PATH
    said = await scene.intruder.ask(*_placed(path, _NOBODYS, scene.victim.instance_id))
    assert (said.status_code, said.json()) == (200, {"code": 200})  # it has left itself
    assert _of_the_victim(scene) == before
    assert (await scene.victim.beat()).status_code == 200
    assert (await scene.intruder.beat()).status_code in (401, 403)


async def test_nobody_writes_about_a_file_of_another(scene: Scene) -> None:
    before = _of_the_victim(scene)
    for kind in (wire.FINISH, wire.INVALID):
        query = f"taskId={scene.work['file']}&taskType=sendfile&status=Success&errorcode=0"
        said = await scene.intruder.ask("POST", wire.REPORT_PATH + kind, query)
        assert _tells(scene, said.text) == []
    assert _of_the_victim(scene) == before


def _placed(path: str, work_id: str, machine: str) -> tuple[str, str, str, bytes]:
    method, query, body = ROWS[path].of(work_id, machine)
    return method, path, query, body


def _steady(answer: httpx.Response, work_id: str) -> Any:
    said = answer.json()
    said.pop("nextInterval", None)  # which is drawn
    return json.dumps(said).replace(work_id, "")


Forgery = Callable[..., dict[str, str]]


def _as_the_victim(scene: Scene, signer: Any, *asked: Any, late: float = 0.0) -> dict[str, str]:
    return replace(scene.victim, signer=signer).signed(*asked, late=late)


def _unsigned(scene: Scene, *asked: Any) -> dict[str, str]:
    headers = scene.victim.signed(*asked)
    del headers[wire.HMAC_SIGNATURE_HEADER]
    return headers


def _nameless(scene: Scene, *asked: Any) -> dict[str, str]:
    return {}


def _named_alone(scene: Scene, *asked: Any) -> dict[str, str]:
    return {"X-Acs-Instance-Id": scene.victim.instance_id, "X-Client-Instance-ID": "x"}


def _of_another_key(scene: Scene, *asked: Any) -> dict[str, str]:
    return _as_the_victim(scene, scene.intruder.signer, *asked)


def _of_no_key(scene: Scene, *asked: Any) -> dict[str, str]:
    return _as_the_victim(scene, OurSigner(key=b"", boot_id="boot-1"), *asked)


def _under_another_name(scene: Scene, *asked: Any) -> dict[str, str]:
    """The attacker's own good signature, and then the name of another."""
    return {**scene.intruder.signed(*asked), "X-Acs-Instance-Id": scene.victim.instance_id}


def _named_twice(scene: Scene, *asked: Any) -> dict[str, str]:
    """One name in the header that counts, another where one might look as well."""
    both = f"{scene.intruder.instance_id},{scene.victim.instance_id}"
    return {**scene.intruder.signed(*asked), "X-Acs-Instance-Id": both}


def _old(scene: Scene, *asked: Any) -> dict[str, str]:
    return scene.victim.signed(*asked, late=-16 * 60)


def _of_the_future(scene: Scene, *asked: Any) -> dict[str, str]:
    return scene.victim.signed(*asked, late=16 * 60)


def _of_another_boot(scene: Scene, *asked: Any) -> dict[str, str]:
    return {**scene.victim.signed(*asked), wire.BOOT_HEADER: "boot-9"}


def _of_no_boot(scene: Scene, *asked: Any) -> dict[str, str]:
    headers = scene.victim.signed(*asked)
    del headers[wire.BOOT_HEADER]
    return headers


def _for_another_body(scene: Scene, method: str, path: str, query: str, body: bytes) -> Any:
    return scene.victim.signed(method, path, query, body + b" ")


def _for_another_query(scene: Scene, method: str, path: str, query: str, body: bytes) -> Any:
    return scene.victim.signed(method, path, f"{query}&more=1", body)


def _for_another_path(scene: Scene, method: str, path: str, query: str, body: bytes) -> Any:
    return scene.victim.signed(method, "/luban/api/other", query, body)


def _for_another_method(scene: Scene, method: str, path: str, query: str, body: bytes) -> Any:
    return scene.victim.signed("PUT", path, query, body)


@cache
def _any_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _downgraded(scene: Scene, *asked: Any) -> dict[str, str]:
    """With the weaker kind, by a key that anybody can make."""
    headers = _as_the_victim(scene, PublishedSigner(key=_any_key(), machine_id="machine-1"), *asked)
    return {"User-Agent": "linux_amd64/2.2.3.578", **headers}


_FORGERIES: tuple[tuple[Forgery, str], ...] = (
    (_unsigned, "signature"),
    (_nameless, "unknown-instance"),
    (_named_alone, "timestamp"),
    (_of_another_key, "signature"),
    (_of_no_key, "signature"),
    (_under_another_name, "signature"),
    (_named_twice, "unknown-instance"),
    (_old, "timestamp"),
    (_of_the_future, "timestamp"),
    (_of_another_boot, "signature"),
    (_of_no_boot, "signature"),
    (_for_another_body, "signature"),
    (_for_another_query, "signature"),
    (_for_another_path, "signature"),
    (_for_another_method, "signature"),
    (_downgraded, "signature"),
)


@pytest.mark.parametrize("scene", ["ours"], indirect=True)
async def test_what_is_forged_is_refused_on_every_path(scene: Scene) -> None:
    before, heard = _rows(scene.plane), []
    for forgery, reason in _FORGERIES:
        for path in sorted(ROWS):
            method, _, query, body = _placed(path, scene.work["running"], scene.victim.instance_id)
            headers = forgery(scene, method, path, query, body)
            said = await scene.plane.send(method, path, query, body, headers)
            if (said.status_code, said.json()["reason"]) != (401, reason):
                heard.append((forgery.__name__, path, said.status_code, said.text))
            assert _tells(scene, said.text.replace(scene.victim.instance_id, "")) == []
    assert heard == []
    assert _changed(before, _rows(scene.plane)) == []


async def test_a_request_is_carried_out_once_on_every_path(scene: Scene) -> None:
    """Neither it again, nor another one under its id, as somebody on the way could make it."""
    for path in sorted(set(ROWS) - {wire.DEREGISTER_PATH}):
        asked = _placed(path, scene.work["running"], scene.victim.instance_id)
        headers = scene.intruder.signed(*asked)
        await scene.plane.send(*asked, headers)
        before = _rows(scene.plane)
        for method, also, query, body in (asked, (*asked[:1], wire.TASK_LIST_PATH, *asked[2:])):
            said = await scene.plane.send(method, also, query, body, headers)
            assert said.status_code == 401, (path, said.text)
            assert said.json()["reason"] in ("replay", "signature"), (path, said.text)
        assert _changed(before, _rows(scene.plane)) == [], path


def _changed(before: Mapping[str, list[str]], after: Mapping[str, list[str]]) -> list[str]:
    return [name for name, rows in after.items() if rows != before[name]]


async def test_a_header_that_nobody_signed_says_nothing(
    plane: Plane, rsa_key: rsa.RSAPrivateKey
) -> None:
    """The published signature does not cover a boot id, so it is no evidence of a restart."""
    victim = await plane.published(rsa_key)
    await victim.beat()
    invoke_id = await plane.run(victim)
    await victim.fetch(taskId=invoke_id)
    await victim.say(wire.RUNNING, invoke_id, start=1)

    for boot_id in ("boot-1", "boot-2"):
        query = urlencode({"uptime": 60_000, "pid": 7, "process_uptime": 1_000})
        signed = victim.signed("GET", wire.HEARTBEAT_PATH, query, b"")
        headers = {**signed, wire.BOOT_HEADER: boot_id}
        said = await plane.send("GET", wire.HEARTBEAT_PATH, query, b"", headers)
        assert said.status_code == 200

    assert "boot-2" not in str(_rows(plane))
    assert (await plane.result(invoke_id)).target.state == "Running"


async def test_a_session_of_another_is_not_opened_from_either_end(scene: Scene) -> None:
    before = _of_the_victim(scene)
    for path, query in (
        (session.AGENT_PATH, f"?channelId={scene.work['session']}"),
        (session.USER_PATH, f"?sessionId={scene.work['session']}&token=guessed"),
    ):
        headers = scene.intruder.signed("GET", path, query[1:], b"")
        uri = f"ws://127.0.0.1:{scene.plane.port}{path}{query}"
        with pytest.raises((ConnectionClosed, InvalidStatus)) as refused:
            async with connect(uri, additional_headers=headers, proxy=None) as opened:
                await opened.recv()
        assert _tells(scene, str(refused.value)) == []
    assert _of_the_victim(scene) == before


async def test_a_channel_is_opened_by_its_agent_alone(scene: Scene) -> None:
    """And who fails to takes nobody's place on it."""
    uri = f"ws://127.0.0.1:{scene.plane.port}{wire.CHANNEL_PATH}"
    async with scene.victim.channel() as held:
        for forgery, _ in _FORGERIES:
            if forgery is _for_another_body:  # it has none
                continue
            headers = forgery(scene, "GET", wire.CHANNEL_PATH, "", b"")
            agent = headers.pop("User-Agent", None)
            with pytest.raises(InvalidStatus, match="403"):
                async with connect(
                    uri, additional_headers=headers, user_agent_header=agent, proxy=None
                ):
                    pass
        assert scene.plane.channel.open_count == 1
        await scene.plane.run(scene.victim)
        async with asyncio.timeout(10):
            assert str(await held.recv()).startswith("kick_vm")


async def test_over_a_channel_nobody_speaks_for_another(scene: Scene) -> None:
    """Neither by the name at its opening, nor by a signature of another in a message."""
    if isinstance(scene.intruder.signer, PublishedSigner):
        pytest.skip("published agents ask nothing over it")
    before = _of_the_victim(scene)
    async with scene.intruder.channel(**{wire.EXTENSIONS_HEADER: "1"}) as channel:
        for visitor in (scene.victim, scene.intruder):
            for path in sorted(set(ROWS) - {wire.DEREGISTER_PATH}):
                work_id = scene.work["running"]
                method, _, query, body = _placed(path, work_id, scene.victim.instance_id)
                signed = visitor.signed(method, path, query, body)
                headers = {name.lower(): value for name, value in signed.items()}
                asked = enclosed.Request(method, f"{path}?{query}", headers, body)
                await channel.send(asked.to_bytes())
                async with asyncio.timeout(10):
                    said = await channel.recv()
                assert isinstance(said, bytes)
                _, status, text = enclosed.answer_from_bytes(said)
                assert (status == 401) == (visitor is scene.victim), (path, text)
                assert _tells(scene, text.decode().replace(work_id, "")) == [], text
    assert _of_the_victim(scene) == before


async def test_who_names_a_machine_without_an_activation_does_not_become_it(scene: Scene) -> None:
    before = _rows(scene.plane)
    for said in (
        {},
        {"activationId": "a" * 36, "activationCode": "a-guessed"},
        {"instanceId": scene.victim.instance_id, "forceReuse": True},
    ):
        answer = await scene.plane.register(machineId="machine-1", **said)
        assert (answer.status_code, answer.json()["reason"]) == (403, "rejected")
        assert _tells(scene, answer.text) == []
    assert _changed(before, _rows(scene.plane)) == []


async def test_whoever_asks_learns_that_we_are_here_and_no_more(scene: Scene) -> None:
    said = await scene.plane.send("GET", wire.CONNECTION_PATH, "", b"", {})
    assert (said.status_code, said.text) == (200, "ok")


async def test_an_agent_that_asks_too_much_is_told_to_wait_and_others_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doorkeeper, "_AT_ONCE", 6)
    monkeypatch.setattr(doorkeeper, "_PER_SECOND", 2)
    async with gateway(tmp_path) as plane:
        busy, other = await plane.ours(), await plane.ours(machineId="machine-2")
        assert [(await busy.beat()).status_code for _ in range(7)] == [*[200] * 6, 429]
        refused = await busy.beat()
        assert (refused.json()["reason"], refused.headers["connection"]) == ("rate", "close")
        assert (await other.beat()).status_code == 200
        await plane.world.advance(seconds=1)
        assert [(await busy.beat()).status_code for _ in range(3)] == [200, 200, 429]


async def test_who_is_refused_too_often_is_told_little_and_agents_are_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "_STRANGERS_AT_ONCE", 4)
    monkeypatch.setattr(pace, "_STRANGERS_PER_SECOND", 1)
    async with gateway(tmp_path) as plane:
        agent = await plane.ours()
        told = [await plane.register(activationId="a" * 36) for _ in range(3)]
        told += [await plane.send("GET", wire.HEARTBEAT_PATH, "", b"", {}) for _ in range(2)]
        told += [await plane.register(activationId="a" * 36)]
        assert [said.status_code for said in told] == [403, 403, 403, 401, 429, 429]
        assert {said.json()["reason"] for said in told[-2:]} == {"rate"}
        assert (await agent.beat()).status_code == 200


def test_a_clock_that_is_set_back_keeps_nobody_waiting() -> None:
    limit, now = pace.Pace(at_once=2, per_second=1), datetime(2026, 1, 2, tzinfo=UTC)
    assert [limit.allows("i-1", now) for _ in range(3)] == [True, True, False]
    limit.clock_set(timedelta(days=-1))
    before = now - timedelta(days=1)
    assert not limit.allows("i-1", before)
    assert limit.allows("i-1", before + timedelta(seconds=1))
