"""The control plane that the official clients talk to."""

from __future__ import annotations

from tests.api.conftest import it

__all__ = ["it"]
