"""An agent's proof of life."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Mapping

from cloudhand.wire import checked

# What a machine can refuse by rules of its own.
REFUSABLE = ("commands", "files", "sessions", "stop", "restart", "upgrades")
_SHOWN = 64  # characters of what an agent is


@dataclass(frozen=True)
class Heartbeat:
    """Proof of life. The boot id travels in the BOOT header."""

    uptime: int  # ms since boot
    timestamp: int
    pid: int
    process_uptime: int  # ms since the agent started
    index: int  # beats acknowledged so far by this process
    seq_no: int  # beats sent so far by this process
    cold_start: bool = False  # first agent start after a boot; said while index is 0
    os_version: str = ""
    machine_id: str = ""
    # Extension: what of REFUSABLE the machine refuses now whoever's it is, and by which rule of its
    # own.
    refusals: Mapping[str, str] = field(default_factory=dict)
    release: str = ""  # extension: the version of our agent
    package: str = ""  # extension: SHA-256 of its one file, hex; empty: it runs from its sources
    upgradable: bool = False  # extension: it has a second slot, and is started again when it ends

    def to_query(self) -> "dict[str, str]":
        query = {
            "uptime": str(self.uptime),
            "timestamp": str(self.timestamp),
            "pid": str(self.pid),
            "process_uptime": str(self.process_uptime),
            "index": str(self.index),
            "seq_no": str(self.seq_no),
        }
        if self.index == 0:
            query["virt_type"] = "kvm"
            query["os_version"] = self.os_version
            query["az"] = "unknown"
            query["machineid"] = self.machine_id
            query["cold_start"] = "true" if self.cold_start else "false"
        if self.refusals:
            query["refusals"] = json.dumps(self.refusals)
        if self.release:
            query["release"] = self.release
            query["package"] = self.package
            query["upgradable"] = "true" if self.upgradable else "false"
        return query

    @classmethod
    def from_query(cls, query: "Mapping[str, str]") -> "Heartbeat":
        """ValueError for what is no number, or no refusals; the long form lacks numbers, which are
        then 0.
        """
        return cls(
            uptime=checked.number(query, "uptime"),
            timestamp=checked.number(query, "timestamp"),
            pid=checked.number(query, "pid"),
            process_uptime=checked.number(query, "process_uptime"),
            index=checked.number(query, "index"),
            seq_no=checked.number(query, "seq_no"),
            cold_start=query.get("cold_start") == "true",
            os_version=query.get("os_version", ""),
            machine_id=query.get("machineid", ""),
            refusals=_refusals(query.get("refusals", "")),
            release=checked.text(query, "release", longest=_SHOWN),
            package=checked.text(query, "package", longest=_SHOWN),
            upgradable=query.get("upgradable") == "true",
        )


def _refusals(text: str) -> "dict[str, str]":
    """Of what there is alone, so that a machine tells a bounded amount."""
    try:
        found = json.loads(text) if text else {}
    except RecursionError:
        found = None
    if not isinstance(found, dict):
        raise ValueError("refusals is not an object")
    said = {what: checked.text(found, what) for what in REFUSABLE}
    return {what: why for what, why in said.items() if why}
