"""Whatever is sent, there is one clear answer, and what is known stays."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from cloudhand.core.ids import InvokeId
from cloudhand.core.invocation import State
from cloudhand.wire import agent as wire
from cloudhand.wire import enclosed, session
from tests.gateway.plane import Plane, Visitor, gateway
from tests.stillness import StillLoop

# A plane lives for all examples of a test: that nothing leaves a mark on it is what is tested.
_fuzz = settings(
    max_examples=int(os.environ.get("CLOUDHAND_TEST_EXAMPLES", "60")),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

# Between two examples, so that however many there are none is one too many.
_A_WHILE = timedelta(milliseconds=20)

_PATHS = st.sampled_from(
    [
        wire.HEARTBEAT_PATH,
        wire.TASK_LIST_PATH,
        wire.INVENTORY_PATH,
        *(wire.REPORT_PATH + kind for kind in wire.KINDS),
        session.LIST_PATH,
        session.STATUS_PATH,
        "/luban/api/gshell",
        "/luban/api/nothing",
    ]
)
_NAMES = st.sampled_from(
    [
        *("taskId", "start", "end", "exitCode", "dropped", "offset", "survivors", "power"),
        "receipt",
        *("uptime", "channelId", "status", "errorcode"),
    ]
)
_VALUES = st.one_of(
    st.sampled_from(
        [
            '{"how":"cgroup"}',
            "[" * 5000,
            "",
            "0",
            "-1",
            "9" * 18,
            "9" * 400,
            "1e3",
            "\u0663",
            "true",
            "restart",
            "%",
        ]
    ),
    st.integers().map(str),
    st.text(max_size=20),
)
_QUERIES = st.one_of(
    st.dictionaries(_NAMES, _VALUES, max_size=6),
    st.text("abtaskId=&%;0+~.", max_size=60),
)
_BODIES = st.one_of(
    st.binary(max_size=200),
    st.sampled_from([b"{}", b"[]", b'{"running":[null]}', b'{"bootId":"\\ud800"}', b"[" * 5000]),
)


class Room:
    """A plane with one of our agents that runs one command."""

    def __init__(self, runner: asyncio.Runner, plane: Plane) -> None:
        self.runner = runner
        self.plane = plane
        self.visitor, self.invoke_id = runner.run(self._busy())

    async def _busy(self) -> tuple[Visitor, InvokeId]:
        visitor = await self.plane.ours()
        await visitor.beat()
        invoke_id = await self.plane.run(visitor)
        await visitor.fetch(taskId=invoke_id)
        await visitor.say(wire.RUNNING, invoke_id, b"so far", start=1, offset=0)
        return visitor, invoke_id


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with asyncio.Runner(loop_factory=StillLoop) as runner:
        stack = AsyncExitStack()

        async def enter() -> Plane:
            return await stack.enter_async_context(gateway(tmp_path))

        plane = runner.run(enter())
        try:
            yield Room(runner, plane)
        finally:
            runner.run(stack.aclose())


@_fuzz
@given(path=_PATHS, query=_QUERIES, body=_BODIES, about_ours=st.booleans())
def test_signed_nonsense_gets_one_clear_answer(
    room: Room, path: str, query: dict[str, str] | str, body: bytes, about_ours: bool
) -> None:
    async def ask() -> None:
        room.plane.world.clock.move(_A_WHILE)
        before = await room.plane.result(room.invoke_id)
        known = {"taskId": room.invoke_id} if about_ours and isinstance(query, dict) else {}
        asked = {**query, **known} if isinstance(query, dict) else query
        answer = await room.visitor.ask("POST", path, asked, body)
        assert answer.status_code in (200, 404, 422), answer.text
        after = await room.plane.result(room.invoke_id)
        if answer.status_code != 200:
            said = answer.json()
            assert said["code"] == answer.status_code
            assert said["reason"] and said["message"]
            assert after == before
        assert after.output.startswith(b"so far")
        if before.target.final:
            assert after == before

    room.runner.run(ask())


@_fuzz
@given(
    method=st.sampled_from(["GET", "POST", "PUT"]),
    path=_PATHS | st.just(wire.REGISTER_PATH),
    headers=st.dictionaries(
        st.sampled_from(
            ["X-Acs-Instance-Id", "X-Acs-Timestamp", "X-Acs-Request-Id", "x-cloudhand-signature"]
        ),
        st.text(st.characters(min_codepoint=33, max_codepoint=255, exclude_characters="\x7f")),
    ),
    body=_BODIES,
)
def test_unsigned_nonsense_is_refused(
    room: Room, method: str, path: str, headers: dict[str, str], body: bytes
) -> None:
    async def ask() -> None:
        room.plane.world.clock.move(_A_WHILE)
        signed = room.visitor.signed(method, path, "", body)
        answer = await room.plane.send(
            method, path, "", body, {**signed, "x-cloudhand-signature": "", **headers}
        )
        wanted = (403, 422) if path == wire.REGISTER_PATH else (401,)
        assert answer.status_code in wanted, answer.text
        assert answer.json()["reason"] and answer.json()["message"]
        target = (await room.plane.result(room.invoke_id)).target
        assert target.state is State.RUNNING

    room.runner.run(ask())


_WORDS = st.one_of(
    _PATHS,
    st.sampled_from(["GET", "POST", "", "0", "1" * 18, "boot-1", "?", "\n", "\xff"]),
    st.text(st.characters(max_codepoint=255), max_size=20),
)


@_fuzz
@given(
    messages=st.lists(
        st.one_of(
            st.binary(max_size=200),
            st.text(max_size=50),
            st.lists(_WORDS, min_size=6, max_size=6).map(lambda w: " ".join(w).encode("latin-1")),
        ),
        max_size=4,
    )
)
def test_nonsense_over_the_channel_is_refused(room: Room, messages: list[str | bytes]) -> None:
    async def ask() -> None:
        await room.visitor.beat()
        async with room.visitor.channel(**{wire.EXTENSIONS_HEADER: "1"}) as socket:
            with contextlib.suppress(ConnectionClosed):
                for message in messages:
                    await socket.send(message)
                await (await socket.ping())
            answers = []
            with contextlib.suppress(ConnectionClosed, TimeoutError):
                async with asyncio.timeout(0):
                    while True:
                        answers.append(await socket.recv())
        said = [enclosed.answer_from_bytes(one) for one in answers if isinstance(one, bytes)]
        assert {status for _, status, _ in said} <= {401}
        assert socket.close_code in (1000, 1008)
        target = (await room.plane.result(room.invoke_id)).target
        assert target.state is State.RUNNING

    room.runner.run(ask())
