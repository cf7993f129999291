"""The log on standard error."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import logging
from cloudhand.cli import log
log.to_stderr(verbose={verbose})
logging.getLogger("it").info("registered", extra={{"instance": "i-1", "address": "::1"}})
"""


def _told(*, verbose: bool) -> str:
    program = _PROGRAM.format(verbose=verbose)
    words = [sys.executable, "-c", program]
    return subprocess.run(words, capture_output=True, text=True, check=True).stderr


def test_a_line_tells_what_its_event_is_about() -> None:
    assert _told(verbose=True).endswith(" INFO it registered instance=i-1 address=::1\n")


def test_only_what_goes_wrong_is_told_unless_more_is_wanted() -> None:
    assert _told(verbose=False) == ""
