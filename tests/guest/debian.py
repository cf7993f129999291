"""The Debian that guests are, whichever way they run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

RELEASE = "bookworm"
PACKAGES = ("systemd", "systemd-sysv", "dbus", "python3", "ca-certificates", "curl")
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cloudhand-guest"
# For tools of ours; an ordinary user of Debian does not look where mke2fs is.
OUTSIDE = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
# As sudo gives it; nothing of whoever runs the tests.
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
}
# What a system writes by itself.
OWN = ("var/log", "var/lib/systemd", "var/cache", "var/tmp", "tmp", "run", "proc", "sys", "dev",
       "etc/machine-id", "etc/resolv.conf", "etc/.updated", "var/.updated")  # fmt: skip


def absent(tools: Mapping[str, str]) -> str:
    """Which of these tools this machine has not, and how they are installed; empty: none."""
    path = OUTSIDE["PATH"]
    away = {tool: of for tool, of in tools.items() if shutil.which(tool, path=path) is None}
    packages = " ".join(sorted(set(away.values())))
    return f"there is no {', '.join(away)}: apt-get install {packages}" if away else ""
