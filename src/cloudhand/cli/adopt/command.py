"""`cloudhand adopt`: make machines ours that one reaches over ssh, many at a time."""

from __future__ import annotations

import asyncio
import json
import shlex
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from cloudhand.cli import confirm, joining, options
from cloudhand.cli.adopt import hosts, showing, sources, ssh
from cloudhand.cli.adopt.adopting import Adoption, Wish
from cloudhand.cli.adopt.hosts import Host
from cloudhand.cli.adopt.invitation import MOST, Invitation
from cloudhand.cli.adopt.outcome import Outcome, State
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint
from cloudhand.cli.errors import Mistake
from cloudhand.cli.fleet import machines
from cloudhand.cli.following import aside
from cloudhand.cli.people import called

EPILOG = (
    "Exit codes: 0 all are online; 1 some are not, each with its reason, or you said no; 2 not"
    " understood, or other machines cannot reach the control plane; 3 the control plane refused or"
    " could not be reached; 130 interrupted."
)


def command(
    named: Annotated[
        list[str] | None,
        typer.Argument(help="Machines, as ssh knows them.", metavar="[USER@]HOST[:PORT]..."),
    ] = None,
    inventory: Annotated[
        Path | None,
        typer.Option(
            "--inventory", "-i", help="Of Ansible, as INI or YAML: its groups become tags."
        ),
    ] = None,
    ssh_config: Annotated[
        bool, typer.Option("--ssh-config", help="Those that the configuration of ssh names.")
    ] = False,
    config: Annotated[
        Path | None,
        typer.Option("-F", help="Configuration of ssh; else that of this user.", metavar="FILE"),
    ] = None,
    limit: Annotated[
        list[str] | None,
        typer.Option("--limit", "-l", help="Of these a group or a machine; may be repeated."),
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="KEY=VALUE that all get; may be repeated.")
    ] = None,
    at_a_time: Annotated[int, typer.Option(help="So many at a time.", min=1, max=200)] = 10,
    proxy: Annotated[
        str,
        typer.Option(
            help="http://HOST:PORT that leads them to the control plane; else what https_proxy says"
            " there.",
            metavar="URL",
        ),
    ] = "",
    at: joining.At = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say which, how, and with which tags.")
    ] = False,
    yes: options.Yes = False,
    as_json: options.Json = False,
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """Install the agent on many machines over ssh, as the line of `invite` would on each.

    Done again it goes on: who is online is left as it is, and the rest is begun anew.
    """
    found = _chosen(named or (), inventory, config if ssh_config else None, ssh_config=ssh_config)
    tags = options.pairs(tag or (), "--tag")
    wanted = [replace(host, tags=tags) for host in hosts.limited(found, limit or ())]
    hosts.check_labels(wanted)
    if not wanted:
        raise Mistake("no machine is named there")
    if len(wanted) > MOST:
        raise Mistake(f"{len(wanted)} machines are more than {MOST}: choose with --limit")
    if dry_run:
        _foretell(wanted, config, as_json=as_json)
        return
    if shutil.which("ssh") is None:
        raise Mistake("there is no ssh here: it comes as openssh-client, or openssh-clients")
    client = Client(find_endpoint(state, endpoint, ca))
    invitation = Invitation(client, joining.address(client.endpoint, at), len(wanted))
    if len(wanted) > confirm.ASK_ABOVE and not yes:
        confirm.confirm(
            len(wanted), f"this installs the agent on {confirm.machines(len(wanted))} as root"
        )
    wish = Wish(at_a_time=at_a_time, proxy=proxy, config=config)
    ended = _carried_out(client, invitation, wish, wanted, as_json=as_json)
    client.close()
    sys.exit(0 if all(outcome.good for outcome in ended) else 1)


def _chosen(
    named: Sequence[str], inventory: Path | None, config: Path | None, *, ssh_config: bool
) -> list[Host]:
    if sum(map(bool, (named, inventory, ssh_config))) != 1:
        raise Mistake("name the machines one by one, or by --inventory FILE, or by --ssh-config")
    if named:
        return hosts.once(hosts.typed(text) for text in named)
    if inventory is None:
        return sources.of_ssh_config(config)
    found, told = sources.of_inventory(inventory)
    for text in told:
        aside(text)
    return found


def _foretell(wanted: Sequence[Host], config: Path | None, *, as_json: bool) -> None:
    if as_json:
        untouched = [
            Outcome(host=host, state=State.UNTOUCHED, told=host.obstacle) for host in wanted
        ]
        print(json.dumps(showing.document(untouched), indent=2))
        return
    for host in wanted:
        way = host.obstacle or shlex.join(ssh.words(host, config))
        tags = " ".join(f"{key}={value}" for key, value in host.labels.items())
        print(host.name, way, tags, sep="\t")
    aside(f"This would adopt {confirm.machines(len(wanted))}. Nothing was done.")


def _carried_out(
    client: Client, invitation: Invitation, wish: Wish, wanted: Sequence[Host], *, as_json: bool
) -> list[Outcome]:
    if not as_json:
        aside(f"adopts {confirm.machines(len(wanted))}, {wish.at_a_time} at a time")
    with showing.shown(len(wanted), as_json=as_json) as show:
        adoption = Adoption(client, invitation, wish, show)
        try:
            asyncio.run(adoption.carry_out(wanted))
        finally:
            ended = adoption.outcomes(wanted)
            if as_json:
                print(json.dumps(showing.document(ended), indent=2))
            aside(f"{showing.summary(ended)}{_next(ended)}")
    for text in _strays(client, ended):
        aside(text)
    return ended


def _next(ended: Iterable[Outcome]) -> str:
    bad = any(not outcome.good for outcome in ended)
    return "; the same command again goes on with those that are not online" if bad else ""


def _strays(client: Client, ended: Sequence[Outcome]) -> list[str]:
    """Who has joined by the name of a machine that is another one, as it says, and is offline."""
    seen = {outcome.instance_id: outcome.host.name for outcome in ended if outcome.instance_id}
    return [
        f"{called(one.id, {one.id: one.name})} is offline, and {one.name} is another now:"
        f" {client.endpoint.command(f'call DeregisterManagedInstance InstanceId={one.id}')}"
        " forgets it"
        for one in machines(client)
        if one.status == "Managed"
        and not one.online
        and one.name in seen.values()
        and one.id not in seen
    ]
