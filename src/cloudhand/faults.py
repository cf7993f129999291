"""One global hook by which tests stop a process at a named point; None in production.

Each step in the life of a command, a file, an instance, a registration, an execution and an upgrade
that a crash could separate from the next one has a point, and each point a name. The name is a
literal next to the step, so that a search for it finds the only place that can fail there.
"""

from __future__ import annotations

from typing import Callable, Dict, Optional

hook: Optional[Callable[[str], None]] = None

# What has been done when a process is stopped there, and what has not.
POINTS: Dict[str, str] = {
    "agent.before-journal": "a command was fetched, and stands nowhere on the machine",
    "agent.after-journal": "it stands in the journal, and has not begun",
    "agent.spawn": "it is said to have begun, and its holder has no script yet",
    "agent.spawned": "its script may run, and nobody watches it",
    "agent.exit": "its script has ended, and its end is known to nobody",
    "agent.spool": "its end is known, and stands nowhere",
    "agent.report": "its end stands in the journal, and was not told",
    "agent.ack": "its end was acknowledged, and the journal does not know",
    "agent.before-power": "the machine may go down, and the journal does not know",
    "agent.power": "the journal says that it goes down, and nobody has asked it to",
    "agent.after-power": "the machine was asked to go down",
    "agent.file-written": "a file lies beside its place",
    "agent.file-placing": "the journal says that it comes to its place, where it is not",
    "agent.file-placed": "it is in its place, and nobody has said so",
    "agent.upgrade-fetched": "another agent was fetched, and lies nowhere",
    "agent.upgrade-placed": "it lies in its slot, and nobody has said that it is tried",
    "agent.upgrade-noted": "it is to be tried, and the old one still runs",
    "agent.trial-noted": "the old one has been started to try it, and has not begun",
    "agent.trial-online": "the new one is online, and its slot is not the current one",
    "agent.trial-switched": "its slot is the current one, and the trial goes on",
    "agent.trial-ended": "the trial is over, and nobody has said how it went",
    "plane.asked": "a command was asked for, and stands nowhere",
    "plane.recorded": "it stands in the store, and neither its agent nor its caller knows",
    "plane.handed-out": "it is said to be fetched, and its agent does not have it",
    "plane.heard": "an agent has told something, and it stands nowhere",
    "plane.stored": "what it told stands in the store, and was not acknowledged",
    "plane.beat": "an agent's heart-beat stands in the store, and was not answered",
    "plane.registered": "a machine has an identity that it does not know",
    "plane.ordered": "a machine's order is taken up, and its provider does not know",
    "plane.carried-out": "its provider did something, and the store does not know",
    "plane.decided": "an execution has taken a step, and the store does not know",
    "plane.noted": "the step stands in the store, and what follows has not begun",
    "store.commit": "whatever was to be written is written, and not committed",
}


def point(name: str) -> None:
    """Tell the hook that the step called ``name`` comes next."""
    if hook is not None:
        assert name in POINTS, f"{name} is not listed"
        hook(name)
