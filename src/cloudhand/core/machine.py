"""A table of legal moves. What each noun's table says is in the noun's own module."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Generic, TypeVar

State = TypeVar("State", bound=StrEnum)
Event = TypeVar("Event", bound=StrEnum)


class IllegalMove(Exception):
    """A state was told an event that it does not hear."""

    def __init__(self, state: StrEnum, event: StrEnum) -> None:
        super().__init__(f"cannot apply {event.name} to {state.name}")
        self.state = state
        self.event = event


class Machine(Generic[State, Event]):
    """For each state the events it hears and where they lead; final states hear nothing."""

    def __init__(self, start: State, table: Mapping[State, Mapping[Event, State]]) -> None:
        self.start = start
        self.table = table
        self.final = frozenset(state for state, row in table.items() if not row)

    def hears(self, state: State, event: Event) -> bool:
        return event in self.table[state]

    def move(self, state: State, event: Event) -> State:
        """Where ``event`` leads from ``state``; IllegalMove when it leads nowhere."""
        try:
            return self.table[state][event]
        except KeyError:
            raise IllegalMove(state, event) from None
