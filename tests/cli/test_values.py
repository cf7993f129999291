"""What the commands decide without asking anybody."""

from __future__ import annotations

import fcntl
import os
from dataclasses import replace
from pathlib import Path

import pytest

from cloudhand.cli import confirm, pointer, watch
from cloudhand.cli.client import ClientError, Mistake, find_endpoint
from cloudhand.cli.follow import PowerAction, Result, grouped


def result(number: int = 1, **values: object) -> Result:
    told: dict[str, object] = {
        "invoke_id": "t-1",
        "instance_id": f"i-{number}",
        "status": "Success",
        "exit_code": 0,
        "output": b"",
        "dropped": 0,
        "error_code": "",
        "error_info": "",
        "power": None,
    }
    return Result(**{**told, **values})  # type: ignore[arg-type]


def action(kind: str, status: str) -> PowerAction:
    return PowerAction(
        action=kind, status=status, boot_id_before="1234567890", boot_id_after="abcdef0123"
    )


def test_results_with_the_same_output_and_end_are_one_group_the_largest_first() -> None:
    odd = result(1, output=b"other")
    same = [result(2, output=b"x"), result(3, output=b"x")]
    failed = result(4, output=b"x", status="Failed", exit_code=1)

    assert grouped([odd, *same, failed]) == [same, [odd], [failed]]


@pytest.mark.parametrize(
    ("count", "script", "everywhere", "asks"),
    [
        (1, "true", False, False),
        (10, "true", False, False),
        (11, "true", False, True),
        (1, "true", True, True),
        (1, "do-it && exit 194", False, True),
        (1, "exit 193", False, True),
        (1, "exit 3009", False, True),
        (1, "exit 19", False, False),
        (1, "echo exit1940", False, False),
    ],
)
def test_who_is_asked(count: int, script: str, everywhere: bool, asks: bool) -> None:
    assert bool(confirm.stake(count, script, everywhere=everywhere)) is asks


@pytest.mark.parametrize(
    ("kind", "status", "words"),
    [
        ("restart", "Ordered", "restarts"),
        ("restart", "Done", "restarted: boot 12345678→abcdef01"),
        ("restart", "Overdue", "was to restart, and has not been seen since"),
        ("stop", "Down", "stops"),
        ("stop", "Done", "stopped: boot 12345678 is over"),
    ],
)
def test_a_power_action_in_words(kind: str, status: str, words: str) -> None:
    assert watch.power(action(kind, status)) == words


@pytest.mark.parametrize(
    ("status", "power", "settled"),
    [
        ("Running", None, False),
        ("Success", None, True),
        ("Success", action("restart", "Ordered"), False),
        ("Success", action("restart", "Down"), False),
        ("Success", action("restart", "Done"), True),
        ("Success", action("restart", "Overdue"), True),
    ],
)
def test_a_result_is_settled_once_its_machine_is(
    status: str, power: PowerAction | None, settled: bool
) -> None:
    assert result(status=status, power=power).settled is settled


def test_nobody_waits_to_see_a_machine_of_ones_own_off() -> None:
    asked = result(status="Success", power=action("stop", "Ordered"))
    assert not asked.settled
    assert replace(asked, instance_id="mi-1").settled


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv("CLOUDHAND_ENDPOINT", raising=False)
    return tmp_path


def test_the_newest_living_control_plane_is_found(home: Path) -> None:
    with pointer.pointed_to(home / "mine"):
        assert pointer.newest() == home / "mine"
        older = home / "cloudhand" / "1.state"
        older.write_text("/older")
        os.utime(older, (1, 1))
        with older.open() as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            assert pointer.newest() == home / "mine"
    assert pointer.newest() is None


def test_a_pointer_whose_process_was_killed_is_ignored_and_removed(home: Path) -> None:
    stale = home / "cloudhand" / "1.state"
    stale.parent.mkdir()
    stale.write_text(str(home))

    assert pointer.newest() is None
    assert not stale.exists()


def test_a_state_directory_without_control_plane_says_how_to_start_one(home: Path) -> None:
    with pytest.raises(ClientError, match="cloudhand serve --state"):
        find_endpoint(home)


def test_an_endpoint_without_its_key_names_the_variable(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ALIBABA_CLOUD_ACCESS_KEY_ID", raising=False)
    with pytest.raises(Mistake, match="ALIBABA_CLOUD_ACCESS_KEY_ID"):
        find_endpoint(url="http://127.0.0.1:1")


def test_state_and_endpoint_together_are_a_mistake(home: Path) -> None:
    with pytest.raises(Mistake, match="not by both"):
        find_endpoint(home, "http://127.0.0.1:1")
