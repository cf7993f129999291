"""The words that the agent is started with: which there are, and what they mean."""

from __future__ import annotations

import os
from typing import Dict, List, Sequence, Tuple


class UsageError(Exception):
    """One sentence for who typed the command."""


_CA = ("FILE", "authority of an https server that this machine does not trust yet")
_PROXY = ("URL", "http://HOST:PORT that leads to it; else CLOUDHAND_PROXY or https_proxy says")
_STATE = ("DIR", "where identity and journal lie; else {state}")
_RULES = ("FILE", "what this machine refuses; else {rules}, if there is one")
# What a command does, and its options: what follows each, if anything, and what it means.
_COMMANDS: Dict[str, Tuple[str, Dict[str, Tuple[str, str]]]] = {
    "register": (
        "Join a control plane with an activation; prints the id of this machine.",
        {
            "--server": ("URL", "http://HOST:PORT or https://HOST:PORT of the control plane"),
            "--activation-id": ("ID", "as CreateActivation told it"),
            "--activation-code": (
                "CODE",
                "as CreateActivation told it, once; - reads it from the standard input",
            ),
            "--name": ("NAME", "of this machine; else as the activation says, or its host name"),
            "--tag": ("KEY=VALUE", "a label of this machine; may be repeated"),
            "--ca": _CA,
            "--proxy": _PROXY,
            "--machine-id": ("ID", "by which it is known, at most 36 characters; else its own"),
            "--force-reuse": ("", "keep the id that this machine had, if it was registered"),
            "--if-needed": ("", "stay who it is, if the control plane still knows it"),
            "--force": ("", "join anew, as another machine"),
            "--state": _STATE,
        },
    ),
    "run": (
        "Run until a signal. Exit codes 193 and 194 of scripts stop and restart the machine.",
        {
            "--power-command": ("COMMAND", "called with -h now or -r now; else shutdown"),
            "--boot": (
                "FILE",
                "JSON, for makers of machines: server, activationId and activationCode to join by",
            ),
            "--rules": _RULES,
            "--slots": (
                "DIR",
                "of its packages, a.pyz and b.pyz, for upgrades; it is then started anew by others",
            ),
            "--state": _STATE,
        },
    ),
    "deregister": ("Leave the control plane.", {"--state": _STATE}),
    "status": (
        "Ask the control plane whether this machine is online; tell what it refuses.",
        {"--rules": _RULES, "--state": _STATE},
    ),
    "rules": (
        "Say in words what this machine refuses; whether the file that says so can be used.",
        {"--check": ("FILE", "one that is not in its place yet; else {rules}")},
    ),
    "doctor": (
        "Look at all that lies between this machine and a control plane.",
        {
            "--server": ("URL", "of the control plane; else the one that this machine has joined"),
            "--ca": _CA,
            "--proxy": _PROXY,
            "--rules": _RULES,
            "--state": _STATE,
        },
    ),
    "version": ("Print its version, and the one that it tells control planes.", {}),
}
RULES = "/etc/cloudhand/agent.toml"
_HELP = ("-h", "--help", "help")
_MACHINE_ID_LIMIT = 36
_NEEDED = {"register": ("--server", "--activation-id", "--activation-code")}


class Words:
    """A command and its options; UsageError for what cannot be understood."""

    def __init__(self, arguments: "Sequence[str]") -> None:
        self.given = tuple(arguments)
        first = arguments[0] if arguments else "help"
        self.command = "help" if first in _HELP else first.replace("--version", "version")
        self.wants_help = self.command == "help" or any(a in _HELP[:2] for a in arguments[1:])
        self._options: Dict[str, List[str]] = {}
        if self.command not in ("help", *_COMMANDS):
            raise UsageError(f"cannot understand {first!r}; see cloudhand-agent --help")
        if not self.wants_help:
            self._read(arguments[1:])

    def one(self, name: str) -> str:
        return self._options.get(name, [""])[-1]

    def every(self, name: str) -> "Sequence[str]":
        return self._options.get(name, [])

    def has(self, name: str) -> bool:
        return name in self._options

    @property
    def state(self) -> str:
        """Absolute, for scripts run elsewhere."""
        return os.path.abspath(self.one("--state") or default_state())

    @property
    def help(self) -> str:
        if self.command == "help":
            return _overview()
        does, options = _COMMANDS[self.command]
        named = [(f"{name} {value}".strip(), text) for name, (value, text) in options.items()]
        usage = f"usage: cloudhand-agent {self.command}{' OPTIONS' if named else ''}"
        known = {"state": default_state(), "rules": RULES}
        lines = _columns([(name, text.format(**known)) for name, text in named])
        return "\n".join([usage, "", does, "", *lines]).rstrip() + "\n"

    def _read(self, arguments: "Sequence[str]") -> None:
        rest = iter(arguments)
        for word in rest:
            name, equals, value = word.partition("=")
            takes = self._takes(word, name)
            if takes and not equals:
                value = next(rest, "")
            if bool(takes) != bool(value):
                raise self._error(f"{name} needs a value" if takes else f"{name} takes no value")
            self._options.setdefault(name, []).append(value)
        for name in _NEEDED.get(self.command, ()):
            if not self.has(name):
                raise self._error(f"{name} is missing")

    def _takes(self, word: str, name: str) -> str:
        """What follows an option."""
        options = _COMMANDS[self.command][1]
        if name not in options:
            raise self._error(f"cannot understand {name if name[:2] == '--' else repr(word)}")
        return options[name][0]

    def _error(self, text: str) -> UsageError:
        return UsageError(f"{text}; see cloudhand-agent {self.command} --help")


def default_state() -> str:
    if os.getuid() == 0:
        return "/var/lib/cloudhand-agent"
    base = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return os.path.join(base, "cloudhand-agent")


def tag(text: str) -> "Tuple[str, str]":
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UsageError(f"--tag {text} is not KEY=VALUE")
    return key, value


def machine_id(text: str) -> str:
    if len(text) > _MACHINE_ID_LIMIT:
        raise UsageError(f"--machine-id {text} is longer than {_MACHINE_ID_LIMIT} characters")
    return text


def _overview() -> str:
    commands = _columns([(name, does) for name, (does, _) in _COMMANDS.items()])
    return "\n".join(
        [
            "usage: cloudhand-agent COMMAND OPTIONS",
            "",
            "The agent of Cloudhand: join a control plane, and run what it is asked to.",
            "",
            *commands,
            "",
            "cloudhand-agent COMMAND --help tells the options.",
            "Exit codes: 0 done, 1 refused or could not begin, 2 not understood, 70 unforeseen.",
            "",
        ]
    )


def _columns(rows: "List[Tuple[str, str]]") -> "List[str]":
    width = max((len(name) for name, _ in rows), default=0)
    return [f"  {name:<{width}}  {text}" for name, text in rows]
