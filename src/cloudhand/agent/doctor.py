"""What lies between a machine and its control plane, step by step, each with what helps."""

from __future__ import annotations

import os
import socket
import time
from typing import Iterator, Optional, Tuple

from cloudhand.agent import rejoining
from cloudhand.agent.client import Client
from cloudhand.agent.identity import Identity
from cloudhand.agent.rulebook import Rulebook
from cloudhand.agent.rules import WrongRules
from cloudhand.agent.server import Server
from cloudhand.wire import agent as wire

_CLOCK_BOUND = 300_000  # ms; beyond it people read two times in two logs
_DISK_BOUND = 100 * 1024 * 1024  # bytes for journals and outputs

# What was looked at, whether it is good, and what was seen.
Finding = Tuple[str, bool, str]


def examine(server: Server, identity: Optional[Identity], state: str, rulebook: Rulebook) -> int:
    """Print what is found, to the first that is not good; the exit code."""
    for what, good, seen in _findings(server, identity, state, rulebook):
        print(f"{'ok' if good else 'FAIL':<5} {what:<11} {seen}", flush=True)
        if not good:
            return 1
    return 0


def _findings(
    server: Server, identity: Optional[Identity], state: str, rulebook: Rulebook
) -> "Iterator[Finding]":
    yield _disk(state)
    yield _name(server)
    yield _connection(server)
    client = Client(server)
    if server.tls:
        yield _tls(server)
    yield _clock(client)
    yield _channel(client, server)
    if identity is not None:
        yield _online(identity, state)
        yield _rules(rulebook)


def _disk(state: str) -> Finding:
    there = state
    while not os.path.isdir(there):
        there = os.path.dirname(there)
    found = os.statvfs(there)
    free = found.f_bavail * found.f_frsize
    seen = f"{free // 2**20} MiB free in {there}"
    if free < _DISK_BOUND:
        return "disk", False, f"{seen}; make room for {_DISK_BOUND // 2**20} MiB"
    if not os.access(there, os.W_OK):
        return "disk", False, f"{there} cannot be written; be root, or name a --state"
    return "disk", True, seen


def _name(server: Server) -> Finding:
    there = server.proxy or server
    try:
        found = socket.getaddrinfo(there.host, there.port, type=socket.SOCK_STREAM)
    except OSError as error:
        why = error.strerror or str(error)
        return "name lookup", False, f"{there.host}: {why}; mend the name server, or use an address"
    addresses = sorted({str(one[4][0]) for one in found})
    of = "the proxy " if server.proxy else ""
    return "name lookup", True, f"{of}{there.host} is {', '.join(addresses)}"


def _connection(server: Server) -> Finding:
    try:
        plain = server.reach()
    except OSError as error:
        why = server.reason(error, new=True)
        return "connection", False, f"{why}; let this machine reach it, or name a --proxy"
    try:
        if server.proxy is not None:
            server.proxy.open(plain, server.host, server.port)
    except OSError as error:
        return "connection", False, server.reason(error, new=True)
    finally:
        plain.close()
    through = f" through the proxy {server.proxy.name}" if server.proxy else ""
    return "connection", True, f"{server.host}:{server.port} answers{through}"


def _tls(server: Server) -> Finding:
    try:
        server.connect().close()
    except (OSError, ValueError) as error:
        return "certificate", False, server.reason(error, new=True)
    return "certificate", True, f"of {server.host}, by an authority that is trusted"


def _clock(client: Client) -> Finding:
    try:
        ahead = client.server_time() - int(time.time() * 1000)
    except (wire.Unavailable, wire.Rejected) as error:
        return "clock", False, f"{error}; is that a control plane?"
    if abs(ahead) <= _CLOCK_BOUND:
        return "clock", True, "as the control plane's"
    apart = f"{abs(ahead) // 60_000} minutes {'behind' if ahead > 0 else 'ahead of'}"
    # It goes by the control plane's time all the same.
    return "clock", True, f"{apart} the control plane's; set it, or logs will not fit together"


def _channel(client: Client, server: Server) -> Finding:
    try:
        status = client.try_upgrade()
    except wire.Unavailable:
        status = 0
    if status == 403:  # of the gateway itself, to who is nobody yet
        return "channel", True, "a WebSocket comes through"
    between = "what is in between"
    if server.proxy is not None:
        between = f"the proxy {server.proxy.name}, which connects, or what is behind it"
    seen = f"a WebSocket does not come through (answered with {status or 'nothing'})"
    return "channel", False, f"{seen}: have {between} pass `Upgrade: websocket`"


def _online(identity: Identity, state: str) -> Finding:
    try:
        found = rejoining.standing(identity)
    except (wire.Unavailable, wire.Rejected) as error:
        return "identity", False, str(error)
    doubt = rejoining.copied(state, identity) or rejoining.doubled(identity, found)
    if doubt:
        return "identity", False, doubt
    if not found.online:
        return "identity", False, f"{identity.instance_id} is offline; start its agent"
    return "identity", True, f"{identity.instance_id} is online"


def _rules(rulebook: Rulebook) -> Finding:
    try:
        rulebook.read()
    except WrongRules as error:
        return "rules", False, f"{error}; until it is mended everything is refused"
    seen = "; ".join(rulebook.whys())
    return "rules", True, seen or f"{rulebook.path} refuses nothing at the moment"
