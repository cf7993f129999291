"""`cloudhand finish`: end by hand what a person knows better."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from cloudhand.cli import options
from cloudhand.cli.client import OOS, Client
from cloudhand.cli.confirm import confirm
from cloudhand.cli.confirm import machines as counted
from cloudhand.cli.endpoint import find_endpoint
from cloudhand.cli.errors import ApiError, Mistake
from cloudhand.cli.fleet import machines
from cloudhand.cli.follow import results
from cloudhand.cli.people import Names, called, id_of

EPILOG = (
    "Exit codes: 0 it has ended so; 1 you said no; 2 not understood; 3 the control plane refused or"
    " could not be reached; 130 interrupted."
)
_INVOCATIONS = ("t-", "f-")


def command(
    thing: Annotated[
        str,
        typer.Argument(
            help="A command (t-...), a file (f-...), an execution (exec-...), or an instance, by"
            " its id or name.",
            metavar="ID",
        ),
    ],
    status: Annotated[
        str,
        typer.Option(
            "--as",
            help="How it ended: of a command Success, Failed, Error, Timeout, Terminated, Cancelled"
            " or Aborted; of an execution Success, Failed or Cancelled; of an instance Released.",
            metavar="STATE",
        ),
    ],
    why: Annotated[str, typer.Option(help="How you know; it is kept with the result.")],
    on: options.On = None,
    yes: options.Yes = False,
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """Say how something ended that goes on for ever, or of which nobody will tell: what waits for
    it goes on.

    What runs on machines is not touched, and an agent that tells later how a command ended is
    believed. To have something end, there are stop-run and template cancel.
    """
    client = Client(find_endpoint(state, endpoint, ca))
    try:
        names = {machine.id: machine.name for machine in machines(client)}
        if on and not thing.startswith(_INVOCATIONS):
            raise Mistake("--on says on which machine a command or a file is meant")
        if thing.startswith("exec-"):
            order = {"ExecutionId": thing, "Status": status, "Reason": why}
            client.call("FinishExecution", order, version=OOS)
            print(f"{thing} {status}")
        elif thing.startswith(_INVOCATIONS):
            order = {"InvokeId": thing, "Status": status, "Reason": why}
            _invocation(client, order, [id_of(one, names) for one in on or ()], names, yes=yes)
        else:
            _instance(client, id_of(thing, names), status, why, names, yes=yes)
    except ApiError as error:
        if error.status != 404:
            raise
        where = f" on {', '.join(on)}" if on else ""
        raise Mistake(f"cannot find {thing}{where}") from error
    finally:
        client.close()


def _invocation(
    client: Client, order: dict[str, Any], only: Sequence[str], names: Names, *, yes: bool
) -> None:
    if not only and not yes:
        count = _going(client, order["InvokeId"])
        if count > 1:
            why = f"this ends it as {order['Status']} on {counted(count)}"
            confirm(count, why, dry_run=False)
    finished = client.call("FinishInvocation", {**order, "InstanceId": list(only)})["InstanceIds"]
    for one in finished:
        print(f"{order['InvokeId']} on {called(one, names)} {order['Status']}")


def _going(client: Client, invoke_id: str) -> int:
    """On how many machines it has not ended; a file is sent to few at once."""
    if invoke_id.startswith("t-"):
        return sum(not one.ended for one in results(client, invoke_id))
    answer = client.call("ExplainInvocation", {"InvokeId": invoke_id})
    return sum(one["Cause"] != "Ended" for one in answer["Explanations"])


def _instance(
    client: Client, instance_id: str, status: str, why: str, names: Names, *, yes: bool
) -> None:
    if status != "Released":
        raise Mistake(f"an instance can be finished as Released, and not as {status}")
    if not yes:
        confirm(
            1, f"this gives up {called(instance_id, names)}, whatever runs there", dry_run=False
        )
    if instance_id.startswith("mi-"):  # of which nothing is known but its agent
        client.call("DeregisterManagedInstance", {"InstanceId": instance_id})
    else:
        client.call("FinishInstance", {"InstanceId": instance_id, "Reason": why})
    print(f"{called(instance_id, names)} Released")
