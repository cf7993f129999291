"""Ask what is known of weaknesses in the versions that requirements/dev.txt names.

    python scripts/audit.py

Where the database of PyPI answers, a version with a known weakness is an error. Where it does not,
one line says that nothing was looked at, and the check goes on: most networks are not the internet.
"""

from __future__ import annotations

import json
import os
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;#]+)", re.MULTILINE)
_BASE = "https://pypi.org"
_TIME_LIMIT = 5.0  # seconds for one answer
_AT_ONCE = 16


class Unreachable(Exception):
    """Why nobody can say."""


@dataclass(frozen=True, kw_only=True)
class Weakness:
    what: str  # name and version
    id: str
    fixed_in: tuple[str, ...]

    def __str__(self) -> str:
        fixed = f"fixed in {', '.join(self.fixed_in)}" if self.fixed_in else "not fixed yet"
        return f"{self.what}: {self.id}, {fixed}"


def pinned(text: str) -> list[tuple[str, str]]:
    return [(name, version) for name, version in _PINNED.findall(text)]


def weaknesses(base: str, name: str, version: str) -> list[Weakness]:
    """Unreachable also where something answers that is no such database, as a mirror does."""
    url = f"{base}/pypi/{name}/{version}/json"
    try:
        with urllib.request.urlopen(url, timeout=_TIME_LIMIT) as answer:
            said = json.load(answer)
        told = said["vulnerabilities"]
        return [
            Weakness(
                what=f"{name} {version}", id=one["id"], fixed_in=tuple(one.get("fixed_in", ()))
            )
            for one in told
            if not one.get("withdrawn")
        ]
    except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
        reason = getattr(error, "reason", None) or error
        raise Unreachable(f"{url}: {reason or type(error).__name__}") from error


def audit(base: str, versions: Sequence[tuple[str, str]]) -> list[Weakness]:
    """Unreachable if any answer is missing: half of an audit would look like a whole one."""
    first, *others = versions
    found = weaknesses(base, *first)  # before many wait for who does not answer
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for more in threads.map(lambda one: weaknesses(base, *one), others):
            found += more
    return found


def main(base: str, requirements: Path) -> int:
    versions = pinned(requirements.read_text())
    try:
        found = audit(base, versions)
    except Unreachable as error:
        print(f"NOT AUDITED: {len(versions)} dependencies, for {error}", file=sys.stderr)
        return 0
    for one in found:
        print(one, file=sys.stderr)
    if not found:
        print(f"{len(versions)} dependencies: no weakness is known")
    return 1 if found else 0


if __name__ == "__main__":
    at = os.environ.get("CLOUDHAND_ADVISORIES", _BASE)
    sys.exit(main(at, ROOT / "requirements" / "dev.txt"))
