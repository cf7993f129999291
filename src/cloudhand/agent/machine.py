"""What an agent knows of the machine it runs on."""

from __future__ import annotations

import os
import socket
import time
from functools import cache

_MACHINE_ID_FILES = (
    "/var/lib/dbus/machine-id",
    "/etc/machine-id",
    "/sys/class/dmi/id/product_uuid",
)


@cache  # asked for with each request; no process outlives its boot
def boot_id() -> str:
    """Of the boot that runs now. An instance made of plain processes is told its own."""
    return os.environ.get("CLOUDHAND_BOOT_ID") or read("/proc/sys/kernel/random/boot_id")


def machine_id() -> str:
    for path in _MACHINE_ID_FILES:
        text = read(path)
        if text:
            return text
    return socket.gethostname()


def hostname() -> str:
    return socket.gethostname()


def uptime() -> int:
    """Milliseconds since the boot, in whole seconds, as the published agent counts."""
    return int(time.clock_gettime(time.CLOCK_BOOTTIME)) * 1000


def time_zone() -> str:
    """In which the machine's clocks are read: an IANA name where it has one, else an offset."""
    link = os.path.realpath("/etc/localtime")
    name = os.environ.get("TZ", "").lstrip(":") or link.partition("/zoneinfo/")[2]
    if name and not name.startswith("/"):
        return name
    minutes = time.localtime().tm_gmtoff // 60
    hours, minutes = divmod(abs(minutes), 60)
    return f"GMT{'-' if time.localtime().tm_gmtoff < 0 else '+'}{hours}:{minutes:02}"


def os_version() -> str:
    names = os.uname()
    return f"{names.sysname}_{names.version}_{names.machine}"


@cache
def platform() -> str:
    """As the published agent names it in its User-Agent."""
    names = {"x86_64": "amd64", "aarch64": "arm64"}
    return "linux_" + names.get(os.uname().machine, os.uname().machine)


def start_time(pid: int) -> str:
    """When a process started, in clock ticks since the boot; empty if there is none.

    Together with the boot id it tells a process from a later one with the same pid.
    """
    fields = stat(pid)
    if not fields:
        return ""
    # One whose first thread has ended looks like a zombie, and lives as long as it has others.
    ended = fields[0] in ("Z", "X") and int(fields[17]) < 2
    return "" if ended else fields[19]


def stat(pid: int) -> "list[str]":
    """Fields of /proc/PID/stat from the state on, which is 0; the parent is 1. Empty: gone."""
    text = read(f"/proc/{pid}/stat")
    # The name, in parentheses, may hold anything, so count from its end.
    return text[text.rfind(")") + 2 :].split() if text else []


def name(pid: int) -> str:
    """Of a process, at most 15 bytes; empty if there is none."""
    return read(f"/proc/{pid}/comm")


def pidfd(pid: int) -> int:
    """A descriptor that is readable once a process has ended; -1 where there is none."""
    try:
        return os.pidfd_open(pid)
    except (OSError, AttributeError):
        return -1


def read(path: str) -> str:
    """The text of a small file; empty when it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""
