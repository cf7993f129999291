"""What a launcher is told: named tuples, because the supervisor is to stay small.

The modules of the supervisor use neither dataclasses nor pathlib: with them it would start
later and take a quarter more memory.
"""

from __future__ import annotations

import os
from enum import StrEnum
from typing import NamedTuple

ID_COUNT = 65536  # ids of one instance


class Mode(StrEnum):
    NAMESPACES_ROOT = "namespaces-root"  # by root; ids mapped to high, unused ones
    NAMESPACES_USER = "namespaces-user"  # by an ordinary user; one id, root inside
    PROCESSES = "processes"  # a group of plain processes


class Runtime(NamedTuple):
    """What all instances of a supervisor share."""

    mode: Mode
    state: str  # absolute path of the state directory
    files: str  # directory with agent.pyz and init.py, for all to read
    python: str  # the interpreter's real path
    python_prefix: str  # directory that holds all of the interpreter
    launcher_namespace: str  # PID namespace of the supervisor


class Launch(NamedTuple):
    """One boot of one instance."""

    directory: str
    hostname: str
    boot_id: str
    base: int  # host id of the instance's root; NAMESPACES_ROOT only
    hidden: dict[str, list[str]]  # kept directory -> paths below it that others may not read
    command: list[str] | None  # instead of the init; for the probe
    console: int  # descriptor for what the init says
    alive: int  # end of a pipe that hangs up when the supervisor is gone


def this_python() -> tuple[str, str]:
    """Real path and prefix of the interpreter that runs us."""
    import sys

    return os.path.realpath(sys.executable), sys.base_prefix
