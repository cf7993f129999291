"""Invocations on their way, shown until the last machine is where it should be."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from functools import partial

from cloudhand.cli import follow, standstill, watch
from cloudhand.cli.client import Client
from cloudhand.cli.errors import ClientError
from cloudhand.cli.follow import Result
from cloudhand.cli.outage import Patience
from cloudhand.cli.people import Names


class Following:
    def __init__(self, client: Client, names: Names, *, as_json: bool) -> None:
        self.client = client
        self.names = names
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
            ended = self._watched(invoke_ids)
        except ClientError as error:
            raise ClientError(f"{error}; {goes_on(self.client, invoke_ids)}") from error
        self.show(invoke_ids, ended)
        return ended

    def show(self, invoke_ids: Sequence[str], results: Sequence[Result]) -> None:
        if self.as_json:
            print(json.dumps(watch.document(invoke_ids, results), indent=2))
        else:
            watch.show(results, self.names, colour=sys.stdout.isatty())

    def looked(self, results: list[Result]) -> list[Result]:
        """With what is known of machines that have not moved."""
        return next(self._watch().over([results]))

    def _watch(self) -> standstill.Watch:
        return standstill.Watch(self.client, self.names, patience=self.patience, tell=aside)

    def _watched(self, invoke_ids: Sequence[str]) -> list[Result]:
        looks = self._power.over(follow.follow(self.client, *invoke_ids, patience=self.patience))
        if self.as_json:
            return watch.quietly(looks)
        if sys.stdout.isatty() and sys.stderr.isatty():
            return watch.live(looks, self.names)
        say: Callable[[str], None] = partial(print, flush=True)
        return watch.plainly(looks, self.names, say)


def aside(text: str) -> None:
    """Say something that is no result."""
    print(text, file=sys.stderr, flush=True)


def goes_on(client: Client, invoke_ids: Sequence[str], and_then: str = "") -> str:
    """That it may still run, and the command that shows what comes of it."""
    again = client.endpoint.command(f"result {' '.join(invoke_ids)}{and_then}")
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
