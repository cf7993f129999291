"""The console script: loads the command line such that Ctrl-C ends it without a word meanwhile.

An interruption that Python raises while modules load shows where they are, or is lost in a
callback of the loader. So what this module needs is little, and the rest is loaded later.
"""

from __future__ import annotations

import importlib
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

INTERRUPTED = 130
_REST = "cloudhand.cli.main"  # not at the head: loading it is what may be interrupted


def run() -> None:
    with ended_by_interruption():
        main = importlib.import_module(_REST)
    main.run()


@contextmanager
def ended_by_interruption() -> Iterator[None]:
    """End at once on SIGINT, while there is nothing yet to clean up."""
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler:
        yield  # it is ignored in the background of a script, and remains so
        return
    signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
