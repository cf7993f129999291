"""Join a control plane: with what was typed, or with what a sandbox was told at its making."""

from __future__ import annotations

import os
import threading
from typing import Any, Dict, Iterator, Optional, Tuple

from cloudhand.agent import identity as identities
from cloudhand.agent import lasting, log, machine, owner
from cloudhand.agent.backoff import Backoff
from cloudhand.agent.client import Client
from cloudhand.agent.identity import Identity
from cloudhand.agent.server import Server
from cloudhand.wire import agent as wire

RETRY_FIRST, RETRY_LAST = 0.2, 30.0  # seconds between attempts to reach the server


def registration(
    *,
    activation_id: str,
    activation_code: str,
    name: str,
    region_id: str = "",
    tags: "Tuple[Tuple[str, str], ...]" = (),
    machine_id: str = "",
    force_reuse: bool = False,
) -> wire.Registration:
    return wire.Registration(
        activation_id=activation_id,
        activation_code=activation_code,
        machine_id=machine_id or machine.machine_id(),
        region_id=region_id,
        hostname=machine.hostname(),
        os_version=machine.os_version(),
        agent_version=wire.COMPATIBLE_VERSION,
        instance_name=name,
        tags=tags,
        force_reuse=force_reuse,
    )


def register(
    *, server: str, ca: str, state: str, said: wire.Registration, proxy: str = ""
) -> Identity:
    """Join once, and keep the identity; Rejected or Unavailable."""
    way = Server(server, ca, proxy)
    client = Client(way)
    new = not os.path.exists(state)
    make_state(state)  # before an activation is used up for it
    try:
        registered = client.register(said)
    except (wire.Rejected, wire.Unavailable, ValueError):
        if new:
            os.rmdir(state)
        raise
    identity = Identity(
        server=server,
        instance_id=registered.instance_id,
        region_id=registered.region_id,
        key=registered.key,
        ca=ca,
        proxy=way.proxy_url,
    )
    owner.joined(state, identity.instance_id, before=_before(state))
    identities.save(state, identity)
    return identity


def _before(state: str) -> str:
    """As which instance this machine was known; empty when nobody knows."""
    try:
        present = identities.load(state)
    except ValueError:
        return ""
    return present.instance_id if present else ""


def register_by_boot(
    boot: "Dict[str, Any]", state: str, closing: threading.Event
) -> Optional[Identity]:
    """Join as whoever made this machine told it; None when the agent ends before."""
    for _ in attempts(closing):
        try:
            identity = register(
                server=boot["server"],
                ca=boot.get("ca", ""),
                state=state,
                said=registration(
                    activation_id=boot["activationId"],
                    activation_code=boot["activationCode"],
                    name=boot.get("name", ""),
                    region_id=boot.get("regionId", ""),
                ),
            )
        except (wire.Unavailable, wire.Rejected) as error:
            log.warning(f"not registered yet: {error}")
            continue
        log.info(f"registered as {identity.instance_id}")
        return identity
    return None


def attempts(closing: threading.Event) -> "Iterator[None]":
    """Once at once, then again and again with growing pauses until the agent ends."""
    backoff = Backoff(RETRY_FIRST, RETRY_LAST)
    while not closing.is_set():
        yield None
        closing.wait(backoff.pause())


def make_state(state: str) -> None:
    # Others may pass through, since scripts of other users lie below, but not look.
    try:
        lasting.make_directory(state)
        os.chmod(state, 0o711)
    except OSError as error:
        raise ValueError(
            f"cannot keep anything in {state}: {error.strerror};"
            " name another directory with --state"
        ) from error
