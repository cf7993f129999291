"""What published agents say of themselves: metrics, and reports of the client. Ours keep a log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping

from cloudhand.wire import checked

METRICS_PATH = "/luban/api/metrics"
CLIENT_REPORT_PATH = "/luban/api/v1/exception/client_report"

_LONGEST_NAME = 128
_LONGEST = 1024 * 1024  # as much as a body may have; a panic comes with its whole stack
_KEPT = 4096  # characters of that


@dataclass(frozen=True)
class Notice:
    name: str  # agent.startup, switch_channel_in_wsk …
    level: str  # of a metric; empty: not said
    detail: str  # text, of a metric JSON text


def from_metric(body: "Mapping[str, Any]") -> Notice:
    """ValueError for fields of the wrong type."""
    return Notice(
        name=_name(body, "eventId"),
        level=checked.text(body, "eventLevel", longest=_LONGEST_NAME),
        detail=_detail(body, "keywords"),
    )


def from_client_report(body: "Mapping[str, Any]") -> Notice:
    """ValueError for fields of the wrong type."""
    return Notice(name=_name(body, "type"), level="", detail=_detail(body, "info"))


def _name(body: "Mapping[str, Any]", name: str) -> str:
    return checked.text(body, name, longest=_LONGEST_NAME)


def _detail(body: "Mapping[str, Any]", name: str) -> str:
    return checked.text(body, name, longest=_LONGEST)[:_KEPT]
