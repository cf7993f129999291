"""A control plane that is killed at a step by itself, with real instances."""

from __future__ import annotations

from tests.system.conftest import alone, own

__all__ = ["alone", "own"]
