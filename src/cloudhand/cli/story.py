"""The story of the demo: a command on three instances, a restart, a stop, and the way back.

Everything in it is asked through the public API, and every wait has an end.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from cloudhand.cli import fleet, follow
from cloudhand.cli.client import Client
from cloudhand.cli.follow import PowerAction, Result
from cloudhand.cli.order import Order, place
from cloudhand.cli.people import Names, in_order

_BOUND = 60.0  # seconds for any one step
_WHO = "echo helloworld from $(hostname)"
_BOOT_ID = "cat /proc/sys/kernel/random/boot_id"
# A plain process has the machine's /proc; its boot id is told by its environment.
_BOOT = f'echo "${{CLOUDHAND_BOOT_ID:-$({_BOOT_ID})}}"'


class WentWrong(Exception):
    """What the story says did not happen, in one sentence."""


@dataclass(frozen=True, kw_only=True)
class Teller:
    """How the story reaches its audience."""

    chapter: Callable[[str], None]  # what is about to happen, and why
    command: Callable[[str], None]  # what is run
    line: Callable[[str, str, str], None]  # of one instance: name, what, and how it is to be seen
    remark: Callable[[str], None]


def play(client: Client, names: Names, teller: Teller) -> None:
    """WentWrong, or ClientError, if it cannot be told to its end."""
    began = time.monotonic()
    _boots(client, names, teller)
    _restart_by_exit_code(client, names, teller)
    _stop_by_exit_code(client, names, teller)
    _restart_by_api(client, names, teller)
    teller.remark(f"All of it was real, and took {time.monotonic() - began:.1f} s.")


def _boots(client: Client, names: Names, teller: Teller) -> None:
    teller.chapter(f"{len(names)} instances have booted")
    for instance_id, boot_id in _boot_ids(client, names).items():
        teller.line(names[instance_id], f"Running{_boot(boot_id)}", "good")


def _restart_by_exit_code(client: Client, names: Names, teller: Teller) -> None:
    teller.chapter("A command that ends with exit code 194 restarts its machine")
    script = f"{_WHO}; exit 194"
    teller.command(f"cloudhand run --all --yes -- '{script}'")
    ended = _run(client, names, script, expect=194)
    for result in ended:
        _tell_result(result, names, teller)
    teller.remark("The results were stored before the machines went down. They come back:")
    for result in ended:
        action, name = _done(result, "restart"), names[result.instance_id]
        if not action.boot_id_after or action.boot_id_after == action.boot_id_before:
            raise WentWrong(f"{name} has no new boot id after exit 194")
        text = f"restarted: boot {action.boot_id_before[:8]} → {action.boot_id_after[:8]}"
        teller.line(name, text, "good")
    fleet.wait(client, list(names), "Running", at_most=_BOUND)


def _stop_by_exit_code(client: Client, names: Names, teller: Teller) -> None:
    teller.chapter("Exit code 193 stops it")
    instance_id, name = next(iter(names.items()))
    teller.command(f"cloudhand run --on {name} --yes -- '{_WHO}; exit 193'")
    for result in _run(client, {instance_id: name}, f"{_WHO}; exit 193", expect=193):
        _tell_result(result, names, teller)
        _done(result, "stop")
    fleet.wait(client, [instance_id], "Stopped", at_most=_BOUND)
    teller.line(name, "Stopped", "low")
    teller.command(f"cloudhand start {name}")
    client.call("StartInstances", {"InstanceId": [instance_id]})
    fleet.wait(client, [instance_id], "Running", at_most=_BOUND)
    teller.line(name, f"Running again{_boot(_boot_ids(client, names)[instance_id])}", "good")


def _restart_by_api(client: Client, names: Names, teller: Teller) -> None:
    teller.chapter("Or restart them all by an API call, as the published sample program does")
    before = _boot_ids(client, names)
    teller.remark("The call RebootInstances, from any SDK:")
    client.call("RebootInstances", {"InstanceId": list(names)})
    fleet.wait(client, list(names), "Running", at_most=_BOUND)
    after = _boot_ids(client, names)
    for instance_id, name in names.items():
        old, new = before[instance_id], after[instance_id]
        if new and old == new:
            raise WentWrong(f"{name} is Running again without having restarted")
        arrow = f": boot {old[:8]} → {new[:8]}" if new else ""
        teller.line(name, f"Running{arrow}", "good")


def _boot_ids(client: Client, names: Names) -> dict[str, str]:
    """As the machines themselves see them; empty where they are plain processes.

    Those see the boot id of the machine that they all share.
    """
    ended = _run(client, names, _BOOT, expect=0)
    seen = {result.instance_id: result.output.decode().strip() for result in ended}
    shared = len(set(seen.values())) < len(seen)
    return dict.fromkeys(seen, "") if shared else seen


def _boot(boot_id: str) -> str:
    return f": boot {boot_id[:8]}" if boot_id else ""


def _run(client: Client, names: Names, script: str, *, expect: int) -> list[Result]:
    """The results, by the names, once the machines are where the exit code wants them."""
    deadline = time.monotonic() + _BOUND
    ended: list[Result] = []
    for ended in follow.follow(client, *place(client, Order(script=script), list(names))):
        if time.monotonic() > deadline:
            late = [names[result.instance_id] for result in ended if not result.settled]
            raise WentWrong(f"{', '.join(late)} did not end within {_BOUND:.0f} s")
    for result in ended:
        # What documented exit codes make of a power exit code is for the setting to say.
        if result.exit_code != expect:
            code = result.error_code or f"exit {result.exit_code}"
            raise WentWrong(f"{names[result.instance_id]} ended as {result.status} ({code})")
    return in_order(ended, names)


def _done(result: Result, action: str) -> PowerAction:
    if result.power is None or result.power.action != action or result.power.status != "Done":
        raise WentWrong(f"{result.instance_id} did not {action} after exit {result.exit_code}")
    return result.power


def _tell_result(result: Result, names: Names, teller: Teller) -> None:
    text = result.output.decode("utf-8", "replace").strip()
    teller.line(
        names[result.instance_id], f"{text}  {result.status} exit {result.exit_code}", "plain"
    )
