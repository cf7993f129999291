"""`cloudhand run`: run a command on instances and follow it to its end."""

from __future__ import annotations

import base64
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from cloudhand.cli import follow
from cloudhand.cli.client import Client, ClientError, find_endpoint
from cloudhand.cli.fleet import Machine, machines
from cloudhand.cli.follow import Result

_ASK_ABOVE = 10  # machines
_POWER_CODE = re.compile(r"\bexit\s+(193|194|3009|3010)\b")
_PER_CALL = 100  # instances


def command(
    script: Annotated[list[str] | None, typer.Argument(help="The script, after --.")] = None,
    on: Annotated[list[str] | None, typer.Option(help="Instance id; may be repeated.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="KEY=VALUE; all must match.")] = None,
    everywhere: Annotated[bool, typer.Option("--all", help="Every instance.")] = False,
    file: Annotated[str, typer.Option("--file", help="Read the script; - reads the input.")] = "",
    timeout: Annotated[int, typer.Option(min=1, max=86400, help="Seconds.")] = 60,
    kind: Annotated[str, typer.Option("--type", help="Type of the command.")] = "RunShellScript",
    user: Annotated[str, typer.Option(help="Run as this user.")] = "",
    workdir: Annotated[str, typer.Option(help="Run in this directory.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say who would be hit.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    rerun_failed: Annotated[
        str, typer.Option(help="On the instances where this invocation did not succeed.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document at the end.")] = False,
    state: Annotated[
        Path | None, typer.Option(help="State directory of the control plane; else the newest.")
    ] = None,
) -> None:
    """Run a shell script on instances and follow it to its end.

    A script that ends with `exit 193` stops its machine after the result is safe, one that ends
    with `exit 194` restarts it.
    """
    client = Client(find_endpoint(state))
    text = _script(script, file)
    chosen = _chosen(client, on or [], tag or [], everywhere, rerun_failed)
    if dry_run:
        for machine in chosen:
            print(machine.id, machine.name, machine.status, sep="\t")
        return
    if not yes:
        _ask(chosen, text, everywhere)
    order = {
        "Type": kind,
        "CommandContent": base64.b64encode(text.encode()).decode(),
        "ContentEncoding": "Base64",
        "Timeout": timeout,
        "Username": user or None,
        "WorkingDir": workdir or None,
    }
    ended = _followed(client, order, [machine.id for machine in chosen], as_json)
    client.close()
    sys.exit(0 if all(result.good for result in ended) else 1)


def _script(words: list[str] | None, file: str) -> str:
    if bool(words) == bool(file):
        raise typer.BadParameter("give a script after --, or one with --file, and not both")
    if words:
        return " ".join(words)
    if file == "-":
        return sys.stdin.read()
    try:
        return Path(file).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"cannot read {file}: {error}", param_hint="--file") from None


def _chosen(
    client: Client, on: list[str], tags: list[str], everywhere: bool, rerun_failed: str
) -> list[Machine]:
    if sum(map(bool, (on, tags, everywhere, rerun_failed))) != 1:
        raise typer.BadParameter("name the machines by one of --on, --tag, --all, --rerun-failed")
    present = machines(client)
    if rerun_failed:
        failed = {r.instance_id for r in follow.results(client, rerun_failed) if not r.good}
        chosen = [machine for machine in present if machine.id in failed]
    elif everywhere:
        chosen = present
    elif tags:
        wanted = dict(_pair(tag) for tag in tags)
        chosen = [m for m in present if wanted.items() <= m.tags.items()]
    else:
        by_name = {m.id: m for m in present} | {m.name: m for m in present}
        unknown = [name for name in on if name not in by_name]
        if unknown:
            raise ClientError(
                f"cannot find {', '.join(unknown)}: `cloudhand instances` lists what there is"
            )
        chosen = [by_name[name] for name in on]
    if not chosen:
        raise ClientError("no machine fits: `cloudhand instances` lists what there is")
    return list({machine.id: machine for machine in chosen}.values())


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"{text!r} is not KEY=VALUE", param_hint="--tag")
    return key, value


def _ask(chosen: Sequence[Machine], script: str, everywhere: bool) -> None:
    """Ask for the number of machines where much is at stake."""
    power = _POWER_CODE.search(script)
    if len(chosen) <= _ASK_ABOVE and not everywhere and not power:
        return
    why = f"the script ends with {power.group(0)}" if power else f"{len(chosen)} machines are hit"
    if not sys.stdin.isatty():
        raise ClientError(f"cannot ask here, and {why}: add --yes, or look with --dry-run")
    answer = input(f"{why.capitalize()}. Type the number of machines to go on: ")
    if answer.strip() != str(len(chosen)):
        raise ClientError(f"nothing was run: {len(chosen)} machines would have been hit")


def _followed(
    client: Client, order: dict[str, Any], ids: Sequence[str], as_json: bool
) -> list[Result]:
    invoke_ids = []
    for start in range(0, len(ids), _PER_CALL):
        part = {**order, "InstanceId": list(ids[start : start + _PER_CALL])}
        invoke_ids.append(client.call("RunCommand", part)["InvokeId"])
    ended: list[Result] = []
    for invoke_id in invoke_ids:
        try:
            ended += _watch(client, invoke_id, quiet=as_json)
        except KeyboardInterrupt:
            _leave_or_stop(client, invoke_ids)
    if as_json:
        print(json.dumps([_document(result) for result in ended], indent=2))
    else:
        _show(ended)
    return ended


def _watch(client: Client, invoke_id: str, *, quiet: bool) -> list[Result]:
    terminal = sys.stdout.isatty() and not quiet
    now: list[Result] = []
    told: dict[str, str] = {}
    for now in follow.follow(client, invoke_id):
        if terminal:
            _progress(invoke_id, now)
        elif not quiet:
            for result in now:
                if told.get(result.instance_id) != result.status and not result.ended:
                    print(f"{result.instance_id} {result.status}", flush=True)
                told[result.instance_id] = result.status
    if terminal:
        print("\r\033[K", end="")
    return now


def _progress(invoke_id: str, now: Sequence[Result]) -> None:
    counts: dict[str, int] = {}
    for result in now:
        counts[result.status] = counts.get(result.status, 0) + 1
    text = "  ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    print(f"\r\033[K{invoke_id}  {text}", end="", flush=True)


def _leave_or_stop(client: Client, invoke_ids: Sequence[str]) -> None:
    names = ", ".join(invoke_ids)
    stop = sys.stdin.isatty() and input(f"\nStop {names}? [y/N] ").strip().lower() == "y"
    if stop:
        for invoke_id in invoke_ids:
            client.call("StopInvocation", {"InvokeId": invoke_id})
    print(f"{names} {'is being stopped' if stop else 'goes on'}", file=sys.stderr)
    raise KeyboardInterrupt


def _show(ended: Sequence[Result]) -> None:
    """Equal ends with equal outputs once, with how many and which."""
    for group, output in follow.grouped(ended):
        first = group[0]
        names = ", ".join(result.instance_id for result in group)
        count = f"{len(group)} × " if len(group) > 1 else ""
        print(f"── {count}{_end(first)}  {names}")
        text = output.decode("utf-8", "replace")
        print(text, end="" if text.endswith("\n") or not text else "\n")
        if first.dropped:
            print(f"({first.dropped} bytes of output were left out)")
    for result in ended:
        if result.power:
            print(f"   {result.instance_id}: {_power(result.power)}")


def _end(result: Result) -> str:
    parts = [result.status]
    if result.exit_code is not None:
        parts.append(f"exit {result.exit_code}")
    if result.error_code:
        parts.append(f"{result.error_code}: {result.error_info}")
    return "  ".join(parts)


def _power(action: dict[str, str]) -> str:
    word = {"stop": "stop", "restart": "restart"}[action["Action"]]
    before, after = action["BootIdBefore"][:8], action["BootIdAfter"][:8]
    boots = f", boot {before} → {after}" if after else f", boot {before}"
    return f"{word} {action['Status'].lower()}{boots}"


def _document(result: Result) -> dict[str, Any]:
    values = dict(vars(result))
    values["output"] = result.output.decode("utf-8", "replace")
    return values
