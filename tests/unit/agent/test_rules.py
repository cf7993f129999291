"""What a machine refuses: the text of its file, and the decision of each moment."""

from __future__ import annotations

import json
import re
import time
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st

from cloudhand.agent import rules, rules_text
from cloudhand.agent.rules import Rules, WrongRules
from cloudhand.wire.window import Span
from tests.rules.sources import ROOT

WHOLE = """\
# Of the database machines.
commands = true
files = false # they come by packages

power = [
    # never off
    "restart",
]

[users]
deny = ["root"]
allow = [
    "deploy",
    "app",
]

[window]
open = ["Sat,Sun 02:00-06:00", "Mon-Fri 22:00-04:00"]
zone = "Europe/Berlin"
"""


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine's own time zone."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def read(text: str) -> Rules:
    return rules_text.read(text, "/r")


def at(text: str, zone: str = "Europe/Berlin") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


BUT_UPGRADES = tuple(what for what in rules.EVERYTHING if what != rules.UPGRADES)


def refused(found: Rules, moment: float = 0.0, users: tuple[str, ...] = ()) -> set[str]:
    """Of all but upgrades, which any file refuses that does not allow them."""
    return {
        what
        for what in BUT_UPGRADES
        if rules.refusal(found, what, now=moment, users=users if what == "commands" else ())
    }


WORDS = """\
commands  yes    for app, deploy only, not for root
files     no     /r, line 3: files = false
sessions  yes    for app, deploy only, not for root
stop      no     /r, line 5: power = ["restart"]
restart   yes
upgrades  no     /r has rules, and does not say upgrades = true
window    closed /r, line 18: window.open = ["Sat,Sun 02:00-06:00", "Mon-Fri 22:00-04:00"] in \
Europe/Berlin; it is Mon 12:00 there
                 while it is closed these are refused: commands, files, sessions, stop, restart, \
upgrades
"""
SUNDAY, MONDAY = "2026-11-29T03:00", "2026-11-30T12:00"


def test_each_refusal_names_its_line() -> None:
    found = read(WHOLE)
    expected = {
        "commands": '/r, line 11: users.deny = ["root"]',
        "files": "/r, line 3: files = false",
        "stop": '/r, line 5: power = ["restart"]',
    }
    for what, rule in expected.items():
        why = rules.refusal(found, what, now=at(SUNDAY), users=("toor", "root"))
        assert why.endswith(f": {rule}")
    for what in ("sessions", "restart"):
        assert rules.refusal(found, what, now=at(SUNDAY)) == ""
        why = rules.refusal(found, what, now=at(MONDAY))
        assert "/r, line 18: window.open = " in why
        assert why.endswith("in Europe/Berlin; it is Mon 12:00 there")


@pytest.mark.parametrize(
    ("users", "why"),
    [
        (("deploy",), ""),
        (("app", "www"), ""),
        (("ann",), '/r, line 12: users.allow = ["deploy", "app"]'),
        (("deploy", "root"), '/r, line 11: users.deny = ["root"]'),  # who has two names is both
        ((), ""),
    ],
)
def test_who_may(users: tuple[str, ...], why: str) -> None:
    said = rules.refusal(read(WHOLE), "commands", now=at(SUNDAY), users=users)
    assert said == (f"the machine refuses commands as {users[0]}: {why}" if why else "")


def test_nothing_said_nothing_refused() -> None:
    assert read("# mine\n") == rules.NOTHING
    assert refused(rules.NOTHING) == set()
    assert rules.refusals(rules.all_refused("why"), now=0) == {
        "commands": "the machine refuses commands: why",
        "files": "the machine refuses files: why",
        "sessions": "the machine refuses sessions: why",
        "stop": "the machine refuses to stop: why",
        "restart": "the machine refuses to restart: why",
        "upgrades": "the machine refuses upgrades: why",
    }


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("commands = false", {"commands"}),
        ("files = false\r\nsessions = false\r\n", {"files", "sessions"}),
        ("power = false", {"stop", "restart"}),
        ("power = []", {"stop", "restart"}),
        ('power = ["stop"]', {"restart"}),
        ('power = ["stop", "restart"]', set()),
        ("power = true\nfiles = true", set()),
        ("users.allow = []", {"commands"}),
        ("users = { deny = ['ann'] }", {"commands"}),
        ('window.open = ["00:00-24:00"]', set()),
        ('[window]\nopen = ["23:00-23:01"]\nzone = "UTC"', set(BUT_UPGRADES)),
        ('[window]\nopen = ["23:00-23:01"]\nzone = "UTC"\napplies = ["files"]', {"files"}),
        (
            '[window]\nopen = ["23:00-23:01"]\nzone = "UTC"\napplies = ["power", "commands"]',
            {"commands", "stop", "restart"},
        ),
    ],
)
def test_what_is_refused(text: str, what: set[str]) -> None:
    assert refused(read(text), users=("ann",)) == what


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("files = ", "this is no TOML: Invalid value (at end of document)"),
        ("\nfiles = no", "line 2: this is no TOML: Invalid value"),
        ("files = true\nfiles = false\n", "line 2: this is no TOML: Cannot overwrite a value"),
        ("sesions = false", "line 1: sesions is no rule; there are commands, files, sessions,"),
        ("a.b = 1", "line 1: a is no rule"),
        ("\n[users]\nalow = []", "line 3: users.alow is no rule; there are allow, deny"),
        ("[users]\nallow.x = []", "line 2: users.allow is no list of texts"),
        ("users = 3", "line 1: users is no table; write [users]"),
        ("[[window]]", "line 1: window is no table"),
        ("commands = 0", "line 1: commands is neither true nor false"),
        ("files = 'false'", "line 1: files is neither true nor false"),
        ("power = 'restart'", "line 1: power is neither true, false, nor a list"),
        ("power = ['reboot']", "line 1: power has 'reboot'; there are stop, restart"),
        ("power = [['stop']]", "line 1: power is no list of texts"),
        ("[users]\n\ndeny = 'root'", "line 3: users.deny is no list of texts"),
        ("[users]\ndeny = [\n 0,\n]", "line 2: users.deny is no list of texts"),
        ("[window]", "line 1: window says no time"),
        ("[window]\nopen = []", "line 1: window says no time"),
        ("[window]\nopen = '02:00-03:00'", "line 2: window.open is no list of texts"),
        ("window.open = ['02:00-02:00']", "line 1: window.open begins and ends at the same"),
        ("window.open = ['24:00-02:00']", "window.open has no time"),
        ("window.open = ['02:00-24:01']", "window.open has no time"),
        ("window.open = ['02:60-03:00']", "window.open has no time"),
        ("window.open = ['2:00-3:00']", "window.open has no time"),
        ("window.open = ['Mo 02:00-03:00']", "window.open has no time"),
        ("window.open = ['Mon- 02:00-03:00']", "window.open has no time"),
        ("window.open = ['Mon,,Tue 02:00-03:00']", "window.open has no time"),
        ("window.open = ['02:00-03:00\\n']", "window.open has no time"),
        ("[window]\nopen = ['02:00-03:00']\nzone = 'Moon'", "line 3: window.zone is no time zone"),
        ("[window]\nopen = ['02:00-03:00']\nzone = '../x'", "line 3: window.zone is no time zone"),
        ("[window]\nopen = ['02:00-03:00']\nzone = ''", "line 3: window.zone is no time zone"),
        ("[window]\nopen = ['02:00-03:00']\nzone = 1", "line 3: window.zone is no time zone"),
        ("window = {open = ['02:00-03:00'], applies = ['stop']}", "window.applies has 'stop'"),
        ("x = " + "[" * 5000, "this is no TOML"),
    ],
)
def test_what_cannot_be_relied_on(text: str, why: str) -> None:
    with pytest.raises(WrongRules) as error:
        read(text)
    assert why in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("span", "moment", "opened"),
    [
        ("02:00-06:00", "2026-11-30T01:59:59", False),
        ("02:00-06:00", "2026-11-30T02:00:00", True),
        ("02:00-06:00", "2026-11-30T05:59:59", True),
        ("02:00-06:00", "2026-11-30T06:00:00", False),
        ("Mon 22:00-04:00", "2026-11-30T23:00:00", True),
        ("Mon 22:00-04:00", "2026-12-01T03:59:00", True),  # still Monday's
        ("Mon 22:00-04:00", "2026-12-01T04:00:00", False),
        ("Mon 22:00-04:00", "2026-11-30T03:00:00", False),  # would be Sunday's
        ("Sun 22:00-04:00", "2026-11-30T03:00:00", True),
        ("Fri-Mon 00:00-24:00", "2026-11-30T12:00:00", True),
        ("Fri-Mon 00:00-24:00", "2026-12-01T00:00:00", False),
        ("Tue,Thu-Sat 00:00-24:00", "2026-12-02T00:00:00", False),
        ("Tue,Thu-Sat 00:00-24:00", "2026-12-05T23:59:00", True),
        ("Mon-Mon 12:00-24:00", "2026-11-30T23:59:59", True),
        ("22:00-00:00", "2026-11-30T23:59:59", True),
        ("22:00-00:00", "2026-12-01T00:00:00", False),
        # Clocks are put forward at 2 on one day, and back at 3 on another.
        ("02:00-03:00", "2026-03-29T03:00:00", False),
        ("02:00-03:00", "2026-10-25T02:30:00", True),
    ],
)
@pytest.mark.parametrize("zone", ["", "Europe/Berlin"])
@pytest.mark.usefixtures("berlin")
def test_when_a_window_is_open(span: str, moment: str, opened: bool, zone: str) -> None:
    said = f'zone = "{zone}"' if zone else ""
    found = read(f'[window]\nopen = ["{span}"]\n{said}').window
    assert found is not None
    assert found.open(at(moment)) is opened


def test_a_window_is_open_twice_in_the_hour_that_comes_twice() -> None:
    found = read('[window]\nopen = ["02:00-03:00"]\nzone = "Europe/Berlin"').window
    assert found is not None
    hours = [datetime(2026, 10, 25, hour, 30, tzinfo=UTC).timestamp() for hour in range(4)]
    assert [found.open(hour) for hour in hours] == [True, True, False, False]


@given(
    days=st.sets(st.integers(0, 6), min_size=1),
    begin=st.integers(0, 1439),
    end=st.integers(0, 1440),
    minute=st.integers(0, 7 * 1440 - 1),
)
def test_a_span_is_the_minutes_from_each_of_its_beginnings(
    days: set[int], begin: int, end: int, minute: int
) -> None:
    span = Span(frozenset(days), begin, end)
    length = (end - begin) % 1440 or (1440 if begin != end else 0)
    if begin == end:
        return  # which no file says
    meant = {(day * 1440 + begin + i) % (7 * 1440) for day in days for i in range(length)}
    assert span.holds(*divmod(minute, 1440)) is (minute in meant)


_NAMES = st.text("abc", min_size=1, max_size=2)
_VALUES = st.one_of(
    st.booleans(), st.integers(), st.lists(st.text("x#\"'[]\\ é", max_size=4), max_size=3)
)


@given(st.dictionaries(_NAMES, st.one_of(_VALUES, st.dictionaries(_NAMES, _VALUES))), st.data())
def test_lines_are_those_of_the_keys(values: dict[str, object], data: st.DataObject) -> None:
    """Of a text that is written here, with comments and empty lines in all places."""
    lines: list[str] = []
    expected: dict[tuple[str, ...], int] = {}

    def pad() -> None:
        lines.extend(data.draw(st.lists(st.sampled_from(["", "  # [x]", "#a = 1"]), max_size=2)))

    def say(path: tuple[str, ...], value: object) -> None:
        pad()
        expected[path] = len(lines) + 1
        if isinstance(value, list):
            lines.append(f"{path[-1]} = [")
            for one in value:
                pad()
                lines.append(f"  {json.dumps(one)},")
            lines.append("]")
        else:
            lines.append(f"{path[-1]} = {json.dumps(value)}")

    tables = {name: value for name, value in values.items() if isinstance(value, dict)}
    for name, value in values.items():
        if name not in tables:
            say((name,), value)
    for name, table in tables.items():
        pad()
        lines.append(f"[{name}]")
        expected[(name,)] = len(lines)
        for key, value in table.items():
            say((name, key), value)
    pad()
    found = dict(rules_text._lines("\n".join(lines)))
    assert {path: line for path, line in found.items() if path} == expected


@given(st.text("ab=[]{}\"'#,.1 \n\\tfrueals", max_size=40))
def test_the_library_of_older_pythons_reads_the_same(text: str) -> None:
    def reading(loads: object) -> object:
        try:
            return loads(text)  # type: ignore[operator]
        except ValueError as error:
            return str(error)

    assert reading(tomli.loads) == reading(tomllib.loads)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("# nothing\n", ""),
        ("upgrades = true\n", ""),
        ("commands = false\nupgrades = true\n", ""),
        ("upgrades = false\n", "/r, line 1: upgrades = false"),
        ("commands = true\n", "/r has rules, and does not say upgrades = true"),
        ("[users]\ndeny = ['root']\n", "/r has rules, and does not say upgrades = true"),
    ],
)
def test_whoever_has_rules_must_want_another_agent(text: str, why: str) -> None:
    """It may know none of them."""
    told = rules.refusal(read(text), rules.UPGRADES, now=0)
    assert told == (f"the machine refuses upgrades: {why}" if why else "")


def test_upgrades_keep_to_a_window() -> None:
    text = "upgrades = true\n[window]\nopen = ['02:00-03:00']\nzone = 'UTC'\n"
    inside, outside = at("2026-11-29T02:30", "UTC"), at("2026-11-29T03:30", "UTC")
    assert rules.refusal(read(text), rules.UPGRADES, now=inside) == ""
    assert "it is Sun 03:30 there" in rules.refusal(read(text), rules.UPGRADES, now=outside)
    with pytest.raises(rules.WrongRules, match="line 1: upgrades is neither true nor false"):
        read("upgrades = 1\n")


def test_a_file_in_words() -> None:
    assert rules.in_words(read(WHOLE), now=at(MONDAY)) == WORDS.splitlines()
    assert rules.in_words(read("users.allow = []"), now=0)[0] == "commands  yes    for nobody only"


def test_what_is_long_is_cut() -> None:
    names = [f"user-{number}" for number in range(100)]
    found = read(f"users.allow = {json.dumps(names)}")
    assert len(rules.refusal(found, "files", now=0, users=("ann",))) < 250


def test_what_the_documentation_shows_can_be_used() -> None:
    page = (ROOT / "docs/how-to/let-a-machine-refuse.md").read_text()
    (example,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert set(rules.refusals(read(example), now=at(SUNDAY))) == {"files", "sessions", "stop"}
    assert set(rules.refusals(read(example), now=at(MONDAY))) == set(rules.EVERYTHING)
