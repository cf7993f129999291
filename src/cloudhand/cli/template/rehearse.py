"""`cloudhand template rehearse`: play a template by scripts, and hold it against them."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from cloudhand.cli import options
from cloudhand.cli.template import texts
from cloudhand.cli.template.validate import File
from cloudhand.core.errors import CloudhandError, TemplateInvalid
from cloudhand.orchestration import durations
from cloudhand.rehearsal import script
from cloudhand.rehearsal.expectation import missed
from cloudhand.rehearsal.script import Script
from cloudhand.rehearsal.scripted import ScriptedLibrary
from cloudhand.rehearsal.stage import Played, stage

EPILOG = (
    "Exit codes: 0 all came true; 1 something was missed, or is not valid; 2 not understood, or"
    " not read."
)


@dataclass(frozen=True, kw_only=True)
class Rehearsed:
    """What came of one rehearsal."""

    file: str
    missed: Sequence[str]  # what was expected and is otherwise
    played: Played | None  # None: it could not be played to its end


def command(
    file: File,
    rehearsals: Annotated[
        list[str],
        typer.Argument(
            help="Rehearsals: what the template is given, what its tasks meet, and what is"
            " expected. The template that they name themselves is not read.",
            metavar="REHEARSAL...",
        ),
    ],
    as_json: options.Json = False,
) -> None:
    """Play a template by rehearsals: the same engine, in virtual time, without machines.

    Each says what came of it, and whether that is what it expects.
    """
    text = texts.read(file)
    tasks = [task.name for task in texts.parsed(file, text, ScriptedLibrary()).tasks]
    scripts = {name: _script(name, tasks) for name in rehearsals}
    found = [asyncio.run(_rehearsed(text, name, one)) for name, one in scripts.items()]
    if as_json:
        print(json.dumps([_entry(one) for one in found], indent=2, ensure_ascii=False))
    else:
        for one in found:
            print("\n".join(_lines(one)), flush=True)
    sys.exit(1 if any(one.missed for one in found) else 0)


def _script(file: str, tasks: Sequence[str]) -> Script:
    try:
        found = script.parse(texts.read(file))
        if strangers := found.strangers(tasks):
            raise TemplateInvalid(strangers)
    except TemplateInvalid as error:
        raise texts.invalid(file, error) from None
    return found


async def _rehearsed(text: str, file: str, one: Script) -> Rehearsed:
    if not one.expect:
        return Rehearsed(file=file, missed=["it expects nothing"], played=None)
    try:
        async with stage() as on_it:
            played = await on_it.play(text, one)
    except CloudhandError as error:
        return Rehearsed(file=file, missed=[str(error)], played=None)
    return Rehearsed(file=file, missed=missed(one.expect, played), played=played)


def _lines(one: Rehearsed) -> Iterator[str]:
    told = "did not come true" if one.missed else "came true"
    played = one.played
    if played is None:
        yield f"{one.file}: {told}"
    else:
        waits = f", waits for {wait}" if (wait := played.execution.waits_for.value) else ""
        state = f"{played.execution.state.value}{waits}"
        yield f"{one.file}: {told}: {state} after {durations.spell(played.took)}"
        for name, of_task in played.states.items():
            message = played.messages.get(name, "")
            yield f"  {name} {of_task.value}{f': {message}' if message else ''}"
        if played.execution.outputs:
            yield f"  outputs: {json.dumps(played.execution.outputs, ensure_ascii=False)}"
    for phrase in one.missed:
        yield f"  missed: {phrase}"


def _entry(one: Rehearsed) -> dict[str, Any]:
    played = one.played
    found: dict[str, Any] = {"rehearsal": one.file, "missed": list(one.missed)}
    if played is None:
        return found
    return found | {
        "execution": played.execution.state.value,
        "message": played.execution.status_message,
        "waits": played.execution.waits_for.value,
        "ran": played.ran,
        "states": {name: state.value for name, state in played.states.items()},
        "outputs": played.execution.outputs or {},
        "took": durations.spell(played.took),
    }
