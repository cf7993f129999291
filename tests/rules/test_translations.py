"""Each how-to page is there in English and in Chinese, and shows the same, block by block.

So what tests/documents runs of one is run of the other. Only comments within blocks are translated.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.documents.page import blocks
from tests.rules.sources import ROOT

_ENGLISH = ROOT / "docs" / "how-to"
_CHINESE = _ENGLISH / "zh-CN"
_PAGES = sorted(path.name for path in _ENGLISH.glob("*.md"))
_BOTH = [*sorted(_ENGLISH.glob("*.md")), *sorted(_CHINESE.glob("*.md"))]
_COMMENT = re.compile(r"(?:(?<=\s)|^)# .*$", re.MULTILINE)
_LINK = re.compile(r"\]\((?!\w+://)([^)\s#]*)(?:#([^)\s]+))?\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def _shown(path: Path) -> list[tuple[str, str]]:
    return [(block.language, _COMMENT.sub("#", block.text)) for block in blocks(path)]


def test_both_have_the_same_pages() -> None:
    assert sorted(path.name for path in _CHINESE.glob("*.md")) == _PAGES
    listed = (ROOT / "docs" / "README.md").read_text()
    assert [name for name in _PAGES if f"how-to/zh-CN/{name}" not in listed] == []


@pytest.mark.parametrize("name", _PAGES)
def test_both_show_the_same(name: str) -> None:
    assert _shown(_CHINESE / name) == _shown(_ENGLISH / name)
    assert f"[English](../{name})" in (_CHINESE / name).read_text()
    assert f"[中文](zh-CN/{name})" in (_ENGLISH / name).read_text()


@pytest.mark.parametrize("path", _BOTH, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_what_they_link_to_is_there(path: Path) -> None:
    broken = [
        found[0]
        for found in _LINK.finditer(path.read_text())
        if not _is_there((path.parent / found[1]).resolve() if found[1] else path, found[2])
    ]
    assert broken == []


def _is_there(target: Path, part: str | None) -> bool:
    if part is None or not target.is_file():
        return target.exists()
    headings = _HEADING.findall(target.read_text())
    return part in {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}
