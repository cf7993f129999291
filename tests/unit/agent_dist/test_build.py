"""The agent's one file is written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloudhand.agent_dist.build import build


def test_the_same_sources_give_the_same_bytes(tmp_path: Path) -> None:
    one, two = tmp_path / "one.pyz", tmp_path / "two.pyz"

    build(one)
    build(two)

    assert one.read_bytes() == two.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.pyz", "two.pyz"]


def test_what_cannot_be_put_in_its_place_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "agent.pyz"
    target.mkdir()

    with pytest.raises(OSError):
        build(target)

    assert [path.name for path in tmp_path.iterdir()] == ["agent.pyz"]
