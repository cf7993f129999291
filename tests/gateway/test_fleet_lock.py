"""Other tools ask for slots over HTTP, by the FleetLock protocol."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cloudhand.core.audit import RecordFilter
from cloudhand.gateway.fleet_lock import FleetLock
from tests.world import World

HEADERS = [(b"fleet-lock-protocol", b"true")]


def body(id_: object = "c988d2509fdf5cdcbed39037c56406fb", group: object = "all") -> bytes:
    return json.dumps({"client_params": {"id": id_, "group": group}}).encode()


class Tool:
    """Asks one application as a tool does."""

    def __init__(self, world: World, base: str) -> None:
        self.world = world
        self.base = base
        self._app = FleetLock(world.tenancy)

    async def ask(
        self,
        step: str,
        content: bytes | None = None,
        *,
        headers: list[tuple[bytes, bytes]] | None = None,
        method: str = "POST",
        base: str | None = None,
    ) -> tuple[int, Any]:
        scope = {
            "type": "http",
            "method": method,
            "path": f"{self.base if base is None else base}/v1/{step}",
            "headers": HEADERS if headers is None else headers,
        }
        content = body() if content is None else content
        parts = [
            {"type": "http.request", "body": content[:5], "more_body": True},
            {"type": "http.request", "body": content[5:]},
        ]
        sent: list[dict[str, Any]] = []

        async def receive() -> Any:
            return parts.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        await self._app(scope, receive, send)
        return sent[0]["status"], json.loads(sent[1]["body"])


@pytest.fixture
async def tool(tmp_path: Path) -> AsyncIterator[Tool]:
    async with World(tmp_path) as world:
        await world.control.governor.set_group("all")
        token = await world.control.governor.reset_token("all")
        yield Tool(world, f"/fleetlock/{world.settings.account_id}/{token}")


async def test_one_restarts_at_a_time_and_a_tool_may_repeat_what_it_says(tool: Tool) -> None:
    for _ in range(2):
        assert await tool.ask("pre-reboot") == (200, {})
    status, problem = await tool.ask("pre-reboot", body("another"))
    assert (status, problem["kind"]) == (409, "wait")
    assert problem["value"].endswith("c988d2509fdf5cdcbed39037c56406fb holds a slot")
    for _ in range(2):
        assert await tool.ask("steady-state") == (200, {})
    assert await tool.ask("pre-reboot", body("another")) == (200, {})


async def test_one_that_restarts_for_ever_is_told_so(tool: Tool) -> None:
    for _ in range(5):
        assert (await tool.ask("pre-reboot"))[0] == 200
        assert (await tool.ask("steady-state"))[0] == 200
    status, problem = await tool.ask("pre-reboot")
    assert (status, problem["kind"]) == (409, "restart_limit")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"client_params": 1}',
        b'{"client_params": {"id": "x"}}',
        body(id_=7),
        body(id_=""),
        body(id_="x" * 129),
        body(group="a/b"),
        b"[" * 5000,
        b"\xff",
        b" " * 20_000 + body(),
    ],
)
async def test_what_is_no_question_is_refused(tool: Tool, content: bytes) -> None:
    status, problem = await tool.ask("pre-reboot", content)
    assert (status, problem["kind"]) == (400, "body")


async def test_who_does_not_speak_the_protocol_is_told_so(tool: Tool) -> None:
    assert (await tool.ask("pre-reboot", headers=[]))[0] == 400
    assert (await tool.ask("pre-reboot", method="GET"))[0] == 405
    account, token = tool.base.split("/")[2:]
    for base in (
        f"/fleetlock/{account}",
        f"/fleetlock/{account}/{token[:-1]}",
        f"/fleetlock/9999999999999999/{token}",
        "/fleetlock",
    ):
        status, problem = await tool.ask("pre-reboot", base=base)
        assert (status, problem["kind"]) == (404, "unknown_address")
    assert (await tool.ask("reboot"))[0] == 404
    status, problem = await tool.ask("pre-reboot", base=f"/fleetlock/{account}/{'0' * 48}")
    assert (status, problem["kind"]) == (404, "unknown_group")
    assert (await tool.ask("pre-reboot", body(group="none")))[0] == 404


async def test_what_other_tools_did_is_in_the_audit(tool: Tool) -> None:
    await tool.ask("pre-reboot")
    await tool.ask("steady-state")
    found, _ = await tool.world.control.audit.find(RecordFilter(action="slot:*"), limit=10)
    told = [(one.record["action"], one.record["who"][:4]) for one in found]
    assert told == [("slot:Released", "c988"), ("slot:Held", "c988")]


async def test_a_store_that_cannot_be_written_says_come_again(tool: Tool) -> None:
    async with tool.world.locked():
        assert (await tool.ask("pre-reboot"))[0] == 503
    assert (await tool.ask("pre-reboot"))[0] == 200
