"""`cloudhand explain`: what something waits for, whose move is next, and how one knows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Annotated, Any

import typer

from cloudhand.cli import options
from cloudhand.cli.client import OOS, Client
from cloudhand.cli.endpoint import Endpoint, find_endpoint
from cloudhand.cli.errors import ApiError, Mistake
from cloudhand.cli.fleet import machines
from cloudhand.cli.people import Names, brief, called, id_of, with_names
from cloudhand.wire import times

EPILOG = (
    "Exit codes: 0 it is explained, whatever it waits for; 2 not understood; 3 the control plane"
    " refused or could not be reached; 130 interrupted."
)
_NAMED = 3  # of machines that wait for the same
_OWNERS = {
    "Agent": "the agent",
    "Machine": "the machine",
    "ControlPlane": "the control plane",
    "Governor": "the governor",
    "Person": "you",
    "Clock": "nobody: it is a matter of time",
}
# What to type, by the cause; {on}: the machine, {of}: what is explained first.
_HELP = {
    "MachineStopped": "start {on}",
    "MachineRestarts": "instances",
    "AgentSilenced": "fault list",
    "Turn": "governor show",
    "Trigger": "template cancel {of}",
    "Runs": "stop-run {id}",
    "NextMoment": "result {id} --history",
    "NextBoot": "reboot {on}",
    "ProviderFails": "doctor",
}
_WORDS = ("Approval", "Pause", "RiskConfirmation", "BatchPause")  # that are approved or rejected
_THERE = ("AgentAway", "NoAgent", "NotFetched", "AgentDeaf", "NotBegun")  # for the agent's doctor


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """As ExplainInvocation and its like answer."""

    kind: str
    id: str
    instance_id: str
    name: str
    status: str
    cause: str
    because: str
    owner: str
    since: str
    until: str
    then: str
    facts: Sequence[tuple[str, str]]  # when, and what
    depth: int

    @property
    def like(self) -> tuple[object, ...]:
        """What it has in common with others of which the same is to be said."""
        alone = self.id if self.kind != "Target" else ""
        return (alone, self.kind, self.status, self.cause, self.because, self.then, self.depth)


def command(
    thing: Annotated[
        str,
        typer.Argument(
            help="A command (t-...), a file (f-...), an execution (exec-...) or a task of one, or a"
            " machine, by its id or name.",
            metavar="ID",
        ),
    ],
    on: Annotated[str, typer.Option(help="Of a command, on this machine alone.")] = "",
    as_json: options.Json = False,
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """Say what something waits for, whose move is next, what happens then, and how one knows.

    Of what has ended it says how.
    """
    client = Client(find_endpoint(state, endpoint, ca))
    try:
        names = {machine.id: machine.name for machine in machines(client)}
        found = _explained(client, thing, on, names)
        if as_json:
            print(json.dumps([_entry(one, names) for one in found], indent=2, ensure_ascii=False))
            return
        for line in _told(found, names, client.endpoint):
            print(line)
    finally:
        client.close()


def _explained(client: Client, thing: str, on: str, names: Names) -> list[Explanation]:
    try:
        if thing.startswith("exec-"):
            answer = client.call("ExplainExecution", {"ExecutionId": thing}, version=OOS)
        elif thing.startswith(("t-", "f-")):
            wanted = {"InvokeId": thing} | ({"InstanceId": id_of(on, names)} if on else {})
            answer = client.call("ExplainInvocation", wanted)
        else:
            answer = client.call("ExplainInstance", {"InstanceId": id_of(thing, names)})
    except ApiError as error:
        if error.status != 404:
            raise
        raise Mistake(f"cannot find {thing}{f' on {on}' if on else ''}") from error
    return [_read(one) for one in answer["Explanations"]]


def _read(one: Mapping[str, Any]) -> Explanation:
    return Explanation(
        kind=one["Kind"],
        id=one["Id"],
        instance_id=one["InstanceId"],
        name=one["Name"],
        status=one["Status"],
        cause=one["Cause"],
        because=one["Because"],
        owner=one["Owner"],
        since=one["SinceTime"],
        until=one["UntilTime"],
        then=one["Then"],
        facts=sorted(
            ((fact["Time"], fact["Text"]) for fact in one["Facts"]),
            key=lambda fact: (not fact[0], fact[0]),
        ),
        depth=one["Depth"],
    )


def _entry(one: Explanation, names: Names) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "id": one.id,
        "instanceId": one.instance_id,
        "name": one.name or names.get(one.instance_id or one.id, ""),
        "status": one.status,
        "cause": one.cause,
        "because": one.because,
        "owner": one.owner,
        "since": one.since,
        "until": one.until,
        "then": one.then,
        "facts": [{"at": at, "text": text} for at, text in one.facts],
        "depth": one.depth,
    }


def _told(found: Sequence[Explanation], names: Names, endpoint: Endpoint) -> Iterator[str]:
    of = found[0].id
    for _, alike in groupby(found, key=lambda one: one.like):
        first, *others = alike
        yield from _lines(first, others, names, endpoint, of)


def _lines(
    one: Explanation, others: Sequence[Explanation], names: Names, endpoint: Endpoint, of: str
) -> Iterator[str]:
    before = "  " * one.depth
    yield f"{before}{_who(one, others, names)} {one.status}"
    before += "  "
    ended = one.cause == "Ended"
    since = f", {'at' if ended else 'since'} {_clock(one.since)}" if one.since else ""
    label = "how it ended" if ended else "why"
    yield f"{before}{label:<12} {with_names(one.because, names)}{since}"
    if one.owner in _OWNERS:
        yield f"{before}{'next move':<12} {_OWNERS[one.owner]}"
    if one.until:
        yield f"{before}{'then':<12} at {_clock(one.until)} {one.then}"
    elif one.owner == "Person":
        yield f"{before}{'then':<12} nothing happens by itself"
    for place, (at, text) in enumerate(one.facts):
        label = "known" if place == 0 else ""
        moment = f"{_clock(at)}  " if at else ""
        yield f"{before}{label:<12} {moment}{with_names(text, names)}"
    for place, line in enumerate(_help(one, names, endpoint, of)):
        yield f"{before}{'you can' if place == 0 else '':<12} {line}"


def _who(one: Explanation, others: Sequence[Explanation], names: Names) -> str:
    if one.kind in ("Target", "FileTarget"):
        every = sorted(called(each.instance_id, names) for each in (one, *others))
        more = f" and {len(every) - _NAMED} more" if len(every) > _NAMED else ""
        return f"{one.id} on {', '.join(every[:_NAMED])}{more}:"
    if one.kind == "PowerAction":
        return "its power:"
    if one.kind == "Instance":
        return f"{called(one.id, names)}:"
    return f"{with_names(one.name, names) + ' ' if one.name else ''}{one.id}:"


def _help(one: Explanation, names: Names, endpoint: Endpoint, of: str) -> Iterator[str]:
    on = brief(names).get(one.instance_id or one.id, one.instance_id or one.id)
    if one.cause in _HELP:
        yield endpoint.command(_HELP[one.cause].format(on=on, of=of, id=one.id))
    if one.cause in _WORDS:
        yield endpoint.command(f"template approve {of}")
        yield endpoint.command(f"template reject {of}")
    if one.cause == "FailurePause":
        yield from (endpoint.command(f"template {word} {of}") for word in ("retry", "skip"))
    if one.cause in _THERE:
        yield f"on {on}: `cloudhand-agent doctor`, which says what is in the way"
        if one.kind == "Target":
            known = endpoint.command(f"finish {one.id} --on {on} --as STATE --why TEXT")
            yield f"{known}, if you know how it ended"


def _clock(moment: str) -> str:
    """In UTC, with its day if that is another."""
    today = times.second(datetime.now(UTC))[:10]
    time = f"{moment[11:19]} UTC"
    return time if moment[:10] == today else f"{moment[:10]} {time}"
