"""One global hook by which tests stop a process at a named point; None in production.

Named points are string literals next to the step they precede, so that a search for the
name finds the only place that can fail there.
"""

from __future__ import annotations

from typing import Callable, Optional

hook: Optional[Callable[[str], None]] = None


def point(name: str) -> None:
    """Tell the hook that the step called ``name`` comes next."""
    if hook is not None:
        hook(name)
