"""Who speaks is proven by each request: whole, in time, and once."""

from __future__ import annotations

import base64

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from cloudhand.wire import agent as wire
from tests.gateway.plane import OurSigner, Plane, PublishedSigner, Visitor

_BEAT = "uptime=1&timestamp=0&pid=7&process_uptime=0&index=1&seq_no=1"


def _refused(answer: httpx.Response, reason: str) -> None:
    assert answer.status_code == 401, answer.text
    assert answer.json()["reason"] == reason
    assert answer.json()["message"]


@pytest.fixture(params=["ours", "published"])
async def visitor(
    request: pytest.FixtureRequest, plane: Plane, rsa_key: rsa.RSAPrivateKey
) -> Visitor:
    return await (plane.ours() if request.param == "ours" else plane.published(rsa_key))


async def _send(visitor: Visitor, headers: dict[str, str]) -> httpx.Response:
    return await visitor.plane.send("GET", wire.HEARTBEAT_PATH, _BEAT, b"", headers)


async def test_whoever_signs_is_heard(visitor: Visitor) -> None:
    answer = await visitor.beat()

    assert answer.status_code == 200
    assert 55_000 <= answer.json()["nextInterval"] <= 65_000


@pytest.mark.parametrize("late", [-14 * 60, 14 * 60])
async def test_clocks_may_differ_by_less_than_a_quarter_of_an_hour(
    plane: Plane, visitor: Visitor, late: int
) -> None:
    await plane.world.advance(minutes=20)

    headers = visitor.signed("GET", wire.HEARTBEAT_PATH, _BEAT, b"", late=late)

    assert (await _send(visitor, headers)).status_code == 200


@pytest.mark.parametrize("late", [-16 * 60, 16 * 60])
async def test_clocks_may_not_differ_more(plane: Plane, visitor: Visitor, late: int) -> None:
    await plane.world.advance(minutes=20)

    headers = visitor.signed("GET", wire.HEARTBEAT_PATH, _BEAT, b"", late=late)

    answer = await _send(visitor, headers)
    _refused(answer, "timestamp")
    assert "date" in answer.headers  # by which our agent sets its own clock right


async def test_what_was_sent_before_the_control_plane_started_is_not_heard(
    visitor: Visitor,
) -> None:
    before = visitor.signed("GET", wire.HEARTBEAT_PATH, _BEAT, b"", late=-6)
    just = visitor.signed("GET", wire.HEARTBEAT_PATH, _BEAT, b"", late=-4)

    _refused(await _send(visitor, before), "timestamp")
    assert (await _send(visitor, just)).status_code == 200


@pytest.mark.parametrize(
    "timestamp", ["", "now", "1.5", "-1", "\N{SUPERSCRIPT TWO}", "1_000", "9" * 15, "9" * 5000]
)
async def test_a_timestamp_that_is_none(visitor: Visitor, timestamp: str) -> None:
    headers = visitor.signed("GET", wire.HEARTBEAT_PATH, _BEAT, b"")

    _refused(await _send(visitor, {**headers, "X-Acs-Timestamp": timestamp}), "timestamp")


async def test_a_request_is_heard_once(plane: Plane, visitor: Visitor) -> None:
    headers = visitor.signed("GET", wire.HEARTBEAT_PATH, _BEAT, b"", late=14 * 60)

    assert (await _send(visitor, headers)).status_code == 200
    _refused(await _send(visitor, headers), "replay")
    await plane.world.advance(minutes=28)
    _refused(await _send(visitor, headers), "replay")
    await plane.world.advance(minutes=2)
    _refused(await _send(visitor, headers), "timestamp")


async def test_a_request_id_is_remembered_until_its_time_has_passed(
    plane: Plane, visitor: Visitor
) -> None:
    await plane.world.advance(minutes=30)
    await visitor.beat()  # what is remembered is put aside here
    headers = visitor.signed("GET", wire.HEARTBEAT_PATH, _BEAT, b"", late=15 * 60)
    assert (await _send(visitor, headers)).status_code == 200

    for _ in range(6):
        await plane.world.advance(minutes=5)
        assert (await visitor.beat()).status_code == 200
        _refused(await _send(visitor, headers), "replay")


@pytest.mark.parametrize("request_id", ["", "r" * 129])
async def test_a_request_id_that_cannot_be_remembered(
    plane: Plane, rsa_key: rsa.RSAPrivateKey, request_id: str
) -> None:
    visitor = await plane.published(rsa_key)
    headers = visitor.signed("GET", wire.HEARTBEAT_PATH, _BEAT, b"")
    (request,) = visitor.sent
    text = visitor.instance_id + "machine-1" + request.timestamp + request_id
    signer = PublishedSigner(key=rsa_key, machine_id=text)
    blank = type(request)(**{**vars(request), "timestamp": "", "request_id": ""})

    mark = signer("", blank)

    _refused(
        await _send(visitor, {**headers, "X-Acs-Request-Id": request_id, **mark}), "request-id"
    )


async def test_a_refused_request_does_not_use_its_id_up(visitor: Visitor) -> None:
    headers = visitor.signed("GET", wire.HEARTBEAT_PATH, _BEAT, b"")
    mark = "x-cloudhand-signature" if "x-cloudhand-signature" in headers else "X-Acs-Signature"

    _refused(await _send(visitor, {**headers, mark: "bm8="}), "signature")

    assert (await _send(visitor, headers)).status_code == 200


@pytest.mark.parametrize(
    "mark", ["", "no", "\xe9\xff", base64.b64encode(bytes(256)).decode(), "0" * 64]
)
async def test_a_signature_that_is_none(visitor: Visitor, mark: str) -> None:
    headers = visitor.signed("GET", wire.HEARTBEAT_PATH, _BEAT, b"")
    forged = {"x-cloudhand-signature": mark, "X-Acs-Signature": mark}

    _refused(await _send(visitor, {**headers, **forged}), "signature")


@pytest.mark.parametrize("header", ["X-Acs-Timestamp", "X-Acs-Request-Id"])
async def test_both_signatures_cover_time_and_request_id(visitor: Visitor, header: str) -> None:
    headers = visitor.signed("GET", wire.HEARTBEAT_PATH, _BEAT, b"")
    other = visitor.signed("GET", wire.HEARTBEAT_PATH, _BEAT, b"", late=1)

    _refused(await _send(visitor, {**headers, header: other[header]}), "signature")


async def test_our_signature_covers_everything_else(plane: Plane) -> None:
    visitor = await plane.ours()
    path = wire.REPORT_PATH + wire.RUNNING
    query = "taskId=t-1&start=0"

    async def send(**change: object) -> httpx.Response:
        headers = visitor.signed("POST", path, query, b"output")
        sent = {"method": "POST", "path": path, "query": query, "body": b"output", **change}
        headers.update(sent.pop("headers", {}))  # type: ignore[call-overload]
        return await plane.send(**sent, headers=headers)  # type: ignore[arg-type]

    _refused(await send(method="PUT"), "signature")
    _refused(await send(path=wire.REPORT_PATH + wire.FINISH), "signature")
    _refused(await send(query=query + "0"), "signature")
    _refused(await send(query="taskId=t%2D1&start=0"), "signature")
    _refused(await send(body=b"Output"), "signature")
    _refused(await send(body=b""), "signature")
    _refused(await send(headers={wire.BOOT_HEADER: "another"}), "signature")
    assert (await send()).status_code == 200


async def test_the_key_of_another_does_not_fit(
    plane: Plane, rsa_key: rsa.RSAPrivateKey, other_rsa_key: rsa.RSAPrivateKey
) -> None:
    ours, published = await plane.ours(), await plane.published(rsa_key)

    ours.signer = OurSigner(key=b"k" * 32, boot_id="boot-1")
    _refused(await ours.beat(), "signature")
    ours.signer = PublishedSigner(key=rsa_key, machine_id="machine-1")
    _refused(await ours.beat(), "signature")
    published.signer = PublishedSigner(key=other_rsa_key, machine_id="machine-1")
    _refused(await published.beat(), "signature")
    published.signer = PublishedSigner(key=rsa_key, machine_id="machine-2")
    _refused(await published.beat(), "signature")
    published.signer = OurSigner(key=b"", boot_id="boot-1")
    _refused(await published.beat(), "signature")


@pytest.mark.parametrize("instance_id", ["", "mi-unknown", "\xe9", "i-" + "0" * 4000])
async def test_who_is_not_known(visitor: Visitor, instance_id: str) -> None:
    headers = visitor.signed("GET", wire.HEARTBEAT_PATH, _BEAT, b"")

    _refused(
        await _send(visitor, {**headers, "X-Acs-Instance-Id": instance_id}), "unknown-instance"
    )


async def test_nothing_but_joining_is_done_for_who_does_not_sign(plane: Plane) -> None:
    for path in (
        wire.HEARTBEAT_PATH,
        wire.TASK_LIST_PATH,
        wire.INVENTORY_PATH,
        wire.DEREGISTER_PATH,
        "/luban/api/v1/update/update_check",
        "/luban/api/nothing",
        *(wire.REPORT_PATH + kind for kind in wire.KINDS),
    ):
        _refused(await plane.send("POST", path, "taskId=t-1", b"", {}), "unknown-instance")


async def test_the_keys_outlive_the_control_plane(visitor: Visitor, plane: Plane) -> None:
    await visitor.beat()

    await plane.world.restart()

    # The plane's gateway speaks to the closed world; its rows are what must still fit.
    agent = await plane.world.control.agents.get(visitor.instance_id)  # type: ignore[arg-type]
    assert agent is not None
    assert agent.key
