"""Two machines that speak as one, which it takes a minute to notice: agents beat once in it."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.system.place import Plane
from tests.system.test_managed import Machine
from tests.system.waiting import until


def test_a_machine_that_was_copied_is_told_as_two(own: Plane, tmp_path: Path) -> None:
    own.start()
    machine = Machine(plane=own, root=tmp_path)
    machine.register()
    machine.start()
    assert not machine.cloned()
    passing = shutil.ignore_patterns("*.part")  # it runs, and writes
    shutil.copytree(tmp_path / "agent", tmp_path / "copied" / "agent", ignore=passing)
    copy = Machine(plane=own, root=tmp_path / "copied", id=machine.id)
    copy.start()

    until(lambda: machine.cloned(), what="its being noticed", at_most=150)
    assert (copy.stop(), machine.stop()) == (0, 0)
