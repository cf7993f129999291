"""Invocations on their way, shown until the last machine is where it should be."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence

from cloudhand.cli import follow, standstill, waiting, watch
from cloudhand.cli.client import Client
from cloudhand.cli.errors import ClientError
from cloudhand.cli.fleet import Machine
from cloudhand.cli.follow import Result
from cloudhand.cli.outage import Patience
from cloudhand.cli.people import Names


class Following:
    def __init__(self, client: Client, present: Sequence[Machine], *, as_json: bool) -> None:
        self.client = client
        self._present = present
        self.names: Names = {machine.id: machine.name for machine in present}
        self.as_json = as_json
        self.patience = Patience(client=client, tell=aside)
        self._power = self._watch()

    @property
    def only_power(self) -> bool:
        """Whether all scripts have ended, and one waits for their machines."""
        return self._power.waits

    def to_the_end(self, invoke_ids: Sequence[str]) -> list[Result]:
        """What came of it, shown; ClientError that names what goes on without us."""
        try:
            looks = follow.follow(self.client, *invoke_ids, patience=self.patience)
            ended = self.watched(looks)
        except ClientError as error:
            raise ClientError(f"{error}; {goes_on(self.client, invoke_ids)}") from error
        self.show(invoke_ids, ended)
        return ended

    def show(self, invoke_ids: Sequence[str], results: Sequence[Result]) -> None:
        if self.as_json:
            print(json.dumps(watch.document(invoke_ids, results), indent=2))
        else:
            watch.show(results, self.names, colour=sys.stdout.isatty())
            self._hint_at_more(results)

    def _hint_at_more(self, results: Sequence[Result]) -> None:
        """The command that shows an output that is longer than what was shown."""
        longer = next((result for result in results if result.dropped), None)
        if longer is not None:
            on = self.names.get(longer.instance_id, longer.instance_id)
            whole = self.client.endpoint.command(f"result {longer.invoke_id} --whole --on {on}")
            aside(f"{whole} shows all of an output.")

    def looked(self, results: list[Result]) -> list[Result]:
        """With what each waits for, and what is known of machines that have not moved."""
        return next(self._watch().over([waiting.looked(results, self._present)]))

    def _watch(self) -> standstill.Watch:
        return standstill.Watch(self.client, self.names, patience=self.patience, tell=aside)

    def watched(self, looks: Iterable[list[Result]]) -> list[Result]:
        """The last one of the looks, each of which was shown."""
        waiting_for = waiting.Watch(self.client, self.names, patience=self.patience, tell=aside)
        looks = self._power.over(waiting_for.over(looks))
        if self.as_json:
            return watch.quietly(looks)
        if sys.stdout.isatty() and sys.stderr.isatty():
            return watch.live(looks, self.names)
        return watch.plainly(looks, self.names, aside)


def aside(text: str) -> None:
    """Say something that is no result."""
    print(text, file=sys.stderr, flush=True)


def goes_on(client: Client, invoke_ids: Sequence[str]) -> str:
    """That it may still run, and the command that shows what comes of it."""
    again = client.endpoint.command(f"result {' '.join(invoke_ids)} --follow")
    return f"{', '.join(invoke_ids)} goes on: {again} shows its result"


def stop_all(client: Client, invoke_ids: Sequence[str]) -> bool:
    """Ask for all to be stopped; whether that was heard."""
    # The answer to the look that was interrupted may still be on its way.
    client.close()
    heard = True
    for invoke_id in invoke_ids:
        try:
            client.call("StopInvocation", {"InvokeId": invoke_id})
            aside(f"{invoke_id} is being stopped.")
        except ClientError as error:
            heard = False
            aside(f"cannot stop {invoke_id}: {error}")
    return heard
