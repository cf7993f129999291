"""The pseudo parameters of an execution."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cloudhand.core.execution import Execution
from cloudhand.wire import times

# What the real service has on its instances; templates compare it with what they install.
_UTIL_VERSION = "1.0"


def pseudo(execution: Execution, now: datetime) -> dict[str, Any]:
    """By their names in lower case, without ACS::."""
    return {
        "accountid": execution.account_id,
        "currentdate": now.strftime("%Y-%m-%d"),
        "currentutctime": times.second(now),
        "executeuser": execution.executed_by,
        "executionid": execution.id,
        "oosutilversion": _UTIL_VERSION,
        "regionid": execution.region_id,
    }
