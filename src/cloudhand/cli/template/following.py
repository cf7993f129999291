"""An execution on its way, shown until it has ended, or waits for a trigger."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from cloudhand.cli.client import Client
from cloudhand.cli.errors import ApiError, ClientError
from cloudhand.cli.fleet import machines
from cloudhand.cli.following import aside
from cloudhand.cli.outage import Patience
from cloudhand.cli.people import Names, called
from cloudhand.cli.template import executions, telling
from cloudhand.cli.template.executions import Execution, Task
from cloudhand.cli.template.telling import Row

_FIRST_PAUSE, _LAST_PAUSE = 0.02, 1.0  # seconds between looks
_TOLD_ITEMS = ("Failed", "Cancelled", "Waiting")  # whose changes are lines of their own
_COMMANDS = ("ACS::ECS::RunCommand", "ACS::ECS::InvokeCommand", "ACS::ExecuteAPI", "ACS::Template")
_ROWS = 24  # of the live tree
_CODES = {"red": "31", "green": "32", "yellow": "33", "cyan": "36", "dim": "2"}  # of terminals


class Following:
    def __init__(self, client: Client, *, as_json: bool) -> None:
        self.client = client
        self.as_json = as_json
        self.names: Names = {machine.id: machine.name for machine in machines(client)}
        self._patience = Patience(client=client, tell=aside)

    def to_the_end(self, execution_id: str, *, cancelled: bool = False) -> Execution:
        """Shown meanwhile; ClientError that names what goes on without us.

        One that waits for its trigger is let go, unless it was ``cancelled`` and will end now.
        """
        try:
            return self._watched(self._looks(execution_id, through_triggers=cancelled))
        except ClientError as error:
            raise ClientError(
                f"{error}; {executions.goes_on(self.client, execution_id)}"
            ) from error

    def _looks(self, execution_id: str, *, through_triggers: bool) -> Iterator[Execution]:
        """At each look how it is, the last time when it has ended or is let go."""
        pause = _FIRST_PAUSE
        while True:
            now = self._patience.ask(
                lambda: executions.find(self.client, execution_id), execution_id
            )
            yield now
            if now.final or (now.triggered and not through_triggers):
                return
            time.sleep(pause)
            pause = min(pause * 1.5, _LAST_PAUSE)

    def _watched(self, looks: Iterator[Execution]) -> Execution:
        if not self.as_json and sys.stdout.isatty() and sys.stderr.isatty():
            return self._live(looks)
        return self._plainly(looks)

    # Lines

    def _plainly(self, looks: Iterator[Execution]) -> Execution:
        """A line for each change of a task, for each item that fails, and for each wait."""
        told: dict[str, str] = {}
        now: Execution | None = None
        for now in looks:
            for key, line in self._news(now):
                if told.get(key) != line:
                    told[key] = line
                    aside(line)
        assert now is not None
        return now

    def _news(self, now: Execution) -> Iterator[tuple[str, str]]:
        """What could be told, by what it is about."""
        for task in _all(now.tasks):
            message = f": {task.message}" if task.message else ""
            if not task.item:
                whole = f" ({telling.counts(task)})" if task.loop and task.final else ""
                yield task.id, f"{task.name} {task.status}{whole}{message}"
            elif task.status in _TOLD_ITEMS:
                who = called(task.item, self.names)
                yield task.id, f"{task.name} on {who} {task.status}{message}"
        for sentence in telling.waits(self.client.endpoint, now, self.names):
            yield sentence, sentence

    # On a terminal

    def _live(self, looks: Iterator[Execution]) -> Execution:
        from rich.console import Console
        from rich.live import Live

        now: Execution | None = None
        with ExitStack() as stack:
            screen = stack.enter_context(
                Live(console=Console(stderr=True), transient=True, refresh_per_second=8)
            )
            for now in looks:
                screen.update(self._tree(now))
        assert now is not None
        return now

    def _tree(self, now: Execution) -> Any:
        from rich.console import Group
        from rich.spinner import Spinner
        from rich.table import Column, Table
        from rich.text import Text

        # What does not fit into its line is cut: a tree that breaks lines jumps.
        table = Table.grid("", Column(no_wrap=True), "", Column(ratio=1), padding=(0, 2),
                           expand=True)  # fmt: skip
        rows = list(telling.rows(now.tasks, self.names))
        for row in rows[-_ROWS:]:
            going = row.status in ("Running", "Started")
            style = telling.COLOURS.get(row.status, "red")
            table.add_row(
                Spinner("dots") if going else Text("·"),
                Text("  " * (row.depth - 1) + row.name),
                Text(row.status, style=style),
                Text(row.text, style="dim", no_wrap=True, overflow="ellipsis"),
            )
        waits = [Text(one) for one in telling.waits(self.client.endpoint, now, self.names)]
        return Group(Text(telling.head(now), style="bold"), table, *waits)

    # What came of it

    def show(self, execution: Execution) -> None:
        """How it is, on standard output: its tasks, its outputs, and where results are."""
        if self.as_json:
            print(json.dumps(self.document(execution), indent=2, ensure_ascii=False))
            return
        print(telling.head(execution))
        for row in telling.rows(execution.tasks, self.names):
            print(_coloured(row) if sys.stdout.isatty() else telling.line(row))
        for line in telling.outputs(execution):
            print(line)
        for line in self._results(execution):
            print(line)

    def _results(self, execution: Execution) -> Iterator[str]:
        found: dict[str, str] = {}
        for task in _commands(execution):
            try:
                found |= executions.invocations(self.client, task)
            except ApiError:
                continue  # it is gone, as what it executed may be
        yield from telling.results(self.client.endpoint, found, execution.tasks)

    def document(self, execution: Execution) -> dict[str, Any]:
        """With all items, and the invocations of each."""
        whole = [
            replace(task, items=executions.items(self.client, task)) if task.loop else task
            for task in execution.tasks
        ]
        document = telling.document(replace(execution, tasks=whole))
        for task, entry in zip(whole, document["tasks"], strict=True):
            found = executions.invocations(self.client, task) if task.action in _COMMANDS else {}
            _name_invocations(entry, found)
        return document


def _all(tasks: Sequence[Task]) -> Iterator[Task]:
    for task in tasks:
        yield task
        yield from _all(task.items)
        yield from _all(task.child)


def _commands(execution: Execution) -> list[Task]:
    """The tasks that may have had commands run."""
    return [task for task in execution.tasks if task.action in _COMMANDS and task.started_at]


def _name_invocations(entry: dict[str, Any], found: dict[str, str]) -> None:
    """Each where it belongs: to an item, or to the task itself."""
    entry["invokeIds"] = list(found)
    for item in entry.get("items", ()):
        own = f"{item['taskExecutionId']}."
        item["invokeIds"] = [invoke_id for invoke_id, by in found.items() if by.startswith(own)]


def _coloured(row: Row) -> str:
    code = _CODES[telling.COLOURS.get(row.status, "red")]
    coloured = f" \033[{code}m{row.status}\033[0m"
    return telling.line(row).replace(f" {row.status}", coloured, 1)
