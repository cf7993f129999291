"""`cloudhand start`, `stop` and `reboot`: the power of instances, until it is as asked."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated

import typer

from cloudhand.cli import bulk, confirm, opening, options, rolling, select
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint
from cloudhand.cli.errors import Mistake
from cloudhand.cli.fleet import Machine, machines
from cloudhand.cli.following import aside
from cloudhand.cli.governor.queue import Queue
from cloudhand.cli.outage import Patience
from cloudhand.cli.people import called

EPILOG = (
    "Exit codes: 0 every machine is as asked; 1 some machine is not, within 5 minutes; 2 not"
    " understood; 3 the control plane refused or could not be reached; 130 interrupted."
)
_BOUND = 300.0  # seconds; the control plane gives a restart three minutes
_FIRST_PAUSE, _LAST_PAUSE = 0.05, 0.5  # seconds between looks
_PER_CALL = 100  # instances

Named = Annotated[
    list[str] | None, typer.Argument(help="Ids or names of instances.", metavar="[INSTANCE]...")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say who would be hit.")]
Force = Annotated[bool, typer.Option("--force", help="Cut the power instead of asking politely.")]


@dataclass(frozen=True, kw_only=True)
class Change:
    """One way to change the power of instances."""

    verb: str
    action: str  # the operation
    fits: str  # the status that it can begin with
    ends: str  # the status in which there is nothing to do; empty if there is none
    told: Callable[[Machine, Machine], str]  # of before and now; empty until it is done
    options: dict[str, object] = field(default_factory=dict)
    turns: rolling.Wish | None = None  # where machines may have to wait for others


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What was typed."""

    names: Sequence[str]
    tags: Sequence[str] | None
    everywhere: bool
    dry_run: bool
    yes: bool


def start(
    names: Named = None,
    on: options.On = None,
    tag: options.Tags = None,
    everywhere: Annotated[bool, typer.Option("--all", help="Every stopped instance.")] = False,
    dry_run: DryRun = False,
    yes: options.Yes = False,
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """Start stopped instances, and wait until their agents are online.

    More than 10 instances, and --all, ask for their number, unless --yes says not to.
    """
    named = [*(names or ()), *(on or ())]
    asked = Asked(names=named, tags=tag, everywhere=everywhere, dry_run=dry_run, yes=yes)
    change = Change(
        verb="start", action="StartInstances", fits="Stopped", ends="Running", told=_started
    )
    _carry_out(Client(find_endpoint(state, endpoint, ca)), change, asked)


def stop(
    names: Named = None,
    on: options.On = None,
    tag: options.Tags = None,
    everywhere: Annotated[bool, typer.Option("--all", help="Every running instance.")] = False,
    force: Force = False,
    dry_run: DryRun = False,
    yes: options.Yes = False,
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """Stop running instances, and wait until they are stopped.

    More than 10 instances, and --all, ask for their number, unless --yes says not to. A command
    that runs on them is cut off: end a script with `exit 193` to lose nothing.
    """
    named = [*(names or ()), *(on or ())]
    asked = Asked(names=named, tags=tag, everywhere=everywhere, dry_run=dry_run, yes=yes)
    forced: dict[str, object] = {"ForceStop": "true"} if force else {}
    change = Change(
        verb="stop",
        action="StopInstances",
        fits="Running",
        ends="Stopped",
        told=_stopped,
        options=forced,
    )
    _carry_out(Client(find_endpoint(state, endpoint, ca)), change, asked)


def reboot(
    names: Named = None,
    on: options.On = None,
    tag: options.Tags = None,
    everywhere: Annotated[bool, typer.Option("--all", help="Every running instance.")] = False,
    force: Force = False,
    at_a_time: Annotated[
        str,
        typer.Option(
            help="So many machines at a time, or such a share of them: the next is restarted when"
            " one is back, with the proof of its new boot.",
            metavar="N|P%",
        ),
    ] = "",
    max_errors: Annotated[
        str,
        typer.Option(
            help="How many may not come back, or not be well, before no more are restarted; 0 if"
            " not said.",
            metavar="N|P%",
        ),
    ] = "",
    check: Annotated[
        str,
        typer.Option(
            help="A shell script that is run on a machine when it is back, and succeeds if it is"
            " well.",
            metavar="SCRIPT",
        ),
    ] = "",
    if_needed: Annotated[
        bool,
        typer.Option("--if-needed", help="Only those whose system says that a restart is due."),
    ] = False,
    window: Annotated[
        list[str] | None,
        typer.Option(
            help="Like 'Sat,Sun 02:00-06:00': begin when it is open next, and restart no more when"
            " it is over; may be repeated.",
            metavar="SPAN",
        ),
    ] = None,
    zone: Annotated[
        str,
        typer.Option(help="Of --window, like Europe/Berlin; else that of this machine."),
    ] = "",
    dry_run: DryRun = False,
    yes: options.Yes = False,
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """Restart running instances, and wait until their agents are online in a new boot.

    More than 10 instances, and --all, ask for their number, unless --yes says not to. A command
    that runs on them is cut off: end a script with `exit 194` to lose nothing.

    With --at-a-time, --check, --if-needed or --window it is an execution of a public template,
    which goes on if it is interrupted. So it is for machines of your own, which restart themselves.
    """
    named = [*(names or ()), *(on or ())]
    asked = Asked(names=named, tags=tag, everywhere=everywhere, dry_run=dry_run, yes=yes)
    pace = bulk.pace_of(at_a_time, max_errors, strict=False)
    turns = rolling.Wish(
        pace=pace,
        check=check,
        if_needed=if_needed,
        opening=opening.opening(window or (), zone, now=datetime.now(UTC)),
    )
    if force and turns.concerns(()):
        raise Mistake("--force cuts the power at once: it does not go with a restart in turns")
    forced: dict[str, object] = {"ForceReboot": "true"} if force else {}
    change = Change(
        verb="restart",
        action="RebootInstances",
        fits="Running",
        ends="",
        told=_restarted,
        options=forced,
        turns=turns,
    )
    _carry_out(Client(find_endpoint(state, endpoint, ca)), change, asked)


def _started(_: Machine, now: Machine) -> str:
    return f"started: boot {now.boot_id[:8]}" if now.status == "Running" and now.online else ""


def _stopped(before: Machine, now: Machine) -> str:
    return f"stopped: boot {before.boot_id[:8]} is over" if now.status == "Stopped" else ""


def _restarted(before: Machine, now: Machine) -> str:
    if now.status != "Running" or not now.online:
        return ""
    if not before.boot_id:  # Running is told only once it has restarted, whoever its agent is
        return "restarted"
    changed = now.boot_id != before.boot_id
    return f"restarted: boot {before.boot_id[:8]}→{now.boot_id[:8]}" if changed else ""


def _carry_out(client: Client, change: Change, asked: Asked) -> None:
    chosen = _chosen(client, change, asked)
    wish = change.turns if change.turns and change.turns.concerns(chosen) else None
    if asked.dry_run:
        for machine in chosen:
            print(machine.id, machine.name, machine.status, sep="\t")
        words = wish.words if wish else ""
        aside(f"This would {change.verb} {confirm.machines(len(chosen))}{words}. Nothing was done.")
        return
    grave = asked.everywhere or len(chosen) > confirm.ASK_ABOVE
    if chosen and grave and not asked.yes:
        names = {machine.id: machine.name for machine in chosen}
        aside("\n".join(f"  {called(machine.id, names)}" for machine in chosen))
        confirm.confirm(len(chosen), f"this would {change.verb} {confirm.machines(len(chosen))}")
    if wish and chosen:
        well = rolling.carry_out(client, wish, chosen)
        client.close()
        sys.exit(0 if well else 1)
    for first in range(0, len(chosen), _PER_CALL):
        ids = [machine.id for machine in chosen[first : first + _PER_CALL]]
        client.call(change.action, {"InstanceId": ids, **change.options})
    try:
        late = _wait(client, change, chosen)
    except KeyboardInterrupt:
        aside(f"It goes on: {_progress(client)}")
        raise
    client.close()
    sys.exit(1 if late else 0)


def _chosen(client: Client, change: Change, asked: Asked) -> list[Machine]:
    if not (asked.names or asked.tags or asked.everywhere):
        raise Mistake("name instances, or choose them with --tag or --all")
    wish = select.Wish(on=asked.names, tags=asked.tags or (), everywhere=asked.everywhere)
    present = select.meant(client, machines(client), wish)
    if not asked.everywhere:
        for machine in present:
            _refuse(client, change, machine)
    fitting = [machine for machine in present if _fits(change, machine)]
    if asked.everywhere:  # which is not meant of machines that somebody else depends on
        fitting = [one for one in fitting if one.status != "Managed"] or fitting
    if not fitting and asked.everywhere:
        aside(f"No instance is {change.fits}: there is nothing to {change.verb}.")
    return fitting


def _fits(change: Change, machine: Machine) -> bool:
    if machine.status == "Managed":  # it can do no more than restart by itself
        return change.turns is not None and machine.online
    return machine.status == change.fits


def _progress(client: Client) -> str:
    return f"{client.endpoint.command('instances')} shows how far it is"


def _refuse(client: Client, change: Change, machine: Machine) -> None:
    """Mistake if this machine cannot be changed so; a word if it need not."""
    name = called(machine.id, {machine.id: machine.name})
    if machine.status == "Managed" and change.verb in machine.refusals:
        raise Mistake(
            f"cannot {change.verb} {name}: {machine.refusals[change.verb]}, as its agent said at"
            f" {machine.heartbeat_at[11:19]} UTC; it says so anew every minute"
        )
    if _fits(change, machine):
        return
    if machine.status == "Managed" and change.turns:
        raise Mistake(f"cannot {change.verb} {name}, whose agent is offline")
    if machine.status == "Managed":
        raise Mistake(
            f"cannot {change.verb} {name}, which is a machine of your own: run a script on it"
            " that ends with `exit 193` to stop it"
        )
    if machine.status == change.ends:
        aside(f"{name} is {machine.status} already")
    elif machine.status != change.fits:
        start = f": {client.endpoint.command(f'start {machine.id}')} starts it"
        hint = start if machine.status == "Stopped" else "; wait until it is Running"
        raise Mistake(f"cannot {change.verb} {name}, which is {machine.status}{hint}")


def _wait(client: Client, change: Change, chosen: Sequence[Machine]) -> bool:
    """Tell of each that is as asked; whether some are not, in the end."""
    names = {machine.id: machine.name for machine in chosen}
    patience = Patience(client=client, tell=aside)
    before = {machine.id: machine for machine in chosen}
    gone = False
    deadline = time.monotonic() + _BOUND
    queue = Queue(client, names, patience=patience, tell=aside)
    pause = _FIRST_PAUSE
    while before:
        now = {one.id: one for one in patience.ask(lambda: machines(client), "what was asked for")}
        for instance_id in list(before):
            machine = now.get(instance_id)
            gone = gone or machine is None
            line = change.told(before[instance_id], machine) if machine else "is gone"
            if line:
                del before[instance_id]
                print(f"{called(instance_id, names)} {line}", flush=True)
        if queue.holds(before):  # which may take as long as others do
            deadline = time.monotonic() + _BOUND
        if before and time.monotonic() > deadline:
            who = ", ".join(called(instance_id, names) for instance_id in before)
            aside(f"cannot wait any longer for {who}: {_progress(client)}")
            return True
        time.sleep(pause if before else 0)
        pause = min(pause * 1.5, _LAST_PAUSE)
    return gone
