"""What was run earlier: by an invocation, or at a rate by an execution."""

from __future__ import annotations

import base64
import json
from typing import Any

from cloudhand.cli import bulk, follow
from cloudhand.cli.client import Client
from cloudhand.cli.errors import Mistake
from cloudhand.cli.follow import Result
from cloudhand.cli.order import EXECUTION, Order, unknown
from cloudhand.cli.template import executions


def order(client: Client, earlier: str) -> Order:
    """What was asked for then; Mistake."""
    if earlier.startswith(EXECUTION):
        return bulk.order_of(_given(client, earlier))
    asked = client.call("DescribeInvocations", {"InvokeId": earlier})
    found = asked["Invocations"]["Invocation"]
    if not found:
        raise Mistake(unknown(client, earlier))
    (one,) = found
    return Order(
        script=base64.b64decode(one["CommandContent"]).decode("utf-8", "replace"),
        kind=one["CommandType"],
        timeout=one["Timeout"],
        user=one["Username"],
        workdir=one["WorkingDir"],
        fill=json.loads(one["Parameters"]) if one["EnableParameter"] else None,
    )


def results(client: Client, earlier: str) -> list[Result]:
    """What came of it on each machine, those among them whose turn did not come; Mistake."""
    if earlier.startswith(EXECUTION):
        machines = _given(client, earlier)["targets"]["ResourceIds"]
        return bulk.Bulk(client, earlier, machines).look()
    found = follow.results(client, earlier)
    if not found:
        raise Mistake(unknown(client, earlier))
    return found


def following(client: Client, earlier: str) -> str:
    """The command that waits for its end."""
    words = "template show" if earlier.startswith(EXECUTION) else "result"
    return client.endpoint.command(f"{words} {earlier} --follow")


def _given(client: Client, execution_id: str) -> dict[str, Any]:
    found = executions.call(client, "ListExecutions", ExecutionId=execution_id)["Executions"]
    if not found or found[0]["TemplateName"] != bulk.TEMPLATE:
        listing = client.endpoint.command("template show")
        raise Mistake(
            f"{execution_id} did not run a script at a rate: {listing} lists what was executed"
        )
    given: dict[str, Any] = found[0]["Parameters"]
    return given
