"""The agent: its command line, its start, its end."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
import threading
from dataclasses import replace
from typing import Any, Dict, List, NoReturn, Sequence, Tuple

import cloudhand
from cloudhand.agent import enrolment, log
from cloudhand.agent import identity as identities
from cloudhand.agent.alone import NotAlone, be_alone
from cloudhand.agent.client import Client, Server, UnknownInstance
from cloudhand.agent.life import Life
from cloudhand.agent.power import Power
from cloudhand.wire import agent as wire

USAGE = """\
usage: cloudhand-agent register --server URL --activation-id ID --activation-code CODE
                                [--name NAME] [--tag KEY=VALUE]... [--region REGION]
                                [--ca FILE] [--state DIR] [--force]
       cloudhand-agent run [--state DIR] [--boot FILE] [--power-command COMMAND]
       cloudhand-agent deregister [--state DIR]
       cloudhand-agent version
"""
_FLAGS = ("--force",)


class UsageError(Exception):
    """One sentence for who typed the command."""


def default_state() -> str:
    if os.getuid() == 0:
        return "/var/lib/cloudhand-agent"
    base = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return os.path.join(base, "cloudhand-agent")


def main(arguments: "Sequence[str]") -> int:
    """The exit code: 0 done, 1 refused or failed, 2 not understood."""
    try:
        return _dispatch(list(arguments))
    except UsageError as error:
        print(f"{error}\n{USAGE}", file=sys.stderr, end="")
        return 2
    except (NotAlone, wire.Rejected, wire.Unavailable, ValueError) as error:
        print(f"cloudhand-agent: {error}", file=sys.stderr)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"cloudhand-agent: {where}{error.strerror or error}", file=sys.stderr)
    return 1


def _dispatch(arguments: "List[str]") -> int:
    command = arguments[0] if arguments else ""
    if command in ("-h", "--help", "help"):
        print(USAGE, end="")
        return 0
    if command == "version":
        print(cloudhand.__version__)
        return 0
    options = _options(arguments[1:])
    state = _one(options, "--state") or default_state()
    if command == "register":
        return _register(options, state)
    if command == "run":
        return _run(options, state)
    if command == "deregister":
        return _deregister(state)
    raise UsageError(f"cannot understand {command!r}" if command else "nothing to do")


def _options(words: "List[str]") -> "Dict[str, List[str]]":
    found: Dict[str, List[str]] = {}
    rest = iter(words)
    for word in rest:
        name, has_value, value = word.partition("=")
        if not name.startswith("--"):
            raise UsageError(f"cannot understand {word!r}")
        if name not in _FLAGS and not has_value:
            value = next(rest, "")
            if not value:
                raise UsageError(f"{name} needs a value")
        found.setdefault(name, []).append(value)
    known = set(USAGE.replace("[", " ").replace("]", " ").split())
    for name in found:
        if name not in known:
            raise UsageError(f"cannot understand {name}")
    return found


def _one(options: "Dict[str, List[str]]", name: str) -> str:
    return options.get(name, [""])[-1]


def _register(options: "Dict[str, List[str]]", state: str) -> int:
    for name in ("--server", "--activation-id", "--activation-code"):
        if not _one(options, name):
            raise UsageError(f"{name} is missing")
    present = identities.load(state)
    if present is not None and "--force" not in options:
        print(
            f"cloudhand-agent: this machine is {present.instance_id} already;"
            " add --force to register it anew",
            file=sys.stderr,
        )
        return 1
    ca = ""
    if _one(options, "--ca"):
        with open(_one(options, "--ca"), encoding="ascii") as file:
            ca = file.read()
    identity = enrolment.register(
        server=_one(options, "--server"),
        ca=ca,
        state=state,
        said=enrolment.registration(
            activation_id=_one(options, "--activation-id"),
            activation_code=_one(options, "--activation-code"),
            name=_one(options, "--name"),
            region_id=_one(options, "--region"),
            tags=tuple(_tag(text) for text in options.get("--tag", ())),
        ),
    )
    print(f"registered as {identity.instance_id}")
    return 0


def _tag(text: str) -> "Tuple[str, str]":
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UsageError(f"--tag {text} is not KEY=VALUE")
    return key, value


def _deregister(state: str) -> int:
    identity = identities.load(state)
    if identity is None:
        print("cloudhand-agent: this machine is not registered", file=sys.stderr)
        return 1
    Client(Server(identity.server, identity.ca), identity).deregister()
    identities.forget(state)
    print(f"deregistered {identity.instance_id}")
    return 0


def _run(options: "Dict[str, List[str]]", state: str) -> int:
    boot: Dict[str, Any] = {}
    if _one(options, "--boot"):
        with open(_one(options, "--boot"), encoding="utf-8") as file:
            boot = json.load(file)
    closing, told = threading.Event(), threading.Event()
    _close_on_signal(closing, told)
    enrolment.make_state(state)
    be_alone(state)
    identity = identities.load(state)
    if identity is not None and boot:
        identity = replace(identity, server=boot["server"], ca=boot.get("ca", ""))
    if identity is None and not boot:
        raise ValueError(f"cannot run: {state} holds no identity; register this machine first")
    command = shlex.split(_one(options, "--power-command")) or boot.get("powerCommand")
    power = Power(command, boot.get("launcherPidNamespace"))
    while not told.is_set():
        identity = identity or enrolment.register_by_boot(boot, state, closing)
        if identity is None:
            break
        try:
            Life(identity, state, power, closing).run()
        except UnknownInstance:
            if not boot:
                raise
            identity = None
            # The end of that life set it; a signal that came meanwhile is still told.
            closing.clear()
    return 0


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
