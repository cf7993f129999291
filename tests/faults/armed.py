"""A control plane that is killed as soon as it comes to a step, once the test says so."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import suppress

from cloudhand.cli.errors import ClientError
from tests.system.place import Plane
from tests.system.waiting import until

# As `cloudhand` starts, with a hook.
_DRIVER = """
import os, signal
from cloudhand import faults
point, armed = os.environ["CLOUDHAND_TEST_POINT"], os.environ["CLOUDHAND_TEST_ARMED"]
def hook(name):
    if name == point and os.path.exists(armed):
        os.kill(os.getpid(), signal.SIGKILL)
faults.hook = hook
from cloudhand.cli.main import run
run()
"""


class Armed:
    def __init__(self, plane: Plane, point: str) -> None:
        self._plane = plane
        self._armed = plane.place.root / "armed"
        plane.place.program = ("-c", _DRIVER)
        plane.place.extra = {
            "CLOUDHAND_TEST_POINT": point,
            "CLOUDHAND_TEST_ARMED": str(self._armed),
        }

    def killed_by(self, asked: Callable[[], object]) -> object | None:
        """Have it die of what is asked, and start another one; the answer, if there was one."""
        answer = None
        self._armed.touch()
        with suppress(ClientError):  # it died before it answered
            answer = asked()
        process = self._plane.process
        assert process is not None
        until(lambda: process.poll() is not None, what="its end")
        assert process.returncode == -signal.SIGKILL
        self._armed.unlink()
        self._plane.kill()
        self._plane.start()
        return answer
