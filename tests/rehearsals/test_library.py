"""The templates that come with Cloudhand are whole, told in both languages, and rehearsed."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloudhand.api.inside import served
from cloudhand.api.products import OF_TEMPLATES
from cloudhand.orchestration.actions.library import Library, Text
from cloudhand.rehearsal.script import parse

_HERE = Path(__file__).parent
_LIBRARY = Library(served(OF_TEMPLATES))
_TEXTS = [*_LIBRARY.actions.values(), *_LIBRARY.public.values()]
_EACH = pytest.mark.parametrize("one", _TEXTS, ids=lambda one: one.name)


@_EACH
def test_it_can_be_executed(one: Text) -> None:
    assert _LIBRARY.parse(one.text).tasks


@_EACH
def test_it_is_described_in_both_languages(one: Text) -> None:
    described = _LIBRARY.parse(one.text).raw["Description"]
    assert {"en", "zh-cn"} <= set(described)


def test_each_is_rehearsed() -> None:
    scripts = [parse(path.read_text()) for path in _HERE.glob("*.yml")]
    rehearsed = {Path(script.template).stem for script in scripts}
    assert {one.name.replace("::", "-") for one in _TEXTS} <= rehearsed
