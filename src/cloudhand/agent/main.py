"""The agent: its command line, its start, its end."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
import threading
import time
from dataclasses import replace
from typing import Any, Dict, NoReturn, Sequence

import cloudhand
from cloudhand.agent import alone, doctor, enrolment, log, rules, trial
from cloudhand.agent import identity as identities
from cloudhand.agent.alone import NotAlone, be_alone
from cloudhand.agent.client import Client, UnknownInstance
from cloudhand.agent.identity import Identity
from cloudhand.agent.life import Life
from cloudhand.agent.power import Power
from cloudhand.agent.rulebook import Rulebook
from cloudhand.agent.server import Server, read_authority
from cloudhand.agent.slots import Slots
from cloudhand.agent.usage import RULES, UsageError, Words, machine_id, tag
from cloudhand.wire import agent as wire

_BOOT = ("server", "activationId", "activationCode")  # what a boot file must tell
_UNFORESEEN = 70  # exit code: EX_SOFTWARE of sysexits.h


def main(arguments: "Sequence[str]", *, name: str = "cloudhand-agent") -> int:
    """The exit code: 0 done, 1 refused or could not begin, 2 not understood, 70 unforeseen.

    ``name``: who complains.
    """
    try:
        return _dispatch(Words(arguments))
    except UsageError as error:
        told, code = str(error), 2
    except (NotAlone, wire.Rejected, wire.Unavailable, ValueError) as error:
        told, code = str(error), 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        told, code = f"{where}{error.strerror or error}", 1
    except Exception:  # the outermost frame: what nobody foresaw is worth another start
        sys.excepthook(*sys.exc_info())
        return _UNFORESEEN
    print(f"{name}: {told}", file=sys.stderr)
    return code


def _dispatch(words: Words) -> int:
    if words.wants_help:
        print(words.help, end="")
        return 0
    if words.command == "register":
        return _register(words)
    if words.command == "run":
        return _run(words)
    if words.command == "deregister":
        return _deregister(words.state)
    if words.command == "status":
        return _status(words)
    if words.command == "rules":
        return _rules(words.one("--check"))
    if words.command == "doctor":
        return _doctor(words)
    print(f"{cloudhand.__version__}  the version of Cloudhand")
    print(
        f"{wire.COMPATIBLE_VERSION}  what it tells control planes: as published agents are counted"
    )
    return 0


def _register(words: Words) -> int:
    present = identities.load(words.state)
    again = words.has("--force-reuse")
    if present is not None and not (again or words.has("--force")):
        raise ValueError(
            f"this machine is {present.instance_id} already; add --force-reuse to register it"
            " again, or --force to register it as another"
        )
    server, authority = words.one("--server"), words.one("--ca")
    code = words.one("--activation-code")
    said = enrolment.registration(
        activation_id=words.one("--activation-id"),
        # Others of this machine may look at the words that a process was started with.
        activation_code=sys.stdin.readline().strip() if code == "-" else code,
        name=words.one("--name"),
        tags=tuple(tag(text) for text in words.every("--tag")),
        machine_id=machine_id(words.one("--machine-id")),
        force_reuse=again,
    )
    ca = read_authority(authority, server) if authority else ""
    try:
        identity = enrolment.register(
            server=server, ca=ca, state=words.state, said=said, proxy=words.one("--proxy")
        )
    except wire.Rejected as error:
        raise wire.Rejected(
            f"{error}; look at --activation-id and --activation-code, or make another activation"
        ) from error
    print(f"registered as {identity.instance_id}")
    return 0


def _deregister(state: str) -> int:
    identity = _identity(state)
    _client(identity).deregister()
    identities.forget(state)
    print(f"deregistered {identity.instance_id}")
    return 0


def _status(words: Words) -> int:
    identity = _identity(words.state)
    online = _client(identity).online()
    print(f"{identity.instance_id} {'online' if online else 'offline'}")
    for why in _rulebook(words).whys():
        print(why)
    return 0 if online else 1


def _rules(checked: str) -> int:
    """WrongRules for a file that the agent could not use either."""
    path = os.path.abspath(checked or RULES)
    found = Rulebook(path, named=bool(checked)).read()
    if found == rules.NOTHING:
        print(f"{path} refuses nothing")
        return 0
    for line in rules.in_words(found, now=time.time()):
        print(line)
    return 0


def _rulebook(words: Words) -> Rulebook:
    """A machine that its maker has told how to join shares /etc with others, and has its own."""
    named = words.one("--rules")
    own = os.path.join(words.state, "agent.toml") if words.one("--boot") else RULES
    return Rulebook(os.path.abspath(named or own), named=bool(named))


def _doctor(words: Words) -> int:
    identity = identities.load(words.state)
    server, authority = words.one("--server"), words.one("--ca")
    if identity is None and not server:
        raise ValueError(
            f"{words.state} holds no identity: name the control plane with --server, as one would"
            " to register"
        )
    ca = read_authority(authority, server) if authority else ""
    proxy = words.one("--proxy")
    if identity is not None and server in ("", identity.server):
        proxy = proxy or identity.proxy
    if identity is not None and not server:
        server, ca = identity.server, ca or identity.ca
    else:
        identity = None  # the way was asked about, not who goes it
    server_itself = Server(server, ca, proxy)
    return doctor.examine(server_itself, identity, words.state, _rulebook(words))


def _identity(state: str) -> Identity:
    identity = identities.load(state)
    if identity is None:
        raise ValueError(f"this machine is not registered: {state} holds no identity")
    return identity


def _client(identity: Identity) -> Client:
    return Client(Server(identity.server, identity.ca, identity.proxy), identity)


def _run(words: Words) -> int:
    state, boot = words.state, _boot(words.one("--boot"))
    closing, told = threading.Event(), threading.Event()
    _close_on_signal(closing, told)
    if not boot and identities.load(state) is None:
        raise ValueError(f"cannot run: {state} holds no identity; register this machine first")
    enrolment.make_state(state)
    slots = Slots(words.one("--slots")) if words.one("--slots") else None
    if slots is not None and _settled(slots, words, told):
        return 0
    be_alone(state)
    identity = identities.load(state)
    if identity is not None and boot:
        identity = replace(identity, server=boot["server"], ca=boot.get("ca", ""))
    command = shlex.split(words.one("--power-command")) or boot.get("powerCommand")
    power = Power(command, boot.get("launcherPidNamespace"))
    rulebook = _rulebook(words)
    rulebook.current()  # and say in the log what it is
    while not told.is_set():
        identity = identity or enrolment.register_by_boot(boot, state, closing)
        if identity is None:
            break
        try:
            if Life(identity, state, power, rulebook, closing, slots).run():
                break
        except UnknownInstance:
            if not boot:
                log.error(_unknown(identity, state))
                return 1
            identity = None
            # The end of that life set it; a signal that came meanwhile is still told.
            closing.clear()
    return 0


def _settled(slots: Slots, words: Words, told: threading.Event) -> bool:
    """Whether another agent is to be started in place of this one, or this one was told to end."""
    note = trial.load(words.state)
    if note is not None and note.is_mine:
        return False  # who tries this one settles it
    be_alone(words.state, alone.STARTING)
    return trial.settle(slots, words.state, words.given, told) or told.is_set()


def _unknown(identity: Identity, state: str) -> str:
    anew = " --force" if identities.load(state) else ""
    return (
        f"{identity.server} does not know this machine, {identity.instance_id}: it was"
        f" deregistered, or that is another control plane; join again with register{anew}"
    )


def _boot(path: str) -> "Dict[str, Any]":
    if not path:
        return {}
    with open(path, "rb") as file:
        text = file.read()
    try:
        boot = json.loads(text)
    except ValueError:
        boot = None
    if not isinstance(boot, dict) or not all(isinstance(boot.get(name), str) for name in _BOOT):
        raise ValueError(f"cannot use --boot {path}: it is no JSON with {', '.join(_BOOT)}")
    return boot


def _close_on_signal(closing: threading.Event, told: threading.Event) -> None:
    """Wait for signals in a thread of its own, blocked in all others.

    A handler runs only once the main thread wakes up, and the kernel may give the signal to
    another thread while that one sleeps for a minute.
    """
    ends = {signal.SIGTERM, signal.SIGINT}
    # Whoever started us may have blocked what scripts rely on.
    signal.pthread_sigmask(signal.SIG_SETMASK, ends)

    def close() -> None:
        signal.sigwait(ends)
        log.info("ending, as asked")
        told.set()
        closing.set()

    threading.Thread(target=close, name="signals", daemon=True).start()


def run() -> NoReturn:
    sys.exit(main(sys.argv[1:]))
