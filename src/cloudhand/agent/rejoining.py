"""A machine that has joined before is to join: as who it was, or as another.

It stays who it was where the control plane still knows it by its key. A copy of another machine is
not that one, whatever key it has.
"""

from __future__ import annotations

import sys

from cloudhand.agent import owner
from cloudhand.agent.client import Client, UnknownInstance, WrongKey
from cloudhand.agent.identity import Identity
from cloudhand.agent.server import Server
from cloudhand.wire import agent as wire
from cloudhand.wire.standing import Standing

PASTE = "paste the line that `cloudhand invite` prints"
_AGAIN = f"to have it join again, {PASTE}, or register --force"
_ANOTHER = "`... | sudo sh -s -- --new`, or register --force,"


def client(identity: Identity) -> Client:
    return Client(Server(identity.server, identity.ca, identity.proxy), identity)


def standing(identity: Identity) -> Standing:
    """Rejected with what helps, where it is not known any more; Unavailable."""
    try:
        return client(identity).standing()
    except UnknownInstance:
        raise UnknownInstance(unknown(identity)) from None
    except WrongKey:
        raise UnknownInstance(
            f"{identity.server} knows {identity.instance_id} by another key: it was registered"
            f" anew, elsewhere or since this state was kept; {_AGAIN}"
        ) from None


def unknown(identity: Identity) -> str:
    return (
        f"{identity.server} does not know this machine, {identity.instance_id}: it was"
        f" deregistered, or that is another control plane; {_AGAIN}"
    )


def copied(state: str, identity: Identity) -> str:
    """That this machine may be a copy of the instance, and what helps; empty: it is none."""
    original = owner.original(state, identity.instance_id)
    return original and (
        f"this machine has become {identity.instance_id} with the machine id {original}, and has"
        f" another now: if it is a copy, {PASTE}, and it joins as another"
    )


def doubled(identity: Identity, found: Standing) -> str:
    """The same of two that the control plane has heard of."""
    return (
        f"two machines speak as {identity.instance_id}: on one of them {_ANOTHER} makes it another"
        if found.cloned
        else ""
    )


def still(present: Identity, there: Identity, state: str) -> bool:
    """Whether this machine stays who it is, and has not to join anew.

    ``there``: the same with a way to who is to know it. ValueError: somebody has to decide;
    Unavailable.
    """
    if owner.original(state, present.instance_id):
        _say(f"{present.instance_id} is the machine that this one was copied from")
        return False
    try:
        found = standing(there)
    except UnknownInstance as error:
        if present.server != there.server:
            _check_left(present, there)
        _say(str(error).partition(";")[0])
        return False
    if found.cloned:
        raise ValueError(doubled(present, found))
    return True


def _check_left(present: Identity, there: Identity) -> None:
    """ValueError unless the control plane that a machine has joined before does not want it."""
    try:
        standing(present)
        why = "has joined another control plane"
    except UnknownInstance:
        return
    except wire.Unavailable as error:
        why = f"has joined another control plane, which cannot be asked ({error})"
    raise ValueError(
        f"this machine {why}: it is {present.instance_id} of {present.server}; {_ANOTHER} has it"
        f" join {there.server} as another"
    )


def _say(text: str) -> None:
    print(f"{text}; this one joins as another", file=sys.stderr)
