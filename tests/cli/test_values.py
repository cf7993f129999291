"""What the commands decide without asking anybody."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from cloudhand.cli import confirm, instances, receipt, watch
from cloudhand.cli.fleet import Machine
from cloudhand.cli.follow import PowerAction, Process, Receipt, Result, grouped
from cloudhand.cli.standstill import has_not_moved


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
        "deadline_at": "",
        "next_at": "",
        "run": 1,
        "power": None,
    }
    return Result(**{**told, **values})  # type: ignore[arg-type]


def machine(number: int = 1, **values: object) -> Machine:
    told: dict[str, object] = {
        "id": f"i-{number}",
        "name": f"hand-{number}",
        "status": "Running",
        "online": True,
        "version": "2.2.3.1100",
        "tags": {},
        "boot_id": "1234567890",
        "heartbeat_at": "2026-01-02T03:04:05Z",
        "running_count": 0,
        "cloned": False,
    }
    return Machine(**{**told, **values})  # type: ignore[arg-type]


def action(kind: str, status: str) -> PowerAction:
    return PowerAction(
        action=kind,
        status=status,
        ordered_at="2026-01-02T03:04:05Z",
        deadline_at="",
        boot_id_before="1234567890",
        boot_id_after="abcdef0123",
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
        (1, "reboot", False, True),
        (1, "echo reboot", False, False),
        (1, "apt-get -y upgrade && sudo -n /sbin/reboot", False, True),
    ],
)
def test_who_is_asked(count: int, script: str, everywhere: bool, asks: bool) -> None:
    assert bool(confirm.of_script(count, script, everywhere=everywhere)) is asks


@pytest.mark.parametrize(
    ("kind", "status", "words"),
    [
        ("restart", "Ordered", "restarts"),
        ("restart", "Done", "restarted: boot 12345678→abcdef01"),
        ("restart", "Overdue", "was to restart, and was not seen in a new boot in time"),
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


@pytest.mark.parametrize(
    ("script", "does"),
    [
        ("exit 194", "`exit 194` restarts 3 machines"),
        ("exit 3009", "`exit 3009` stops 3 machines"),
        ("sleep 5; reboot -f", "`reboot -f` restarts 3 machines"),
        ("if true; then poweroff; fi", "`poweroff` stops 3 machines"),
        ("systemctl reboot", "`systemctl reboot` restarts 3 machines"),
        ("systemctl -i poweroff", "`systemctl -i poweroff` stops 3 machines"),
        ("shutdown -r now", "`shutdown -r now` restarts 3 machines"),
        ("/sbin/shutdown +5", "`shutdown +5` stops 3 machines"),
        ("shutdown /r /t 0", "`shutdown /r /t 0` restarts 3 machines"),
        ("shutdown -c", ""),
        ("init 6", "`init 6` restarts 3 machines"),
        ("init 0", "`init 0` stops 3 machines"),
        ("init 3", ""),
        ("cat reboot.log", ""),
        ("./reboot-all", ""),
        ("", ""),
    ],
)
def test_what_a_script_does_to_its_machines(script: str, does: str) -> None:
    assert confirm.power_of(script, 3) == does


def test_a_machine_has_not_moved_once_its_agent_speaks_in_the_old_boot_long_after() -> None:
    asked = result(power=action("restart", "Ordered"))
    before = {"LastHeartbeatTime": "2026-01-02T03:06:04Z", "BootId": "1234567890"}
    later = {**before, "LastHeartbeatTime": "2026-01-02T03:06:05Z"}

    assert not has_not_moved(asked, before)
    assert has_not_moved(asked, later)
    assert not has_not_moved(asked, {**later, "BootId": "another"})
    assert not has_not_moved(asked, {"LastHeartbeatTime": "", "BootId": ""})


def test_the_table_breaks_no_line_however_long_its_words_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    ids = [f"i-{'x' * 20}{number}" for number in range(3)]
    late = result(error_code="ClientNotOnline", error_info="the agent is not online " * 9)
    shown = [replace(late, instance_id=one, output=b"a long line " * 20) for one in ids]
    names = {ids[0]: "hand-01", ids[1]: "twin", ids[2]: "twin"}

    Console(width=80).print(watch._table(shown, names))

    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == ["hand-01", ids[1], ids[2]]
    assert max(map(len, lines)) <= 80


def test_ids_of_instances_are_whole_in_80_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    one = machine(id="i-" + "x" * 20, tags={"env": "production", "room": "3"})

    instances._table([one])

    lines = capsys.readouterr().out.splitlines()
    assert one.id in lines[1]
    assert max(map(len, lines)) <= 80


def test_an_agent_that_is_two_is_not_just_online(capsys: pytest.CaptureFixture[str]) -> None:
    instances._table([machine(1, cloned=True), machine(2), machine(3, online=False)])

    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[3] for line in lines] == ["agent", "cloned", "online", "offline"]


def test_what_came_before_the_shown_end_of_an_output_is_counted(
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    watch.show([result(output=b"the end\n", dropped=5)], {}, colour=False)

    said = capsysbinary.readouterr().out.decode()
    assert "… 5 bytes of output came before …\nthe end\n" in said


def test_what_has_not_moved_is_not_whole() -> None:
    moved = action("restart", "Done")
    assert result(power=moved).whole
    assert not result(power=replace(moved, status="Overdue")).whole
    assert not result(power=replace(moved, status="Ordered", unmoved_at="then")).whole


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "stopped: 5 processes ended in 0.1 s, none left"),
        ({"ended": 1, "took": 1040}, "stopped: 1 process ended in 1.0 s, none left"),
        (
            {"survived": 1, "survivors": [Process(pid=7, name="rm\x1b[0m")]},
            "stopped: 5 processes ended in 0.1 s, 1 could not be ended: 7 (rm?[0m)",
        ),
        (
            {"ended": 1, "left": 4, "spared": [Process(pid=n, name="sh") for n in range(1, 5)]},
            "stopped: 1 process ended in 0.1 s, 4 left on purpose: 1 (sh), 2 (sh), 3 (sh), ...",
        ),
    ],
)
def test_a_receipt_is_one_line(changes: dict[str, Any], line: str) -> None:
    plain = Receipt(
        followed_by="cgroup",
        took=104,
        ended=5,
        ended_pids=[1, 2, 3, 4, 5],
        survived=0,
        survivors=[],
        left=0,
        spared=[],
    )
    assert receipt.told(replace(plain, **changes)) == line
