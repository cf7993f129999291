"""The agent: its command line, its start, its end."""

from __future__ import annotations

import json
import logging
import os
import random
import shlex
import signal
import sys
import threading
import time
from typing import Any, Dict, List, NoReturn, Optional, Sequence, Tuple

import cloudhand
from cloudhand.agent import identity as identities
from cloudhand.agent import machine
from cloudhand.agent.channel import Channel
from cloudhand.agent.client import Client, Server, UnknownInstance
from cloudhand.agent.identity import Identity
from cloudhand.agent.power import Power
from cloudhand.agent.runner import Runner
from cloudhand.wire import agent as wire

log = logging.getLogger(__name__)

USAGE = """\
usage: cloudhand-agent register --server URL --activation-id ID --activation-code CODE
                                [--name NAME] [--tag KEY=VALUE]... [--region REGION]
                                [--ca FILE] [--state DIR] [--force]
       cloudhand-agent run [--state DIR] [--boot FILE] [--power-command COMMAND]
       cloudhand-agent deregister [--state DIR]
       cloudhand-agent version
"""
_RETRY_FIRST, _RETRY_LAST = 0.2, 30.0  # seconds between attempts to reach the server
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
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s"
    )
    try:
        return _dispatch(list(arguments))
    except UsageError as error:
        print(f"{error}\n{USAGE}", file=sys.stderr, end="")
        return 2
    except (wire.Rejected, wire.Unavailable, ValueError, OSError) as error:
        print(f"cloudhand-agent: {error}", file=sys.stderr)
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
    identity = register(
        server=_one(options, "--server"),
        ca=ca,
        registration=_registration(
            activation_id=_one(options, "--activation-id"),
            activation_code=_one(options, "--activation-code"),
            name=_one(options, "--name"),
            region_id=_one(options, "--region"),
            tags=tuple(_tag(text) for text in options.get("--tag", ())),
        ),
    )
    _keep(state, identity)
    print(f"registered as {identity.instance_id}")
    return 0


def _tag(text: str) -> "Tuple[str, str]":
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UsageError(f"--tag {text} is not KEY=VALUE")
    return key, value


def register(*, server: str, ca: str, registration: wire.Registration) -> Identity:
    """Join a control plane once; Rejected or Unavailable."""
    registered = Client(Server(server, ca)).register(registration)
    return Identity(
        server=server,
        instance_id=registered.instance_id,
        region_id=registered.region_id,
        key=registered.key,
        ca=ca,
    )


def _registration(
    *,
    activation_id: str,
    activation_code: str,
    name: str,
    region_id: str,
    tags: "Tuple[Tuple[str, str], ...]" = (),
) -> wire.Registration:
    return wire.Registration(
        activation_id=activation_id,
        activation_code=activation_code,
        machine_id=machine.machine_id(),
        region_id=region_id,
        hostname=machine.hostname(),
        os_version=machine.os_version(),
        agent_version=wire.COMPATIBLE_VERSION,
        instance_name=name,
        tags=tags,
    )


def _keep(state: str, identity: Identity) -> None:
    _make_state(state)
    identities.save(state, identity)


def _make_state(state: str) -> None:
    # Others may pass through, since scripts of other users lie below, but not look.
    os.makedirs(state, exist_ok=True)
    os.chmod(state, 0o711)


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
    closing = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: closing.set())
    _make_state(state)
    identity = identities.load(state)
    if identity is None:
        if not boot:
            raise ValueError(f"cannot run: {state} holds no identity; register this machine first")
        identity = _register_by_boot(boot, state, closing)
    command = shlex.split(_one(options, "--power-command")) or boot.get("powerCommand")
    power = Power(command or ["shutdown"], boot.get("launcherPidNamespace"))
    while identity is not None:
        try:
            _Agent(identity, state, power, closing).run()
            return 0
        except UnknownInstance:
            if not boot:
                raise
            identity = _register_by_boot(boot, state, closing)
    return 0


def _register_by_boot(
    boot: "Dict[str, Any]", state: str, closing: threading.Event
) -> Optional[Identity]:
    """Register as the one who made this machine told; None when the agent ends before."""
    for _ in _attempts(closing):
        try:
            identity = register(
                server=boot["server"],
                ca=boot.get("ca", ""),
                registration=_registration(
                    activation_id=boot["activationId"],
                    activation_code=boot["activationCode"],
                    name=boot.get("name", ""),
                    region_id=boot.get("regionId", ""),
                ),
            )
        except (wire.Unavailable, wire.Rejected) as error:
            log.warning("not registered yet: %s", error)
            continue
        _keep(state, identity)
        log.info("registered as %s", identity.instance_id)
        return identity
    return None


def _attempts(closing: threading.Event) -> Any:
    """Once at once, then again and again with growing pauses until the agent ends."""
    wait = _RETRY_FIRST
    while not closing.is_set():
        yield None
        closing.wait(random.uniform(wait / 2, wait))
        wait = min(wait * 2, _RETRY_LAST)


class _Agent:
    """One life of a registered agent."""

    def __init__(
        self, identity: Identity, state: str, power: Power, closing: threading.Event
    ) -> None:
        self._closing = closing
        self._client = Client(Server(identity.server, identity.ca), identity)
        self._runner = Runner(gateway=self._client, identity=identity, state=state, power=power)
        self._channel = Channel(self._client, self._fetch, closing)
        self._started = time.monotonic()
        self._sent = self._acknowledged = 0

    def run(self) -> None:
        """Until a signal; UnknownInstance when the control plane does not know us."""
        inventory = self._runner.inventory()
        self._runner.recover()
        channel = threading.Thread(target=self._channel.run, name="channel", daemon=True)
        try:
            interval = self._join(inventory)
            channel.start()
            while not self._closing.wait(interval / 1000):
                interval = self._beat()
        finally:
            self._closing.set()
            self._channel.close()
            if channel.ident is not None:
                channel.join(timeout=5)
            self._runner.close()

    def _join(self, inventory: wire.Inventory) -> int:
        """Beat, say what we have, and ask what is to be done; until it succeeds."""
        for _ in _attempts(self._closing):
            try:
                interval = self._client.beat(self._heartbeat())
                self._acknowledged += 1
                orders = self._client.inventory(inventory)
                for task_id in orders.stop:
                    self._runner.stop(task_id)
                self._runner.take(self._client.fetch(wire.Fetch(reason="startup", cold_start=True)))
            except UnknownInstance:
                self._closing.clear()
                raise
            except (wire.Unavailable, wire.Rejected) as error:
                log.warning("not joined yet: %s", error)
                continue
            log.info("online")
            return interval
        return 0

    def _beat(self) -> int:
        try:
            interval = self._client.beat(self._heartbeat())
        except (wire.Unavailable, wire.Rejected) as error:
            log.warning("heart-beat failed: %s", error)
            return 10_000
        self._acknowledged += 1
        return interval

    def _heartbeat(self) -> wire.Heartbeat:
        heartbeat = wire.Heartbeat(
            uptime=machine.uptime(),
            timestamp=int(time.time() * 1000),
            pid=os.getpid(),
            process_uptime=int((time.monotonic() - self._started) * 1000),
            index=self._acknowledged,
            seq_no=self._sent,
            cold_start=self._acknowledged == 0,
            os_version=machine.os_version(),
            machine_id=machine.machine_id(),
        )
        self._sent += 1
        return heartbeat

    def _fetch(self, fetch: wire.Fetch) -> None:
        try:
            self._runner.take(self._client.fetch(fetch))
        except (wire.Unavailable, wire.Rejected, ValueError, KeyError) as error:
            log.warning("fetch failed: %s", error)


def run() -> NoReturn:
    sys.exit(main(sys.argv[1:]))
