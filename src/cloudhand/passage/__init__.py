"""Run a program written for Alibaba Cloud against a Cloudhand control plane, unchanged."""

from __future__ import annotations

from cloudhand.passage.child import run
from cloudhand.passage.environment import Identity
from cloudhand.passage.passage import open_passage
from cloudhand.passage.reach import Destination

__all__ = ["Destination", "Identity", "open_passage", "run"]
