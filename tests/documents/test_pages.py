"""Each command of each how-to page is run, in the order of the page, against real parts.

The Chinese pages have the same commands, block by block (tests/rules/test_translations.py), so
what is run of one is run of the other. What cannot run here stands in elsewhere.py, with the test
that runs it. `make documents` reads all pages; the default suite those that take a moment.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents import page
from tests.documents.elsewhere import ELSEWHERE
from tests.documents.reader import Reader, keys
from tests.documents.room import Room, missing
from tests.documents.stages import STAGES
from tests.rules.sources import ROOT

_PAGES = sorted((ROOT / "docs" / "how-to").glob("*.md"))
_QUICK = ("give-a-script-a-secret", "use-the-aliyun-command")
_CHOSEN = [one for one in _PAGES if "CLOUDHAND_TEST_DOCUMENTS" in os.environ or one.stem in _QUICK]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("path", _CHOSEN, ids=lambda path: path.stem)
def test_what_the_page_says_comes_true(path: Path, tmp_path: Path) -> None:
    stage = STAGES[path.stem]
    if why := missing() or stage.missing():
        pytest.skip(why)
    with Room(tmp_path / "room", online=stage.online) as room:
        Reader(room, stage, ELSEWHERE.get(path.stem, {})).read(path)


@pytest.mark.parametrize("path", _PAGES, ids=lambda path: path.stem)
def test_every_block_is_clear_and_a_stage_speaks_of_its_page(path: Path) -> None:
    unclear = [step.line for step in page.steps(path) if isinstance(step, page.Unclear)]
    stage = STAGES[path.stem]
    spoken = {*stage.before, *stage.ends, *stage.interrupted, *ELSEWHERE.get(path.stem, {})}
    assert (unclear, spoken - {key for _, key in keys(page.steps(path))}) == ([], set())


def test_what_runs_elsewhere_is_run_by_a_test_that_exists() -> None:
    named = {one.test for listed in ELSEWHERE.values() for one in listed.values()}
    assert {one for one in named if one.partition("::")[2] not in _tests(one)} == set()
    assert set(ELSEWHERE) <= {one.stem for one in _PAGES}


def _tests(named: str) -> Iterator[str]:
    tree = ast.parse((ROOT / named.partition("::")[0]).read_text())
    return (node.name for node in tree.body if isinstance(node, ast.FunctionDef))
