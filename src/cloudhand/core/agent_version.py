"""How old a published agent is, and what it does not do yet. Pure."""

from __future__ import annotations

from cloudhand.core import command as commands
from cloudhand.core.instance import Agent, AgentKind
from cloudhand.core.invocation import Invocation

Age = tuple[int, int, int]

_USERS = (2, 0, 106)
_BUILT_IN = (2, 3, 309)
_INSTANCE_NAME = (2, 3, 344)
# The earliest one that is known to heed them; the one before it that is known does not.
_LAUNCHERS = _TREES = (2, 3, 631)
_SESSIONS = (2, 3, 256)


def age(version: str) -> Age | None:
    """Versions read 2.<platform>.<series>.<build>, and the platform says nothing about age.

    None for what is no version.
    """
    parts = version.split(".")
    if len(parts) != 4 or not all(part.isdigit() for part in parts):
        return None
    return int(parts[0]), int(parts[2]), int(parts[3])


def lacks(agent: Agent, invocation: Invocation) -> str:
    """What a command asks of an agent that is too old for it, and since when others do it. Empty:
    nothing is known to be missing."""
    own = age(agent.version)
    if agent.kind is not AgentKind.PUBLISHED or own is None:
        return ""
    for what, first in _asked(invocation):
        if own < first:
            return f"{what} ({since(first)})"
    return ""


def ends_trees(agent: Agent, termination_mode: str) -> bool:
    """Whether an agent ends what a script has started with its shell."""
    if agent.kind is AgentKind.CLOUDHAND:
        return termination_mode != "Process"
    return termination_mode == "ProcessTree" and (age(agent.version) or (0, 0, 0)) >= _TREES


def lacks_sessions(agent: Agent) -> str:
    """Why an agent cannot be asked for a terminal; empty: it can."""
    if agent.kind is AgentKind.CLOUDHAND:
        return "the agent of this version of Cloudhand takes no sessions yet"
    own = age(agent.version)
    if own is None or own >= _SESSIONS:
        return ""
    return f"the agent {agent.version} is too old for sessions ({since(_SESSIONS)})"


def since(first: Age) -> str:
    """In words, for whoever has an older one."""
    return f"since {first[0]}.x.{first[1]}.{first[2]}"


def _asked(invocation: Invocation) -> list[tuple[str, Age]]:
    command = invocation.command
    asked = []
    if not commands.is_agents_own(invocation.username):
        asked.append(("Username", _USERS))
    if command.launcher:
        asked.append(("Launcher", _LAUNCHERS))
    if command.enable_parameter:
        names = commands.built_in_names(command.content.decode())
        if "instancename" in names:
            asked.append(("{{ACS::InstanceName}}", _INSTANCE_NAME))
        if names:
            asked.append(("built-in parameters", _BUILT_IN))
    return asked
