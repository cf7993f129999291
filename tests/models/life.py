"""A life of the control plane, in virtual time, and what must hold of all that it keeps.

What the states of each noun are, and which of them are final, is read from ARCHITECTURE.md: the
tables in the code are what is tested. Lives of one noun each are in the files beside this one.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Coroutine
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from cloudhand.control.provider import Power
from tests.machines import run_on
from tests.stillness import StillLoop
from tests.world import World

T = TypeVar("T")

_ROOT = Path(__file__).parents[2]
_BEAT = 50.0  # seconds
LOOK = timedelta(seconds=6)  # a loop looks every 5 s at the latest
OVERDUE = timedelta(seconds=30)  # what is past its deadline by more stands still


def _documented() -> dict[str, tuple[list[str], list[str]]]:
    """Of each noun its states, in the order of the page, and which of them are final."""
    text = (_ROOT / "ARCHITECTURE.md").read_text()
    found = {}
    for noun, states in re.findall(
        r"^\| ([a-z ]+?)(?: \(.*\))? \| `core/.*?` \| (.*) \|$", text, re.MULTILINE
    ):
        going, _, ended = states.partition(";")
        both = [one.strip() for one in f"{going},{ended}".split(",") if one.strip()]
        found[noun] = both, [one.strip() for one in ended.split(",") if one.strip()]
    found["instance"] = found["instance"][0], ["Released"]
    return found


DOCUMENTED = _documented()

# Where rows are kept: the noun, how their moves name them, and until when somebody must decide.
_ROWS = {
    "target": (
        "SELECT invoke_id || CASE run WHEN 0 THEN '' ELSE '.' || run END || '/' || instance_id,"
        " state, deadline_at FROM targets"
    ),
    "file target": "SELECT invoke_id || '/' || instance_id, state, deadline_at FROM file_targets",
    "connection": "SELECT session_id || '/' || instance_id, state, deadline_at FROM connections",
    "power action": "SELECT id, state, deadline_at FROM power_actions",
    "slot": "SELECT id, state, deadline_at FROM governor_slots",
    "upgrade": "SELECT id, state, deadline_at FROM agent_upgrades",
    "instance": "SELECT id, state, due_at FROM instances",
    "execution": "SELECT id, state, NULL FROM executions",
    "task": "SELECT id, state, NULL FROM task_executions",
}
_NOUNS = {"task": "task execution"}  # as the page has them, where moves have another word
# What rests in a state that is no order, and what waits for a person, has nothing to be late with.
_NO_DEADLINE = {"instance": {"Running", "Stopped"}, "target": {"Scheduled"}}
_WITHOUT = {"execution", "task"}
# A verdict that nobody witnessed may be corrected by testimony, once.
_CORRECTED = {"target", "file target", "upgrade"}


class Life(RuleBasedStateMachine):
    """``begin`` makes what a life is about, when the control plane is there."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner(loop_factory=StillLoop)
        self.world = World(self.folder, behave=run_on)
        self.runner.run(self.world.__aenter__())
        self.store = sqlite3.connect(self.folder / "world.sqlite")
        self.run(self.begin())

    async def begin(self) -> None:
        raise NotImplementedError

    def teardown(self) -> None:
        self.store.close()
        self.runner.run(self.world.__aexit__(None, None, None))
        self.runner.close()
        shutil.rmtree(self.folder)

    def look(self, work: Coroutine[Any, Any, T]) -> T:
        """What changes nothing."""
        return self.runner.run(work)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(self._settled(work))

    async def _settled(self, work: Coroutine[Any, Any, T]) -> T:
        done = await work
        await self.world.settle()
        return done

    @property
    def now(self) -> datetime:
        return self.world.clock.now()

    @rule(seconds=st.sampled_from([1, 7, 20, 70, 200, 700]))
    def time_passes(self, seconds: float) -> None:
        self.run(self._pass(seconds))

    async def _pass(self, seconds: float) -> None:
        """With the heart-beats of those who can be heard."""
        while seconds > 0:
            for machine in list(self.world.machines.machines.values()):
                if machine.power is Power.RUNNING and machine.connected and machine.registered:
                    await self.world.machines.beat(machine)
            await self.world.advance(seconds=min(seconds, _BEAT))
            seconds -= _BEAT

    @rule(seconds=st.sampled_from([0, 0, 10, 10_000]))
    def the_control_plane_is_restarted(self, seconds: int) -> None:
        self.run(self.world.restart(after=timedelta(seconds=seconds)))
        self.restarted()

    def restarted(self) -> None:
        """What it means for the model: everybody has a minute to come back."""

    def rows(self, query: str, *values: object) -> list[Any]:
        return self.store.execute(query, values).fetchall()

    @invariant()
    def nothing_is_overdue(self) -> None:
        assert self.look(self.world.control.health.overdue()) == 0

    @invariant()
    def whatever_is_open_has_a_deadline(self) -> None:
        for noun, query in _ROWS.items():
            if noun in _WITHOUT:
                continue
            _, final = DOCUMENTED[noun]
            rest = {*final, *_NO_DEADLINE.get(noun, ())}
            for thing, state, deadline in self.rows(query):
                assert (deadline is None) is (state in rest), (noun, thing, state, deadline)

    @invariant()
    def moves_lead_to_where_things_are(self) -> None:
        moves: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for noun, thing, before, after in self.rows(
            "SELECT noun, id, from_state, to_state FROM events ORDER BY number"
        ):
            moves.setdefault((noun, thing), []).append((before, after))
        for noun, query in _ROWS.items():
            states, final = DOCUMENTED[_NOUNS.get(noun, noun)]
            for thing, state, _ in self.rows(query):
                at, corrections = states[0], 0
                for before, after in moves.get((noun, thing), []):
                    assert before == at, (noun, thing, moves[noun, thing])
                    corrections += before in final
                    at = after
                assert at == state and state in states, (noun, thing, at, state)
                assert corrections <= (noun in _CORRECTED), (noun, thing, moves[noun, thing])
