"""`cloudhand run`: run a script on machines and follow it to its end."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from cloudhand.cli import confirm, follow, options, select, watch
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint
from cloudhand.cli.errors import ClientError
from cloudhand.cli.fleet import Machine
from cloudhand.cli.follow import Result
from cloudhand.cli.order import Order, order_of, place

EPILOG = (
    "Exit codes: 0 every machine reports Success; 1 some machine does not; 2 not understood;"
    " 3 the control plane refused or could not be reached; 130 interrupted."
)


def command(
    script: Annotated[
        list[str] | None, typer.Argument(help="The script, after --.", metavar="-- SCRIPT")
    ] = None,
    on: Annotated[
        list[str] | None, typer.Option(help="Id or name of a machine; may be repeated.")
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="KEY=VALUE; may be repeated, and all must match.")
    ] = None,
    everywhere: Annotated[bool, typer.Option("--all", help="Every machine that runs.")] = False,
    file: Annotated[
        str, typer.Option("--file", "-f", help="Read the script from a file; - is the input.")
    ] = "",
    timeout: Annotated[
        int | None,
        typer.Option(min=10, max=86400, help="Seconds a machine may take.", show_default="60"),
    ] = None,
    kind: Annotated[
        str, typer.Option("--type", help="Type of the command.", show_default="RunShellScript")
    ] = "",
    user: Annotated[str, typer.Option(help="Run as this user of the machine.")] = "",
    workdir: Annotated[str, typer.Option(help="Run in this directory.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say who would be hit.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    rerun_failed: Annotated[
        str,
        typer.Option(
            metavar="t-...",
            help="Where this invocation did not succeed; its own script unless one is given.",
        ),
    ] = "",
    as_json: options.Json = False,
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """Run a shell script on machines and follow it to its end.

    A script that ends with `exit 193` stops its machine once the result is safe; one that ends
    with `exit 194` restarts it. Without --on, --tag and --all the machine must be the only one.

    More than 10 machines, --all, and a script with such an exit code ask for the number of
    machines, unless --yes says not to. Ctrl-C asks whether to stop the command or to leave it.
    """
    client = Client(find_endpoint(state, endpoint, ca))
    order = order_of(
        client,
        script=script or [],
        file=file,
        rerun=rerun_failed,
        kind=kind,
        timeout=timeout,
        user=user,
        workdir=workdir,
    )
    wish = select.Wish(on=on or [], tags=tag or [], everywhere=everywhere, rerun=rerun_failed)
    chosen = select.chosen(client, wish)
    if dry_run:
        _name(chosen, as_json=as_json)
        return
    if not yes:
        confirm.confirm(len(chosen), order.script, everywhere=everywhere)
    following = _Following(client=client, order=order, chosen=chosen, as_json=as_json)
    ended = following.to_the_end()
    client.close()
    sys.exit(0 if all(result.good for result in ended) else 1)


def _name(chosen: Sequence[Machine], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"wouldRunOn": [machine.id for machine in chosen]}, indent=2))
        return
    for machine in chosen:
        print(machine.id, machine.name, machine.status, sep="\t")


@dataclass(frozen=True, kw_only=True)
class _Following:
    """One order on its way, from the asking to the last machine."""

    client: Client
    order: Order
    chosen: Sequence[Machine]
    as_json: bool

    def to_the_end(self) -> list[Result]:
        invoke_ids = place(self.client, self.order, [machine.id for machine in self.chosen])
        try:
            ended = self._watched(invoke_ids)
        except KeyboardInterrupt:
            _leave_or_stop(self.client, invoke_ids)
            raise
        if self.as_json:
            print(json.dumps(watch.document(invoke_ids, ended), indent=2))
        else:
            watch.show(ended, colour=sys.stdout.isatty())
            _advise(ended)
        return ended

    def _watched(self, invoke_ids: Sequence[str]) -> list[Result]:
        looks = follow.follow(self.client, *invoke_ids)
        if self.as_json:
            return watch.quietly(looks)
        if sys.stdout.isatty() and sys.stderr.isatty():
            return watch.live(looks, {machine.id: machine.name for machine in self.chosen})
        return watch.plainly(looks, lambda line: print(line, flush=True))


def _advise(ended: Sequence[Result]) -> None:
    failed = sorted({result.invoke_id for result in ended if not result.good})
    for invoke_id in failed:
        print(f"Once more where it failed: cloudhand run --rerun-failed {invoke_id}")


def _leave_or_stop(client: Client, invoke_ids: Sequence[str]) -> None:
    """After Ctrl-C. Whoever cannot be asked wants what has begun to go on."""
    names = ", ".join(invoke_ids)
    stop = False
    if sys.stdin.isatty():
        try:
            stop = input(f"\nStop {names}, or leave it running? [s/L] ").lower().startswith("s")
        except (KeyboardInterrupt, EOFError):
            print(file=sys.stderr)
    if not stop:
        print(f"{names} goes on.", file=sys.stderr)
        return
    for invoke_id in invoke_ids:
        _stop(client, invoke_id)
    print(f"{names} is being stopped.", file=sys.stderr)


def _stop(client: Client, invoke_id: str) -> None:
    # The answer to the look that was interrupted may still be on its way.
    client.close()
    try:
        client.call("StopInvocation", {"InvokeId": invoke_id})
    except ClientError as error:
        print(f"cannot stop {invoke_id}: {error}", file=sys.stderr)
