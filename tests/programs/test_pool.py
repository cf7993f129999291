"""Programs of strangers: whatever they do, each call ends, and the next one is served."""

from __future__ import annotations

import asyncio
import os
import signal
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


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("def f: f; f", "it takes longer than 2 s"),
        ("last(range(1e18))", "it takes longer than 2 s"),
        ("[range(1e9)]", "it "),
        ("range(1e9)", "it gives too much"),
        ('"x" * 100000000', "it "),
        ('[range(100)] | map("x" * 100000)', "it gives too much"),
        ("def f: [f]; f", "it "),
        ('error("no")', "no"),
        (".a.b", "Cannot index number"),
        ("nonsense(", "syntax error"),
        ("", ""),
    ],
)
async def test_what_is_too_much_ends_and_the_next_one_is_served(
    pool: Pool, program: str, told: str
) -> None:
    if program:
        assert told in await refused(pool, program, {"a": 1})
    assert await pool.jq(".a", {"a": 1}) == [1]


async def test_a_pattern_that_goes_on_for_ever_is_ended(pool: Pool) -> None:
    with pytest.raises(ProgramError, match="it takes longer than 2 s"):
        await pool.matches("(a+)+$", "a" * 40 + "!")
    assert await pool.matches("a+", "aaa")


@pytest.mark.parametrize("pattern", ["(", "[z-a]", "(?P<n>a)(?P<n>b)", "a{2,1}"])
async def test_what_is_no_pattern_is_told(pool: Pool, pattern: str) -> None:
    with pytest.raises(ProgramError):
        await pool.matches(pattern, "a")


@pytest.mark.parametrize("program", ["$ENV", "env", "$ENV.HOME"])
async def test_a_program_does_not_see_the_environment(
    pool: Pool, program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDHAND_CANARY", "swordfish")
    assert "swordfish" not in str(await pool.jq(program, None))


@pytest.mark.parametrize(
    "form",
    ['import "{}" as $x; $x', 'include "{}"; f', '"{}" | input_filename', "input", '"{}" | inputs'],
)
async def test_a_program_opens_no_file(pool: Pool, form: str, tmp_path: Path) -> None:
    """Neither a module nor data."""
    (tmp_path / "it.json").write_text('"swordfish"')
    (tmp_path / "it.jq").write_text('def f: "swordfish";')
    program = form.replace("{}", str(tmp_path / "it"))
    try:
        told = str(await pool.jq(program, None))
    except ProgramError as error:
        told = str(error)
    assert "swordfish" not in told


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
    while _children() == [child] and Path(f"/proc/{child}/stat").read_text().split()[2] != "Z":
        await asyncio.sleep(0)
    with pytest.raises(ProgramError, match="it needs too much"):
        await pool.jq(".", 1)
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


async def test_nothing_is_left_when_it_is_closed(pool: Pool) -> None:
    await asyncio.gather(*(pool.jq(".", number) for number in range(4)))
    assert len(_children()) == 2
    await pool.close()
    assert _children() == []
