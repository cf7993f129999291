"""How many examples the models of this folder are played with.

A few that are always the same, or as many others as ``CLOUDHAND_TEST_MODELS`` says.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_MANY = int(os.environ.get("CLOUDHAND_TEST_MODELS", "0"))


def played(*, times: int, steps: int) -> settings:
    """``times``: where nobody has asked for more; ``steps``: of each at most."""
    return settings(
        max_examples=_MANY or times,
        stateful_step_count=steps,
        derandomize=not _MANY,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
