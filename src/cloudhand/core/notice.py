"""What published agents say of themselves besides their work."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

KEPT = 50  # of one instance


class Kind(StrEnum):
    METRIC = "Metric"
    CLIENT_REPORT = "ClientReport"


@dataclass(frozen=True, kw_only=True)
class Notice:
    kind: Kind
    name: str
    level: str = ""
    detail: str = ""
    heard_at: datetime
