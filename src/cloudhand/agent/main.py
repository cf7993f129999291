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
from typing import Any, Dict, NoReturn, Optional, Sequence

import cloudhand
from cloudhand.agent import alone, doctor, enrolment, log, owner, rejoining, rules, trial
from cloudhand.agent import identity as identities
from cloudhand.agent.alone import NotAlone, be_alone
from cloudhand.agent.client import UnknownInstance
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
    server, state = words.one("--server"), words.state
    ca = _authority(words)
    if_needed, again = words.has("--if-needed"), words.has("--force-reuse")
    present = _present(state, needed=not if_needed) if not words.has("--force") else None
    if present is not None and if_needed:
        way = Server(server, ca, _proxy(words, server, present))
        there = replace(present, server=server, ca=ca or present.ca, proxy=way.proxy_url)
        if rejoining.still(present, there, state):
            return _go_on(words, present, there)
    elif present is not None and not again:
        raise ValueError(
            f"this machine is {present.instance_id} already; add --force-reuse to register it"
            " again, or --force to register it as another"
        )
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
    try:
        identity = enrolment.register(
            server=server, ca=ca, state=state, said=said, proxy=_proxy(words, server, present)
        )
    except wire.Rejected as error:
        raise wire.Rejected(
            f"{error}; look at --activation-id and --activation-code, or make another activation"
        ) from error
    print(f"registered as {identity.instance_id}")
    return 0


def _present(state: str, *, needed: bool) -> Optional[Identity]:
    """Who this machine is so far; ValueError where that is needed, and cannot be read."""
    try:
        return identities.load(state)
    except ValueError:
        if needed:
            raise
        return None


def _go_on(words: Words, present: Identity, there: Identity) -> int:
    if there != present:
        identities.save(words.state, there)
    if words.has("--name") or words.has("--tag"):
        print("it has joined already; its name and tags stay", file=sys.stderr)
    print(f"joined already as {there.instance_id}")
    return 0


def _authority(words: Words) -> str:
    path = words.one("--ca")
    return read_authority(path, words.one("--server")) if path else ""


def _proxy(words: Words, server: str, present: Optional[Identity]) -> str:
    """As it was told now, by a word or where no list of processes shows it, or when it joined."""
    told = words.one("--proxy") or os.environ.get("CLOUDHAND_PROXY", "")
    if told or present is None or present.server != server:
        return told
    return present.proxy


def _deregister(state: str) -> int:
    identity = _identity(state)
    copied = rejoining.copied(state, identity)
    if copied:  # the machine that it was copied from is to stay
        raise ValueError(copied)
    rejoining.client(identity).deregister()
    identities.forget(state)
    print(f"deregistered {identity.instance_id}")
    return 0


def _status(words: Words) -> int:
    identity = _identity(words.state)
    found = rejoining.standing(identity)
    print(f"{identity.instance_id} {'online' if found.online else 'offline'}")
    doubts = (rejoining.copied(words.state, identity), rejoining.doubled(identity, found))
    for why in (*filter(None, doubts), *_rulebook(words).whys()):
        print(why)
    return 0 if found.online else 1


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
    server, ca = words.one("--server"), _authority(words)
    identity = _present(words.state, needed=not server)
    if identity is None and not server:
        raise ValueError(
            f"{words.state} holds no identity: {rejoining.PASTE}, or name the control plane with"
            " --server, as one would to register"
        )
    proxy = _proxy(words, server or (identity.server if identity else ""), identity)
    if identity is not None and not server:
        identity = replace(identity, ca=ca or identity.ca, proxy=proxy)
        server, ca = identity.server, identity.ca
    else:
        identity = None  # the way was asked about, not who goes it
    way = Server(server, ca, proxy)
    return doctor.examine(way, identity, words.state, _rulebook(words))


def _identity(state: str) -> Identity:
    identity = identities.load(state)
    if identity is None:
        raise ValueError(
            f"this machine is not registered: {state} holds no identity; {rejoining.PASTE}"
        )
    return identity


def _run(words: Words) -> int:
    state, boot = words.state, _boot(words.one("--boot"))
    closing, told = threading.Event(), threading.Event()
    _close_on_signal(closing, told)
    if not boot and identities.load(state) is None:
        raise ValueError(
            f"cannot run: {state} holds no identity; {rejoining.PASTE}, or register this machine"
        )
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
        if identity is None or not _records_are_of(identity, state, closing):
            break
        try:
            if Life(identity, state, power, rulebook, closing, slots).run():
                break
        except UnknownInstance:
            if not boot:
                log.error(rejoining.unknown(identity))
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


def _records_are_of(identity: Identity, state: str, closing: threading.Event) -> bool:
    """False when the agent ends before."""
    for _ in enrolment.attempts(closing):
        try:
            owner.take_over(state, identity.instance_id)
        except OSError as error:
            log.error(f"what an earlier instance has left cannot be set aside: {error}")
            continue
        copied = rejoining.copied(state, identity)
        if copied:
            log.warning(copied)
        return True
    return False


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
