"""The examples are valid, come true as their rehearsals say, and look as their pictures show."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cloudhand.api.inside import served
from cloudhand.api.products import OF_TEMPLATES
from cloudhand.cli.template.picture import svg
from cloudhand.orchestration.actions.library import Library
from cloudhand.orchestration.checking import checked
from cloudhand.programs.pool import Pool
from cloudhand.rehearsal.expectation import missed
from cloudhand.rehearsal.script import parse
from cloudhand.rehearsal.stage import stage

_PLACE = Path(__file__).parents[2] / "examples" / "templates"
_STORIES = sorted(path for path in _PLACE.iterdir() if path.is_dir())
_REHEARSALS = sorted(_PLACE.glob("*/*.rehearsal.yml"))
_TEMPLATES = sorted(set(_PLACE.glob("*/*.yml")) - set(_REHEARSALS))


def _named(path: Path) -> str:
    return str(path.relative_to(_PLACE))


@pytest.fixture
async def programs() -> AsyncIterator[Pool]:
    pool = Pool()
    yield pool
    await pool.close()


@pytest.mark.parametrize("file", _TEMPLATES, ids=_named)
async def test_a_template_is_valid_and_all_that_it_calls_is_served(
    programs: Pool, file: Path
) -> None:
    template = await checked(file.read_text(), Library(served(OF_TEMPLATES)), programs)
    assert template.warnings == ()


@pytest.mark.parametrize("file", _REHEARSALS, ids=_named)
async def test_a_rehearsal_comes_true(file: Path) -> None:
    script = parse(file.read_text())
    template = (file.parent / script.template).read_text()
    async with stage() as on_it:
        played = await on_it.play(template, script)
    assert missed(script.expect, played) == []
    assert script.expect, "it expects nothing"


@pytest.mark.parametrize("folder", _STORIES, ids=_named)
def test_a_story_has_a_picture_and_is_told_in_two_languages(folder: Path) -> None:
    template = Library({}).parse((folder / "template.yml").read_text())
    page = (folder / "README.md").read_text()

    assert (folder / "graph.svg").read_text() == svg(template), "draw it anew: template graph --svg"
    headings = [line for line in page.splitlines() if line.startswith("#")]
    assert len(headings) == 2
    assert headings[0].isascii()
    assert not headings[1].isascii()
    assert f"]({folder.name}/README.md)" in (_PLACE / "README.md").read_text()


async def test_what_the_page_about_templates_shows_comes_true() -> None:
    page = (_PLACE.parents[1] / "docs" / "how-to" / "write-and-rehearse-a-template.md").read_text()
    template, rehearsal = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    script = parse(rehearsal)
    async with stage() as on_it:
        played = await on_it.play(template, script)
    assert missed(script.expect, played) == []


def test_every_template_is_rehearsed() -> None:
    played = {(file.parent / parse(file.read_text()).template).resolve() for file in _REHEARSALS}
    assert played == {file.resolve() for file in _TEMPLATES}
