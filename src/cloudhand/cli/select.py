"""Which machines a command is meant for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cloudhand.cli import earlier, options
from cloudhand.cli.client import Client
from cloudhand.cli.confirm import machines as counted
from cloudhand.cli.errors import Mistake
from cloudhand.cli.fleet import Machine, machines
from cloudhand.cli.following import aside
from cloudhand.cli.people import called


@dataclass(frozen=True, kw_only=True)
class Wish:
    """How the machines were named; at most one of the four ways."""

    on: Sequence[str] = ()  # ids or names
    tags: Sequence[str] = ()  # KEY=VALUE
    everywhere: bool = False
    rerun: str = ""  # what was run earlier: where it did not succeed


def chosen(client: Client, wish: Wish, *, waits: bool = False) -> list[Machine]:
    """Whom to run on, each once; Mistake if there is none or if the wish is not clear.

    ``waits``: for those that cannot run anything now.
    """
    if sum(map(bool, (wish.on, wish.tags, wish.everywhere, wish.rerun))) > 1:
        raise Mistake("name the machines by one of --on, --tag, --all and --rerun-failed")
    present = machines(client)
    if waits:
        return _awaited(client, present, wish)
    if wish.rerun:
        return _able(client, _failed(client, wish.rerun, present))
    if wish.on:
        return _able(client, _named(client, wish.on, present))
    able = [machine for machine in present if machine.able]
    if wish.tags:
        found = _tagged(client, wish.tags, able, "that runs ")
        _name_left_out([one for one in _tagged(client, wish.tags, present) if not one.able])
        return found
    if not able:
        raise Mistake(_nobody(client, present))
    if not wish.everywhere and len(able) > 1:
        raise Mistake(
            f"{len(able)} machines run: name some with --on or --tag, or all with --all;"
            f" {_listing(client)}"
        )
    _name_left_out([machine for machine in present if not machine.able])
    return able


def _awaited(client: Client, present: Sequence[Machine], wish: Wish) -> list[Machine]:
    if wish.rerun:
        return _failed(client, wish.rerun, present)
    if not (wish.on or wish.tags or wish.everywhere):
        raise Mistake("name the machines that are waited for: --on, --tag or --all")
    found = meant(client, present, wish)
    if not found:
        raise Mistake(_nobody(client, present))
    return found


def _name_left_out(machines: Sequence[Machine]) -> None:
    """Whom one may have thought of as well."""
    if machines:
        names = {machine.id: machine.name for machine in machines}
        states = [m.status if m.status != "Managed" else "offline" for m in machines]
        told = [f"{called(i, names)} is {state}" for i, state in zip(names, states, strict=True)]
        aside(f"Left out: {', '.join(told)}")


def _nobody(client: Client, present: Sequence[Machine]) -> str:
    if not present:
        return (
            "there is no machine: `cloudhand call RunInstances Amount=1` makes one, `cloudhand"
            " agent register` joins one"
        )
    if any(machine.status == "Stopped" for machine in present):
        return f"no machine runs: {client.endpoint.command('start --all')} starts what is stopped"
    return f"no machine runs, or is online: {_listing(client)}"


def _listing(client: Client) -> str:
    return f"{client.endpoint.command('instances')} lists what there is"


def meant(client: Client, present: Sequence[Machine], wish: Wish) -> list[Machine]:
    """Who is meant, whatever they do at present; Mistake as with ``chosen``."""
    if sum(map(bool, (wish.on, wish.tags, wish.everywhere))) > 1:
        raise Mistake("name the instances by one of their names, --tag and --all")
    if wish.on:
        return _named(client, wish.on, present)
    return _tagged(client, wish.tags, present) if wish.tags else list(present)


def _able(client: Client, found: list[Machine]) -> list[Machine]:
    """All of them; Mistake if one could not run anything."""
    for machine in found:
        if not machine.able and machine.status != "Managed":
            start = f": start it with {client.endpoint.command(f'start {machine.id}')}"
            raise Mistake(
                f"{called(machine.id, {machine.id: machine.name})} is {machine.status}"
                + (start if machine.status == "Stopped" else "; wait until it is Running")
            )
    return found


def _failed(client: Client, invoke_id: str, present: Sequence[Machine]) -> list[Machine]:
    results = earlier.results(client, invoke_id)
    going = [result.instance_id for result in results if not result.ended]
    if going:
        raise Mistake(
            f"{invoke_id} still runs on {', '.join(going)}:"
            f" {earlier.following(client, invoke_id)} waits for it"
        )
    failed = {result.instance_id for result in results if not result.good}
    if not failed:
        raise Mistake(f"{invoke_id} succeeded on {counted(len(results))}: nothing to run again")
    found = [machine for machine in present if machine.id in failed]
    if not found:
        raise Mistake(f"{invoke_id} failed on {', '.join(sorted(failed))}, of which none is left")
    return found


def _named(client: Client, names: Sequence[str], present: Sequence[Machine]) -> list[Machine]:
    found: dict[str, Machine] = {}
    for name in names:
        fitting = [machine for machine in present if name in (machine.id, machine.name)]
        if not fitting:
            raise Mistake(f"cannot find {name}: {_listing(client)}")
        if len(fitting) > 1:
            raise Mistake(f"{len(fitting)} machines are named {name}: name them by their ids")
        found[fitting[0].id] = fitting[0]
    return [machine for machine in present if machine.id in found]


def _tagged(
    client: Client, tags: Sequence[str], among: Sequence[Machine], who: str = ""
) -> list[Machine]:
    wanted = options.pairs(tags, "--tag")
    found = [machine for machine in among if wanted.items() <= machine.tags.items()]
    if not found:
        raise Mistake(f"no machine {who}is tagged {' '.join(tags)}: {_listing(client)}")
    return found
