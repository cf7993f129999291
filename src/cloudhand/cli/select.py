"""Which machines a command is meant for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cloudhand.cli import follow
from cloudhand.cli.client import Client
from cloudhand.cli.errors import Mistake
from cloudhand.cli.fleet import Machine, machines

_LIST = "`cloudhand instances` lists what there is"


@dataclass(frozen=True, kw_only=True)
class Wish:
    """How the machines were named; at most one of the four ways."""

    on: Sequence[str] = ()  # ids or names
    tags: Sequence[str] = ()  # KEY=VALUE
    everywhere: bool = False
    rerun: str = ""  # an invocation: where it did not succeed


def chosen(client: Client, wish: Wish) -> list[Machine]:
    """The machines, each once; Mistake if there is none or if the wish is not clear."""
    if sum(map(bool, (wish.on, wish.tags, wish.everywhere, wish.rerun))) > 1:
        raise Mistake("name the machines by one of --on, --tag, --all and --rerun-failed")
    present = machines(client)
    if wish.rerun:
        return _failed(client, wish.rerun, present)
    if wish.on:
        return _named(wish.on, present)
    able = [machine for machine in present if machine.able]
    if wish.tags:
        return _tagged(wish.tags, able)
    if not able:
        raise Mistake("no machine runs: start some with `cloudhand up`")
    if not wish.everywhere and len(able) > 1:
        raise Mistake(
            f"{len(able)} machines run: name some with --on or --tag, or all with --all; {_LIST}"
        )
    return able


def _failed(client: Client, invoke_id: str, present: Sequence[Machine]) -> list[Machine]:
    results = follow.results(client, invoke_id)
    if not results:
        raise Mistake(f"cannot find {invoke_id}: its id is told by the command that made it")
    going = [result.instance_id for result in results if not result.ended]
    if going:
        raise Mistake(f"{invoke_id} still runs on {', '.join(going)}")
    failed = {result.instance_id for result in results if not result.good}
    found = [machine for machine in present if machine.id in failed]
    if not found:
        raise Mistake(f"{invoke_id} failed on no machine that is still there")
    return found


def _named(names: Sequence[str], present: Sequence[Machine]) -> list[Machine]:
    found: dict[str, Machine] = {}
    for name in names:
        fitting = [machine for machine in present if name in (machine.id, machine.name)]
        if not fitting:
            raise Mistake(f"cannot find {name}: {_LIST}")
        if len(fitting) > 1:
            raise Mistake(f"{len(fitting)} machines are named {name}: name them by their ids")
        found[fitting[0].id] = fitting[0]
    return list(found.values())


def _tagged(tags: Sequence[str], able: Sequence[Machine]) -> list[Machine]:
    wanted = dict(_pair(tag) for tag in tags)
    found = [machine for machine in able if wanted.items() <= machine.tags.items()]
    if not found:
        raise Mistake(f"no machine that runs is tagged {' '.join(tags)}: {_LIST}")
    return found


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise Mistake(f"cannot read the tag {text}: it is KEY=VALUE")
    return key, value
