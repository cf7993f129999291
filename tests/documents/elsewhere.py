"""Commands of the pages that do not run here: why, and which test runs them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Elsewhere:
    why: str
    test: str  # as pytest names it


# By page, and by what is typed.
ELSEWHERE: dict[str, dict[str, Elsewhere]] = {}
