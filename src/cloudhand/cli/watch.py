"""Show an invocation while it runs, and what came of it: on a terminal, or as plain lines."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Any

from cloudhand.cli import receipt
from cloudhand.cli.follow import PowerAction, Result, grouped
from cloudhand.cli.people import Names, brief, called, in_order, with_names

# Until then a command that is over at once need not pay for drawing a table.
_TABLE_AFTER = 0.25  # seconds
_ROWS = 15  # of the table; the rest is counted
_COLOURS = {"Success": "green", "Running": "cyan", "Pending": "yellow", "Stopping": "yellow"}
_CODES = {"red": "31", "green": "32", "yellow": "33", "cyan": "36"}  # of terminals
_OWN_END = ("Success", "Failed")  # of a script

Looks = Iterable[list[Result]]


def quietly(looks: Looks) -> list[Result]:
    return deque(looks, maxlen=1).pop()


def plainly(looks: Looks, names: Names, say: Callable[[str], None]) -> list[Result]:
    """One line for each change of each instance; what became of its machine is no change."""
    told: dict[tuple[str, str], str] = {}
    now: list[Result] = []
    for now in looks:
        for result in in_order(now, names):
            text = with_names(state(result), names)
            key = (result.invoke_id, result.instance_id)
            waits = not (result.invoke_id or result.ended)  # for its turn
            over = result.power and result.power.ended
            if told.get(key) != text and not waits and not over:
                told[key] = text
                say(f"{called(result.instance_id, names)} {text}")
    return now


def live(looks: Looks, names: Names) -> list[Result]:
    """A table that follows each instance, and is gone when all have ended."""
    began = time.monotonic()
    now: list[Result] = []
    with ExitStack() as stack:
        screen: Any = None
        for now in looks:
            if screen is None and time.monotonic() - began > _TABLE_AFTER:
                screen = stack.enter_context(_screen())
            if screen is not None:
                screen.update(_table(now, names))
    return now


def _screen() -> Any:
    from rich.console import Console
    from rich.live import Live

    return Live(console=Console(stderr=True), transient=True, refresh_per_second=8)


def _table(now: Sequence[Result], names: Names) -> Any:
    from rich.spinner import Spinner
    from rich.table import Column, Table
    from rich.text import Text

    # What does not fit into its line is cut: a table that breaks lines jumps.
    table = Table.grid("", Column(no_wrap=True), "", Column(ratio=1), padding=(0, 2), expand=True)
    short = brief(names)
    # Those that one waits for come first.
    for result in sorted(in_order(now, names), key=lambda result: result.settled)[:_ROWS]:
        sign = Text("·") if result.settled else Spinner("dots")
        table.add_row(
            sign,
            Text(short.get(result.instance_id, result.instance_id)),
            Text(
                with_names(state(result), names),
                style=_colour(result),
                no_wrap=True,
                overflow="ellipsis",
            ),
            Text(_last_line(result.output), style="dim", no_wrap=True, overflow="ellipsis"),
        )
    if len(now) > _ROWS:
        done = sum(result.settled for result in now)
        table.add_row("", "", f"{done} of {len(now)} have ended")
    return table


def _last_line(output: bytes) -> str:
    lines = output.decode("utf-8", "replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def state(result: Result) -> str:
    """In a few words where it is, or how it ended."""
    parts = [result.status]
    if result.status == "Scheduled":
        parts.append(f"for {result.next_at or 'its next start'}")
        if result.run:
            parts.append(f"after run {result.run}")
            parts += [f"exit {result.exit_code}"] if result.exit_code is not None else []
    # Of a script that was ended the code says nothing.
    if result.exit_code is not None and result.status in _OWN_END:
        parts.append(f"exit {result.exit_code}")
    if result.error_code and result.error_code != "ExitCodeNonzero":
        parts.append(f"{result.error_code}: {result.error_info}".rstrip(": "))
    if result.power:
        parts.append(_became(result.power, result))
    return " ".join(parts)


def _became(action: PowerAction, result: Result) -> str:
    """What of its machine; why that refuses has been said where the command failed by it."""
    return power(replace(action, reason="") if result.error_code else action)


def power(action: PowerAction) -> str:
    """``restarted: boot 1234→abcd``"""
    before, after = action.boot_id_before[:8], action.boot_id_after[:8]
    if action.unmoved_at:
        past = {"restart": "restarted", "stop": "stopped"}[action.action]
        at = action.unmoved_at[11:19]
        return f"still on the same boot {before} at {at} UTC: it has not {past}"
    words = {
        ("restart", "Done"): f"restarted: boot {before}→{after}",
        ("stop", "Done"): f"stopped: boot {before} is over",
        ("restart", "Overdue"): "was to restart, and was not seen in a new boot in time",
        ("stop", "Overdue"): "was to stop, and was not seen to",
        ("restart", "Held"): action.reason,
        ("restart", "Refused"): f"does not restart: {action.reason}".removesuffix(": "),
        ("stop", "Refused"): f"does not stop: {action.reason}".removesuffix(": "),
    }
    going = {"restart": "restarts", "stop": "stops"}
    return words.get((action.action, action.status), going.get(action.action, action.action))


def show(results: Sequence[Result], names: Names, *, colour: bool) -> None:
    """Equal outputs with equal ends once, with their count; then what became of the machines."""
    ordered = in_order(results, names)
    for group in grouped(ordered):
        first = group[0]
        who = ", ".join(called(result.instance_id, names) for result in group)
        count = f"{len(group)} x " if len(group) > 1 else ""
        without_power = state(replace(first, power=None))
        head = f"── {count}{without_power}"
        print(_coloured(head, _colour(first)) if colour else head, f" {who}")
        if first.dropped:
            print(f"… {first.dropped} bytes of output came before …")
        _print_output(first.output)
    for result in ordered:
        if result.power:
            became = with_names(_became(result.power, result), names)
            print(f"{called(result.instance_id, names)} {became}")
        if result.receipt:
            print(f"{called(result.instance_id, names)} {receipt.told(result.receipt)}")


def _print_output(output: bytes) -> None:
    """As it is: what is no text is the reader's to make sense of."""
    sys.stdout.flush()
    with suppress(BrokenPipeError):
        sys.stdout.buffer.write(output if output.endswith(b"\n") or not output else output + b"\n")
        sys.stdout.buffer.flush()


def _colour(result: Result) -> str:
    return _COLOURS.get(result.status, "red")


def _coloured(text: str, colour: str) -> str:
    return f"\033[{_CODES[colour]}m{text}\033[0m"


def document(invoke_ids: Sequence[str], ended: Sequence[Result]) -> dict[str, Any]:
    """What `run --json` prints."""
    return {"invokeIds": list(invoke_ids), "results": [_entry(result) for result in ended]}


def _entry(result: Result) -> dict[str, Any]:
    action = result.power
    return {
        "invokeId": result.invoke_id,
        "instanceId": result.instance_id,
        "status": result.status,
        "exitCode": result.exit_code,
        "output": result.output.decode("utf-8", "replace"),
        "dropped": result.dropped,
        "errorCode": result.error_code,
        "errorInfo": result.error_info,
        "run": result.run,
        "nextAt": result.next_at,
        "waitsFor": result.waits_for,
        "deadlineAt": result.deadline_at,
        "powerAction": None
        if action is None
        else {
            "action": action.action,
            "status": action.status,
            "bootIdBefore": action.boot_id_before,
            "bootIdAfter": action.boot_id_after,
            "reason": action.reason,
            "stillOnBootAt": action.unmoved_at,
        },
        "receipt": receipt.entry(result.receipt) if result.receipt else None,
    }
