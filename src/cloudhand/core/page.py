"""A part of a long list: which one is wanted, and what was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True)
class Window:
    """The first ``limit`` items behind a cursor, or behind the first ``offset`` ones.

    A cursor stays right when items are added; an offset does not.
    """

    limit: int
    offset: int = 0
    after: str = ""  # a cursor from an earlier page; empty: from the start
    counted_to: int | None = None  # from where on nobody needs to know how many there are


@dataclass(frozen=True, kw_only=True)
class Page(Generic[Item]):
    items: Sequence[Item]
    total: int
    next: str = ""  # the cursor behind the last item; empty: there is no more
