"""A row taken by one process for a while, with the fence that its later writes show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True)
class Claim(Generic[Item]):
    item: Item
    by: str  # which process
    epoch: int  # grows with every claim of the row
