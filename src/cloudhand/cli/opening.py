"""When a window of the week is open next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from cloudhand.cli.errors import Mistake
from cloudhand.wire import times, window
from cloudhand.wire.window import DAYS, Span

_MINUTE = timedelta(minutes=1)
_FAR = timedelta(days=15)  # each span of a week has begun, though clocks may leave it out once


@dataclass(frozen=True, kw_only=True)
class Opening:
    begin: datetime
    end: datetime | None  # None: it does not close
    now: datetime
    zone: str  # empty: this machine's own

    @property
    def words(self) -> str:
        """With a comma before it."""
        begin = "" if self.begin <= self.now else f" from {self._clock(self.begin)}"
        end = f" until {self._clock(self.end)}" if self.end else ""
        return f",{begin}{end} in {self._named}" if begin or end else ""

    def _clock(self, moment: datetime) -> str:
        here = moment.astimezone(_zone(self.zone))
        return f"{DAYS[here.weekday()]} {here:%Y-%m-%d %H:%M}"

    @property
    def _named(self) -> str:
        return self.zone or str(self.begin.astimezone().tzinfo)

    @property
    def parameters(self) -> dict[str, str]:
        """Those of templates that wait until then, and begin nothing after it."""
        return {
            "notBefore": times.second(self.begin) if self.begin > self.now else "",
            "notAfter": times.second(self.end),
        }


def opening(texts: Sequence[str], zone: str, *, now: datetime) -> Opening | None:
    """None where nothing was said; Mistake."""
    if not texts:
        if zone:
            raise Mistake("--zone goes with --window: say when")
        return None
    try:
        spans = [window.span(text) for text in texts]
    except ValueError as error:
        raise Mistake(f"--window {error}") from None
    there = _zone(zone)
    begin = next(one for one in _minutes(now) if _holds(spans, one, there))
    end = next((one for one in _minutes(begin) if not _holds(spans, one, there)), None)
    return Opening(begin=begin, end=end, now=now, zone=zone)


def _minutes(since: datetime) -> Iterator[datetime]:
    """That moment, and each full minute after it."""
    yield since
    at = since.replace(second=0, microsecond=0) + _MINUTE
    while at <= since + _FAR:
        yield at
        at += _MINUTE


def _holds(spans: Sequence[Span], moment: datetime, zone: tzinfo | None) -> bool:
    here = moment.astimezone(zone)
    return any(span.holds(here.weekday(), here.hour * 60 + here.minute) for span in spans)


def _zone(name: str) -> tzinfo | None:
    """None: this machine's own."""
    if not name:
        return None
    try:
        found: tzinfo = window.zone_of(name)
    except (KeyError, ValueError, OSError):
        raise Mistake(f"--zone {name} is no time zone, such as Europe/Berlin") from None
    return found
