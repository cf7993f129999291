"""Find out once, by trying, in which way instances can be made on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cloudhand.providers.sandbox.plan import Mode

_TIMEOUT = 20  # seconds


class ProbeError(Exception):
    """There is no way to make instances here that may be taken without asking."""


@dataclass(frozen=True, kw_only=True)
class Found:
    mode: Mode
    sentence: str  # for a person: what was found, and what would allow more


def probe(*, plain_processes: bool, within: Path | None = None) -> Found:
    """Try the best way for who we are; ``plain_processes`` asks for the plain one by name.

    The trial is made ``within`` the directory that is to hold instances, and leaves nothing.
    """
    if plain_processes:
        return Found(mode=Mode.PROCESSES, sentence="Instances are plain processes, as asked for.")
    as_root = os.geteuid() == 0
    mode = Mode.NAMESPACES_ROOT if as_root else Mode.NAMESPACES_USER
    failure = attempt(mode, within)
    if not failure:
        whose = "ids of their own" if as_root else "one id"
        return Found(mode=mode, sentence=f"Instances have namespaces of their own, with {whose}.")
    way = remedy()
    if as_root:
        raise ProbeError(
            f"namespaces are refused here ({failure}); {way},"
            " or ask for instances without them: --plain-processes"
        )
    return Found(
        mode=Mode.PROCESSES,
        sentence=f"Instances are plain processes: namespaces are refused ({failure}); {way}.",
    )


def attempt(mode: Mode, within: Path | None = None) -> str:
    """Launch something in this mode; what stood in the way, or an empty text."""
    with tempfile.TemporaryDirectory(prefix="cloudhand-probe-", dir=within) as folder:
        try:
            tried = subprocess.run(
                [sys.executable, "-m", "cloudhand.providers.sandbox.trial", folder, mode],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return "the trial did not end"
    if tried.returncode == 0:
        return ""
    said = (tried.stdout.strip() or tried.stderr.strip() or "no reason given").splitlines()
    return said[-1]


def remedy() -> str:
    """The one command that would allow namespaces, as far as can be told."""
    if _setting("kernel/apparmor_restrict_unprivileged_userns") == "1":
        return "`sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0` allows them"
    if _setting("kernel/unprivileged_userns_clone") == "0":
        return "`sudo sysctl kernel.unprivileged_userns_clone=1` allows them"
    if _setting("user/max_user_namespaces") == "0":
        return "`sudo sysctl user.max_user_namespaces=10000` allows them"
    return "a container started with `--privileged`, or a machine of its own, allows them"


def _setting(name: str) -> str:
    try:
        return Path("/proc/sys", name).read_text().strip()
    except OSError:
        return ""
