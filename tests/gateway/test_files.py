"""Files over the published protocol: handed out once to those who would write them twice."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from cloudhand.core.file import File, FileFilter, FileTarget, SendOrder
from cloudhand.core.ids import InstanceId, InvokeId
from cloudhand.wire import agent as wire
from tests.gateway.plane import Plane, Visitor, gateway
from tests.world import ALL


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[Plane]:
    async with gateway(tmp_path) as plane:
        yield plane


async def send(plane: Plane, *visitors: Visitor, **file: Any) -> InvokeId:
    given = {"name": "config", "directory": "/etc/app", "content": b"hello\n", **file}
    ids = [InstanceId(visitor.instance_id) for visitor in visitors]
    return await plane.world.control.files.send(SendOrder(file=File(**given), instance_ids=ids))


async def target(plane: Plane, invoke_id: InvokeId) -> FileTarget:
    page = await plane.world.control.files.find(FileFilter(invoke_id=invoke_id), ALL)
    return page.items[0].targets[0]


async def say(visitor: Visitor, kind: str, invoke_id: InvokeId, **said: object) -> None:
    query = {"taskId": invoke_id, "taskType": "sendfile", **said}
    answer = await visitor.ask("POST", wire.REPORT_PATH + kind, query)
    assert answer.status_code == 200, answer.text


async def test_a_published_agent_gets_what_it_expects(
    plane: Plane, rsa_key: rsa.RSAPrivateKey
) -> None:
    visitor = await plane.published(rsa_key)
    await visitor.beat()
    invoke_id = await send(plane, visitor, owner="bob", mode="0600", overwrite=True)
    (item,) = (await visitor.fetch(taskId=invoke_id))["file"]
    content = base64.b64encode(b"hello\n")
    assert item["task"] == {
        "taskID": invoke_id,
        "name": "config",
        "destination": "/etc/app",
        "content": content.decode(),
        "contentType": "Base64",
        "signature": hashlib.md5(content).hexdigest(),
        "owner": "bob",
        "group": "",
        "mode": "0600",
        "overwrite": True,
        "timeout": 60,
    }


async def test_it_is_kicked_in_the_words_of_the_protocol(
    plane: Plane, rsa_key: rsa.RSAPrivateKey
) -> None:
    visitor = await plane.published(rsa_key)
    await visitor.beat()
    async with visitor.channel() as channel:
        invoke_id = await send(plane, visitor)
        assert await channel.recv() == f"kick_vm file create {invoke_id}"


async def test_a_published_agent_is_handed_a_file_once_and_ours_until_it_speaks(
    plane: Plane, rsa_key: rsa.RSAPrivateKey
) -> None:
    published, ours = await plane.published(rsa_key), await plane.ours()
    for visitor, again in ((published, 0), (ours, 1)):
        await visitor.beat()
        invoke_id = await send(plane, visitor)
        assert len((await visitor.fetch())["file"]) == 1
        assert len((await visitor.fetch())["file"]) == again
        assert (await target(plane, invoke_id)).state == "Running"
        await say(visitor, wire.FINISH, invoke_id, status="Success", errorcode=0)
        assert (await target(plane, invoke_id)).state == "Success"
        assert (await visitor.fetch())["file"] == []


@pytest.mark.parametrize(
    ("kind", "said", "state", "code"),
    [
        (wire.FINISH, {"status": "Failed", "errorcode": 3}, "Failed", "FileAuthorityInvalid"),
        (wire.FINISH, {"status": "Failed"}, "Failed", "FileCreateFail"),
        (wire.INVALID, {"param": "FileExist", "value": "config"}, "Invalid", "FileAlreadyExists"),
    ],
)
async def test_what_it_could_not_do_is_told(
    plane: Plane,
    rsa_key: rsa.RSAPrivateKey,
    kind: str,
    said: dict[str, object],
    state: str,
    code: str,
) -> None:
    visitor = await plane.published(rsa_key)
    await visitor.beat()
    invoke_id = await send(plane, visitor)
    await visitor.fetch()
    await say(visitor, kind, invoke_id, **said)
    found = await target(plane, invoke_id)
    assert (found.state, found.error_code) == (state, code)
    assert found.error_info


async def test_an_agent_that_is_too_old_gets_none(plane: Plane, rsa_key: rsa.RSAPrivateKey) -> None:
    visitor = await plane.published(rsa_key, version="1.0.2.500")
    await visitor.beat()
    invoke_id = await send(plane, visitor)
    assert (await visitor.fetch())["file"] == []
    found = await target(plane, invoke_id)
    assert (found.state, found.error_code) == ("Aborted", "ClientNeedUpgrade")


async def test_nobody_speaks_of_the_files_of_others(plane: Plane) -> None:
    visitor = await plane.ours()
    other = await plane.ours(machineId="machine-2")
    await visitor.beat()
    invoke_id = await send(plane, visitor)
    await visitor.fetch()
    await say(other, wire.FINISH, invoke_id, status="Success")
    assert (await other.fetch())["file"] == []
    assert (await target(plane, invoke_id)).state == "Running"


async def test_what_is_no_report_of_a_file_is_refused(plane: Plane) -> None:
    visitor = await plane.ours()
    await visitor.beat()
    query = {"taskId": "f-1", "taskType": "sendfile"}
    answer = await visitor.ask("POST", wire.REPORT_PATH + wire.RUNNING, query)
    assert answer.status_code == 422
