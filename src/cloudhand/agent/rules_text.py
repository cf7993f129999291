"""The rules of a machine as they are written: TOML, with the line of each for who is refused."""

from __future__ import annotations

import json
import re
from typing import Any, Dict, FrozenSet, Iterator, List, Mapping, NoReturn, Optional, Tuple

from cloudhand.agent.rules import (
    COMMANDS,
    FILES,
    POWER,
    SESSIONS,
    UPGRADES,
    Names,
    Rules,
    Window,
    WrongRules,
)
from cloudhand.wire import window
from cloudhand.wire.window import Span, zone_of

_SWITCHES = (COMMANDS, FILES, SESSIONS)
_ALL = (*_SWITCHES, UPGRADES)
_KEYS = {
    "": (*_ALL, "power", "users", "window"),
    "users": ("allow", "deny"),
    "window": ("open", "zone", "applies"),
}
_APPLIES: Dict[str, Tuple[str, ...]] = {name: (name,) for name in _ALL}
_APPLIES["power"] = POWER
_SHOWN = 120  # characters of a value
_AT = re.compile(r" \(at (line \d+), column \d+\)\Z")

Path = Tuple[str, ...]  # of a key: the names of its tables, and its own


def read(text: str, path: str) -> Rules:
    """The rules that a file says; WrongRules. ``path``: how it is named."""
    text = text.replace("\r\n", "\n")
    values = _values(text)
    reader = _Reader(path, dict(_lines(text)))
    reader.check_keys(values)
    users = reader.table(values, "users")
    return Rules(
        refused=dict(reader.refused(values)),
        allow=reader.names(users, "allow"),
        deny=reader.names(users, "deny"),
        window=reader.window(reader.table(values, "window")) if "window" in values else None,
    )


class _Reader:
    """Takes the values of a file apart; WrongRules from each."""

    def __init__(self, path: str, lines: "Mapping[Path, int]") -> None:
        self._path = path
        self._lines = lines

    def check_keys(self, values: "Mapping[str, Any]") -> None:
        for table, known in _KEYS.items():
            found = self.table(values, table) if table else values
            for key in found:
                if key not in known:
                    path = (table, key) if table else (key,)
                    self._wrong(path, f"is no rule; there are {', '.join(known)}")

    def table(self, values: "Mapping[str, Any]", name: str) -> "Mapping[str, Any]":
        found = values.get(name, {})
        if not isinstance(found, dict):
            self._wrong((name,), f"is no table; write [{name}]")
        return found

    def refused(self, values: "Mapping[str, Any]") -> "Iterator[Tuple[str, str]]":
        for what in _SWITCHES:
            if not self._switch(values, what):
                yield what, self._rule((what,), values[what])
        # Another agent may know none of these rules, so whoever has some must want one.
        if UPGRADES in values and not self._switch(values, UPGRADES):
            yield UPGRADES, self._rule((UPGRADES,), values[UPGRADES])
        elif values and UPGRADES not in values:
            yield UPGRADES, f"{self._path} has rules, and does not say upgrades = true"
        power = values.get("power", True)
        if isinstance(power, list):
            allowed = self._texts(values, ("power",), POWER)
        else:
            allowed = list(POWER) if self._switch(values, "power") else []
        for what in POWER:
            if what not in allowed:
                yield what, self._rule(("power",), power)

    def names(self, users: "Mapping[str, Any]", key: str) -> Optional[Names]:
        if key not in users:
            return None
        path = ("users", key)
        return Names(frozenset(self._texts(users, path)), self._rule(path, users[key]))

    def window(self, values: "Mapping[str, Any]") -> Window:
        if not values.get("open"):
            self._wrong(("window",), 'says no time; write open = ["Sat,Sun 02:00-06:00"]')
        spans = [self._span(text) for text in self._texts(values, ("window", "open"))]
        zone = values.get("zone", "")
        if "zone" in values and (not isinstance(zone, str) or not _is_zone(zone)):
            self._wrong(("window", "zone"), 'is no time zone of this machine, as "Europe/Berlin"')
        applies = list(_APPLIES)
        if "applies" in values:
            applies = self._texts(values, ("window", "applies"), tuple(_APPLIES))
        rule = self._rule(("window", "open"), values["open"])
        return Window(
            spans=tuple(spans),
            zone=zone,
            applies=frozenset(what for name in applies for what in _APPLIES[name]),
            rule=f"{rule} in {zone or 'the zone of the machine'}",
        )

    def _span(self, text: str) -> Span:
        try:
            return window.span(text)
        except ValueError as error:
            self._wrong(("window", "open"), str(error))

    def _switch(self, values: "Mapping[str, Any]", key: str) -> bool:
        value = values.get(key, True)
        if not isinstance(value, bool):
            ways = 'true, false, nor a list of "stop" and "restart"' if key == "power" else ""
            self._wrong((key,), f"is neither {ways or 'true nor false'}")
        return value

    def _texts(
        self, values: "Mapping[str, Any]", path: Path, known: "Tuple[str, ...]" = ()
    ) -> "List[str]":
        found = values[path[-1]]
        if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
            self._wrong(path, 'is no list of texts, as ["one", "two"]')
        for one in found:
            if known and one not in known:
                self._wrong(path, f"has {one!r}; there are {', '.join(known)}")
        return found

    def _rule(self, path: Path, value: Any) -> str:
        shown = json.dumps(value, ensure_ascii=False)
        shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
        return f"{self._path}, line {self._lines.get(path, 1)}: {'.'.join(path)} = {shown}"

    def _wrong(self, path: Path, why: str) -> NoReturn:
        raise WrongRules(f"line {self._lines.get(path, 1)}: {'.'.join(path)} {why}")


def _is_zone(name: str) -> bool:
    try:
        zone_of(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _values(text: str) -> "Dict[str, Any]":
    try:  # it costs memory, which only a machine with rules spends
        from tomllib import loads  # novermin
    except ImportError:  # before Python 3.11: the same library, from our one file
        from tomli import loads
    try:
        return loads(text)
    except (ValueError, RecursionError) as error:
        match = _AT.search(str(error))
        at = f"{match.group(1)}: " if match else ""
        raise WrongRules(f"{at}this is no TOML: {_AT.sub('', str(error))}") from None


def _lines(text: str) -> "Iterator[Tuple[Path, int]]":
    """Where each key of a text begins, which is TOML as a whole.

    The library tells no lines. A key begins behind the longest beginning of the text that is TOML
    and does not have it.
    """
    lines = text.split("\n")
    known: FrozenSet[Path] = frozenset()
    whole = 0  # lines of the last beginning that is TOML
    for count, line in enumerate(lines, 1):
        if line.strip()[:1] in ("", "#") and whole == count - 1:
            whole = count
            continue
        try:
            found = frozenset(_paths(_values("\n".join(lines[:count]))))
        except WrongRules:
            continue
        for path in found - known:
            yield path, whole + 1
        known, whole = found, count


def _paths(values: "Mapping[str, Any]", above: Path = ()) -> "Iterator[Path]":
    yield above
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _paths(value, (*above, key))
        else:
            yield (*above, key)
