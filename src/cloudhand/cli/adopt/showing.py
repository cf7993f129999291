"""One line for each machine when it is done; on a terminal, what is under way below them."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from cloudhand.cli.adopt.adopting import Show
from cloudhand.cli.adopt.hosts import Host
from cloudhand.cli.adopt.outcome import Outcome, State

_ROWS = 15  # of what is under way; the rest is counted
_COLOURS = {State.ONLINE: "green", State.ALREADY: "green", State.FAILED: "red"}


@contextmanager
def shown(count: int, *, as_json: bool) -> Iterator[Show]:
    if as_json:
        yield _Silent()
    elif sys.stdout.isatty() and sys.stderr.isatty():
        with _screen() as screen:
            yield _Live(screen, count)
    else:
        yield _Plain()


def line(outcome: Outcome) -> str:
    """``web01  online  mi-...``, or its reason."""
    parts = [outcome.host.name, outcome.state, outcome.instance_id, outcome.told]
    return "  ".join(part for part in parts if part)


def summary(outcomes: Sequence[Outcome]) -> str:
    """``47 online, 3 failed``"""
    counts = Counter(outcome.state for outcome in outcomes)
    return ", ".join(f"{counts[state]} {state}" for state in State if counts[state])


def document(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """What `--json` prints."""
    return {
        "machines": [
            {
                "name": outcome.host.name,
                "status": outcome.state,
                "instanceId": outcome.instance_id,
                "reason": outcome.told,
                "tags": outcome.host.labels,
            }
            for outcome in outcomes
        ]
    }


class _Silent:
    def at(self, host: Host, step: str) -> None: ...

    def done(self, outcome: Outcome) -> None: ...


class _Plain:
    def at(self, host: Host, step: str) -> None:
        """Nothing: the next line of it is its last."""

    def done(self, outcome: Outcome) -> None:
        with suppress(BrokenPipeError):  # the work goes on though nobody reads of it
            print(line(outcome), flush=True)


def _screen() -> Any:
    from rich.console import Console
    from rich.live import Live

    return Live(console=Console(), transient=True, refresh_per_second=8)


class _Live:
    def __init__(self, screen: Any, count: int) -> None:
        self._screen = screen
        self._count = count
        self._under_way: dict[str, str] = {}
        self._done: list[Outcome] = []

    def at(self, host: Host, step: str) -> None:
        self._under_way[host.name] = step
        self._screen.update(self._table())

    def done(self, outcome: Outcome) -> None:
        from rich.text import Text

        self._under_way.pop(outcome.host.name, None)
        self._done.append(outcome)
        told = Text(line(outcome), style=_COLOURS.get(outcome.state, "yellow"))
        self._screen.console.print(told, soft_wrap=True)
        self._screen.update(self._table())

    def _table(self) -> Any:
        from rich.spinner import Spinner
        from rich.table import Column, Table
        from rich.text import Text

        table = Table.grid("", Column(no_wrap=True), Column(ratio=1), padding=(0, 2), expand=True)
        for name, step in list(self._under_way.items())[:_ROWS]:
            told = Text(step, style="dim", no_wrap=True, overflow="ellipsis")
            table.add_row(Spinner("dots"), Text(name), told)
        how = f"{len(self._done)} of {self._count} done: {summary(self._done)}".rstrip(": ")
        table.add_row("", "", how)
        return table
