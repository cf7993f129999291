"""`cloudhand server install`: the control plane as a service of its machine, under systemd."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint
from cloudhand.cli.errors import ClientError, Mistake

EPILOG = (
    "Exit codes: 0 it is ready, or it is gone; 2 not understood; 3 it could not be installed, or"
    " did not become ready."
)
_NAME = "cloudhand.service"
_UNIT = Path("/etc/systemd/system") / _NAME
_BOUND = 60.0  # seconds, for it to be ready
_PLAIN = re.compile(r"[A-Za-z0-9@_+=:,./-]+", re.ASCII)
_TEXT = """\
# Written by `cloudhand server install`, which changes it; --uninstall removes it.
[Unit]
Description=Cloudhand control plane
Wants=network-online.target
After=network-online.target

[Service]
ExecStart={words}
Environment=HOME=/root
# Instances outlive it, and what runs on them.
KillMode=process
Restart=always
RestartSec=1
# One connection for each agent.
LimitNOFILE=65536

[Install]
WantedBy=multi-user.target
"""


def command(
    serve: Annotated[
        list[str] | None,
        typer.Argument(
            help="Options of `cloudhand serve`, after --; all but --state.", metavar="-- OPTIONS"
        ),
    ] = None,
    state: Annotated[Path, typer.Option(help="The state directory.")] = Path("/var/lib/cloudhand"),
    uninstall: Annotated[
        bool, typer.Option("--uninstall", help="End it and remove the unit; its state stays.")
    ] = False,
) -> None:
    """Have the control plane run from now on, and after every start of this machine.

    It writes the unit cloudhand.service, starts it, and ends when it is ready. Done again with
    other options it is started anew with them; with the same ones nothing is changed.
    """
    if os.geteuid() != 0:
        raise Mistake("be root: units of systemd are root's")
    if not Path("/run/systemd/system").exists():
        raise ClientError("systemd does not run this machine: have its own init run `serve`")
    if uninstall:
        _remove()
        print(f"It is gone. {state} stays as it is, and so do its instances.")
        return
    if any(word == "--state" or word.startswith("--state=") for word in serve or ()):
        raise Mistake("say --state before --")
    unit = _unit(state.absolute(), serve or [])
    changed = not _UNIT.exists() or _UNIT.read_text() != unit
    if changed:
        _UNIT.write_text(unit)
        _systemctl("daemon-reload")
    _systemctl("enable", "--quiet", _NAME)
    _systemctl("restart" if changed else "start", _NAME)
    _wait(state.absolute())


def _unit(state: Path, options: list[str]) -> str:
    program = [sys.executable, "-m", "cloudhand.cli.main", "serve", "--state", str(state)]
    return _TEXT.format(words=" ".join(map(_word, [*program, *options])))


def _word(text: str) -> str:
    """As units spell it: in quotes, and without what systemd would put in its place."""
    if any(ord(letter) < 32 for letter in text):
        raise Mistake(f"cannot write {text!r} into a unit")
    if _PLAIN.fullmatch(text):
        return text
    told = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{told}"'


def _wait(state: Path) -> None:
    deadline = time.monotonic() + _BOUND
    while time.monotonic() < deadline:
        if told := _ready(state):
            print(told)
            return
        time.sleep(0.2)
    raise ClientError(
        f"it is installed, and was not ready within {_BOUND:.0f} s:"
        f" `journalctl -u {_NAME}` tells why"
    )


def _ready(state: Path) -> str:
    """Where it is, once it is."""
    try:
        endpoint = find_endpoint(state)
        status, *_ = Client(endpoint).fetch("/readyz")
    except ClientError:
        return ""
    if status != 200:
        return ""
    return f"ready at {endpoint.public_url or endpoint.url}; cloudhand instances --state {state}"


def _remove() -> None:
    if _UNIT.exists():
        _systemctl("disable", "--quiet", "--now", _NAME)
        _UNIT.unlink()
        _systemctl("daemon-reload")


def _systemctl(*words: str) -> None:
    told = subprocess.run(["systemctl", *words], capture_output=True, text=True, check=False)
    if told.returncode != 0:
        raise ClientError(f"systemctl {words[0]} failed: {told.stderr.strip()}")
