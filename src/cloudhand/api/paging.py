"""The two ways in which callers ask for one page of a list, and how a page is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from cloudhand.api import bind
from cloudhand.api.refusal import Refused, WireError
from cloudhand.core.errors import BadCursor
from cloudhand.core.page import Page, Window

Item = TypeVar("Item")

_PAGES = range(1, 10**9)
# Who follows tokens is told by them whether there is more; the documents give the count no meaning.
_COUNTED_TO = 10_000
_CURSOR_LIMIT = 512  # characters; ours are shorter

BAD_PAGE_NUMBER = WireError(
    code="InvalidParam.PageNumber", status=400, message="PageNumber must be 1 or more."
)
BAD_PAGE_SIZE = WireError(
    code="InvalidParam.PageSize", status=400, message="PageSize is outside its range."
)
BAD_NEXT_TOKEN = WireError(
    code="InvalidParameter.NextToken",
    status=400,
    message="NextToken is not one that an earlier answer gave.",
)
BAD_MAX_RESULTS = WireError(
    code="InvalidParameter.MaxResults", status=400, message="MaxResults is outside its range."
)


@dataclass(frozen=True, kw_only=True)
class Paging:
    """Either pages by number or, with ``by_token``, pages that follow each other."""

    window: Window
    by_token: bool = False
    number: int = 1

    @property
    def size(self) -> int:
        return self.window.limit

    def next_token(self, page: Page[Any]) -> str:
        return page.next if self.by_token else ""


def paging(
    *,
    page_size: int = 50,
    max_results: int = 50,
    least_results: int = 1,
    clamped: bool = False,
    note: str = "",
) -> Any:
    """``clamped``: MaxResults outside its range becomes its nearest bound."""

    def read(flat: bind.Flat, _: str) -> Paging:
        if flat.get("MaxResults") or flat.get("NextToken"):
            return _by_token(flat)
        return _by_number(flat, page_size)

    def _by_token(flat: bind.Flat) -> Paging:
        allowed = range(least_results, max_results + 1)
        if clamped:
            given = bind.whole(flat, "MaxResults", 10, range(-(10**9), 10**9), BAD_MAX_RESULTS)
            limit = min(max(given, least_results), max_results)
        else:
            limit = bind.whole(flat, "MaxResults", 10, allowed, BAD_MAX_RESULTS)
        window = Window(limit=limit, after=_cursor(flat), counted_to=_COUNTED_TO)
        return Paging(window=window, by_token=True)

    return bind.custom(
        read,
        kind="Page",
        names=("PageNumber", "PageSize", "MaxResults", "NextToken"),
        note=f"PageSize 1 to {page_size}, MaxResults {least_results} to {max_results}; both 10"
        + (f"; {note}" if note else ""),
        errors=(BAD_PAGE_NUMBER, BAD_PAGE_SIZE, BAD_NEXT_TOKEN, BAD_MAX_RESULTS),
        most=max_results,
        default=Paging(window=Window(limit=10)),
    )


def _by_number(flat: bind.Flat, page_size: int, usual: int = 10) -> Paging:
    size = bind.whole(flat, "PageSize", usual, range(1, page_size + 1), BAD_PAGE_SIZE)
    number = bind.whole(flat, "PageNumber", 1, _PAGES, BAD_PAGE_NUMBER)
    return Paging(window=Window(limit=size, offset=(number - 1) * size), number=number)


def numbered(*, page_size: int = 50, usual: int = 10) -> Any:
    """Pages by number only."""
    return bind.custom(
        lambda flat, _: _by_number(flat, page_size, usual),
        kind="Page",
        names=("PageNumber", "PageSize"),
        note=f"PageSize 1 to {page_size}, default {usual}",
        errors=(BAD_PAGE_NUMBER, BAD_PAGE_SIZE),
        most=page_size,
        default=Paging(window=Window(limit=usual)),
    )


def following(*, size: int, usual: int | None = None, or_less: bool = False) -> Any:
    """Pages that follow each other, of one size, or of less where MaxResults asks for less.

    ``usual``: of how many they are where it asks for nothing; None: ``size``.
    """
    default = size if usual is None else usual

    def read(flat: bind.Flat, _: str) -> Paging:
        allowed = range(1, size + 1)
        limit = default
        if or_less:
            limit = bind.whole(flat, "MaxResults", default, allowed, BAD_MAX_RESULTS)
        return Paging(window=Window(limit=limit, after=_cursor(flat)), by_token=True)

    return bind.custom(
        read,
        kind="Page",
        names=("MaxResults", "NextToken") if or_less else ("NextToken",),
        note=f"MaxResults 1 to {size}, default {default}" if or_less else f"pages of {size}",
        errors=(BAD_MAX_RESULTS, BAD_NEXT_TOKEN) if or_less else (BAD_NEXT_TOKEN,),
        most=size,
        default=Paging(window=Window(limit=default), by_token=True),
    )


def _cursor(flat: bind.Flat) -> str:
    after = flat.get("NextToken", "")
    if len(after) > _CURSOR_LIMIT or not after.isascii():
        raise Refused(BAD_NEXT_TOKEN)
    return after


def cut(items: Sequence[Item], window: Window) -> Page[Item]:
    """A page of a list that is at hand as a whole; its cursors are offsets."""
    try:
        start = int(window.after) if window.after else window.offset
    except ValueError:
        raise BadCursor(window.after) from None
    end = start + window.limit
    after = str(end) if end < len(items) else ""
    return Page(items=items[max(start, 0) : end], total=len(items), next=after)
