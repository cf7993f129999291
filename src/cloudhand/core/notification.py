"""Who is told of what goes wrong, when, and how often it is tried. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

CHANNELS_LIMIT = 20  # of an account
GIVEN_UP_AFTER = timedelta(hours=24)

# What begins or ends so soon after each other is one message: a network that fails has many agents
# go, each when its next word is missed.
_QUIET = timedelta(seconds=30)
_LONGEST = timedelta(minutes=2)

_FIRST_PAUSE = 5  # seconds
_LAST_PAUSE = 900  # seconds
_LONGEST_ASKED = timedelta(hours=1)  # that somebody who has too many messages can have us wait


class Kind(StrEnum):
    """What stands at the other end."""

    WEBHOOK = "webhook"
    DINGTALK = "dingtalk"
    FEISHU = "feishu"
    WECOM = "wecom"
    SLACK = "slack"


# Those whose robots take a signature. A webhook has one always.
SIGNABLE = frozenset({Kind.WEBHOOK, Kind.DINGTALK, Kind.FEISHU})


class Language(StrEnum):
    ENGLISH = "en"
    CHINESE = "zh"


class Occasion(StrEnum):
    """What somebody can want to be told of."""

    # A command, a run of one that runs again, an execution, or an upgrade that nobody asked for.
    FAILED = "failed"
    OVERDUE = "overdue"  # nobody decides about something whose deadline has passed
    AGENT_GONE = "agent-gone"  # of a machine that should run; and that it is back
    NOT_BACK = "not-back"  # a machine, after a restart; or one that does not go down


_GATHERED = frozenset({Occasion.AGENT_GONE, Occasion.NOT_BACK})


@dataclass(frozen=True, kw_only=True)
class News:
    """One thing to tell."""

    occasion: Occasion
    over: bool = False  # it is so no more
    at: datetime
    about: str = ""  # the id of an invocation, a run, an execution or an instance
    facts: Mapping[str, Any] = field(default_factory=dict)  # as JSON tells them

    def told(self) -> dict[str, Any]:
        return {
            "event": self.occasion.value,
            "over": self.over,
            "at": self.at.isoformat(timespec="milliseconds"),
            "about": self.about,
            **self.facts,
        }


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A message that is on its way."""

    id: str  # the same however often it is sent
    began_at: datetime
    tries: int = 0  # that failed


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A message that somebody asked for to see whether any arrives. It is tried once."""

    id: str
    at: datetime
    outcome: str | None = None  # empty: it arrived; else why not; None: it is on its way


@dataclass(frozen=True, kw_only=True)
class Channel:
    """Where an account has its messages sent, and how that goes. One is on its way at a time."""

    name: str
    kind: Kind
    address: str
    secret: str = ""  # that signs; empty: nothing is signed
    occasions: frozenset[Occasion]
    language: Language = Language.ENGLISH
    created_at: datetime
    due_at: datetime  # nothing is sent before
    sent: Sent | None = None
    test: Trial | None = None
    last_success_at: datetime | None = None
    last_error_at: datetime | None = None
    last_error: str = ""
    given_up_count: int = 0  # of news that could not be told within GIVEN_UP_AFTER

    @property
    def tests(self) -> bool:
        """Whether a test of it is on its way."""
        return self.test is not None and self.test.outcome is None


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A message did not arrive, or may not have."""

    why: str
    retry_after: timedelta = timedelta()  # as the other end asks


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What an address of the world answered."""

    status: int
    retry_after: str = ""  # the header
    body: bytes = b""  # its beginning


@dataclass(frozen=True, kw_only=True)
class NewChannel:
    name: str
    kind: Kind
    address: str
    secret: str = ""
    occasions: frozenset[Occasion] = frozenset(Occasion)
    language: Language = Language.ENGLISH


def most(kind: Kind) -> int:
    """How much one message tells: a webhook has each thing by itself, and a chat sums it up."""
    return 1000 if kind is Kind.WEBHOOK else 10_000


def ripe(waiting: Sequence[News], *, now: datetime) -> tuple[list[int], datetime | None]:
    """The places of those that are told now, and when the others are. ``waiting``: oldest first."""
    gathered = [one.at for one in waiting if one.occasion in _GATHERED]
    due = min(gathered[-1] + _QUIET, gathered[0] + _LONGEST) if gathered else now
    if due <= now:
        return list(range(len(waiting))), None
    at_once = [n for n, one in enumerate(waiting) if one.occasion not in _GATHERED]
    return at_once, due


def pace(kind: Kind) -> timedelta:
    """Between two messages: robots of chats take 20 a minute, and what is above that is lost."""
    return timedelta() if kind is Kind.WEBHOOK else timedelta(seconds=4)


def succeeded(channel: Channel, *, now: datetime) -> Channel:
    return replace(channel, sent=None, due_at=now + pace(channel.kind), last_success_at=now)


def refused(channel: Channel, refusal: Refusal, *, now: datetime) -> Channel:
    """It is tried again later; without ``sent`` it is given up."""
    assert channel.sent is not None
    told = replace(channel, last_error_at=now, last_error=refusal.why)
    if now - channel.sent.began_at >= GIVEN_UP_AFTER:
        return replace(told, sent=None, due_at=now + _pause(1))
    tries = channel.sent.tries + 1
    asked = min(refusal.retry_after, _LONGEST_ASKED)
    sent = replace(channel.sent, tries=tries)
    return replace(told, sent=sent, due_at=now + max(_pause(tries), asked))


def tested(channel: Channel, refusal: Refusal | None, *, now: datetime) -> Channel:
    """A test has been tried. Where it arrived, what waits need not wait longer."""
    assert channel.test is not None
    test = replace(channel.test, outcome=refusal.why if refusal else "")
    if refusal:
        return replace(channel, test=test, last_error_at=now, last_error=refusal.why)
    return replace(channel, test=test, last_success_at=now, due_at=now + pace(channel.kind))


def _pause(tries: int) -> timedelta:
    return timedelta(seconds=min(_FIRST_PAUSE * 2 ** min(tries - 1, 20), _LAST_PAUSE))
