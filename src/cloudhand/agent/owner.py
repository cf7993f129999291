"""Whose the records in a state are: of which instance, and on which machine they were begun.

A machine may join anew, and then is another instance, perhaps of another control plane. What it has
done as the one before is nobody else's business: it is told to no one, and asks for nothing.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from typing import Iterator, Optional

from cloudhand.agent import journal, log, machine, placing, spool, trial
from cloudhand.agent.identity import write_whole
from cloudhand.agent.placing import Place

_FILE = "owner"
_LEFT = "left."  # and a number: a journal that was set aside


@dataclass(frozen=True)
class Owner:
    instance_id: str  # empty: of which, nobody knows any more
    machine_id: str


def load(state: str) -> Optional[Owner]:
    """None where none is noted, as by agents of before, or cannot be read."""
    try:
        return Owner(**json.loads(machine.read(os.path.join(state, _FILE))))
    except (ValueError, TypeError):
        return None


def original(state: str, instance_id: str) -> str:
    """The id of the machine that this state was copied from, with its instance; empty: it was not.

    A machine whose id was changed looks like a copy.
    """
    owner = load(state)
    if owner is None or owner.instance_id != instance_id:
        return ""
    return "" if owner.machine_id == machine.machine_id() else owner.machine_id


def joined(state: str, instance_id: str, *, before: str) -> None:
    """Note that this machine has registered, before it has the identity; OSError.

    ``before``: what it was until now; empty: nobody knows. The records are still those of then.
    """
    owner = load(state)
    present = owner.instance_id if owner is not None else before
    if owner is None or present == instance_id:
        _save(state, Owner(present, machine.machine_id()))


def take_over(state: str, instance_id: str) -> None:
    """Begin anew, unless the records are of this instance; OSError: they may not be used.

    Scripts of another one go on, as after a deregistration, and what they say is thrown away.
    """
    owner = load(state)
    if owner is None:  # an agent of before worked here
        try:
            _save(state, Owner(instance_id, machine.machine_id()))
        except OSError as error:
            log.warning(f"not noted whose the records are: {error}")
    elif owner.instance_id != instance_id:
        if _set_aside(state):
            log.info(f"what was recorded as {owner.instance_id or 'another'} is set aside")
        trial.forget(state)
        _save(state, Owner(instance_id, machine.machine_id()))
    for path in _left(state):
        _clear(state, path)


def _save(state: str, owner: Owner) -> None:
    write_whole(os.path.join(state, _FILE), json.dumps(vars(owner)).encode(), mode=0o600)


def _set_aside(state: str) -> bool:
    """Whether there was anything."""
    path = os.path.join(state, journal.FILE)
    try:
        os.rename(path, os.path.join(state, f"{_LEFT}{time.time_ns()}"))  # needs no room
    except FileNotFoundError:
        return False
    return True


def _left(state: str) -> "Iterator[str]":
    for name in os.listdir(state):
        if name.startswith(_LEFT):
            yield os.path.join(state, name)


def _clear(state: str, path: str) -> None:
    """Remove what tasks have left; those whose scripts still go on keep it until a later start."""
    keeps = False
    for entry in journal.unfinished(path):
        folder = os.path.join(state, spool.TASKS, entry.task_id)
        if entry.is_file:
            if not entry.placing:
                placing.clear(Place(**entry.task["file"]))
        # A holder goes on to the next script.
        elif entry.report is None and entry.lives and spool.read_end(folder) is None:
            keeps = True
        else:
            spool.remove(folder)
    if not keeps:
        os.unlink(path)
