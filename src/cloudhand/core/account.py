"""Who may ask: an access key of an account."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class AccessKey:
    id: str
    secret: str
    account_id: str
    active: bool = True
