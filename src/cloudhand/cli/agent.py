"""`cloudhand agent`: the agent alone, as the one file would run it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cloudhand.agent import main as agent

app = typer.Typer(help="The agent alone: join a control plane, run, and leave.")

State = Annotated[
    Path | None,
    typer.Option(
        help="Where the agent keeps its identity and journal.",
        show_default="/var/lib/cloudhand-agent as root, else ~/.local/state/cloudhand-agent",
    ),
]


@app.command("register")
def register(
    server: Annotated[str, typer.Option(help="Address of the control plane, http or https.")],
    activation_id: Annotated[str, typer.Option(help="As CreateActivation told it.")],
    activation_code: Annotated[str, typer.Option(help="As CreateActivation told it, once.")],
    name: Annotated[str, typer.Option(help="Name of this machine; its host name if absent.")] = "",
    tag: Annotated[list[str] | None, typer.Option(help="KEY=VALUE; may be repeated.")] = None,
    ca: Annotated[
        Path | None, typer.Option(help="PEM of the authority of an https server.")
    ] = None,
    state: State = None,
    force: Annotated[bool, typer.Option("--force", help="Register anew.")] = False,
) -> None:
    """Join a control plane with an activation; prints the id of this machine."""
    words = ["register", "--server", server, "--activation-id", activation_id]
    words += ["--activation-code", activation_code]
    for option, value in (("--name", name), ("--ca", ca)):
        if value:
            words += [option, str(value)]
    for text in tag or ():
        words += ["--tag", text]
    sys.exit(agent.main([*words, *_lying_in(state), *(["--force"] if force else [])]))


@app.command("run")
def run(
    state: State = None,
    power_command: Annotated[
        str, typer.Option(help="Called as COMMAND -h now or COMMAND -r now; shutdown if absent.")
    ] = "",
) -> None:
    """Run in the foreground until a signal. Exit codes 193 and 194 stop and restart the machine."""
    power = ["--power-command", power_command] if power_command else []
    sys.exit(agent.main(["run", *_lying_in(state), *power]))


@app.command("deregister")
def deregister(state: State = None) -> None:
    """Leave the control plane: its identity here is removed, and the control plane forgets it."""
    sys.exit(agent.main(["deregister", *_lying_in(state)]))


def _lying_in(state: Path | None) -> list[str]:
    """By its whole path: scripts of the agent run in directories of their own."""
    return ["--state", str(state.absolute())] if state else []
