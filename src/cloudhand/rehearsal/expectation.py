"""What a rehearsal expects, held against what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cloudhand.orchestration import durations
from cloudhand.orchestration.secrets import masked
from cloudhand.orchestration.values import same, shown, text
from cloudhand.rehearsal.stage import Played


def missed(expect: Mapping[str, Any], played: Played) -> list[str]:
    """Each expectation that did not come true, in a phrase."""
    return list(_missed(expect, played))


def _missed(expect: Mapping[str, Any], played: Played) -> Iterator[str]:
    execution = played.execution
    found: dict[str, Any] = {
        "execution": execution.state.value,
        "waits": execution.waits_for.value,
        "ran": played.ran,
        "took": durations.spell(played.took),
    }
    for key, value in found.items():
        wanted = expect.get(key)
        if key == "took" and wanted is not None:
            wanted = durations.spell(durations.parse(text(wanted)))
        if wanted is not None and not same(wanted, value):
            yield f"{key}: {shown(wanted)} was expected, and it is {shown(value)}"
    message = text(expect.get("message"))
    if message not in execution.status_message:
        yield f"message: {shown(message)} is not in {shown(execution.status_message)}"
    yield from _each("states", expect, played.states)
    yield from _each("outputs", expect, masked(execution.outputs or {}))
    for task, wanted in _map(expect, "received").items():
        given = played.received.get(task)
        if given is None:
            yield f"received: {task} did not run"
            continue
        for name, value in wanted.items():
            if not same(given.get(name), value):
                told = f"{shown(value)} was expected, and it is {shown(given.get(name))}"
                yield f"received.{task}.{name}: {told}"


def _each(key: str, expect: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    for name, value in _map(expect, key).items():
        if not same(value, found.get(name)):
            told = f"{shown(value)} was expected, and it is {shown(found.get(name))}"
            yield f"{key}.{name}: {told}"


def _map(expect: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = expect.get(key)
    return value if isinstance(value, Mapping) else {}
