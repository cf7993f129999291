"""`cloudhand run`: run a script on machines and follow it to its end."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Annotated

import typer

from cloudhand.cli import bulk, confirm, earlier, options, schedule, select, watch
from cloudhand.cli.bulk import Pace
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint
from cloudhand.cli.errors import ClientError, Mistake
from cloudhand.cli.fleet import Machine
from cloudhand.cli.follow import Result
from cloudhand.cli.following import Following, aside, goes_on, stop_all
from cloudhand.cli.interrupted import interrupted, told
from cloudhand.cli.order import (
    Given,
    Order,
    check_braces,
    fill_of,
    order_of,
    place,
    script_of,
)
from cloudhand.cli.schedule import Repeated
from cloudhand.cli.template.executions import goes_on as goes_on_at_a_rate
from cloudhand.wire.agent import REFUSED_BY_MACHINE

EPILOG = (
    "Exit codes: 0 every machine reports Success, and those that were to stop or restart did;"
    " 1 some machine does not; 2 not understood; 3 the control plane refused, could not be reached,"
    " or was away for 10 minutes; 130 interrupted. Whatever ends early names the invocation, which"
    " goes on."
)


def command(
    script: Annotated[
        list[str] | None, typer.Argument(help="The script, after --.", metavar="-- SCRIPT")
    ] = None,
    on: Annotated[
        list[str] | None, typer.Option(help="Id or name of a machine; may be repeated.")
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="KEY=VALUE; may be repeated, and all must match.")
    ] = None,
    everywhere: Annotated[bool, typer.Option("--all", help="Every machine that runs.")] = False,
    file: Annotated[
        str,
        typer.Option(
            "--file",
            "-f",
            help="Read the script from a file; - is the standard input, and then --yes is needed"
            " where one would be asked.",
        ),
    ] = "",
    timeout: Annotated[
        int | None,
        typer.Option(
            min=10,
            max=86400,
            help="Seconds that the script may take, from 10 to 86400; 60 if not said.",
            metavar="N",
        ),
    ] = None,
    kind: Annotated[
        str,
        typer.Option(
            "--type",
            help="RunShellScript if not said; RunBatScript and RunPowerShellScript are for Windows"
            " machines.",
        ),
    ] = "",
    user: Annotated[
        str,
        typer.Option(
            help="Run as this user of the machine, for which its agent must be root there."
            " Instances of a control plane that is not root's have one user only."
        ),
    ] = "",
    workdir: Annotated[
        str,
        typer.Option(
            help="Run in this directory of the machine, named by its whole path; else in the home"
            " of the user."
        ),
    ] = "",
    wait_online: Annotated[
        str,
        typer.Option(
            help="Wait so long for machines that do not run, or whose agents are away: 30m, 12h,"
            " 7d, up to 30d. Else they are refused, or given up after a minute.",
            metavar="SPAN",
        ),
    ] = "",
    param: Annotated[
        list[str] | None,
        typer.Option(
            help="Put VALUE in the place of {{KEY}} in the script; may be repeated.",
            metavar="KEY=VALUE",
        ),
    ] = None,
    fill: Annotated[
        bool,
        typer.Option(
            "--fill",
            help="Fill in {{oos:NAME}} and {{oos-secret:NAME}}, from the parameter store, and"
            " {{ACS::InstanceId}} and the like; --param says it as well. Else braces are only"
            " text.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say who would be hit, and how.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    rerun_failed: Annotated[
        str,
        typer.Option(
            metavar="ID",
            help="Where this invocation (t-...), or this execution of --at-a-time (exec-...), did"
            " not succeed; its own script unless one is given.",
        ),
    ] = "",
    at_a_time: Annotated[
        str,
        typer.Option(
            help="So many machines at a time, or such a share of them, instead of all at once. One"
            " that restarts counts until it is back.",
            metavar="N|P%",
        ),
    ] = "",
    max_errors: Annotated[
        str,
        typer.Option(
            help="With --at-a-time: how many may fail before no more are begun; 0 if not said.",
            metavar="N|P%",
        ),
    ] = "",
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="With --at-a-time: never more at a time than may still fail, and one.",
        ),
    ] = False,
    when: Annotated[
        str,
        typer.Option(
            "--schedule",
            help="Run it again and again, at the times of a Quartz cron expression, which may have"
            " a time zone behind it. Machines by --tag and --all are chosen anew each time.",
            metavar="CRON",
        ),
    ] = "",
    as_json: options.Json = False,
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """Run a shell script on machines and follow it to its end.

    A script that ends with `exit 193` stops its machine once the result is safe; one that ends
    with `exit 194` restarts it. Without --on, --tag and --all the machine must be the only one.

    More than 10 machines, --all, and a script with such an exit code, or with a word like
    `reboot`, ask for the number of machines, unless --yes says not to. Ctrl-C asks whether to stop
    the command or to leave it; `cloudhand result` shows later what became of it.

    With --at-a-time and --schedule it is an execution of a public template:
    `cloudhand template show` shows it.
    """
    pace = bulk.pace_of(at_a_time, max_errors, strict=strict)
    timer = schedule.timer_of(when)
    text = script_of(script or [], file=file, rerun=rerun_failed)
    given = Given(
        script=text,
        rerun=rerun_failed,
        kind=kind,
        timeout=timeout,
        user=user,
        workdir=workdir,
        fill=fill_of(param or (), fill=fill),
        wait_online=_seconds(wait_online),
    )
    client = Client(find_endpoint(state, endpoint, ca))
    order = order_of(given, partial(earlier.order, client))
    if told := check_braces(order):
        aside(told)
    wish = select.Wish(on=on or [], tags=tag or [], everywhere=everywhere, rerun=rerun_failed)
    if order.wait_online and (pace or timer):
        raise Mistake("--wait-online goes neither with --at-a-time nor with --schedule")
    chosen = select.chosen(client, wish, waits=bool(order.wait_online))
    why = confirm.of_script(len(chosen), order.script, everywhere=everywhere)
    if pace or timer:
        bulk.kind_of(chosen)
    if dry_run:
        _name(chosen, order.script, pace, as_json=as_json)
        return
    if why and not yes:
        confirm.confirm(len(chosen), why, taken=file == "-")
    if timer:
        one = Repeated(order=order, wish=wish, chosen=chosen, pace=pace)
        execution_id = schedule.begin(client, timer, one)
        schedule.tell(client, execution_id, timer, len(chosen), as_json=as_json)
        return
    following = Following(client, chosen, as_json=as_json)
    if pace:
        ended = _followed_at(pace, following, order, chosen)
    else:
        ended = _followed(following, order, chosen)
    client.close()
    sys.exit(0 if all(result.whole for result in ended) else 1)


def _seconds(wait_online: str) -> int:
    if not wait_online:
        return 0
    span = options.span(wait_online, "--wait-online")
    if not timedelta(minutes=1) <= span <= timedelta(days=30):
        raise Mistake(f"cannot use --wait-online {wait_online}: it is from 1m to 30d")
    return int(span.total_seconds())


def _name(chosen: Sequence[Machine], script: str, pace: Pace | None, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"wouldRunOn": [machine.id for machine in chosen]}, indent=2))
    else:
        for machine in chosen:
            print(machine.id, machine.name, machine.status, sep="\t")
    power = confirm.power_of(script, len(chosen))
    what = f", and {power}" if power else ""
    rate = f", {pace.at_a_time} at a time" if pace else ""
    aside(f"It would run on {confirm.machines(len(chosen))}{rate}{what}. Nothing was run.")


def _followed(following: Following, order: Order, chosen: Sequence[Machine]) -> list[Result]:
    asked: list[str] = []
    try:
        ask_for(following, order, asked)
        if not following.as_json:
            runs = "runs" if len(asked) == 1 else "run"
            aside(f"{', '.join(asked)} {runs} on {confirm.machines(len(chosen))}")
        ended = following.to_the_end(asked)
    except KeyboardInterrupt:
        if asked:
            _leave_or_stop(following, asked)
        else:
            listing = following.client.endpoint.command("result")
            aside(f"Interrupted while it was asked for: {listing} lists it if it began")
        raise
    if not following.as_json:
        _tell_of_machines(following, order, chosen, ended)
        for invoke_id in sorted({one.invoke_id for one in _to_be_repeated(order, ended)}):
            _tell_how_to_repeat(following.client, invoke_id)
    return ended


def _followed_at(
    pace: Pace, following: Following, order: Order, chosen: Sequence[Machine]
) -> list[Result]:
    client = following.client
    one = bulk.begin(client, order, chosen, pace)
    if not following.as_json:
        aside(f"{one.id} runs on {confirm.machines(len(chosen))}, {pace.at_a_time} at a time")
    try:
        ended = following.watched(one.looks(following.patience))
        execution = one.end(following.patience)
    except ClientError as error:
        raise ClientError(f"{error}; {goes_on_at_a_rate(client, one.id)}") from error
    except KeyboardInterrupt:
        _leave_or_cancel(following, one)
        raise
    if following.as_json:
        document = watch.document(one.invoke_ids, ended)
        print(json.dumps({"executionId": one.id, **document}, indent=2))
        return ended
    following.show(one.invoke_ids, ended)
    if execution.message:
        aside(f"{one.id} {execution.status}: {execution.message}")
    _tell_of_machines(following, order, chosen, ended)
    if _to_be_repeated(order, ended):
        _tell_how_to_repeat(client, f"{one.id}{pace.options}")
    return ended


def ask_for(following: Following, order: Order, asked: list[str]) -> None:
    """``asked`` gets each id at once: what has begun is to be named however this ends."""
    client, ids = following.client, list(following.names)
    try:
        asked.extend(place(client, order, ids, following.patience))
    except ClientError as error:
        if not asked:
            raise
        raise ClientError(f"{error}; {goes_on(client, asked)}") from error


def _tell_of_machines(
    following: Following, order: Order, chosen: Sequence[Machine], ended: Sequence[Result]
) -> None:
    """What became of machines that the script itself took down, and how it would lose nothing."""
    own = confirm.power_word(order.script)
    gone = [one.instance_id for one in ended if interrupted(one)]
    for line in told(following, [m for m in chosen if m.id in gone], expected=bool(own)):
        print(line)
    if gone and own:
        aside(f"A script that ends with `{own.instead}` instead of `{own.text}` loses nothing.")
        if not own.restarts:
            start = following.client.endpoint.command(f"start {' '.join(gone)}")
            aside(f"{start} starts what is stopped.")
    elif own and any(result.good and not result.power for result in ended):
        aside(f"Nobody waits for what `{own.text}` does; end the script with `{own.instead}`.")


def _to_be_repeated(order: Order, ended: Sequence[Result]) -> list[Result]:
    """Where the order itself was wrong, or did what it says, it would only end so again."""
    futile = {"Invalid"} if not confirm.power_word(order.script) else {"Invalid", "Error"}
    failed = [one for one in ended if not one.good and one.status not in futile]
    return [one for one in failed if one.error_code != REFUSED_BY_MACHINE]


def _tell_how_to_repeat(client: Client, words: str) -> None:
    again = f"cloudhand run --rerun-failed {words}{client.endpoint.options}"
    aside(f"Once more where it failed: {again}")


def _leave_or_stop(following: Following, invoke_ids: Sequence[str]) -> None:
    """After Ctrl-C. Whoever cannot be asked wants what has begun to go on."""
    names = ", ".join(invoke_ids)
    stop = sys.stdin.isatty() and not following.only_power and _stops(names)
    if stop and stop_all(following.client, invoke_ids):
        return
    aside(goes_on(following.client, invoke_ids))


def _leave_or_cancel(following: Following, one: bulk.Bulk) -> None:
    """The same of what is run at a rate: no more are begun, and what runs is stopped."""
    client = following.client
    client.close()  # the answer to the look that was interrupted may still be on its way
    if sys.stdin.isatty() and not following.only_power and _stops(one.id):
        try:
            one.cancel()
            going = one.going()
        except ClientError as error:
            aside(f"cannot stop {one.id}: {error}")
        else:
            aside(f"{one.id} is being cancelled.")
            stop_all(client, going)
            return
    aside(goes_on_at_a_rate(client, one.id))


def _stops(names: str) -> bool:
    answer = "?"
    while answer not in ("", "s", "l"):
        try:
            answer = input(f"\nStop {names}, or leave it running? [s/L] ").strip().lower()
        except (KeyboardInterrupt, EOFError):
            print(file=sys.stderr)
            return False
    return answer == "s"
