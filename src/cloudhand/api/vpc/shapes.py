"""Shapes that several answers share."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec


class NoTags(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """Networks here have none."""

    tag: Sequence[str] = ()
