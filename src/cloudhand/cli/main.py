"""The command line: one module per command, and only the one that was typed is loaded."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable
from types import ModuleType
from typing import Annotated

import typer
from typer.main import get_command

import cloudhand
from cloudhand.cli.entry import INTERRUPTED, ended_by_interruption
from cloudhand.cli.errors import ClientError, Mistake
from cloudhand.cli.misunderstood import misunderstood

# With their modules, in the order in which somebody new needs them.
COMMANDS = {
    "up": "up",
    "demo": "demo",
    "run": "run",
    "result": "result",
    "explain": "explain",
    "stop-run": "stop_run",
    "finish": "finish",
    "instances": "instances",
    "start": "power",
    "stop": "power",
    "reboot": "power",
    "exec": "exec_",
    "call": "call",
    "configure": "configure",
    "serve": "serve",
    "invite": "invite",
    "adopt": "adopt.command",
    "audit": "audit",
    "backup": "backup",
    "restore": "backup",
    "rotate-key": "rotate_key",
    "doctor": "doctor",
    "template validate": "template.validate",
    "template graph": "template.graph",
    "template rehearse": "template.rehearse",
    "template simulate": "template.simulate",
    "template run": "template.run",
    "template show": "template.show",
    "template approve": "template.tell",
    "template reject": "template.tell",
    "template retry": "template.tell",
    "template skip": "template.tell",
    "template cancel": "template.cancel",
    "template list": "template.catalogue",
    "template save": "template.save",
    "template delete": "template.delete",
    "account list": "account.listing",
    "account add": "account.add",
    "account remove": "account.remove",
    "account grant": "account.granting",
    "account revoke": "account.granting",
    "account policies": "account.policies",
    "account policy": "account.policies",
    "account key": "account.key",
    "account others": "account.others",
    "account open": "account.opening",
    "account close": "account.closing",
    "governor set": "governor.setting",
    "governor list": "governor.listing",
    "governor show": "governor.showing",
    "governor release": "governor.release",
    "governor remove": "governor.remove",
    "governor fleetlock": "governor.fleetlock",
    "notify add": "notify.add",
    "notify list": "notify.listing",
    "notify test": "notify.trying",
    "notify remove": "notify.remove",
    "fault make": "fault.make",
    "fault list": "fault.listing",
    "fault clear": "fault.clear",
    "server install": "server.install",
    "agent": "agent",
    "version": "version",
}
_GROUPS = {  # commands that have commands, with their help
    "account": "Who may do what: users and roles of the account, and other accounts.",
    "agent": "",  # says it itself
    "fault": "Faults made on purpose, for tests of one's own automation.",
    "governor": "How many machines of a group may restart at once, and which of them do.",
    "notify": "Who is told of what goes wrong: by webhooks, DingTalk, Feishu, WeCom and Slack.",
    "server": "The control plane as a service of its machine.",
    "template": "Templates of CloudOps Orchestration Service: check, rehearse and execute them.",
}
EPILOG = (
    "Exit codes: 0 done; 1 it ran and did not succeed, something is missing, or you said no;"
    " 2 not understood; 3 the control plane refused or could not be reached; 130 interrupted."
)


def run() -> None:
    """Load the command that was typed, and run it; how it ends is the exit code."""
    words = sys.argv[1:]
    wanted = "version" if words[:1] == ["--version"] else next(iter(words), "")
    if wanted in _GROUPS and wanted not in COMMANDS:
        wanted = " ".join(words[:2])
    if words in ([], *([name] for name in _GROUPS)):
        words = [*words, "--help"]
    try:
        with ended_by_interruption():
            command = get_command(app((wanted,) if wanted in COMMANDS else COMMANDS))
        sys.exit(command.main(words, prog_name="cloudhand", standalone_mode=False))
    except ClientError as error:
        print(f"cloudhand: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except typer.TyperException as error:
        print(f"cloudhand: {misunderstood(error, words)}", file=sys.stderr)
        sys.exit(Mistake.exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    finally:
        _finish_output()


def _finish_output() -> None:
    """Write what is left; a pipe that was closed early, as by head, is no error of ours.

    The signal of such pipes stays ignored: it would end us for every socket that a peer closes.
    """
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def app(names: Iterable[str] = tuple(COMMANDS)) -> typer.Typer:
    """The commands of these names, each loaded from its module."""
    group = typer.Typer(
        help="Run commands on fleets of machines, and be told the truth about what happened.",
        epilog=EPILOG,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",  # joins the lines of a paragraph
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    group.callback()(_group)
    within: dict[str, typer.Typer] = {"": group}
    for name in names:
        of, _, word = name.rpartition(" ")
        if of not in within:
            within[of] = _inner(of)
            group.add_typer(within[of], name=of)
        _add(within[of], word, importlib.import_module(f"cloudhand.cli.{COMMANDS[name]}"))
    return group


def _inner(name: str) -> typer.Typer:
    inner = typer.Typer(help=_GROUPS[name], epilog=EPILOG)
    inner.callback()(_names_command)
    return inner


def _names_command() -> None:
    """The same within a group."""


def _version(asked: bool) -> None:
    if asked:
        print(cloudhand.__version__)
        raise typer.Exit


def _group(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Keeps the name of a command needed even when only one is loaded."""


def _add(group: typer.Typer, name: str, module: ModuleType) -> None:
    if hasattr(module, "app"):
        group.add_typer(module.app, name=name)
    else:
        command = getattr(module, name, None) or module.command
        group.command(name, epilog=getattr(module, "EPILOG", EPILOG))(command)


if __name__ == "__main__":
    run()
