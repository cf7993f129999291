"""`cloudhand template cancel`: have an execution end."""

from __future__ import annotations

import sys

from cloudhand.cli import options
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint
from cloudhand.cli.errors import ApiError
from cloudhand.cli.following import aside
from cloudhand.cli.template import executions
from cloudhand.cli.template.following import Following
from cloudhand.cli.template.tell import Execution

EPILOG = (
    "Exit codes: 0 it has ended, by this or by itself; 2 not understood; 3 the control plane"
    " refused or could not be reached; 130 interrupted."
)


def command(
    execution: Execution,
    as_json: options.Json = False,
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """Have an execution end, and wait until it has.

    A command that it has sent to a machine already goes on there, which is told:
    `cloudhand stop-run` ends it.
    """
    client = Client(find_endpoint(state, endpoint, ca))
    executions.find(client, execution)
    try:
        executions.call(client, "CancelExecution", ExecutionId=execution)
    except ApiError as error:
        if error.code != "InvalidStatus.Execution":
            raise
        aside(f"{execution} had ended already.")
    following = Following(client, as_json=as_json)
    ended = following.to_the_end(execution, cancelled=True)
    following.show(ended)
    for invoke_id in executions.going(client, ended):
        stop = client.endpoint.command(f"stop-run {invoke_id}")
        aside(f"{invoke_id} goes on there: {stop} ends it")
    client.close()
    sys.exit(0)
