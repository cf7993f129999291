"""Bounds by which agents, control plane and command line go alike."""

from __future__ import annotations

SCRIPTS_AT_ONCE = 10  # that run at the same time on one machine
# Seconds in which a machine that is to go down has ended its agent: services that do not end when
# they are asked are killed after 90 s on most systems.
DOWN_WITHIN = 120
