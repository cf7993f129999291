"""Programs of strangers: whatever they do, each call ends, and the next one is served."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cloudhand.orchestration.programs import ProgramError
from cloudhand.programs.pool import Pool


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    pool = Pool()
    yield pool
    await pool.close()


async def refused(pool: Pool, program: str, document: object = None) -> str:
    with pytest.raises(ProgramError) as caught:
        await pool.jq(program, document)
    return str(caught.value)


async def served(pool: Pool) -> None:
    assert await pool.jq(".a", {"a": 1}) == [1]
    assert await pool.matches("a+", "aaa")


async def test_what_never_ends_is_ended_and_the_next_one_is_served(pool: Pool) -> None:
    with pytest.raises(ProgramError, match="it takes longer than 2 s"):
        await asyncio.gather(refused(pool, "def f: f; f"), pool.matches("(a+)+$", "a" * 40 + "!"))
    await served(pool)


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ('"x" * 1000000000', "it needs too much"),
        ('range(1e9) | "x" * 1000000', "it gives too much"),
    ],
)
async def test_what_is_too_much_ends_and_the_next_one_is_served(
    pool: Pool, program: str, told: str
) -> None:
    assert told in await refused(pool, program)
    await served(pool)


async def test_what_cannot_be_done_is_told_and_the_next_one_is_served(pool: Pool) -> None:
    for program, told in {
        '[range(100)] | map("x" * 100000)': "it gives too much",
        'error("no")': "no",
        'error("\\u0001" * 12000000)': "\1" * 500,
        "reduce range(65) as $i (1; [.])": "it is nested deeper than 64 levels",
        "reduce range(900) as $i (1; [.])": "it is nested deeper than 64 levels",
        "reduce range(9000) as $i (1; [.])": "it gives too much",
        '"[" * 20000 | fromjson': "Exceeds depth limit",
        '"\\ud800"': "Invalid",
        '"\ud800"': "surrogates not allowed",
        "(" * 30_000: "memory exhausted",
        ".a.b": "Cannot index number",
        "nonsense(": "syntax error",
        "input": "break",
        "limit(-1; 1)": "negative",
        "": "Top-level program not given",
    }.items():
        assert told in await refused(pool, program, {"a": 1})
        await served(pool)


async def test_what_is_no_pattern_is_told_and_the_next_one_is_served(pool: Pool) -> None:
    for pattern, told in {
        "(": "unterminated subpattern",
        "[z-a]": "bad character range",
        "(?P<n>a)(?P<n>b)": "redefinition of group name",
        "a{2,1}": "min repeat greater than max repeat",
        "a{99999999999999}": "the repetition number is too large",
        r"\N{nothing}": "undefined character name",
        "(" * 5000 + ")" * 5000: "it gives too much",
        "(?<=a+)b": "look-behind requires fixed-width pattern",
    }.items():
        with pytest.raises(ProgramError, match=re.escape(told)):
            await pool.matches(pattern, "a")
        await served(pool)


async def test_a_pattern_may_name_a_character(pool: Pool) -> None:
    assert await pool.matches(r"\N{LATIN SMALL LETTER A}", "a")


async def test_what_it_gives_can_be_kept_as_json(pool: Pool) -> None:
    for program, found in {
        "nan, [nan]": [None, [None]],
        "infinite, -1e999": [sys.float_info.max, -sys.float_info.max],
        "1e308 | floor": [int(1e308)],
        "[55296, 1114112] | implode": ["\ufffd\ufffd"],
        '"/w==" | @base64d': ["\ufffd"],
        "reduce range(64) as $i (1; [.]) | [.. | numbers]": [[1]],
    }.items():
        given = await pool.jq(program, None)
        assert given == found
        assert json.loads(json.dumps(given, allow_nan=False)) == given


async def test_a_program_does_not_see_the_environment(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDHAND_CANARY", "swordfish")
    for program in ("$ENV", "env"):
        assert await pool.jq(f"{program} | keys", None) == [["LANG"]]


async def test_a_program_opens_no_file(pool: Pool, tmp_path: Path) -> None:
    """Neither a module nor data."""
    it = tmp_path / "it"
    it.with_suffix(".json").write_text('"swordfish"')
    it.with_suffix(".jq").write_text('def f: "swordfish";')
    for program in (
        f'import "{it}" as $x; $x',
        f'import "it" as $x {{search: "{tmp_path}"}}; $x',
        f'include "{it}"; f',
        f'"{it}" | modulemeta',
    ):
        assert "swordfish" not in await refused(pool, program)
    assert await pool.jq(f'"{it}" | input_filename, [inputs]', None) == [None, []]


@pytest.mark.parametrize("value", ["\x00", "𝒳", '\\"', "\u2028", "x" * 100_000])
async def test_any_text_goes_through_unchanged(pool: Pool, value: str) -> None:
    assert await pool.jq(".", {value: [value]}) == [{value: [value]}]


async def test_many_at_once_are_answered_each_with_its_own(pool: Pool) -> None:
    async def one(number: int) -> object:
        if number % 10 == 0:
            return await refused(pool, 'error("it")')
        return (await pool.jq(". + 1", number))[0]

    answers = await asyncio.gather(*(one(number) for number in range(100)))
    assert answers == ["it" if number % 10 == 0 else number + 1 for number in range(100)]


def _children() -> list[int]:
    text = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text()
    ours = []
    for pid in map(int, text.split()):
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        if b"cloudhand.programs.child" in command:
            ours.append(pid)
    return ours


async def test_a_child_that_somebody_ends_is_replaced(pool: Pool) -> None:
    await pool.jq(".", 1)
    (child,) = _children()
    os.kill(child, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):  # the loop may have reaped it
        os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    assert await pool.jq(".", 2) == [2]


async def test_a_child_that_somebody_ends_while_it_works_is_replaced(pool: Pool) -> None:
    call = asyncio.create_task(pool.jq("def f: f; f", None))
    while not _children():
        await asyncio.sleep(0)
    for child in _children():
        os.kill(child, signal.SIGKILL)
    with pytest.raises(ProgramError, match="it needs too much"):
        await call
    assert await pool.jq(".", 2) == [2]


async def test_a_call_that_is_given_up_leaves_no_child(pool: Pool) -> None:
    call = asyncio.create_task(pool.jq("def f: f; f", None))
    while not _children():
        await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert _children() == []
    assert await pool.jq(".", 1) == [1]


async def test_a_call_may_be_given_up_at_any_moment(pool: Pool) -> None:
    """Also while its child is being started."""
    for steps in range(20):
        call = asyncio.create_task(pool.jq("def f: f; f", None))
        for _ in range(steps):
            await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert _children() == []
    assert await pool.jq(".", 1) == [1]


async def test_a_call_that_outlives_its_pool_leaves_no_child(pool: Pool) -> None:
    call = asyncio.create_task(pool.jq("[range(100000)] | length", None))
    while not _children():
        await asyncio.sleep(0)
    await pool.close()
    assert await call == [100_000]
    assert _children() == []


async def test_nothing_is_left_when_it_is_closed(pool: Pool) -> None:
    await asyncio.gather(*(pool.jq(".", number) for number in range(4)))
    assert len(_children()) == 2
    await pool.close()
    assert _children() == []
