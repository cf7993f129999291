"""Each command that the documents show is one that the command line understands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command

from cloudhand.agent.usage import UsageError, Words
from cloudhand.cli.main import app
from tests.rules.sources import ROOT

_PAGES = [
    ROOT / "README.md",
    ROOT / "README.zh-CN.md",
    *sorted((ROOT / "docs" / "how-to").rglob("*.md")),
]
# In prose only a part of it may stand.
_MENTIONED = re.compile(r"`cloudhand ([a-z][^`]*)`")
_BLOCK = re.compile(r"^```(?:sh|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_TYPED = re.compile(r"(?:\$ )?(?:\w+=\S+ )*(?:sudo )?(?:\.venv/bin/)?(cloudhand(?:-agent)? .*)")
# What ends a command, or comes behind it.
_BEHIND = {"|", "&&", ";", "&", ">", "2>&1", "<<", "||"}


@cache
def _program() -> Any:
    return get_command(app())


def _commands(page: Path) -> Iterator[str]:
    for block in _BLOCK.findall(page.read_text()):
        prompted = "\n$ " in f"\n{block}"  # else each line is typed
        for line in block.replace("\\\n", " ").splitlines():
            typed = _TYPED.fullmatch(line)
            if typed and (line.startswith("$ ") or not prompted):
                yield typed[1]


def _words(command: str) -> list[str]:
    found = shlex.split(command, comments=True)
    ends = [at for at, word in enumerate(found) if word in _BEHIND or word.startswith("<<")]
    return found[: min(ends, default=len(found))]


def _understood(words: list[str]) -> None:
    if words[0] == "cloudhand-agent":
        Words(words[1:])
        return
    command, rest, at = _program(), words[1:], None
    while hasattr(command, "commands"):
        with command.make_context("cloudhand", list(rest), parent=at) as at:
            pass
        name, rest = rest[0], rest[1:]
        command = command.commands[name]
    with command.make_context("cloudhand", list(rest), parent=at):
        pass


@pytest.mark.parametrize(
    "command",
    sorted({command for page in _PAGES for command in _commands(page)}),
)
def test_the_command_line_understands_what_is_documented(command: str) -> None:
    _understood(_words(command))


def _unknown(mentioned: str) -> set[str]:
    """Which options of it there are not; KeyError for a command that there is not."""
    command, words = _program(), _words(mentioned)
    while hasattr(command, "commands") and words:
        command = command.commands[words.pop(0)]
    given = words[: words.index("--")] if "--" in words else words
    known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
    return {word for word in given if word.startswith("--")} - known


@pytest.mark.parametrize(
    "mentioned",
    sorted({found for page in _PAGES for found in _MENTIONED.findall(page.read_text())}),
)
def test_the_command_line_has_what_is_mentioned(mentioned: str) -> None:
    assert _unknown(mentioned) == set()


def test_what_it_does_not_understand_is_found() -> None:
    for wrong in ("cloudhand run --fleet 3 -- true", "cloudhand-agent rules --mend x"):
        with pytest.raises((typer.TyperException, UsageError)):
            _understood(_words(wrong))
    with pytest.raises(KeyError):
        _understood(_words("cloudhand governor mend"))
    assert _unknown("run --fleet 3 -- true") == {"--fleet"}


def test_every_page_shows_a_command() -> None:
    # These two are about pytest, and about a shell script.
    others = {"install-without-network.md", "test-with-pytest.md"}
    assert {page.name for page in _PAGES if not list(_commands(page))} == others
