"""`cloudhand template simulate`: a template on a made-up fleet, in virtual time."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from cloudhand.cli import options
from cloudhand.cli.confirm import machines
from cloudhand.cli.errors import Mistake
from cloudhand.cli.template import given, texts
from cloudhand.cli.template.validate import File
from cloudhand.core.errors import ParametersInvalid, TemplateInvalid
from cloudhand.core.task import State, TaskExecution
from cloudhand.orchestration import durations
from cloudhand.orchestration.model import Template
from cloudhand.rehearsal.scripted import ScriptedLibrary
from cloudhand.rehearsal.simulation import Chances, Simulated, simulated
from cloudhand.wire import times

EPILOG = (
    "Exit codes: 0 the execution succeeds; 1 it ends otherwise, or the template is not valid;"
    " 2 not understood, or not read."
)
_ROWS = 12  # batches that are told; the others are counted


def command(
    file: File,
    param: given.Param = None,
    params: given.Params = "",
    fleet: Annotated[
        int, typer.Option(help="How many machines there are.", min=1, max=100_000, metavar="N")
    ] = 10_000,
    fail: Annotated[
        str, typer.Option(help="The share of what is done to machines that fails.", metavar="P%")
    ] = "0%",
    fail_boot: Annotated[
        str,
        typer.Option(
            help="The share of restarts after which a machine stays down; whatever is done to it"
            " then fails.",
            metavar="P%",
        ),
    ] = "0%",
    takes: Annotated[
        str, typer.Option(help="How long a task takes on a machine.", metavar="FROM..TO")
    ] = "30s..90s",
    seed: Annotated[int, typer.Option(help="The same one gives the same history.")] = 0,
    history: Annotated[
        Path | None, typer.Option(help="Write every move into this file.", metavar="FILE")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Play a template on a fleet that is made up, and tell how far a failure would get.

    Whatever is selected is the whole fleet. What a task does to a machine takes a random time, and
    fails by chance; other tasks succeed at once. A person who is waited for says yes at once. Of
    a template with a trigger, one firing is played.
    """
    text = texts.read(file)
    template = texts.parsed(file, text, ScriptedLibrary())
    chances = Chances(
        fleet=fleet,
        fails=_share(fail, "--fail"),
        fails_to_boot=_share(fail_boot, "--fail-boot"),
        takes=_span(takes),
        seed=seed,
    )
    found = _simulated(file, text, template, given.of(template, param or (), params), chances)
    if history is not None:
        _write(history, found)
    if as_json:
        print(json.dumps(_document(found, chances), indent=2, ensure_ascii=False))
    else:
        print("\n".join(_lines(found, chances)))
    sys.exit(0 if found.execution.state.value == "Success" else 1)


def _share(text: str, option: str) -> float:
    try:
        percent = float(text.removesuffix("%"))
    except ValueError:
        percent = -1
    if not 0 <= percent <= 100 or not text.endswith("%"):
        raise Mistake(f"cannot use {option} {text}: it is a share like 3%")
    return percent / 100


def _span(text: str) -> range:
    least, _, most = text.partition("..")
    try:
        first, last = (int(durations.parse(one).total_seconds()) for one in (least, most or least))
    except ValueError:
        first, last = 1, 0
    if last < first:
        raise Mistake(f"cannot use --takes {text}: it is a span like 30s..90s, or one like 1m")
    return range(first, last + 1)


def _simulated(
    file: str, text: str, template: Template, wanted: dict[str, Any], chances: Chances
) -> Simulated:
    """Without a word on the targets, everything is meant."""
    targets = template.parameters.get("targets")
    if targets is not None and targets.default is None:
        wanted = {targets.name: {"Type": "All"}, **wanted}
    try:
        return asyncio.run(simulated(text, template, wanted, chances))
    except TemplateInvalid as error:
        raise texts.invalid(file, error) from None
    except ParametersInvalid as error:
        raise Mistake(f"cannot simulate {file}: {error}") from None


def _write(history: Path, found: Simulated) -> None:
    lines = (
        f"{times.second(move.at)} {move.noun} {move.id}"
        f" {move.from_state or '-'} {move.event} {move.to_state}\n"
        for move in found.moves
    )
    try:
        history.write_text("".join(lines))
    except OSError as error:
        raise Mistake(f"cannot write {history}: {(error.strerror or '').lower()}") from None


# What is told


def _lines(found: Simulated, chances: Chances) -> Iterator[str]:
    execution = found.execution
    waits = f", waits for {wait}" if (wait := execution.waits_for.value) else ""
    yield f"{execution.state.value}{waits} after {_spelled(found.took)}"
    if execution.status_message:
        yield f"  {execution.status_message}"
    yield ""
    for task in found.tasks:
        if task.parent_id is None:
            yield f"{_after(found, task):>9}  {task.name} {task.state.value}{_how_long(task)}"
            yield from _loop_lines(found, task)
    yield ""
    left = chances.fleet - len(found.touched)
    down = f", {len(found.down)} stay down" if found.down else ""
    yield (
        f"Of {machines(chances.fleet)} {len(found.touched)} were touched, {len(found.failed)}"
        f" failed{down}, and {left} were left as they were."
    )
    if found.answers:
        times_ = "once" if found.answers == 1 else f"{found.answers} times"
        yield f"A person was waited for {times_}, and said yes at once."


def _after(found: Simulated, task: TaskExecution) -> str:
    began = task.started_at or task.created_at
    return f"+{_spelled(began - found.execution.created_at)}"


def _how_long(task: TaskExecution) -> str:
    if task.started_at is None or task.ended_at is None:
        return ""
    took = task.ended_at - task.started_at
    return f", took {_spelled(took)}" if took else ""


def _loop_lines(found: Simulated, task: TaskExecution) -> Iterator[str]:
    if task.loop is None:
        return
    batches = _batches(found, task)
    for number, items in batches[:_ROWS] if len(batches) > 1 else ():
        yield f"{'':11}batch {number + 1}: {_counts(items)}"
    if len(batches) > _ROWS:
        rest = [item for _, items in batches[_ROWS:] for item in items]
        yield f"{'':11}{len(batches) - _ROWS} more batches: {_counts(rest)}"
    if len(batches) == 1:
        yield f"{'':11}{_counts(batches[0][1])}"


def _batches(found: Simulated, task: TaskExecution) -> list[tuple[int, list[TaskExecution]]]:
    by_number: dict[int, list[TaskExecution]] = {}
    for item in found.tasks:
        if item.parent_id == task.id:
            by_number.setdefault(item.batch, []).append(item)
    return sorted(by_number.items())


def _counts(items: Sequence[TaskExecution]) -> str:
    told = ", ".join(f"{count} {state}" for state, count in _by_state(items).items())
    return f"{len(items)} items: {told}" if len(items) > 1 else f"1 item: {told}"


def _by_state(items: Sequence[TaskExecution]) -> dict[str, int]:
    counts = Counter(item.state for item in items)
    return {state.value: counts[state] for state in State if counts[state]}


def _spelled(span: timedelta) -> str:
    """``1h 2m 5s``"""
    return durations.spell(span).removeprefix("PT").lower()


def _document(found: Simulated, chances: Chances) -> dict[str, Any]:
    return {
        "execution": found.execution.state.value,
        "message": found.execution.status_message,
        "waits": found.execution.waits_for.value,
        "took": durations.spell(found.took),
        "fleet": chances.fleet,
        "touched": len(found.touched),
        "failed": len(found.failed),
        "down": len(found.down),
        "left": chances.fleet - len(found.touched),
        "answers": found.answers,
        "tasks": [_entry(found, task) for task in found.tasks if task.parent_id is None],
    }


def _entry(found: Simulated, task: TaskExecution) -> dict[str, Any]:
    began, ended = task.started_at or task.created_at, task.ended_at
    entry: dict[str, Any] = {
        "name": task.name,
        "status": task.state.value,
        "message": task.message,
        "after": durations.spell(began - found.execution.created_at),
        "took": durations.spell(ended - began) if ended else None,
    }
    if task.loop is None:
        return entry
    batches = _batches(found, task)
    return entry | {"batches": [{"items": len(one), **_by_state(one)} for _, one in batches]}
