"""`cloudhand template approve`, `reject`, `retry`, `skip`: answer what an execution waits for."""

from __future__ import annotations

from typing import Annotated

import typer

from cloudhand.cli import options
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint
from cloudhand.cli.errors import ApiError, ClientError
from cloudhand.cli.fleet import machines
from cloudhand.cli.following import aside
from cloudhand.cli.template import executions

EPILOG = (
    "Exit codes: 0 it was heard; 1 nothing waits for this; 2 not understood; 3 the control plane"
    " refused or could not be reached."
)

Execution = Annotated[
    str, typer.Argument(help="Its id, as `template run` tells it.", metavar="EXECUTION")
]
TaskName = Annotated[
    str, typer.Option("--task", help="This task only; else all that wait.", metavar="NAME")
]
Item = Annotated[
    str,
    typer.Option(
        help="This item of a loop only: of machines, the name or id of one.", metavar="ITEM"
    ),
]
Note = Annotated[str, typer.Option(help="Why; it is kept with the task.", metavar="TEXT")]


class NothingWaits(ClientError):
    exit_code = 1


def approve(
    execution: Execution,
    task: TaskName = "",
    item: Item = "",
    note: Note = "",
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """Let go on what waits for an approval, a pause, its next batch, or a call of high risk."""
    client = Client(find_endpoint(state, endpoint, ca))
    _tell(client, execution, "Approve", _about(client, task, item, note))


def reject(
    execution: Execution,
    task: TaskName = "",
    item: Item = "",
    note: Note = "",
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """Refuse what `approve` would let go on: the execution ends as cancelled."""
    client = Client(find_endpoint(state, endpoint, ca))
    _tell(client, execution, "Reject", _about(client, task, item, note))


def retry(
    execution: Execution,
    task: TaskName = "",
    item: Item = "",
    note: Note = "",
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """Try once more what has failed, in an execution with --mode FailurePause."""
    client = Client(find_endpoint(state, endpoint, ca))
    _tell(client, execution, "RetryTask", _about(client, task, item, note))


def skip(
    execution: Execution,
    task: TaskName = "",
    item: Item = "",
    note: Note = "",
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """Go on without what has failed, in an execution with --mode FailurePause."""
    client = Client(find_endpoint(state, endpoint, ca))
    _tell(client, execution, "SkipTask", _about(client, task, item, note))


def _about(client: Client, task: str, item: str, note: str) -> dict[str, str]:
    ids = {machine.name: machine.id for machine in machines(client)} if item else {}
    given = {"TaskName": task, "LoopItem": ids.get(item, item), "NotifyNote": note}
    return {name: value for name, value in given.items() if value}


def _tell(client: Client, execution_id: str, word: str, about: dict[str, str]) -> None:
    try:
        executions.call(
            client, "NotifyExecution", ExecutionId=execution_id, NotifyType=word, **about
        )
    except ApiError as error:
        raise _worded(client, execution_id, error) from None
    finally:
        client.close()
    show = client.endpoint.command(f"template show {execution_id} --follow")
    aside(f"{execution_id} has heard it: {show} shows what comes of it")


def _worded(client: Client, execution_id: str, error: ApiError) -> ClientError:
    show = client.endpoint.command(f"template show {execution_id}")
    match error.code:
        case "EntityNotExists.TaskExecution":
            return NothingWaits(f"nothing of {execution_id} waits for this: {show} tells what does")
        case "InvalidStatus.Execution":
            return NothingWaits(f"{execution_id} has ended: {show} tells how")
        case "EntityNotExists.Execution":
            listing = client.endpoint.command("template show")
            return NothingWaits(f"cannot find {execution_id}: {listing} lists what was executed")
        case _:
            return error
