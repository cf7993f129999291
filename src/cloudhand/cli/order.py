"""What is to be run: the script, where it comes from, and how RunCommand is asked."""

from __future__ import annotations

import base64
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cloudhand.cli import options
from cloudhand.cli.client import Client
from cloudhand.cli.errors import Mistake
from cloudhand.cli.outage import Patience

EXECUTION = "exec-"  # how ids of executions begin
_PER_CALL = 100  # instances
_TIMEOUT = 60  # seconds
_KINDS = ("RunShellScript", "RunBatScript", "RunPowerShellScript")
_BRACES = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_STORED = ("oos:", "oos-secret:")
_KNOWN = (*_STORED, "ACS::")
_WHOLE_PATH = re.compile(r"/|[A-Za-z]:\\\\|\\\\")  # on Windows, too


@dataclass(frozen=True, kw_only=True)
class Order:
    script: str
    kind: str = "RunShellScript"
    timeout: int = _TIMEOUT  # seconds
    user: str = ""
    workdir: str = ""
    wait_online: int = 0  # seconds for which it waits for a machine that is away; 0: as usual
    fill: Mapping[str, str] | None = None  # values of {{NAME}}; None: braces are only text


@dataclass(frozen=True, kw_only=True)
class Given:
    """What was typed of an order; what is empty is as it was, or as usual."""

    script: str
    rerun: str  # an earlier invocation
    kind: str
    timeout: int | None
    user: str
    workdir: str
    fill: Mapping[str, str] | None
    wait_online: int


def script_of(words: Sequence[str], *, file: str, rerun: str) -> str:
    """The script that was given; empty only where that of an earlier invocation is meant."""
    if words and file:
        raise Mistake("give a script after --, or one with --file, and not both")
    if words or file:
        script = _read(file) if file else " ".join(words)
        if not script.strip():
            raise Mistake(f"cannot run {file or 'that'}: the script is empty")
        return script
    if not rerun:
        raise Mistake(
            "give a script after --, or one with --file; `cloudhand run --help` tells more"
        )
    return ""


def order_of(given: Given, before: Callable[[str], Order]) -> Order:
    """The order that the options describe; a rerun starts from what was asked ``before``."""
    if given.kind and given.kind not in _KINDS:
        raise Mistake(
            f"cannot run a {given.kind}: --type is {', '.join(_KINDS[:2])} or {_KINDS[2]}"
        )
    if given.workdir and not _WHOLE_PATH.match(given.workdir):
        raise Mistake(f"cannot run in {given.workdir}: name the whole path, as /tmp is one")
    then = before(given.rerun) if given.rerun else Order(script="")
    return Order(
        script=given.script or then.script,
        kind=given.kind or then.kind,
        timeout=given.timeout or then.timeout,
        user=given.user or then.user,
        workdir=given.workdir or then.workdir,
        fill=then.fill if given.fill is None else given.fill,
        wait_online=given.wait_online,
    )


def fill_of(given: Sequence[str], *, fill: bool) -> Mapping[str, str] | None:
    """KEY=VALUE; ``fill``: though there may be none. Mistake."""
    return options.pairs(given, "--param") if given or fill else None


def check_braces(order: Order) -> str:
    """What is to be told of braces that stay as they are; Mistake where a value is missing."""
    names = [name for name in _BRACES.findall(order.script) if name]
    if order.fill is None:
        stored = [name for name in names if name.startswith(_STORED)]
        return f"{{{{{stored[0]}}}}} is only text: --fill fills it in" if stored else ""
    missing = [name for name in names if name not in order.fill and not name.startswith(_KNOWN)]
    if missing:
        raise Mistake(
            f"the script has {{{{{missing[0]}}}}}, for which nothing is given:"
            f" --param {missing[0]}=VALUE"
        )
    return ""


def place(
    client: Client, order: Order, instance_ids: Sequence[str], patience: Patience | None = None
) -> Iterator[str]:
    """Ask for it; several invocations where one cannot name all machines."""
    for start in range(0, len(instance_ids), _PER_CALL):
        wanted = _parameters(order, instance_ids[start : start + _PER_CALL])
        yield _asked(client, wanted, patience)


def _asked(client: Client, wanted: dict[str, Any], patience: Patience | None) -> str:
    def question() -> str:
        invoke_id: str = client.call("RunCommand", wanted)["InvokeId"]
        return invoke_id

    return patience.ask(question, "what has begun") if patience else question()


def _parameters(order: Order, instance_ids: Sequence[str]) -> dict[str, Any]:
    return {
        "Type": order.kind,
        "CommandContent": base64.b64encode(order.script.encode()).decode(),
        "ContentEncoding": "Base64",
        "Timeout": order.timeout,
        "Username": order.user or None,
        "WorkingDir": order.workdir or None,
        "WaitOnline": order.wait_online or None,
        "EnableParameter": order.fill is not None or None,
        "Parameters": json.dumps(order.fill) if order.fill else None,
        "InstanceId": list(instance_ids),
        # Whatever the connection does, the script runs once.
        "ClientToken": os.urandom(16).hex(),
    }


def unknown(client: Client, invoke_id: str) -> str:
    """What to say of an invocation that there is not."""
    command = client.endpoint.command
    if invoke_id.startswith(EXECUTION):
        show, cancel = (
            command(f"template show {invoke_id}"),
            command(f"template cancel {invoke_id}"),
        )
        return f"{invoke_id} is an execution: {show} shows it, and {cancel} ends it"
    if invoke_id.startswith("f-"):
        results = command(f"call DescribeSendFileResults InvokeId={invoke_id}")
        return f"{invoke_id} is a file that was sent: {results} tells what became of it"
    return f"cannot find {invoke_id}: {command('result')} lists what was run"


def _read(file: str) -> str:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text()
    except OSError as error:
        raise Mistake(f"cannot read {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Mistake(f"cannot run {file}: it is no text") from None
    return text
