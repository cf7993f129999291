"""What a machine refuses by rules of its own, whoever asks for it.

The control plane has no part in this: it is told each refusal, and can lift none.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Dict, FrozenSet, List, Mapping, Optional, Tuple

from cloudhand.wire import agent as wire
from cloudhand.wire.window import DAYS, Span, zone_of

COMMANDS, FILES, SESSIONS, STOP, RESTART = "commands", "files", "sessions", "stop", "restart"
UPGRADES = "upgrades"  # of the agent
EVERYTHING = wire.REFUSABLE

POWER = (STOP, RESTART)
NOBODYS = (*POWER, UPGRADES)  # what is done as no user


class WrongRules(ValueError):
    """A text that says nothing that can be relied on, in one sentence."""


@dataclass(frozen=True)
class Names:
    """Users, and the line that names them."""

    names: FrozenSet[str]
    rule: str


@dataclass(frozen=True)
class Window:
    """When things are allowed, by the clock of the machine as it is read in a time zone."""

    spans: Tuple[Span, ...]
    zone: str  # empty: the machine's own
    applies: FrozenSet[str]  # to what
    rule: str

    def local(self, now: float) -> "Tuple[int, int]":
        """Day of the week and minute of the day."""
        if not self.zone:
            here = time.localtime(now)
            return here.tm_wday, here.tm_hour * 60 + here.tm_min
        from datetime import datetime  # only a window with a zone is worth its memory

        there = datetime.fromtimestamp(now, zone_of(self.zone))
        return there.weekday(), there.hour * 60 + there.minute

    def open(self, now: float) -> bool:
        day, minute = self.local(now)
        return any(span.holds(day, minute) for span in self.spans)

    def clock(self, now: float) -> str:
        day, minute = self.local(now)
        return f"{DAYS[day]} {minute // 60:02}:{minute % 60:02}"


@dataclass(frozen=True)
class Rules:
    refused: Mapping[str, str]  # what is always refused, and the line that says so
    allow: Optional[Names] = None  # None: everybody
    deny: Optional[Names] = None
    window: Optional[Window] = None  # None: at any time

    @property
    def users(self) -> "FrozenSet[str]":
        """Everybody who is named."""
        allow = self.allow.names if self.allow else frozenset()
        return allow | (self.deny.names if self.deny else frozenset())


NOTHING = Rules({})  # is refused


def all_refused(why: str) -> Rules:
    """Of a file that cannot be relied on: it might have refused anything."""
    return Rules(dict.fromkeys(EVERYTHING, why))


def refusal(rules: Rules, what: str, *, now: float, users: "Tuple[str, ...]" = ()) -> str:
    """Why the machine refuses it, naming the rule; empty if it does not.

    ``users``: the names of the user whose it is, that which was asked for first. ``now``: seconds
    since the epoch.
    """
    if what in rules.refused:
        return f"the machine refuses {_named(what)}: {rules.refused[what]}"
    if users and rules.deny and rules.deny.names & set(users):
        return f"the machine refuses {_named(what, users[0])}: {rules.deny.rule}"
    if users and rules.allow and not rules.allow.names & set(users):
        return f"the machine refuses {_named(what, users[0])}: {rules.allow.rule}"
    window = rules.window
    if window and what in window.applies and not window.open(now):
        clock = f"it is {window.clock(now)} there"
        return f"the machine refuses {_named(what)} now: {window.rule}; {clock}"
    return ""


def refusals(rules: Rules, *, now: float) -> "Dict[str, str]":
    """What is refused now, whoever's it would be, and why."""
    found = {what: refusal(rules, what, now=now) for what in EVERYTHING}
    return {what: why for what, why in found.items() if why}


def in_words(rules: Rules, *, now: float) -> "List[str]":
    """What a file means, a line for each thing that it can refuse."""
    lines = []
    for what in EVERYTHING:
        rule = rules.refused.get(what)
        allowed = "yes" if what in NOBODYS else f"yes    {_whose(rules)}".rstrip()
        lines.append(f"{what:<9} {f'no     {rule}' if rule else allowed}")
    window = rules.window
    if window:
        state = "open" if window.open(now) else "closed"
        what = ", ".join(one for one in EVERYTHING if one in window.applies)
        lines.append(f"{'window':<9} {state:<6} {window.rule}; it is {window.clock(now)} there")
        lines.append(f"{'':<9} {'':<6} while it is closed these are refused: {what}")
    return lines


def _named(what: str, user: str = "") -> str:
    if what in POWER:
        return f"to {what}"
    return f"{what} {'of' if what == FILES else 'as'} {user}" if user else what


def _whose(rules: Rules) -> str:
    found = []
    if rules.allow:
        found.append(f"for {', '.join(sorted(rules.allow.names)) or 'nobody'} only")
    if rules.deny and rules.deny.names:
        found.append(f"not for {', '.join(sorted(rules.deny.names))}")
    return ", ".join(found)
