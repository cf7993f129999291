"""`cloudhand notify` as a process: who is told of what goes wrong."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.cloud import Cloud
from tests.cli.conftest import Cli
from tests.cli.terminals import Terminal

ADDRESS = "https://a.example/robot/send?access_token=hush"


@pytest.fixture
def told(cli: Cli, it: Cloud) -> Iterator[Cli]:
    """The commands of `notify`; what was added is removed."""
    taking = it.world.notifications._deliver
    yield lambda *words, **more: cli("notify", *words, **more)
    it.world.notifications._deliver = taking
    for one in json.loads(cli("notify", "list", "--json").stdout):
        assert cli("notify", "remove", one["name"]).returncode == 0


def listed(told: Cli) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(told("list", "--json").stdout)
    return found


def test_a_channel_is_added_tried_listed_and_removed(told: Cli, tmp_path: Path) -> None:
    (tmp_path / "address").write_text(ADDRESS + "\n")
    (tmp_path / "secret").write_text("SECx\n")
    files = "--address-file", str(tmp_path / "address"), "--secret-file", str(tmp_path / "secret")
    added = told("add", "ops", "--to", "dingtalk", *files, "--on", "failed, not-back")
    again = told("add", "ops", "--to", "dingtalk", *files)
    tried = told("test", "ops")
    shown = told("list")
    assert (added.returncode, added.stdout) == (0, "")
    assert "notify test ops" in added.stderr
    assert (again.returncode, again.stderr) == (2, "cloudhand: there is a channel ops already\n")
    assert (tried.returncode, tried.stdout) == (0, "delivered\n")
    head, line = shown.stdout.splitlines()
    assert head.split("\t")[:4] == ["channel", "to", "on", "waiting"]
    assert line.split("\t")[:4] == ["ops", "dingtalk a.example", "failed,not-back", "0"]
    assert line.endswith("\twell")
    (one,) = listed(told)
    assert (one["signed"], one["test"]["status"], one["lastError"]) == (True, "Delivered", "")
    assert told("remove", "ops").returncode == 0
    empty = told("list")
    assert (empty.returncode, empty.stdout) == (0, "")
    assert "Nobody is told of anything" in empty.stderr
    for gone in (told("remove", "ops"), told("test", "ops")):
        assert gone.returncode == 2
        assert "there is no channel ops: " in gone.stderr
    said = [run.stdout + run.stderr for run in (added, again, tried, shown, empty)]
    assert "hush" not in "".join(said)


def test_a_message_that_does_not_arrive_is_told(told: Cli, it: Cloud) -> None:
    async def refuse(*args: Any, **more: Any) -> Any:
        raise OSError("it hung up")

    it.world.notifications._deliver = refuse
    told("add", "ops", "--to", "slack", env={"CLOUDHAND_NOTIFY_ADDRESS": ADDRESS})
    tried = told("test", "ops")
    assert (tried.returncode, tried.stderr) == (1, "not delivered: it hung up\n")
    assert "\tnever\tit hung up (at 20" in told("list").stdout


def test_a_webhook_says_its_secret_once_and_alone(told: Cli) -> None:
    added = told("add", "hook", "--to", "webhook", env={"CLOUDHAND_NOTIFY_ADDRESS": ADDRESS})
    assert added.returncode == 0, added.stderr
    assert added.stdout.startswith("whsec_")
    assert len(added.stdout.splitlines()) == 1
    given = {
        "CLOUDHAND_NOTIFY_ADDRESS": ADDRESS,
        "CLOUDHAND_NOTIFY_SECRET": added.stdout.strip(),
    }
    assert told("add", "other", "--to", "webhook", env=given).stdout == ""
    assert [one["signed"] for one in listed(told)] == [True, True]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("ops", "--to", "pigeon"), "must be one of webhook, dingtalk"),
        (("ops", "--to", "slack", "--on", "lunch"), "must be of failed, overdue"),
        (("ops", "--to", "slack", "--language", "la"), "must be one of en, zh"),
        (("a b", "--to", "slack"), "up to 64 letters"),
        (("ops", "--to", "slack", "--address-file", "/nowhere"), "cannot read /nowhere"),
        (("ops", "--to", "slack", "--address-file", sys.executable), "it is no text"),
    ],
)
def test_what_cannot_be_meant_is_refused(told: Cli, words: tuple[str, ...], says: str) -> None:
    refused = told("add", *words, env={"CLOUDHAND_NOTIFY_ADDRESS": ADDRESS})
    assert refused.returncode == 2
    assert says in refused.stderr
    assert "hush" not in refused.stderr


def test_an_address_has_to_come_from_somewhere(told: Cli) -> None:
    refused = told("add", "ops", "--to", "slack")
    assert refused.returncode == 2
    assert "CLOUDHAND_NOTIFY_ADDRESS" in refused.stderr


def test_address_and_secret_are_lines_of_the_standard_input(told: Cli) -> None:
    words = "ops", "--to", "feishu", "--address-file", "-", "--secret-file", "-"
    added = told("add", *words, given=f"{ADDRESS}\nfs\n")
    assert added.returncode == 0, added.stderr
    (one,) = listed(told)
    assert (one["host"], one["signed"]) == ("a.example", True)


def test_whoever_sits_there_is_asked_and_sees_nothing(
    told: Cli, terminal: Callable[..., Terminal]
) -> None:
    asking = terminal("notify", "add", "ops", "--to", "feishu")
    asking.until("Address: ")
    asking.type(f"{ADDRESS}\n")
    asking.until("Secret, if it has one: ")
    asking.type("fs\n")
    assert asking.end() == 0, asking.shown
    assert "hush" not in asking.shown
    (one,) = listed(told)
    assert (one["host"], one["signed"]) == ("a.example", True)
