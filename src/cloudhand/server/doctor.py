"""What this machine can and cannot do for a control plane and its instances, found by trying."""

from __future__ import annotations

import ctypes
import os
import resource
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

import cloudhand
from cloudhand.providers.sandbox import probe
from cloudhand.providers.sandbox.plan import Mode
from cloudhand.server.listener import who_listens
from cloudhand.server.settings import USUAL_PORT
from cloudhand.server.state import held_by

_NONE: Mapping[str, Path] = MappingProxyType({})
_OLDEST_PYTHON = (3, 11)
_NEEDED_DISK = 200 * 2**20  # bytes; a control plane with a few instances and their output
_WANTED_FILES = 4096  # each agent holds a socket or two
_UNSYNCHRONISED = 0x0040  # STA_UNSYNC of adjtimex(2)
_STATUS_OFFSET = 40  # of `status` in struct timex on 64-bit Linux
_TIMEX_SIZE = 256  # larger than the structure


class Level(StrEnum):
    GOOD = "good"
    LESS = "less"  # it works, with less
    MISSING = "missing"  # what is needed is not there


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one look at the machine gave."""

    subject: str
    level: Level
    found: str
    next_step: str = ""  # a command to type, if there is one


def examine(state: Path | None = None, living: Mapping[str, Path] = _NONE) -> list[Finding]:
    """Every check, in the order in which they are needed.

    ``living``: the states of the control planes of this user, by their addresses.
    """
    folder = _existing(state or Path(tempfile.gettempdir()))
    of_state = [lambda: holder(state)] if state else []
    checks: Sequence[Callable[[], Finding]] = (
        python,
        instances,
        lambda: port(living),
        *of_state,
        lambda: disk(folder),
        open_files,
        clock,
    )
    return [check() for check in checks]


def python() -> Finding:
    version = sys.version_info
    text = f"Python {version.major}.{version.minor}.{version.micro} at {sys.executable}"
    if version < _OLDEST_PYTHON:
        return Finding(
            subject="Python",
            level=Level.MISSING,
            found=f"{text} is older than 3.11",
            next_step="apt install python3.11 python3.11-venv",
        )
    return Finding(subject="Python", level=Level.GOOD, found=text)


def instances() -> Finding:
    """Which instances can be made here; the probe tries it and knows what would allow more."""
    try:
        found = probe.probe(plain_processes=False)
    except probe.ProbeError as error:
        return Finding(
            subject="Instances",
            level=Level.MISSING,
            found=str(error),
            next_step="cloudhand up --plain-processes",
        )
    if found.mode is Mode.PROCESSES:
        return Finding(
            subject="Instances",
            level=Level.LESS,
            found=found.sentence,
            next_step=_allowing(probe.remedy()),
        )
    return Finding(subject="Instances", level=Level.GOOD, found=found.sentence)


def _allowing(remedy: str) -> str:
    """The command in the sentence that says what would allow namespaces."""
    named = remedy.partition("`")[2].partition("`")[0]
    return named if named.startswith("sudo") else "docker run --privileged ..."


def port(living: Mapping[str, Path], number: int = USUAL_PORT) -> Finding:
    for url, state in living.items():
        if urlsplit(url).port == number:
            found = f"the control plane of {state} listens at {url}"
            return Finding(subject="Port", level=Level.GOOD, found=found)
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", number))
        except OSError as error:
            who = who_listens(number)
            return Finding(
                subject="Port",
                level=Level.LESS,
                found=f"cannot listen on 127.0.0.1:{number}: {error.strerror}"
                + (f" by {who}" if who else ""),
                next_step="cloudhand serve --state DIR --listen 127.0.0.1:0",
            )
    return Finding(subject="Port", level=Level.GOOD, found=f"127.0.0.1:{number} is free")


def holder(state: Path) -> Finding:
    """Whether a control plane could be started on this state directory."""
    try:
        who = held_by(state)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        step = "cloudhand up --state DIR, with a directory of yours"
        return Finding(
            subject="State", level=Level.MISSING, found=f"cannot use {state}: {why}", next_step=step
        )
    if who:
        return Finding(
            subject="State",
            level=Level.GOOD,
            found=f"{who} holds {state}",
            next_step=f"cloudhand instances --state {state}",
        )
    return Finding(subject="State", level=Level.GOOD, found=f"nobody holds {state}")


def disk(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    text = f"{free / 2**20:,.0f} MiB free in {folder}"
    if not os.access(folder, os.W_OK):
        return Finding(
            subject="Disk",
            level=Level.MISSING,
            found=f"cannot write to {folder}",
            next_step="cloudhand up --state DIR, with a directory of yours",
        )
    if free < _NEEDED_DISK:
        return Finding(
            subject="Disk",
            level=Level.MISSING,
            found=f"{text}; {_NEEDED_DISK // 2**20} MiB are needed",
            next_step="TMPDIR=/a/larger/disk cloudhand up",
        )
    return Finding(subject="Disk", level=Level.GOOD, found=text)


def open_files() -> Finding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < _WANTED_FILES:
        return Finding(
            subject="Open files",
            level=Level.LESS,
            found=f"a process may open {soft} files, enough for about {soft // 3} agents",
            next_step=f"ulimit -n {min(hard, 65536) if hard > 0 else 65536}",
        )
    return Finding(subject="Open files", level=Level.GOOD, found=f"a process may open {soft}")


def clock() -> Finding:
    """Signed requests are refused when the clocks of two machines are 15 minutes apart."""
    now = datetime.now(UTC)
    installed = datetime.fromtimestamp(Path(cloudhand.__file__).stat().st_mtime, UTC)
    if now < installed:
        return Finding(
            subject="Clock",
            level=Level.MISSING,
            found=f"it says {now:%Y-%m-%d %H:%M} UTC, which is before Cloudhand was installed",
            next_step="timedatectl set-ntp true",
        )
    text = f"{now:%Y-%m-%d %H:%M:%S} UTC"
    if _unsynchronised():
        return Finding(
            subject="Clock",
            level=Level.LESS,
            found=f"{text}; nothing keeps it right, which matters once agents are elsewhere",
            next_step="timedatectl set-ntp true",
        )
    return Finding(subject="Clock", level=Level.GOOD, found=f"{text}, synchronised")


def _unsynchronised() -> bool:
    """What the kernel knows of a time service; no when it does not say."""
    timex = ctypes.create_string_buffer(_TIMEX_SIZE)
    library = ctypes.CDLL(None)
    if not hasattr(library, "adjtimex") or ctypes.sizeof(ctypes.c_long) != 8:
        return False
    if library.adjtimex(ctypes.byref(timex)) < 0:
        return False
    status = int.from_bytes(timex.raw[_STATUS_OFFSET : _STATUS_OFFSET + 4], sys.byteorder)
    return bool(status & _UNSYNCHRONISED)


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    folder = folder.absolute()
    while not folder.exists():
        folder = folder.parent
    return folder
