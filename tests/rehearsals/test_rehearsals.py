"""Each rehearsal comes true, and comes true in the same way whenever the engine is killed.

There are too many moments to be killed at to try all of them each time: by default a few are drawn
by a seed, CLOUDHAND_TEST_SEED, of each rehearsal others; of one that is cancelled all are tried.
``make crash`` tries every one of all.
"""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cloudhand.programs.pool import Pool
from cloudhand.rehearsal.clock import VirtualClock
from cloudhand.rehearsal.expectation import missed
from cloudhand.rehearsal.script import Script, parse
from cloudhand.rehearsal.stage import Played, Stage
from cloudhand.store.envelope import open_envelope
from cloudhand.store.sqlite import SqliteDatabase
from tests.rehearsals.mortal import Mortal, played

_HERE = Path(__file__).parent
_FILES = sorted(_HERE.glob("*.yml"))
_EVERY = os.environ.get("CLOUDHAND_TEST_CRASHES") == "all"
_SEED = os.environ.get("CLOUDHAND_TEST_SEED", "1")
_FEW = 2


@pytest.fixture
async def programs() -> AsyncIterator[Pool]:
    pool = Pool()
    yield pool
    await pool.close()


@asynccontextmanager
async def _play(
    folder: Path, programs: Pool, file: Path, dies: Callable[[int], bool] = lambda _: False
) -> AsyncIterator[tuple[Script, Played, int]]:
    """A rehearsal, what came of it, and how many writes that took."""
    script = parse(file.read_text())
    template = (file.parent / script.template).read_text()
    folder.mkdir()
    envelope = open_envelope(folder / "secret.key", new=True)
    database = SqliteDatabase(folder / "stage.sqlite", envelope, durable=False)
    mortal = Mortal(database, dies)
    try:
        stage = Stage(mortal, programs, VirtualClock())
        yield script, await played(stage, template, script), mortal.writes
    finally:
        await database.close()


def _history(one: Played) -> list[tuple[str, ...]]:
    return [
        (move.noun, move.id, move.from_state, move.event, move.to_state, str(move.at))
        for move in one.moves
    ]


def _each(files: Sequence[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("file", files, ids=[file.stem for file in files])


def _drawn() -> list[Path]:
    """Those that are killed: one of each template, or all."""
    if _EVERY:
        return _FILES
    of_template: dict[str, list[Path]] = {}
    for file in _FILES:
        of_template.setdefault(parse(file.read_text()).template, []).append(file)
    return [random.Random(f"{_SEED}/{name}").choice(files) for name, files in of_template.items()]


@_each(_FILES)
async def test_it_comes_true(tmp_path: Path, programs: Pool, file: Path) -> None:
    async with _play(tmp_path / "once", programs, file) as (script, found, _):
        assert missed(script.expect, found) == []
        assert script.expect, "it expects nothing"


@_each(_drawn())
async def test_it_comes_true_as_before_whenever_the_engine_is_killed(
    tmp_path: Path, programs: Pool, file: Path
) -> None:
    async with _play(tmp_path / "once", programs, file) as (script, before, writes):
        # The parameter store may be filled before.
        start = 2 if script.stored or script.secrets else 1
    for name, dies in _deaths(_moments(file, range(start + 1, writes + 1)), start):
        async with _play(tmp_path / name, programs, file, dies) as (_script, after, _):
            assert _history(after) == _history(before), name
            assert after.states == before.states, name
            assert after.execution.outputs == before.execution.outputs, name
            assert after.execution.status_message == before.execution.status_message, name


def _moments(file: Path, every: Sequence[int]) -> Sequence[int]:
    """The writes to be killed after; the caller of the start is not the engine."""
    if _EVERY:
        return every
    return random.Random(f"{_SEED}/{file.stem}").sample(every, min(_FEW, len(every)))


def _deaths(moments: Sequence[int], start: int) -> Iterator[tuple[str, Callable[[int], bool]]]:
    """After a write, and as often as it can and still get anywhere."""
    for at in moments:
        yield f"after-{at}", lambda number, at=at: number == at  # type: ignore[misc]
    # Claims are freed, one is taken, and something is written.
    yield "again-and-again", lambda number: number > start and (number - start) % 3 == 0
