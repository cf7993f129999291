"""What is to be run: the script, where it comes from, and how RunCommand is asked."""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cloudhand.cli.client import Client
from cloudhand.cli.errors import Mistake

_PER_CALL = 100  # instances
_TIMEOUT = 60  # seconds


@dataclass(frozen=True, kw_only=True)
class Order:
    script: str
    kind: str = "RunShellScript"
    timeout: int = _TIMEOUT  # seconds
    user: str = ""
    workdir: str = ""


def order_of(
    client: Client,
    *,
    script: Sequence[str],
    file: str,
    rerun: str,
    kind: str,
    timeout: int | None,
    user: str,
    workdir: str,
) -> Order:
    """The order that the options describe; a rerun starts from what was asked then."""
    if script and file:
        raise Mistake("give a script after --, or one with --file, and not both")
    if not script and not file and not rerun:
        raise Mistake("give a script after --, or one with --file: cloudhand run -- uptime")
    text = " ".join(script) if script else _read(file) if file else ""
    before = _earlier(client, rerun) if rerun else Order(script="")
    return Order(
        script=text or before.script,
        kind=kind or before.kind,
        timeout=timeout or before.timeout,
        user=user or before.user,
        workdir=workdir or before.workdir,
    )


def place(client: Client, order: Order, instance_ids: Sequence[str]) -> list[str]:
    """Ask for it; several invocations where one cannot name all machines."""
    asked = []
    for start in range(0, len(instance_ids), _PER_CALL):
        part = instance_ids[start : start + _PER_CALL]
        asked.append(client.call("RunCommand", _parameters(order, part))["InvokeId"])
    return asked


def _parameters(order: Order, instance_ids: Sequence[str]) -> dict[str, Any]:
    return {
        "Type": order.kind,
        "CommandContent": base64.b64encode(order.script.encode()).decode(),
        "ContentEncoding": "Base64",
        "Timeout": order.timeout,
        "Username": order.user or None,
        "WorkingDir": order.workdir or None,
        "InstanceId": list(instance_ids),
        # Whatever the connection does, the script runs once.
        "ClientToken": os.urandom(16).hex(),
    }


def _earlier(client: Client, invoke_id: str) -> Order:
    asked = client.call("DescribeInvocations", {"InvokeId": invoke_id})
    found = asked["Invocations"]["Invocation"]
    if not found:
        raise Mistake(f"cannot find {invoke_id}: its id is told by the command that made it")
    (one,) = found
    return Order(
        script=base64.b64decode(one["CommandContent"]).decode("utf-8", "replace"),
        kind=one["CommandType"],
        timeout=one["Timeout"],
        user=one["Username"],
        workdir=one["WorkingDir"],
    )


def _read(file: str) -> str:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text()
    except OSError as error:
        raise Mistake(f"cannot read {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Mistake(f"cannot run {file}: it is no text") from None
    if not text.strip():
        raise Mistake(f"cannot run {file}: it is empty")
    return text
