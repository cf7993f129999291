"""Fetches and reports: what is handed out, what is said of it, and what remains of that."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from cloudhand.control.settings import ControlSettings
from cloudhand.core.ids import InvokeId
from cloudhand.core.invocation import State
from cloudhand.wire import agent as wire
from cloudhand.wire.receipt import CGROUP, Process, Receipt
from tests.gateway.plane import Plane, Visitor, gateway

_ENDS: list[tuple[str, dict[str, Any], State, str]] = [
    (wire.FINISH, {"exitCode": 0}, State.SUCCESS, ""),
    (wire.FINISH, {"exitCode": 3}, State.FAILED, "ExitCodeNonzero"),
    (wire.FINISH, {"exitCode": -1}, State.FAILED, "ExitCodeNonzero"),
    (wire.FINISH, {"exitCode": 4294967295}, State.FAILED, "ExitCodeNonzero"),
    (wire.TIMEOUT, {"exitCode": 1}, State.TIMEOUT, "ExecutionTimeout"),
    (wire.ERROR, {"errCode": -9, "errDesc": "it exists"}, State.ERROR, "ExecutionException"),
    (wire.STOPPED, {"exitcode": 0, "result": "killed"}, State.TERMINATED, ""),
]


@pytest.fixture(params=["ours", "published"])
async def visitor(
    request: pytest.FixtureRequest, plane: Plane, rsa_key: rsa.RSAPrivateKey
) -> Visitor:
    made = await (plane.ours() if request.param == "ours" else plane.published(rsa_key))
    await made.beat()
    return made


async def _started(plane: Plane, visitor: Visitor) -> InvokeId:
    invoke_id = await plane.run(visitor)
    await visitor.fetch(taskId=invoke_id)
    await visitor.say(wire.RUNNING, invoke_id, start=1_000)
    return invoke_id


async def test_work_is_handed_out_as_the_published_agent_reads_it(
    plane: Plane, visitor: Visitor
) -> None:
    invoke_id = await plane.run(visitor, script="echo \N{LATIN SMALL LETTER E WITH ACUTE}")

    work = await visitor.fetch(taskId=invoke_id)

    assert (work["code"], work["instanceId"]) == (200, visitor.instance_id)
    (item,) = work["run"]
    assert item["repeat"] == "Once"
    task = item["task"]
    assert task["taskID"] == invoke_id
    assert base64.b64decode(task["commandContent"]).decode() == "echo \u00e9"
    types = {
        "taskID": str,
        "invokeVersion": int,
        "type": str,
        "commandContent": str,
        "timeOut": str,
        "commandId": str,
        "workingDirectory": str,
        "username": str,
        "enableParameter": bool,
        "builtInParameter": dict,
        "cron": str,
    }
    assert {name: type(task[name]) for name in types} == types
    assert {name: type(value) for name, value in item["output"].items()} == {
        "interval": int,
        "logQuota": int,
        "skipEmpty": bool,
        "sendStart": bool,
    }


async def test_the_same_is_handed_out_until_its_agent_speaks_of_it(
    plane: Plane, visitor: Visitor
) -> None:
    invoke_id = await plane.run(visitor)

    lists = [await visitor.fetch(taskId=invoke_id) for _ in range(3)]
    lists.append(await visitor.fetch(reason="startup", cold_start="false"))
    assert all(work == lists[0] for work in lists)

    await visitor.say(wire.RUNNING, invoke_id, start=1)
    assert (await visitor.fetch(taskId=invoke_id))["run"] == []


async def test_nobody_is_handed_the_work_of_another(plane: Plane, visitor: Visitor) -> None:
    other = await plane.ours(machineId="other")
    invoke_id = await plane.run(other)

    assert (await visitor.fetch(taskId=invoke_id))["run"] == []
    assert (await visitor.fetch())["run"] == []
    assert (await visitor.say(wire.FINISH, invoke_id, b"forged", exitCode=0, end=1))["stop"]

    view = await plane.result(invoke_id)
    assert (view.target.state, view.output) == (State.PENDING, b"")


@pytest.mark.parametrize("kind, said, state, code", _ENDS)
async def test_ends(
    plane: Plane, visitor: Visitor, kind: str, said: dict[str, Any], state: State, code: str
) -> None:
    invoke_id = await _started(plane, visitor)

    await visitor.say(kind, invoke_id, b"tail", start=1_000, end=2_000, dropped=5, **said)

    view = await plane.result(invoke_id)
    assert (view.target.state, view.target.error_code) == (state, code)
    assert view.output == b"tail"
    assert view.target.dropped == 5
    assert view.target.exit_code == (said["exitCode"] if kind == wire.FINISH else None)


@pytest.mark.parametrize("kind, said, state, code", _ENDS)
async def test_an_end_is_heard_although_the_start_was_lost(
    plane: Plane, visitor: Visitor, kind: str, said: dict[str, Any], state: State, code: str
) -> None:
    invoke_id = await plane.run(visitor)
    await visitor.fetch(taskId=invoke_id)

    await visitor.say(kind, invoke_id, b"all", start=1_000, end=2_000, **said)

    view = await plane.result(invoke_id)
    assert (view.target.state, view.output) == (state, b"all")


async def test_a_task_that_is_refused(plane: Plane, visitor: Visitor) -> None:
    invoke_id = await plane.run(visitor)
    await visitor.fetch(taskId=invoke_id)

    await visitor.say(
        wire.INVALID,
        invoke_id,
        param="UsernameOrPasswordInvalid",
        value="UserInvalid_bob: user: unknown user bob",
    )

    target = (await plane.result(invoke_id)).target
    assert (target.state, target.error_code) == (State.INVALID, "AccountNotExists")
    assert target.error_info == "UserInvalid_bob: user: unknown user bob"


async def test_a_stop_of_what_had_not_begun(plane: Plane, visitor: Visitor) -> None:
    invoke_id = await plane.run(visitor)
    await visitor.fetch(taskId=invoke_id)
    await plane.world.control.invocations.stop(invoke_id)

    work = await visitor.fetch(taskId=invoke_id)
    assert [item["task"]["taskID"] for item in work["stop"]] == [invoke_id]
    await visitor.say(wire.STOPPED, invoke_id, start=0, end=0, exitcode=0, result="killed")

    assert (await plane.result(invoke_id)).target.state is State.CANCELLED


async def test_how_processes_were_ended_is_kept_with_the_end(
    plane: Plane, visitor: Visitor
) -> None:
    stuck = (Process(9, "dd"),)
    said = Receipt(how=CGROUP, took=104, ended=2, pids=(7, 8), survived=1, survivors=stuck)
    invoke_id = await _started(plane, visitor)
    told: dict[str, Any] = {"receipt": said.to_text(), "survivors": "9"}

    await visitor.say(wire.TIMEOUT, invoke_id, start=1, end=2, exitCode=1, **told)

    target = (await plane.result(invoke_id)).target
    assert (target.state, target.receipt) == (State.TIMEOUT, said)
    assert target.error_info.endswith("was ended; still running: 9")


async def test_the_first_end_stands(plane: Plane, visitor: Visitor) -> None:
    invoke_id = await _started(plane, visitor)

    await visitor.say(wire.FINISH, invoke_id, b"once\n", start=1, end=2, exitCode=0, dropped=0)
    for _ in range(3):
        await visitor.say(wire.FINISH, invoke_id, b"once\n", start=1, end=2, exitCode=0, dropped=0)
    await visitor.say(wire.STOPPED, invoke_id, b"late", start=1, end=3, exitcode=0, result="killed")
    late = await visitor.say(wire.RUNNING, invoke_id, b"late", start=1)

    view = await plane.result(invoke_id)
    assert (view.target.state, view.output) == (State.SUCCESS, b"once\n")
    assert late["stop"]
    assert "errorCode" not in late


async def test_two_ends_at_once_are_one(plane: Plane, visitor: Visitor) -> None:
    invoke_id = await _started(plane, visitor)

    await asyncio.gather(
        *(
            visitor.say(wire.FINISH, invoke_id, b"once", start=1, end=2, exitCode=code)
            for code in (0, 0, 0, 0)
        )
    )

    assert (await plane.result(invoke_id)).output == b"once"


async def test_output_is_joined_as_bytes(plane: Plane, visitor: Visitor) -> None:
    invoke_id = await _started(plane, visitor)
    text = "\N{GRINNING FACE}\x00\N{LATIN SMALL LETTER E WITH ACUTE}".encode() + b"\xff\xfe"

    for place in range(len(text) - 1):
        await visitor.say(wire.RUNNING, invoke_id, text[place : place + 1], start=1)
    await visitor.say(wire.FINISH, invoke_id, text[-1:], start=1, end=2, exitCode=0)

    assert (await plane.result(invoke_id)).output == text


async def test_a_piece_that_says_where_it_begins_is_kept_once(plane: Plane) -> None:
    visitor = await plane.ours()
    await visitor.beat()
    invoke_id = await _started(plane, visitor)

    for offset, piece in [(0, b"0123"), (0, b"0123"), (2, b"2345"), (4, b"45"), (0, b"0")]:
        await visitor.say(wire.RUNNING, invoke_id, piece, start=1, offset=offset)
    await visitor.say(
        wire.FINISH, invoke_id, b"0123456789", start=1, end=2, exitCode=0, offset=0, dropped=0
    )

    view = await plane.result(invoke_id)
    assert (view.output, view.target.dropped) == (b"0123456789", 0)


async def test_what_is_missing_between_two_pieces_is_counted(plane: Plane) -> None:
    visitor = await plane.ours()
    await visitor.beat()
    invoke_id = await _started(plane, visitor)

    await visitor.say(wire.RUNNING, invoke_id, b"head", start=1, offset=0)
    await visitor.say(wire.RUNNING, invoke_id, b"tail", start=1, offset=10)
    await visitor.say(wire.FINISH, invoke_id, start=1, end=2, exitCode=0, offset=14, dropped=0)

    view = await plane.result(invoke_id)
    assert (view.output, view.target.dropped) == (b"headtail", 6)


async def test_more_is_kept_than_is_shown(plane: Plane, visitor: Visitor) -> None:
    invoke_id = await _started(plane, visitor)

    await visitor.say(wire.RUNNING, invoke_id, b"a" * 20_000, start=1)
    await visitor.say(wire.FINISH, invoke_id, b"b" * 20_000, start=1, end=2, exitCode=0)

    view = await plane.result(invoke_id)
    assert view.output == b"a" * (24 * 1024 - 20_000) + b"b" * 20_000
    assert (view.dropped, view.target.dropped) == (40_000 - 24 * 1024, 0)


async def test_no_more_is_kept_than_the_limit(tmp_path: Path, rsa_key: rsa.RSAPrivateKey) -> None:
    async with gateway(tmp_path, ControlSettings(output_limit=30_000)) as plane:
        visitor = await plane.published(rsa_key)
        await visitor.beat()
        invoke_id = await _started(plane, visitor)

        await visitor.say(wire.RUNNING, invoke_id, b"a" * 20_000, start=1)
        await visitor.say(wire.FINISH, invoke_id, b"b" * 20_000, start=1, end=2, exitCode=0)

        view = await plane.result(invoke_id)
        assert len(view.output) == 24 * 1024
        assert view.target.dropped == 10_000
        assert view.dropped == 40_000 - 24 * 1024


async def test_a_body_beyond_all_measure_is_refused_and_nothing_of_it_kept(
    plane: Plane, visitor: Visitor
) -> None:
    invoke_id = await _started(plane, visitor)

    answer = await visitor.report(
        wire.FINISH, invoke_id, b"x" * (1024 * 1024 + 1), start=1, end=2, exitCode=0
    )

    assert (answer.status_code, answer.json()["reason"]) == (413, "size")
    view = await plane.result(invoke_id)
    assert (view.target.state, view.output) == (State.RUNNING, b"")
    await visitor.say(wire.FINISH, invoke_id, b"x" * 1024 * 1024, start=1, end=2, exitCode=0)
    assert (await plane.result(invoke_id)).target.state is State.SUCCESS


async def test_half_of_a_report_is_none(plane: Plane, visitor: Visitor) -> None:
    """The published signature does not cover the body, so only its length tells."""
    invoke_id = await _started(plane, visitor)
    path, query = wire.REPORT_PATH + wire.FINISH, f"taskId={invoke_id}&start=1&end=2&exitCode=0"
    body = b"the whole output\n"
    lines = [f"POST {path}?{query} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}"]
    lines += [
        f"{name}: {value}" for name, value in visitor.signed("POST", path, query, body).items()
    ]
    _, writer = await asyncio.open_connection("127.0.0.1", plane.port)
    writer.write("\r\n".join([*lines, "", ""]).encode() + body[:9])
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    for _ in range(3):
        await visitor.beat()

    assert (await plane.result(invoke_id)).target.state is State.RUNNING
    await visitor.say(wire.FINISH, invoke_id, body, start=1, end=2, exitCode=0)
    assert (await plane.result(invoke_id)).output == body


async def test_a_report_of_nothing_known_is_acknowledged(visitor: Visitor) -> None:
    for kind in wire.KINDS:
        ack = await visitor.say(kind, "t-nothing", b"output", start=1, end=2, exitCode=0)
        assert ack["stop"]


@pytest.mark.parametrize(
    "kind, query",
    [
        (wire.FINISH, ""),
        (wire.FINISH, "taskId="),
        (wire.FINISH, "taskId={id}&exitCode=none"),
        (wire.FINISH, "taskId={id}&exitCode=" + "9" * 40),
        (wire.FINISH, "taskId={id}&exitCode=0&start=1.5"),
        (wire.FINISH, "taskId={id}&exitCode=0&start=" + "9" * 15),
        (wire.FINISH, "taskId={id}&exitCode=0&end=-1"),
        (wire.FINISH, "taskId={id}&exitCode=0&dropped=-1"),
        (wire.FINISH, "taskId={id}&exitCode=0&dropped=" + "9" * 20),
        (wire.FINISH, "taskId={id}&exitCode=0&power=explode"),
        (wire.FINISH, "taskId={id}&exitCode=0&survivors=1,x"),
        (wire.STOPPED, "taskId={id}&exitCode=0&receipt=1"),
        (wire.FINISH, "taskId={id}&exitCode=0&offset=-1"),
        (wire.RUNNING, "taskId={id}&start=1_0"),
        (wire.STOPPED, "taskId={id}&exitcode=%FF"),
    ],
)
async def test_a_report_that_cannot_be_understood_changes_nothing(
    plane: Plane, visitor: Visitor, kind: str, query: str
) -> None:
    invoke_id = await _started(plane, visitor)

    answer = await visitor.ask(
        "POST", wire.REPORT_PATH + kind, query.replace("{id}", invoke_id), b"output"
    )

    assert (answer.status_code, answer.json()["reason"]) == (422, "malformed")
    view = await plane.result(invoke_id)
    assert (view.target.state, view.output) == (State.RUNNING, b"")


async def test_text_that_is_no_unicode_is_kept_as_well_as_it_can_be(
    plane: Plane, visitor: Visitor
) -> None:
    invoke_id = await _started(plane, visitor)
    path = wire.REPORT_PATH + wire.ERROR
    query = f"taskId={invoke_id}&start=1&end=2&exitCode=1&errCode=13&errDesc=%FF%00%ED%A0%80+it"

    answer = await visitor.ask("POST", path, query)

    assert answer.status_code == 200
    target = (await plane.result(invoke_id)).target
    assert target.state is State.ERROR
    assert target.error_info.endswith(" it")


async def test_a_path_that_is_not_there(visitor: Visitor) -> None:
    for path in ("/luban/api/v1/task/cancel", "/luban/api/v1/task/", "/luban/", "/luban/api/V1"):
        answer = await visitor.ask("POST", path, "taskId=t-1")
        assert (answer.status_code, answer.json()["reason"]) == (404, "path")
