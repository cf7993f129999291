"""How an agent is told to upgrade itself, fetches what it shall become, and tells of it."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from cloudhand.core.ids import InstanceId
from cloudhand.wire import release
from tests.gateway.plane import Plane, Visitor


@pytest.fixture
async def visitor(plane: Plane) -> Visitor:
    one = await plane.ours()
    await one.beat(release="0.1.0", package="0" * 64, upgradable="true")
    return one


async def _ask(plane: Plane, visitor: Visitor) -> str:
    (asked,) = await plane.world.control.upgrades.ask([InstanceId(visitor.instance_id)])
    return asked.id


async def _status(plane: Plane, visitor: Visitor) -> tuple[str, str]:
    (view,) = await plane.world.control.upgrades.find([InstanceId(visitor.instance_id)])
    assert view.upgrade is not None
    return view.upgrade.state.value, view.upgrade.reason


async def test_an_upgrade_by_its_messages(plane: Plane, visitor: Visitor) -> None:
    assert "upgrade" not in await visitor.fetch()
    upgrade_id = await _ask(plane, visitor)
    order = {"id": upgrade_id, "manifest": "{}", "signature": "00"}
    assert (await visitor.fetch())["upgrade"] == order
    assert await _status(plane, visitor) == ("Trying", "")
    assert (await visitor.fetch())["upgrade"] == order
    assert "upgrade" not in await visitor.fetch(taskId="t-1")

    got = (await visitor.ask("GET", release.PACKAGE_PATH, {})).json()
    assert base64.b64decode(got["package"]) == plane.world.releases.release.package

    said = {"id": upgrade_id, "outcome": "rolled back", "reason": "it was not online"}
    for _ in range(2):
        assert (await visitor.ask("POST", release.UPGRADE_PATH, said)).json() == {"code": 200}
    assert await _status(plane, visitor) == ("RolledBack", "it was not online")
    assert "upgrade" not in await visitor.fetch()


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"id": "u-1"},
        {"id": "u-1", "outcome": "won"},
        {"outcome": "refused", "reason": "x" * 5000},
    ],
)
async def test_what_is_no_outcome_is_told(
    plane: Plane, visitor: Visitor, said: dict[str, str]
) -> None:
    await _ask(plane, visitor)
    answer = await visitor.ask("POST", release.UPGRADE_PATH, said)
    assert (answer.status_code, answer.json()["reason"]) == (422, "malformed")
    assert await _status(plane, visitor) == ("Asked", "")


async def test_nobody_else_is_given_a_package_or_may_tell(
    plane: Plane, visitor: Visitor, rsa_key: rsa.RSAPrivateKey
) -> None:
    upgrade_id = await _ask(plane, visitor)
    for method, path in (("GET", release.PACKAGE_PATH), ("POST", release.UPGRADE_PATH)):
        answer = await plane.send(method, path, "", b"", {})
        assert answer.status_code == 401
    other = await plane.published(rsa_key)
    said = {"id": upgrade_id, "outcome": "upgraded"}
    await other.ask("POST", release.UPGRADE_PATH, said)
    assert await _status(plane, visitor) == ("Asked", "")
    assert "upgrade" not in await other.fetch()


@pytest.mark.parametrize("field", ["release", "package"])
async def test_what_an_agent_is_has_a_bound(plane: Plane, visitor: Visitor, field: str) -> None:
    answer = await visitor.beat(**{"release": "1", field: "x" * 65})
    assert answer.status_code == 422
