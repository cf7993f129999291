"""The file in which a machine says what it refuses, as it is at the moment of each decision."""

from __future__ import annotations

import os
import pwd
import stat
import threading
import time
from typing import Dict, FrozenSet, List, Optional, Tuple

from cloudhand.agent import log, rules, rules_text
from cloudhand.agent.prepare import Refused
from cloudhand.agent.rules import Rules, WrongRules
from cloudhand.wire import agent as wire

_LONGEST = 16 * 1024  # bytes
_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class Rulebook:
    """For any number of threads. ``named``: somebody wants the file to be there."""

    def __init__(self, path: str, *, named: bool) -> None:
        self.path = path
        self._named = named
        self._lock = threading.Lock()  # guards what follows
        self._last = ""  # what the file said, or why it cannot be used
        self._rules = rules.NOTHING

    def read(self) -> Rules:
        """What the file says now; WrongRules."""
        return self._understood(self._said())

    def current(self) -> Rules:
        """The same, for who decides by it: a file that cannot be used refuses everything.

        Read anew each time, since whoever has changed the file counts on it.
        """
        try:
            said = self._said()
        except WrongRules as error:
            return self._wrong(error)
        with self._lock:
            if said == self._last:
                return self._rules
        try:
            found = self._understood(said)
        except WrongRules as error:
            return self._wrong(error)
        return self._kept(said, found, f"rules of {self.path}: {'read' if said else 'none'}")

    def check(self, what: str, user: str) -> None:
        """Refused, when the machine does not do it for this user; empty: the agent's own."""
        found = self.current()
        users = _names(user, found.users) if found.allow or found.deny else ()
        why = rules.refusal(found, what, now=time.time(), users=users)
        if why:
            log.warning(f"refused: {why}")
            raise Refused(wire.REFUSED_BY_MACHINE, why)

    def refusal(self, what: str) -> str:
        """Why the machine does not do it; empty if it does."""
        return self.refusals().get(what, "")

    def whys(self) -> "List[str]":
        """The same for people, each reason once. Nothing is logged."""
        try:
            found = self.read()
        except WrongRules as error:
            return [f"the machine refuses everything: {error}"]
        return list(dict.fromkeys(rules.refusals(found, now=time.time()).values()))

    def refusals(self) -> "Dict[str, str]":
        """What the machine does not do now for anybody, and why."""
        return rules.refusals(self.current(), now=time.time())

    def _said(self) -> str:
        """The text; empty where there is none. WrongRules."""
        try:
            return _trusted(self.path)
        except (FileNotFoundError, NotADirectoryError):
            if not self._named and not os.path.islink(self.path):
                return ""
            why = "it is not there"
        except OSError as error:
            why = f"cannot read it: {error.strerror}"
        except WrongRules as error:
            why = str(error)
        raise WrongRules(f"{self.path} cannot be used: {why}")

    def _understood(self, said: str) -> Rules:
        try:
            return rules_text.read(said, self.path) if said else rules.NOTHING
        except WrongRules as error:
            raise WrongRules(f"{self.path} cannot be used: {error}") from None

    def _wrong(self, error: WrongRules) -> Rules:
        return self._kept(str(error), rules.all_refused(str(error)), f"refuses all: {error}")

    def _kept(self, last: str, found: Rules, news: str) -> Rules:
        with self._lock:
            if self._last != last:
                self._last, self._rules = last, found
                log.warning(news)
            return found


def _trusted(path: str) -> str:
    """The text of the file; WrongRules, OSError. Nobody but root and ourselves may have a say."""
    for folder in {os.path.dirname(path), os.path.dirname(os.path.realpath(path))}:
        found = os.stat(folder)
        if found.st_mode & _OTHERS and not found.st_mode & stat.S_ISVTX:
            raise WrongRules(f"others may write to {folder}; say chmod go-w {folder}")
        _check_owner(folder, found.st_uid)
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode):
            raise WrongRules("it is no file")
        if found.st_mode & _OTHERS:
            raise WrongRules(f"others may write to it; say chmod go-w {path}")
        _check_owner(path, found.st_uid)
        text = os.read(file, _LONGEST + 1)
    finally:
        os.close(file)
    if not text:  # as one that somebody is about to write
        raise WrongRules("it is empty; remove it if nothing is to be refused")
    if len(text) > _LONGEST:
        raise WrongRules(f"it is longer than {_LONGEST} bytes")
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise WrongRules(f"line {text[: error.start].count(10) + 1}: this is no UTF-8") from None


def _check_owner(path: str, uid: int) -> None:
    if uid not in (0, os.geteuid()):
        raise WrongRules(f"{path} belongs to user {uid}; it must be root's")


def _names(user: str, others: "FrozenSet[str]") -> "Tuple[str, ...]":
    """A user, and those of the others that are the same one under another name."""
    uid = _uid(user) if user else os.geteuid()
    if not user:
        try:
            user = pwd.getpwuid(os.geteuid()).pw_name
        except KeyError:
            user = str(uid)
    return (user, *(one for one in others if uid is not None and _uid(one) == uid))


def _uid(name: str) -> Optional[int]:
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None
