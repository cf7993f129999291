"""The journal where a disk takes nothing, and what a power cut leaves of an end."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import pytest

from cloudhand.agent import spool
from cloudhand.agent.journal import FILE, Journal


def full(descriptor: int, data: bytes) -> NoReturn:
    raise OSError("no space left on device")


def test_an_agent_starts_on_a_full_disk_and_knows_what_it_knew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(str(tmp_path))
    journal.accept("t-1", boot_id="before", detail={})
    journal.close()
    with (tmp_path / FILE).open("ab") as file:
        file.write(b'{"task": "t-2", "what"')  # torn
    with monkeypatch.context() as disk:
        disk.setattr(os, "write", full)
        journal = Journal(str(tmp_path))
        assert [entry.task_id for entry in journal.open_entries()] == ["t-1"]
        with pytest.raises(OSError, match="no space"):
            journal.accept("t-3", boot_id="now", detail={})
    assert journal.accept("t-3", boot_id="before", detail={}) is not None
    journal.close()
    journal = Journal(str(tmp_path))
    assert [entry.task_id for entry in journal.open_entries()] == ["t-1", "t-3"]
    journal.close()


def test_an_end_that_a_power_cut_has_torn_is_none(tmp_path: Path) -> None:
    spool.put_end(str(tmp_path), status=0, start=1, end=2, tail=b"", total=0)
    assert spool.read_end(str(tmp_path)) == spool.Ended(0, 1, 2, 0)
    os.truncate(tmp_path / "end", 9)
    assert spool.read_end(str(tmp_path)) is None
