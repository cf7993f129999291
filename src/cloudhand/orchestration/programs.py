"""What runs the programs of strangers: jq and patterns, which may never end."""

from __future__ import annotations

from typing import Any, Protocol


class ProgramError(Exception):
    """A program is wrong, failed, or took too much; one phrase."""


class Programs(Protocol):
    """Calls may run at once. Whatever the program is, each ends within a few seconds."""

    async def jq(self, program: str, document: Any) -> list[Any]:
        """All results; ProgramError."""

    async def compiles(self, program: str) -> None:
        """ProgramError unless it is a jq program."""

    async def matches(self, pattern: str, text: str) -> bool:
        """Whether a Perl-like pattern fits at the start of a text; ProgramError."""
