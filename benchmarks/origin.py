"""What raw results say of where they come from."""

from __future__ import annotations

import os
import platform
import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cloudhand


def described(module: str, arguments: Sequence[str]) -> dict[str, Any]:
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": f"python -m {module} {shlex.join(arguments)}".strip(),
        "machine": {
            "cores": os.cpu_count(),
            "architecture": platform.machine(),
            "memory_mib": _memory(),
            "linux": platform.release(),
            "load_before": round(os.getloadavg()[0], 2),
        },
        "versions": {"cloudhand": cloudhand.__version__, "python": platform.python_version()},
    }


def _memory() -> int:
    first = Path("/proc/meminfo").read_text().split("\n", 1)[0]
    return int(first.split()[1]) // 1024
