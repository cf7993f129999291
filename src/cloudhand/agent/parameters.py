"""Placeholders that only the machine can fill: {{ACS::...}}. Pure."""

from __future__ import annotations

import re
from typing import Mapping

_BUILT_IN = re.compile(rb"\{\{\s*acs::([\w-]+)\s*\}\}", re.IGNORECASE)


class UnknownParameter(Exception):
    """A script names a built-in parameter that does not exist."""


def fill(content: bytes, values: "Mapping[str, str]") -> bytes:
    """``values`` by the name behind ACS::, whose case does not matter."""
    known = {name.lower(): value for name, value in values.items()}

    def value_of(match: "re.Match[bytes]") -> bytes:
        name = match.group(1).decode()
        if name.lower() not in known:
            raise UnknownParameter(f"ACS::{name} is not a built-in parameter")
        return known[name.lower()].encode()

    return _BUILT_IN.sub(value_of, content)
