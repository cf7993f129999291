"""`cloudhand agent upgrade`: the agents of machines, a few at a time, until all run the one that is
offered or the first one does not.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from cloudhand.cli import confirm, options, select
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint
from cloudhand.cli.errors import Mistake
from cloudhand.cli.fleet import Machine, machines
from cloudhand.cli.following import aside
from cloudhand.cli.outage import Patience
from cloudhand.cli.people import called
from cloudhand.wire.release import called as release_called

EPILOG = (
    "Exit codes: 0 every agent is the one that is offered; 1 some agent is not; 2 not understood;"
    " 3 the control plane refused or could not be reached; 130 interrupted."
)
_PER_CALL = 100  # instances
_FIRST_PAUSE, _LAST_PAUSE = 0.05, 0.5  # seconds between looks
_TELL_AFTER = 3.0  # seconds
_OPEN = ("Asked", "Trying")
# What the control plane does besides, by AutomaticUpgrades of DescribeAgentUpgrades.
BY_ITSELF = {
    "Off": "upgrades none by itself",
    "Closed": "upgrades some by itself, but not now: no window of AgentUpgradeConfig is open",
    "Starting": "upgrades by itself those that start, and the others in the windows of"
    " AgentUpgradeConfig, of which none is open now",
    "Open": "upgrades them by itself now, as AgentUpgradeConfig says",
    "Halted": "upgrades no more by itself: this release has failed on one",
}


@dataclass(frozen=True, kw_only=True)
class Agent:
    """What runs on a machine, and what became of its last upgrade."""

    version: str
    package: str
    refusal: str
    status: str  # empty: it has had none
    reason: str
    before: tuple[str, str]  # version and package
    to: tuple[str, str]

    @property
    def running(self) -> tuple[str, str]:
        return self.version, self.package


def upgrade(
    tag: options.Tags = None,
    on: options.On = None,
    everywhere: Annotated[bool, typer.Option("--all", help="Every machine of your own.")] = False,
    at_a_time: Annotated[
        int,
        typer.Option(help="So many at a time: the next begins when one is done.", min=1),
    ] = 1,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say who would be.")] = False,
    yes: options.Yes = False,
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """Upgrade the agents of machines of your own to that of the control plane.

    Each keeps its old agent beside the new one, and goes back to it if the new one is not online
    within 60 s. At the first one that fails no more are begun. What runs on the machines goes on.

    More than 10 machines, and --all, ask for their number, unless --yes says not to.
    """
    if not (on or tag or everywhere):
        raise Mistake("name machines with --on, or choose them with --tag or --all")
    client = Client(find_endpoint(state, endpoint, ca))
    wish = select.Wish(on=on or (), tags=tag or (), everywhere=everywhere)
    chosen = select.meant(client, machines(client), wish)
    if not on:  # an instance of the control plane has no agent of its own to upgrade
        chosen = [machine for machine in chosen if machine.status == "Managed"]
    if not chosen:
        raise Mistake("none of these is a machine of your own, whose agent could be upgraded")
    rollout = _Rollout(client, chosen)
    if dry_run:
        rollout.foretell()
        return
    grave = everywhere or rollout.count > confirm.ASK_ABOVE
    if rollout.count and grave and not yes:
        why = f"this would upgrade the agents of {confirm.machines(rollout.count)}"
        confirm.confirm(rollout.count, why)
    well = rollout.carry_out(at_a_time)
    client.close()
    sys.exit(0 if well else 1)


class _Rollout:
    def __init__(self, client: Client, chosen: Sequence[Machine]) -> None:
        self._client = client
        self._patience = Patience(client=client, tell=aside)
        self._names = {machine.id: machine.name for machine in chosen}
        self._offered, self._automatic, agents = self._look(list(self._names))
        self._done = [one for one in self._names if agents[one].package == self._offered[1]]
        others = [one for one in self._names if one not in self._done]
        self._unable = [one for one in others if agents[one].refusal]
        self._waiting = [one for one in others if one not in self._unable]
        self._agents = agents
        self._named: set[str] = set()  # of whom it was said that they are waited for

    @property
    def count(self) -> int:
        """Of those that are to be upgraded."""
        return len(self._waiting)

    def foretell(self) -> None:
        self._tell_others()
        for one in self._waiting:
            before = self._agents[one].running
            to = release_called(*self._offered, before[0])
            self._say(one, f"{_from(before, self._offered)} → {to}")
        aside(f"This would upgrade {confirm.machines(self.count)}. Nothing was done.")
        aside(f"The control plane {BY_ITSELF[self._automatic]}.")

    def carry_out(self, at_a_time: int) -> bool:
        """Whether all are well."""
        self._tell_others()
        under_way: dict[str, float] = {}  # since when
        failed = False
        pause = _FIRST_PAUSE
        try:
            while under_way or (self._waiting and not failed):
                if not failed:
                    failed = self._begin(at_a_time - len(under_way), under_way)
                    pause = _FIRST_PAUSE
                if not self._take_in(under_way):
                    failed = True
                self._name(under_way)
                time.sleep(pause if under_way else 0)
                pause = min(pause * 1.5, _LAST_PAUSE)
        except KeyboardInterrupt:
            if under_way:
                aside(f"It goes on where it has begun: {', '.join(map(self._called, under_way))}")
            raise
        for one in self._waiting:
            self._say(one, "was left as it is: its turn did not come")
        return not failed and not self._unable

    def _begin(self, room: int, under_way: dict[str, float]) -> bool:
        """As many as there is room for. Whether one failed, which could not even be asked."""
        for one in self._waiting[: max(room, 0)]:
            self._waiting.remove(one)
            under_way[one] = time.monotonic()
            self._patience.ask(
                lambda one=one: self._client.call("UpgradeAgents", {"InstanceId": [one]}),  # type: ignore[misc]
                "what has begun",
            )
            if not self._take_in(under_way):
                return True
        return False

    def _name(self, under_way: Mapping[str, float]) -> None:
        """Say once of each that takes its time what it is waited for."""
        for one, since in under_way.items():
            if time.monotonic() - since > _TELL_AFTER and one not in self._named:
                self._named.add(one)
                aside(f"Waiting for {self._called(one)}: its new agent has 60 s to be online")

    def _take_in(self, under_way: dict[str, float]) -> bool:
        """Tell of each that has ended; whether all of them are well."""
        if not under_way:
            return True
        *_, agents = self._patience.ask(lambda: self._look(list(under_way)), "what has begun")
        well = True
        for one, agent in agents.items():
            if agent.status in _OPEN:
                continue
            took = time.monotonic() - under_way.pop(one)
            self._say(one, _told(agent, took))
            well = well and agent.status == "Upgraded"
        return well

    def _look(self, ids: Sequence[str]) -> tuple[tuple[str, str], str, dict[str, Agent]]:
        """What is offered, whether others are begun, and what is where."""
        found: dict[str, Agent] = {}
        offered, automatic = ("", ""), ""
        for first in range(0, len(ids), _PER_CALL):
            some = list(ids[first : first + _PER_CALL])
            answer = self._client.call("DescribeAgentUpgrades", {"InstanceId": some})
            offered, automatic = _release(answer["Offered"]), answer["AutomaticUpgrades"]
            found |= {item["InstanceId"]: _agent(item) for item in answer["Agents"]}
        return offered, automatic, found

    def _tell_others(self) -> None:
        """Than those that are to be upgraded."""
        for one in self._done:
            self._say(one, f"already {release_called(*self._offered, self._offered[0])}")
        for one in self._unable:
            self._say(one, f"cannot be upgraded: {self._agents[one].refusal}")

    def _called(self, one: str) -> str:
        return called(one, self._names)

    def _say(self, one: str, told: str) -> None:
        print(f"{self._called(one)} {told}", flush=True)


def _told(agent: Agent, took: float) -> str:
    before, to = _from(agent.before, agent.to), release_called(*agent.to, agent.before[0])
    match agent.status:
        case "Upgraded":
            return f"upgraded: {before} → {to}, online after {took:.0f} s"
        case "RolledBack":
            return f"went back to {before}: {agent.reason}"
        case "Refused":
            return f"was not upgraded: {agent.reason}"
        case _:
            return f"is not known to be upgraded: {agent.reason}"


def _from(before: tuple[str, str], to: tuple[str, str]) -> str:
    version, package = before
    if not version:
        return "an agent of another kind"
    return release_called(version, package, to[0]) if package else version


def _release(item: Mapping[str, Any]) -> tuple[str, str]:
    return item["Version"], item["Package"]


def _agent(item: Mapping[str, Any]) -> Agent:
    last = next(iter(item["Upgrades"]), None)
    version, package = _release(item["Running"])
    return Agent(
        version=version,
        package=package,
        refusal=item["Refusal"],
        status=last["Status"] if last else "",
        reason=last["Reason"] if last else "",
        before=_release(last["Before"]) if last else ("", ""),
        to=_release(last["To"]) if last else ("", ""),
    )
