"""The receipt of a stop, in one line and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cloudhand.cli.follow import Process, Receipt

_NAMED = 3  # processes in the line


def told(receipt: Receipt) -> str:
    """``stopped: 5 processes ended in 0.1 s, none left``"""
    processes = "process" if receipt.ended == 1 else "processes"
    parts = [f"stopped: {receipt.ended} {processes} ended in {receipt.took / 1000:.1f} s"]
    if receipt.survived:
        survivors = _listed(receipt.survivors, receipt.survived)
        parts.append(f"{receipt.survived} could not be ended: {survivors}")
    if receipt.left:
        parts.append(f"{receipt.left} left on purpose: {_listed(receipt.spared, receipt.left)}")
    if not receipt.survived and not receipt.left:
        parts.append("none left")
    return ", ".join(parts)


def entry(receipt: Receipt) -> dict[str, Any]:
    return {
        "followedBy": receipt.followed_by,
        "tookMs": receipt.took,
        "ended": receipt.ended,
        "endedPids": list(receipt.ended_pids),
        "survived": receipt.survived,
        "survivors": [{"pid": one.pid, "name": one.name} for one in receipt.survivors],
        "left": receipt.left,
        "leftProcesses": [{"pid": one.pid, "name": one.name} for one in receipt.spared],
    }


def _listed(named: Sequence[Process], count: int) -> str:
    first = [f"{one.pid} ({_printable(one.name)})" for one in named[:_NAMED]]
    return ", ".join(first) + (", ..." if count > len(first) else "")


def _printable(name: str) -> str:
    """A process calls itself what it likes."""
    return "".join(letter if letter.isprintable() else "?" for letter in name)
