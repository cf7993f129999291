"""The power is cut while an agent's journal is written, and written anew: nothing that was to last
is forgotten, and nothing that it holds keeps the next agent from starting."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

from cloudhand.agent.journal import Journal
from cloudhand.providers.sandbox.instance import remove_tree
from tests.agent.conftest import pyz
from tests.faults.disk import MARK, mounted
from tests.faults.medium import Medium, instants, put_down

__all__ = ["pyz"]

_ALL = os.environ.get("CLOUDHAND_TEST_FAULTS") == "all"
_SEED = os.environ.get("CLOUDHAND_TEST_SEED", "1")
_CUTS = 20_000 if _ALL else 60
_TASKS = 30
# An agent's journal, which is written anew again and again.
_PROGRAM = f"""
import os, sys
sys.path.insert(0, sys.argv[1])
from cloudhand.agent import journal, lasting
def mark(text):
    os.path.exists(sys.argv[2] + "/{MARK}" + text)
journal._COMPACT_AFTER = 1000
lasting.make_directory(sys.argv[2] + "/state")
one = journal.Journal(sys.argv[2] + "/state")
mark("begun")
for number in range({_TASKS}):
    task_id = f"t-{{number}}"
    one.accept(task_id, boot_id="boot-1", detail={{}})
    mark("accepted " + task_id)
    one.started(task_id, pid=1, start="1")
    one.ended(task_id, {{"kind": "finish", "exit_code": number}}, durable=number % 3 == 0)
    if number % 3 == 0:
        mark("ended " + task_id)
    if number % 4:
        one.acknowledged(task_id)
"""


def test_a_journal_forgets_nothing_that_was_to_last(pyz: Path, tmp_path: Path) -> None:
    where = tmp_path / "disk"
    where.mkdir()
    with mounted(where) as disk:
        subprocess.run(
            [*disk.inside, sys.executable, "-S", "-E", "-c", _PROGRAM, str(pyz), str(where)],
            check=True,
            timeout=60,
        )
        steps = tuple(disk.medium.steps)
    assert sum(step[0] == "rename" for step in steps) > 3  # it was written anew
    chance = random.Random(f"{_SEED} journal")
    first = steps.index(("mark", "begun")) + 1
    cuts = sorted(chance.randrange(first, len(steps) + 1) for _ in range(_CUTS))
    marks: list[str] = []
    for at, medium in instants(Medium(), steps):
        if at and steps[at - 1][0] == "mark" and at > first:
            marks.append(str(steps[at - 1][1]))
        for number in range(cuts.count(at)):
            put_down(medium.after_cut(chance if number or at % 3 else None), tmp_path / "cut")
            _remembers(tmp_path / "cut" / "state", marks)
            remove_tree(str(tmp_path / "cut"))


def _remembers(state: Path, marks: list[str]) -> None:
    journal = Journal(str(state))
    try:
        for what, task_id in (mark.split() for mark in marks):
            entry = journal.entry(task_id)
            report = entry.report if entry else journal.acknowledged_report(task_id)
            assert report is not None or entry is not None, f"{task_id} may run again"
            if what == "ended":
                assert report is not None, f"how {task_id} ended is lost"
                assert report["exit_code"] == int(task_id[2:])
    finally:
        journal.close()
