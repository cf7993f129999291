"""The same places as those of the system's tests."""

from __future__ import annotations

from tests.system.conftest import alone as alone  # noqa: PLC0414
from tests.system.conftest import own as own  # noqa: PLC0414
