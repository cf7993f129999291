"""Columns in which something is hidden: sealed to their rows, and read as if they were not."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloudhand.store.database import StoreError
from cloudhand.store.envelope import open_envelope
from cloudhand.store.sealed import Sealing


def test_what_is_sealed_is_read_in_its_place_only(tmp_path: Path) -> None:
    sealing = Sealing(open_envelope(tmp_path / "key", new=True))
    value = {"password": "hunter2", "list": [1, None]}
    clear = sealing.written(value, purpose="a", sealed=False)
    sealed = sealing.written(value, purpose="a", sealed=True)
    assert "hunter2" in clear
    assert "hunter2" not in sealed
    assert sealing.read(clear, purpose="b") == sealing.read(sealed, purpose="a") == value
    with pytest.raises(StoreError):
        sealing.read(sealed, purpose="b")
