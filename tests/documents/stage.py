"""What a page takes for granted: machines, files, programs, and what happens between its lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.documents.room import Room

Happens = Callable[[Room], None]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Commands are keys as they are typed, without their comments; the next time with "(again)"."""

    missing: Callable[[], str] = lambda: ""  # what it needs and this machine has not
    online: bool = False  # the room has the network of this machine
    opens: Happens = lambda room: None
    before: Mapping[str, Happens] = field(default_factory=dict)
    closes: Happens = lambda room: None  # behind the last line of the page
    ends: Mapping[str, int] = field(default_factory=dict)  # exit codes other than 0
    answers: Mapping[str, str] = field(default_factory=dict)  # by how a question ends: a script
    interrupted: Mapping[str, str] = field(default_factory=dict)  # by Ctrl-C, once it says this
    # What a reader puts in for a word of the page, as the shell writes it.
    fills: Mapping[str, str] = field(default_factory=dict)
