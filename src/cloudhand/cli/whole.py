"""`cloudhand result --whole`: all that a script said on one machine, also while it does."""

from __future__ import annotations

import base64
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from cloudhand.cli import follow
from cloudhand.cli.client import Client
from cloudhand.cli.errors import Mistake
from cloudhand.cli.fleet import machines
from cloudhand.cli.following import aside
from cloudhand.cli.order import unknown

_PAUSE = 0.2  # seconds between looks at an output that grows


def show_whole(client: Client, invoke_id: str, *, on: str, go_on: bool) -> int:
    """0 once all was shown, 1 if the script goes on and its end is not waited for."""
    instance_id = _machine(client, invoke_id, on)
    answer: dict[str, Any] = {}
    shown = 0
    for answer in _pieces(client, invoke_id, instance_id, go_on=go_on):
        if answer["Offset"] > shown:
            aside(f"… {answer['Offset'] - shown} bytes are not kept any more …")
        shown = answer["NextOffset"]
        with suppress(BrokenPipeError):
            sys.stdout.buffer.write(base64.b64decode(answer["Output"]))
            sys.stdout.buffer.flush()
    if answer["Dropped"]:
        aside(f"… {answer['Dropped']} bytes were left out before the last 24 KB …")
    return 0 if answer["Finished"] else 1


def _pieces(
    client: Client, invoke_id: str, instance_id: str, *, go_on: bool
) -> Iterator[dict[str, Any]]:
    offset = 0
    while True:
        answer = client.call(
            "DescribeInvocationOutput",
            {"InvokeId": invoke_id, "InstanceId": instance_id, "Offset": offset},
        )
        yield answer
        offset = answer["NextOffset"]
        if answer["Finished"] or not (go_on or offset < answer["Size"]):
            return
        if offset == answer["Size"]:
            time.sleep(_PAUSE)


def _machine(client: Client, invoke_id: str, on: str) -> str:
    """The id of the machine that is meant, of those that were to run it; Mistake."""
    ids = [result.instance_id for result in follow.results(client, invoke_id)]
    if not ids:
        raise Mistake(unknown(client, invoke_id))
    names = {machine.id: machine.name for machine in machines(client)}
    meant = [one for one in ids if on in ("", one, names.get(one))]
    if len(meant) != 1:
        known = ", ".join(names.get(one, one) for one in ids)
        raise Mistake(f"--on has to name one of the machines of {invoke_id}: {known}")
    return meant[0]
