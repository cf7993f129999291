"""What a holder leaves of one task, killed or cut off the power at any moment while it writes."""

from __future__ import annotations

import os
import tempfile
from unittest.mock import patch

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from cloudhand.agent import spool
from tests.models.examples import played


class Killed(Exception):
    """Where the holder was when it was."""


class Mortal:
    """The module os, for a holder that is killed after so many calls that change something."""

    def __init__(self, calls: int) -> None:
        self.left = calls

    def __getattr__(self, name: str) -> object:
        real = getattr(os, name)
        if name not in ("open", "write", "rename"):
            return real

        def call(*given: object) -> object:
            if not self.left:
                raise Killed
            self.left -= 1
            return real(*given)

        return call


class HolderLife(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.mkdtemp()
        self.head = self.tail = b""
        self.ended: spool.Ended | None = None
        self.over = False  # nobody writes any more

    def teardown(self) -> None:
        spool.remove(self.folder)
        assert not os.path.exists(self.folder)

    @rule(piece=st.binary(min_size=1, max_size=40))
    def script_writes(self, piece: bytes) -> None:
        if self.over:
            return
        descriptor = spool.open_head(self.folder)
        try:
            spool.write_all(descriptor, piece)
        finally:
            os.close(descriptor)
        self.head += piece

    @rule(
        status=st.sampled_from([0, 3 << 8, 9]),
        tail=st.binary(max_size=40),
        calls=st.sampled_from([0, 1, 2, 3, 4, 100, 100]),
    )
    def script_ends(self, status: int, tail: bytes, calls: int) -> None:
        """All is there, or no end is; what there is of a tail may be read all the same."""
        if self.over:
            return
        self.over, total = True, len(self.head) + len(tail)
        end = {"status": status, "start": 1, "end": 2, "total": total}
        with patch.object(spool, "os", Mortal(calls)):
            try:
                spool.put_end(self.folder, tail=tail, **end)
                self.tail, self.ended = tail, spool.Ended(**end)
            except Killed:
                kept = spool.kept_size(self.folder) - len(self.head)
                assert kept in (0, len(tail))
                self.tail = tail[:kept]

    @rule(size=st.integers(0, 200))
    def power_is_cut(self, size: int) -> None:
        """After a while: what was not synced of the announcement may be cut."""
        path = os.path.join(self.folder, "end")
        if os.path.exists(path) and size < os.path.getsize(path):
            os.truncate(path, size)
            self.ended = None

    @rule(offset=st.integers(0, 120), at_most=st.integers(0, 60))
    def is_read(self, offset: int, at_most: int) -> None:
        kept = self.head + self.tail
        assert spool.read_kept(self.folder, offset, at_most) == kept[offset : offset + at_most]

    @invariant()
    def an_end_is_whole(self) -> None:
        assert spool.kept_size(self.folder) == len(self.head + self.tail)
        found = spool.read_end(self.folder)
        assert found == self.ended
        if found is not None and found.by_itself:
            assert found.exit_code in (0, 3)


TestHolder = HolderLife.TestCase
TestHolder.settings = played(times=40, steps=20)
