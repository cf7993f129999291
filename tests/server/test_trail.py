"""Who did what, in files beside the store: all of it, once, whatever ends in the middle."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from cloudhand.core.audit import OK, Kind, Record
from cloudhand.server.trail import Trail, keep_trail
from cloudhand.wire.audit import Link, check, link, read
from tests.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path, loops=False) as world:
        yield world


@asynccontextmanager
async def kept(world: World, folder: Path) -> AsyncIterator[None]:
    """The loop runs."""
    task = asyncio.create_task(keep_trail(world.control, folder))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def add(world: World, action: str, *, at: datetime | None = None) -> None:
    """``at``: when the call began; None: now."""
    began = at or world.clock.now()
    record = Record(kind=Kind.CALL, at=began, action=action, who="ann", outcome=OK)
    await world.control.audit.add(record)


async def written(world: World, folder: Path, count: int) -> list[Link]:
    """All lines, once there are so many."""
    await until(world, lambda: len(in_files(folder)) >= count)
    return [read(line) for line in in_files(folder)]


async def until(world: World, holds: Callable[[], bool]) -> None:
    """The loop gathers for a while, and then writes in a thread."""
    async with asyncio.timeout(20):
        while not holds():
            world.clock.move(timedelta(milliseconds=100))
            await asyncio.sleep(0)


def in_files(folder: Path) -> list[str]:
    return [line for path in sorted(folder.glob("*")) for line in path.read_text().splitlines()]


async def test_each_day_has_a_file_that_only_its_owner_reads(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    async with kept(world, folder):
        await add(world, "ecs:First")
        world.clock.move(timedelta(days=1))
        await add(world, "ecs:Second")
        links = await written(world, folder, 2)
    assert check(links) == (2, links[-1])
    first, second = sorted(folder.iterdir())
    assert first.name == f"{links[0].record['at'][:10]}.jsonl" < second.name
    assert {path.stat().st_mode & 0o777 for path in (first, second)} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700


async def test_a_call_that_began_yesterday_follows_what_was_written_today(
    world: World, tmp_path: Path
) -> None:
    """A record says when its call began, and is kept when that has ended."""
    folder = tmp_path / "audit"
    yesterday = world.clock.now()
    for turn in range(2):
        async with kept(world, folder):
            world.clock.move(timedelta(days=1))
            await add(world, "ecs:Today")
            await written(world, folder, 2 * turn + 1)
            await add(world, "ecs:Yesterday", at=yesterday)
            links = await written(world, folder, 2 * turn + 2)
    assert check(links) == (4, links[-1])


async def test_what_was_kept_while_nobody_wrote_is_written_later(
    world: World, tmp_path: Path
) -> None:
    folder = tmp_path / "audit"
    await add(world, "ecs:First")
    async with kept(world, folder):
        await written(world, folder, 1)
    for number in range(2, 2500):
        world.control.audit.note(
            Record(kind=Kind.CALL, at=world.clock.now(), action=f"ecs:{number}", who="", outcome=OK)
        )
    async with kept(world, folder):
        links = await written(world, folder, 2499)
    assert check(links) == (2499, links[-1])


@pytest.mark.parametrize("left", [b"", b'{"number":2,"at":"20', b"\n", b"no record\n"])
async def test_a_line_that_was_cut_off_is_written_anew(
    world: World, tmp_path: Path, left: bytes
) -> None:
    folder = tmp_path / "audit"
    await add(world, "ecs:First")
    async with kept(world, folder):
        await written(world, folder, 1)
    (file,) = folder.iterdir()
    with file.open("ab") as lines:
        lines.write(left)
    await add(world, "ecs:Second")
    async with kept(world, folder):
        await until(world, lambda: b"ecs:Second" in file.read_bytes())
    # What somebody else put there stays for a check to find.
    others = [line for line in in_files(folder) if "ecs:" not in line]
    assert others == [line.decode() for line in left.split(b"\n")[:-1]]
    assert [read(line).number for line in in_files(folder) if "ecs:" in line] == [1, 2]


async def test_a_folder_that_cannot_be_written_is_tried_again(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "audit"
    folder.write_text("in the way")
    await add(world, "ecs:First")
    async with kept(world, folder):
        await until(world, lambda: "trail not written" in caplog.text)
        os.unlink(folder)
        await add(world, "ecs:Second")
        links = await written(world, folder, 2)
    assert check(links)[0] == 2


async def test_files_of_long_ago_are_removed(tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    folder.mkdir()
    trail = Trail(folder, timedelta(days=2))
    for name in ("2026-01-01.jsonl", "2026-01-02.jsonl", "2026-01-03.jsonl", "notes.txt"):
        (folder / name).write_text("")
    trail.write([link(None, {"at": "2026-01-04T00:00:00.000+00:00"})])
    left = {path.name for path in folder.iterdir()}
    assert left == {f"2026-01-0{day}.jsonl" for day in (2, 3, 4)} | {"notes.txt"}
