"""`cloudhand agent`: the agent alone, as the one file would run it; and upgrades of all of them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cloudhand.agent import main as agent
from cloudhand.cli import upgrading

_EPILOG = "Exit codes: 0 done; 1 refused or could not begin; 2 not understood; 70 unforeseen."

app = typer.Typer(help="The agent alone: join, run, and leave; and upgrades of all agents.")

Ca = Annotated[
    Path | None,
    typer.Option(help="Authority of an https server that this machine does not trust yet."),
]
Proxy = Annotated[
    str,
    typer.Option(
        help="http://HOST:PORT that leads to it; else CLOUDHAND_PROXY or https_proxy says.",
        metavar="URL",
    ),
]

Rules = Annotated[
    Path | None,
    typer.Option(
        help="What this machine refuses; else /etc/cloudhand/agent.toml, if there is one."
    ),
]

State = Annotated[
    Path | None,
    typer.Option(
        help="Where the agent keeps its identity and journal; else /var/lib/cloudhand-agent as"
        " root, ~/.local/state/cloudhand-agent otherwise.",
    ),
]


@app.command("register", epilog=_EPILOG)
def register(
    server: Annotated[str, typer.Option(help="Address of the control plane, http or https.")],
    activation_id: Annotated[str, typer.Option(help="As CreateActivation told it.")],
    activation_code: Annotated[
        str,
        typer.Option(help="As CreateActivation told it, once; - reads it from the standard input."),
    ],
    name: Annotated[
        str,
        typer.Option(help="Name of this machine; else as the activation says, or its host name."),
    ] = "",
    tag: Annotated[list[str] | None, typer.Option(help="KEY=VALUE; may be repeated.")] = None,
    ca: Ca = None,
    proxy: Proxy = "",
    state: State = None,
    machine_id: Annotated[
        str,
        typer.Option(help="By which this machine is known, at most 36 characters; else its own."),
    ] = "",
    force_reuse: Annotated[
        bool,
        typer.Option(
            "--force-reuse", help="Keep the id that this machine had, if it was registered."
        ),
    ] = False,
    if_needed: Annotated[
        bool,
        typer.Option("--if-needed", help="Stay who it is, if the control plane still knows it."),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Join anew, as another machine.")] = False,
) -> None:
    """Join a control plane with an activation; prints the id of this machine."""
    words = ["register", "--server", server, "--activation-id", activation_id]
    words += ["--activation-code", activation_code]
    words += _given(
        ("--name", name), ("--machine-id", machine_id), ("--ca", ca), ("--proxy", proxy)
    )
    for text in tag or ():
        words += ["--tag", text]
    words += ["--force-reuse"] if force_reuse else []
    words += ["--if-needed"] if if_needed else []
    words += ["--force"] if force else []
    sys.exit(_agent([*words, *_lying_in(state)]))


@app.command("run", epilog=_EPILOG)
def run(
    state: State = None,
    power_command: Annotated[
        str, typer.Option(help="Called as COMMAND -h now or COMMAND -r now; else shutdown.")
    ] = "",
    boot: Annotated[
        str,
        typer.Option(
            help="JSON file, for makers of machines: server, activationId and activationCode to"
            " join by.",
        ),
    ] = "",
    rules: Rules = None,
) -> None:
    """Run until a signal. Exit codes 193 and 194 of scripts stop and restart the machine."""
    words = _given(("--power-command", power_command), ("--boot", boot), ("--rules", rules))
    sys.exit(_agent(["run", *_lying_in(state), *words]))


@app.command("status", epilog=_EPILOG)
def status(rules: Rules = None, state: State = None) -> None:
    """Ask the control plane whether this machine is online; tell what it refuses."""
    sys.exit(_agent(["status", *_given(("--rules", rules)), *_lying_in(state)]))


@app.command("rules", epilog=_EPILOG)
def rules(
    check: Annotated[
        Path | None,
        typer.Option(help="One that is not in its place yet; else /etc/cloudhand/agent.toml."),
    ] = None,
) -> None:
    """Say in words what this machine refuses; whether the file that says so can be used."""
    sys.exit(_agent(["rules", *_given(("--check", check))]))


@app.command("doctor", epilog=_EPILOG)
def doctor(
    server: Annotated[
        str, typer.Option(help="Of the control plane; else the one that this machine has joined.")
    ] = "",
    ca: Ca = None,
    proxy: Proxy = "",
    rules: Rules = None,
    state: State = None,
) -> None:
    """Look at all that lies between this machine and a control plane."""
    words = _given(("--server", server), ("--ca", ca), ("--proxy", proxy), ("--rules", rules))
    sys.exit(_agent(["doctor", *words, *_lying_in(state)]))


@app.command("deregister", epilog=_EPILOG)
def deregister(state: State = None) -> None:
    """Leave the control plane: its identity here is removed, and the control plane forgets it."""
    sys.exit(_agent(["deregister", *_lying_in(state)]))


app.command("upgrade", epilog=upgrading.EPILOG)(upgrading.upgrade)


def _given(*options: tuple[str, str | Path | None]) -> list[str]:
    return [word for name, value in options if value for word in (name, str(value))]


def _agent(words: list[str]) -> int:
    return agent.main(words, name="cloudhand")


def _lying_in(state: Path | None) -> list[str]:
    """By its whole path: scripts of the agent run in directories of their own."""
    return ["--state", str(state.absolute())] if state else []
