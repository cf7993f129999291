"""An activation becomes an identity, once for each machine, or a sentence says why not."""

from __future__ import annotations

import asyncio
import base64
from datetime import timedelta
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from cloudhand.core.ids import InstanceId
from cloudhand.core.orders import ActivationFilter, ManagedFilter
from cloudhand.wire import agent as wire
from tests.gateway.plane import OurSigner, Plane, PublishedSigner, Visitor, pem_text
from tests.world import ALL


def _refused(answer: httpx.Response, *words: str) -> None:
    assert answer.status_code == 403
    said = answer.json()
    assert (said["code"], said["reason"]) == (403, "rejected")
    for word in words:
        assert word in said["message"]


async def _managed(plane: Plane) -> list[str]:
    page = await plane.world.control.managed.find(ManagedFilter(), ALL)
    return [view.managed.name for view in page.items]


async def test_our_agent_is_given_an_id_and_a_key(plane: Plane) -> None:
    activation_id, code = await plane.activation()

    answer = await plane.register(activationId=activation_id, activationCode=code)

    said = answer.json()
    assert said["code"] == 200
    assert said["instanceId"].startswith("mi-")
    assert said["regionId"] == "cn-hangzhou"
    assert len(base64.b64decode(said["key"])) == 32


async def test_the_published_agent_is_told_a_number_and_an_id(
    plane: Plane, rsa_key: rsa.RSAPrivateKey
) -> None:
    visitor = await plane.published(rsa_key)

    assert visitor.instance_id.startswith("mi-")
    assert (await visitor.beat()).status_code == 200


@pytest.mark.parametrize("which", ["id", "code", "both"])
async def test_a_wrong_activation_is_refused_in_the_same_words(plane: Plane, which: str) -> None:
    activation_id, code = await plane.activation()
    said = {
        "activationId": activation_id if which == "code" else "0000-WRONG",
        "activationCode": code if which == "id" else "a-wrong",
    }

    _refused(await plane.register(**said), "the activation id and code do not belong together")
    assert await _managed(plane) == []


async def test_the_activation_id_may_be_typed_in_small_letters(plane: Plane) -> None:
    activation_id, code = await plane.activation()

    answer = await plane.register(activationId=activation_id.lower(), activationCode=code)

    assert answer.status_code == 200


async def test_an_expired_activation_is_refused(plane: Plane) -> None:
    activation_id, code = await plane.activation(time_to_live=timedelta(hours=1))
    await plane.world.advance(hours=1)

    _refused(await plane.register(activationId=activation_id, activationCode=code), "expired")


async def test_an_activation_serves_as_many_machines_as_it_says(plane: Plane) -> None:
    activation_id, code = await plane.activation(instance_count=2)
    said = {"activationId": activation_id, "activationCode": code}

    first, second, third = [await plane.register(**said) for _ in range(3)]

    assert first.status_code == second.status_code == 200
    assert first.json()["instanceId"] != second.json()["instanceId"]
    _refused(third, "used up")
    assert len(await _managed(plane)) == 2


@pytest.mark.parametrize(
    "allowed, fits", [("127.0.0.1", True), ("127.0.0.0/8", True), ("10.0.0.0/8", False)]
)
async def test_an_activation_may_be_for_some_addresses_only(
    plane: Plane, allowed: str, fits: bool
) -> None:
    activation_id, code = await plane.activation(ip_address_range=allowed)

    answer = await plane.register(activationId=activation_id, activationCode=code)

    if fits:
        assert answer.status_code == 200
    else:
        _refused(answer, "not for 127.0.0.1")


async def test_machines_without_a_name_are_numbered_and_others_keep_theirs(plane: Plane) -> None:
    activation_id, code = await plane.activation(instance_name="db")
    said = {"activationId": activation_id, "activationCode": code}

    await plane.register(**said)
    await plane.register(**said, instanceName="special")
    await plane.register(**said)

    assert sorted(await _managed(plane)) == ["db-001", "db-003", "special"]


async def test_tags_of_the_activation_and_of_the_machine_are_joined(plane: Plane) -> None:
    activation_id, code = await plane.activation(tags={"team": "a", "site": "north"})

    await plane.register(
        activationId=activation_id,
        activationCode=code,
        tag=[{"key": "site", "value": "south"}, {"key": "rack", "value": "7"}],
    )

    page = await plane.world.control.managed.find(ManagedFilter(), ALL)
    assert dict(page.items[0].managed.tags) == {"team": "a", "site": "south", "rack": "7"}


async def test_a_machine_that_joins_again_is_another_instance(
    plane: Plane, rsa_key: rsa.RSAPrivateKey, other_rsa_key: rsa.RSAPrivateKey
) -> None:
    first = await plane.published(rsa_key, machine_id="cloned")
    second = await plane.published(other_rsa_key, machine_id="cloned")

    assert first.instance_id != second.instance_id
    assert (await first.beat()).status_code == (await second.beat()).status_code == 200


async def test_a_machine_that_says_that_it_is_the_same_keeps_its_id(plane: Plane) -> None:
    first, second = [
        await plane.activation(instance_count=2, instance_name=name, tags={"from": name})
        for name in ("office", "home")
    ]
    old = await _join(plane, first, machineId="desk", tag=[{"key": "room", "value": "3"}])
    await old.beat()
    invoke_id = await plane.run(old)

    async with old.channel() as channel:
        new = await _join(plane, second, machineId="desk", forceReuse=True)
        async with asyncio.timeout(10):
            await channel.wait_closed()

    assert (new.instance_id, channel.close_code) == (old.instance_id, 4002)
    assert (await old.beat()).json()["reason"] == "signature"
    assert (await new.beat()).status_code == 200
    assert [item["task"]["taskID"] for item in (await new.fetch())["run"]] == [invoke_id]
    (one,) = (await plane.world.control.managed.find(ManagedFilter(), ALL)).items
    assert (one.managed.name, one.managed.activation_id) == ("office-001", second[0])
    assert one.managed.tags == {"room": "3", "from": "home"}
    counts = await plane.world.control.activations.find(ActivationFilter(), ALL)
    assert {
        found.instance_name: (found.registered_count, found.deregistered_count)
        for found in counts.items
    } == {"office": (1, 1), "home": (1, 0)}


async def _join(plane: Plane, activation: tuple[str, str], **said: object) -> Visitor:
    answer = await plane.register(activationId=activation[0], activationCode=activation[1], **said)
    joined = wire.Registered.from_json(answer.json())
    signer = OurSigner(key=joined.key, boot_id="boot-1")
    return Visitor(plane=plane, instance_id=joined.instance_id, signer=signer)


async def test_the_same_machine_uses_an_activation_up_as_any_other(plane: Plane) -> None:
    activation_id, code = await plane.activation(instance_count=1)
    said = {"activationId": activation_id, "activationCode": code, "forceReuse": True}

    assert (await plane.register(**said)).status_code == 200
    _refused(await plane.register(**said), "used up")


@pytest.mark.parametrize(
    "said",
    [{"machineId": "another"}, {"machineId": ""}, {"forceReuse": "true"}, {"forceReuse": None}],
)
async def test_any_other_machine_is_given_an_id_of_its_own(
    plane: Plane, said: dict[str, object]
) -> None:
    activation = await plane.activation()
    old = await _join(plane, activation, machineId="")
    old = await _join(plane, activation, machineId="desk")

    new = await _join(plane, activation, **{"machineId": "desk", "forceReuse": True, **said})

    assert new.instance_id != old.instance_id


async def test_of_two_machines_of_one_name_the_later_one_is_the_same(plane: Plane) -> None:
    activation = await plane.activation()
    first = await _join(plane, activation, machineId="desk")
    await plane.world.advance(seconds=1)
    second = await _join(plane, activation, machineId="desk")

    again = await _join(plane, activation, machineId="desk", forceReuse=True)

    assert (again.instance_id == second.instance_id) and first.instance_id != second.instance_id


async def test_a_machine_that_has_left_is_not_the_same(plane: Plane) -> None:
    activation = await plane.activation()
    first = await _join(plane, activation, machineId="desk")
    await first.ask("POST", wire.DEREGISTER_PATH)

    again = await _join(plane, activation, machineId="desk", forceReuse=True)

    assert again.instance_id != first.instance_id


async def test_a_fingerprint_that_is_known_is_told_to_be(plane: Plane) -> None:
    """Newer published agents come back with another one, or say that they are the same."""
    activation_id, code = await plane.activation()
    said = {"activationId": activation_id, "activationCode": code, "fingerprint": "f-1"}
    first = (await plane.register(**said)).json()["instanceId"]

    refused = await plane.register(**said)
    other = await plane.register(**{**said, "fingerprint": "f-2"})
    same = await plane.register(**said, forceReuse=True)

    assert (refused.status_code, refused.json()["errCode"]) == (400, "fingerprint_duplicate")
    assert other.json()["instanceId"] != first == same.json()["instanceId"]
    (found,) = (await plane.world.control.managed.find(ManagedFilter(machine_id="f-1"), ALL)).items
    assert found.managed.id == first


async def test_a_newer_published_agent_signs_its_fingerprint(
    plane: Plane, rsa_key: rsa.RSAPrivateKey
) -> None:
    activation_id, code = await plane.activation()
    answer = await plane.register(
        activationId=activation_id,
        activationCode=code,
        machineId="machine-1",
        fingerprint="f-1",
        publicKey=pem_text(rsa_key),
    )
    visitor = Visitor(
        plane=plane,
        instance_id=answer.json()["instanceId"],
        signer=PublishedSigner(key=rsa_key, machine_id="f-1"),
    )
    assert (await visitor.beat()).status_code == 200


async def test_an_instance_of_ours_joins_as_often_as_it_must_with_a_new_key_each_time(
    plane: Plane,
) -> None:
    (instance_id,) = await plane.world.instances()
    boot = plane.world.machine(instance_id).boot
    assert boot is not None
    said = {"activationId": boot.activation_id, "activationCode": boot.activation_code}

    joined = [wire.Registered.from_json((await plane.register(**said)).json()) for _ in range(2)]

    assert [registered.instance_id for registered in joined] == [instance_id, instance_id]
    visitor = await plane.ours()
    visitor.instance_id = instance_id
    visitor.signer = OurSigner(key=joined[0].key, boot_id="boot-1")
    assert (await visitor.beat()).json()["reason"] == "signature"
    visitor.signer = OurSigner(key=joined[1].key, boot_id="boot-1")
    assert (await visitor.beat()).status_code == 200


def _ec_key() -> str:
    pem = (
        ec.generate_private_key(ec.SECP256R1())
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return base64.b64encode(pem).decode()


def _short_key() -> str:
    return pem_text(rsa.generate_private_key(public_exponent=65537, key_size=1024))  # noqa: S505


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("not base64!", id="not base64"),
        pytest.param(base64.b64encode(b"no PEM").decode(), id="no PEM"),
        pytest.param(_ec_key(), id="another algorithm"),
        pytest.param(_short_key(), id="too short"),
    ],
)
async def test_a_public_key_that_cannot_be_used_is_refused(plane: Plane, key: str) -> None:
    activation_id, code = await plane.activation()

    answer = await plane.register(activationId=activation_id, activationCode=code, publicKey=key)

    _refused(answer, "cannot use the public key")
    assert await _managed(plane) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no json",
        b"[]",
        b'"text"',
        b"\xff\xfe",
        b'{"activationId": 7}',
        b'{"activationId": null}',
        b'{"tag": "k=v"}',
        b'{"tag": ["k=v"]}',
        b'{"tag": [{"key": 1, "value": "v"}]}',
        b'{"activationCode": "\\ud800"}',
        b'{"hostname": "\\ud800"}',
        b"[" * 100_000,
    ],
)
async def test_a_body_that_is_no_registration_is_told_so(plane: Plane, body: bytes) -> None:
    url = f"http://127.0.0.1:{plane.port}{wire.REGISTER_PATH}"

    answer = await plane.client.post(url, content=body)

    assert answer.status_code == 422
    assert answer.json()["reason"] == "malformed"
    assert answer.json()["message"]


async def test_unknown_fields_of_newer_agents_are_passed_over(plane: Plane) -> None:
    activation_id, code = await plane.activation()

    answer = await plane.register(
        activationId=activation_id, activationCode=code, fingerprint="f", forceReuse=True, tag=None
    )

    assert answer.status_code == 200


async def test_who_leaves_is_known_no_more(plane: Plane) -> None:
    visitor = await plane.ours()

    answer = await visitor.ask("POST", wire.DEREGISTER_PATH)

    assert answer.json() == {"code": 200}
    after: Any = (await visitor.beat()).json()
    assert after["reason"] == "unknown-instance"
    assert await _managed(plane) == []


async def test_whose_machine_was_deregistered_is_told_so_with_its_next_beat(
    plane: Plane, rsa_key: rsa.RSAPrivateKey
) -> None:
    visitor = await plane.published(rsa_key)
    await plane.world.control.managed.deregister(InstanceId(visitor.instance_id))

    answer = await visitor.beat()

    assert (answer.status_code, answer.json()["errMsg"]) == (403, "instance_deregistered")
    visitor.instance_id = "mi-nobody"
    answer = await visitor.beat()
    assert (answer.status_code, "errMsg" in answer.json()) == (401, False)


async def test_leaving_ends_what_was_to_be_done(plane: Plane) -> None:
    visitor = await plane.ours()
    await visitor.beat()
    invoke_id = await plane.run(visitor)
    await visitor.fetch()

    await visitor.ask("POST", wire.DEREGISTER_PATH)

    target = (await plane.result(invoke_id)).target
    assert (target.state, target.error_code) == ("Error", "InstanceDeregistered")


async def test_an_instance_of_ours_cannot_leave(plane: Plane) -> None:
    (instance_id,) = await plane.world.instances()
    boot = plane.world.machine(instance_id).boot
    assert boot is not None
    joined = wire.Registered.from_json(
        (
            await plane.register(
                activationId=boot.activation_id, activationCode=boot.activation_code
            )
        ).json()
    )
    visitor = await plane.ours()
    visitor.instance_id = instance_id
    visitor.signer = OurSigner(key=joined.key, boot_id="boot-1")

    answer = await visitor.ask("POST", wire.DEREGISTER_PATH)

    _refused(answer, "not a managed instance")
    assert (await visitor.beat()).status_code == 200


async def test_whoever_asks_is_told_that_the_way_is_open(plane: Plane) -> None:
    answer = await plane.client.get(f"http://127.0.0.1:{plane.port}/luban/api/connection_detect")

    assert (answer.status_code, answer.text) == (200, "ok")
