"""Whether what was said is what a page shows, but for what differs from one time to the next."""

from __future__ import annotations

import re

_DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
# What may stand for what, in this order; all else is the same, letter by letter.
_DIFFERS = (
    (r"\.\.\.", r".*"),
    (r"\b(?:mi|i|t|c|exec)-[0-9a-z]{8,}\b", r"(?:mi|i|t|c|exec)-[0-9a-z]+"),
    (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"),
    (rf"\b{_DAY} \d\d:\d\d\b", rf"{_DAY} \d\d:\d\d"),
    (r"\b(?=[a-f]*\d)[0-9a-f]{8,}\b", r"[0-9a-f]+"),  # a boot, a digest
    (r"(?<![\d.])\d+\.\d+\.\d+(?![\d.])", r"\d+\.\d+\.\d+"),  # a release
    (r"\b\d{16}\b", r"\d{16}"),  # an account
    (r"\b\d+(?= (?:s|MiB)\b)", r"\d+"),  # how long it took, how much there is
    (r"\s+", r"\s+"),
)
_PIECE = re.compile("|".join(f"({shown})" for shown, _ in _DIFFERS))


def pattern(line: str) -> re.Pattern[str]:
    """What a line is said as."""
    made, at = "", 0
    for found in _PIECE.finditer(line):
        assert found.lastindex is not None
        made += re.escape(line[at : found.start()]) + _DIFFERS[found.lastindex - 1][1]
        at = found.end()
    return re.compile(made + re.escape(line[at:]))


def differences(shown: str, said: str) -> list[str]:
    """What the page shows and nobody said, and the other way round; in any order, as machines end.

    A line of nothing but dots stands for any lines.
    """
    rest = [line.strip() for line in said.splitlines() if line.strip()]
    missing, more = [], False
    for line in map(str.strip, shown.splitlines()):
        if line in ("", "..."):
            more = more or bool(line)
            continue
        like = pattern(line)
        same = next((one for one in rest if like.fullmatch(one)), None)
        if same is None:
            missing.append(f"not said: {line}")
        else:
            rest.remove(same)
    return missing + ([] if more else [f"not on the page: {line}" for line in rest])
