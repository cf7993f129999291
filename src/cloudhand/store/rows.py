"""Rows and dataclasses: moments, spans and maps as columns keep them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sized
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


def to_ms(moment: datetime | None) -> int | None:
    return None if moment is None else (moment - _EPOCH) // _MS


def from_ms(value: int | None) -> datetime | None:
    return None if value is None else moment(value)


def moment(value: int) -> datetime:
    return _EPOCH + value * _MS


def span_to_ms(span: timedelta | None) -> int | None:
    return None if span is None else span // _MS


def span_from_ms(value: int | None) -> timedelta | None:
    return None if value is None else span(value)


def span(value: int) -> timedelta:
    return value * _MS


# One encoder: loops of thousands write a great many texts.
_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


def to_json(value: object) -> str:
    return _ENCODER.encode(value)


def tags_condition(tags: Mapping[str, str], *, column: str = "tags") -> tuple[str, list[str]]:
    """An SQL condition, and its values, that a column of tags holds all the given ones.

    A tag without a value matches whatever its value is.
    """
    conditions, values = ["1 = 1"], []
    for key, value in tags.items():
        path = "$." + json.dumps(key, ensure_ascii=False)
        if value:
            conditions.append(f"json_extract({column}, ?) = ?")
            values += [path, value]
        else:
            conditions.append(f"json_extract({column}, ?) IS NOT NULL")
            values.append(path)
    return " AND ".join(conditions), values


def value_marks(rows: Sized, columns: int) -> str:
    """The same of rows of values, for the table that a query begins with.

    Joined to that (CROSS JOIN, which keeps their order), a large table is searched by its index. To
    ask ``(a, b) IN (VALUES ...)`` has SQLite read all of it.
    """
    return ", ".join([f"({', '.join('?' * columns)})"] * len(rows))


def marks(values: Sized) -> str:
    """As many placeholders as there are values."""
    return ", ".join("?" * len(values))


def like(pattern: str) -> str:
    """The pattern of LIKE, escaped by a backslash, for a name in which * stands for anything."""
    escaped = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%")
