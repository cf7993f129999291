"""Which calls somebody has to confirm before they are made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudhand.orchestration.values import text

_GRAVE = ("delete", "remove", "terminate", "drop")


def risky(properties: Mapping[str, Any]) -> bool:
    """By what the task says of itself, else by the name of its operation, as documented."""
    told = text(properties.get("Risk")).lower()
    if told in ("high", "normal"):
        return told == "high"
    return text(properties.get("API")).lower().startswith(_GRAVE)
