"""`cloudhand template run`: execute a template and follow it to its end."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from cloudhand.cli import bulk, confirm, options, select
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint
from cloudhand.cli.errors import ApiError, ClientError, Mistake
from cloudhand.cli.fleet import Machine
from cloudhand.cli.following import aside
from cloudhand.cli.template import executions, given, texts
from cloudhand.cli.template.executions import Execution
from cloudhand.cli.template.following import Following
from cloudhand.orchestration.actions.library import Library
from cloudhand.orchestration.model import Template
from cloudhand.orchestration.parameters import Type

EPILOG = (
    "Exit codes: 0 the execution has succeeded, or waits for its trigger; 1 it has not, or the"
    " template is not valid; 2 not understood; 3 the control plane refused, could not be reached,"
    " or was away for 10 minutes; 130 interrupted. Whatever ends early names the execution, which"
    " goes on."
)
_SELECTED = (
    "ACS::SelectTargets selects instances of the control plane, and machines of your own with"
    " ResourceType: ALIYUN::ECS::ManagedInstance"
)
_MODES = ("Automatic", "FailurePause")


def command(
    template: Annotated[
        str,
        typer.Argument(
            help="A file, - for the standard input, or the name of a template that is stored, or"
            " public.",
            metavar="FILE|NAME",
        ),
    ],
    param: given.Param = None,
    params: given.Params = "",
    on: Annotated[
        list[str] | None,
        typer.Option(help="Id or name of a machine that is a target; may be repeated."),
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(help="KEY=VALUE of the targets; may be repeated, and all must match."),
    ] = None,
    everywhere: Annotated[
        bool, typer.Option("--all", help="Every machine that runs is a target.")
    ] = False,
    mode: Annotated[
        str,
        typer.Option(
            help="Automatic, or FailurePause: what fails waits to be tried again or skipped.",
            metavar="MODE",
        ),
    ] = _MODES[0],
    yes: Annotated[
        bool,
        typer.Option(
            "--yes",
            "-y",
            help="Do not ask; in the mode Automatic calls of high risk are made unconfirmed, too.",
        ),
    ] = False,
    as_json: options.Json = False,
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """Execute a template and follow it to its end.

    Targets that are named by --on, --tag or --all are the template's parameter `targets`. More than
    10 of them, and --all, ask for their number. What the execution waits for is said with the
    command that answers. Ctrl-C asks whether to cancel it or to leave it; `cloudhand template show`
    shows later what became of it.
    """
    if mode not in _MODES:
        raise Mistake(f"cannot use --mode {mode}: it is {' or '.join(_MODES)}")
    text = texts.read(template) if _is_file(template) else ""
    known = texts.parsed(template, text, Library({})) if text else None
    client = Client(find_endpoint(state, endpoint, ca))
    meant = known or _stored(client, template)
    parameters = given.of(meant, param or (), params)
    if on or tag or everywhere:
        wish = select.Wish(on=on or [], tags=tag or [], everywhere=everywhere)
        parameters |= _targets(meant, _chosen(client, wish, yes=yes, taken=template == "-"))
    order = {
        **({"TemplateContent": text} if text else {"TemplateName": template}),
        "Mode": mode,
        "SafetyCheck": "Skip" if yes and mode == _MODES[0] else "ConfirmEveryHighRiskAction",
    }
    ended = _followed(client, order, parameters, as_json=as_json)
    client.close()
    idle = [task.name for task in ended.tasks if task.loop and not task.loop["Total"]]
    if idle:
        aside(f"{', '.join(idle)} had nothing to do: no target was selected. {_SELECTED}")
    missed = bool(idle) and bool(on or tag or everywhere)
    sys.exit(0 if (ended.status == "Success" and not missed) or ended.triggered else 1)


def _is_file(template: str) -> bool:
    looks_like_one = template.endswith((".yml", ".yaml", ".json")) or "/" in template
    return template == "-" or looks_like_one or Path(template).is_file()


def _stored(client: Client, name: str) -> Template:
    try:
        found = executions.call(client, "GetTemplate", TemplateName=name)
    except ApiError as error:
        if error.code != "EntityNotExists.Template":
            raise
        listing = client.endpoint.command("template list")
        raise Mistake(f"there is neither a file nor a template {name}: {listing}") from None
    return texts.parsed(name, found["Content"], Library({}))


def _chosen(client: Client, wish: select.Wish, *, yes: bool, taken: bool) -> list[Machine]:
    chosen = select.chosen(client, wish)
    count = len(chosen)
    if not yes and (wish.everywhere or count > confirm.ASK_ABOVE):
        why = f"this runs on {confirm.machines(count)}"
        confirm.confirm(count, why, taken=taken, dry_run=False)
    return chosen


def _targets(template: Template, chosen: Sequence[Machine]) -> dict[str, Any]:
    """The targets, and what kind of resources they are, as the parameters that take them."""
    declared = template.parameters.get("targets")
    if declared is None or declared.type is not Type.JSON:
        raise Mistake(
            "the template has no parameter targets of the type Json: name the machines by --param"
        )
    ids = [machine.id for machine in chosen]
    found: dict[str, Any] = {declared.name: {"Type": "ResourceIds", "ResourceIds": ids}}
    kind = template.parameters.get("resourcetype")
    return found | ({kind.name: bulk.kind_of(chosen)} if kind else {})


def _followed(
    client: Client, order: dict[str, str], parameters: dict[str, Any], *, as_json: bool
) -> Execution:
    """Start an execution, and show it to its end."""
    execution_id = executions.start(client, order, parameters)
    if not as_json:
        aside(f"{execution_id} has started")
    try:
        following = Following(client, as_json=as_json)
        ended = following.to_the_end(execution_id)
    except KeyboardInterrupt:
        _leave_or_cancel(client, execution_id)
        raise
    following.show(ended)
    return ended


def _leave_or_cancel(client: Client, execution_id: str) -> None:
    """After Ctrl-C. Whoever cannot be asked wants what has begun to go on."""
    client.close()  # the answer to the look that was interrupted may still be on its way
    if sys.stdin.isatty() and _cancels(execution_id):
        try:
            executions.call(client, "CancelExecution", ExecutionId=execution_id)
            aside(f"{execution_id} is being cancelled.")
        except ClientError as error:
            aside(f"cannot cancel {execution_id}: {error}")
        else:
            return
    aside(executions.goes_on(client, execution_id))


def _cancels(execution_id: str) -> bool:
    answer = "?"
    while answer not in ("", "c", "l"):
        try:
            question = f"\nCancel {execution_id}, or leave it running? [c/L] "
            answer = input(question).strip().lower()
        except (KeyboardInterrupt, EOFError):
            print(file=sys.stderr)
            return False
    return answer == "c"
