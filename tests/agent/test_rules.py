"""A machine with rules of its own: the agent refuses, and says by which of them."""

from __future__ import annotations

import os
import pwd
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cloudhand.wire import agent as wire
from tests.agent.conftest import Machine, task, wait_until
from tests.agent.gateway import FakeGateway
from tests.agent.test_files import file, written

US = pwd.getpwuid(os.geteuid()).pw_name


@pytest.fixture
def rules(machine: Machine) -> Path:
    path = machine.root / "agent.toml"
    machine.options = (f"--rules={path}",)
    say(path, "# nothing yet\n")
    return path


def say(path: Path, text: str) -> None:
    """As a whole, as whoever changes it while an agent runs has to."""
    part = path.with_suffix(".part")
    part.write_text(text)
    part.chmod(0o644)
    part.rename(path)


def refused(report: wire.Report) -> str:
    assert (report.kind, report.param) == (wire.INVALID, "RefusedByMachine")
    return report.value


def closed() -> str:
    """A window that is closed for as long as a test takes."""
    begin = datetime.now(UTC) + timedelta(hours=3)
    return f'[window]\nopen = ["{begin:%H:%M}-{begin + timedelta(hours=1):%H:%M}"]\nzone = "UTC"\n'


def test_the_file_is_what_it_is_when_a_script_is_to_start(
    machine: Machine, gateway: FakeGateway, rules: Path
) -> None:
    machine.start()
    for number, (text, why) in enumerate(
        (
            ("files = true\n", ""),
            ("commands = false\n", "commands: {}, line 1: commands = false"),
            (f'users.deny = ["{US}"]\n', f'commands as {US}: {{}}, line 1: users.deny = ["{US}"]'),
            ("users.allow = []\n", f"commands as {US}: {{}}, line 1: users.allow = []"),
            (f'[users]\nallow = ["{US}"]\n', ""),
            ("comands = false\n", "commands: {} cannot be used: line 1: comands is no rule"),
            (closed(), "commands now: {}, line 2: window.open = "),
            ("# all is well again\n", ""),
        )
    ):
        say(rules, text)
        gateway.run(task(f"t-{number}", f"echo {number} >> {machine.root}/ran"))
        end = gateway.end_of(f"t-{number}")
        if why:
            expected = f"the machine refuses {why.format(rules)}"
            assert refused(end)[: len(expected)] == expected
        else:
            assert (end.kind, end.exit_code) == (wire.FINISH, 0)
    assert (machine.root / "ran").read_text().split() == ["0", "4", "7"]
    assert machine.log.count("refused: the machine refuses commands") == 5
    wait_until(lambda: not list((machine.state / "tasks").iterdir()))


def test_a_dry_run_is_refused_like_the_run(
    machine: Machine, gateway: FakeGateway, rules: Path
) -> None:
    say(rules, "commands = false\n")
    gateway.testing = [task("t-1", "true")]
    machine.start()
    assert refused(gateway.end_of("t-1")) == (
        f"the machine refuses commands: {rules}, line 1: commands = false"
    )


def test_a_file_is_refused_before_anything_of_it_is_written(
    machine: Machine, gateway: FakeGateway, rules: Path
) -> None:
    machine.start()
    for task_id, text, why in (
        ("f-1", "files = false\n", "files: {}, line 1: files = false"),
        ("f-2", f'users.deny = ["{US}"]\n', f'files of {US}: {{}}, line 1: users.deny = ["{US}"]'),
        ("f-3", "files = 0\n", "files: {} cannot be used: line 1: files is neither true nor false"),
        ("f-4", 'users.deny = ["nobody"]\n', ""),
    ):
        say(rules, text)
        gateway.send(file(machine, task_id))
        end = gateway.end_of(task_id)
        assert end.file
        if why:
            assert refused(end) == f"the machine refuses {why.format(rules)}"
            assert not written(machine).parent.exists()
    assert written(machine).read_bytes() == b"hello\n"


@pytest.mark.parametrize(
    ("text", "code", "order"),
    [
        ("power = false\n", 193, ""),
        ("power = false\n", 194, ""),
        ('power = ["restart"]\n', 193, ""),
        ('power = ["restart"]\n', 194, "-r now"),
        ("power = off\n", 194, ""),
    ],
)
def test_power_is_refused_with_the_result_that_asks_for_it(
    machine: Machine, gateway: FakeGateway, rules: Path, text: str, code: int, order: str
) -> None:
    machine.start()
    # The file is there once a script runs: what it says when that ends is what counts.
    part = rules.with_suffix(".new")
    part.write_text(text if text != "power = off\n" else "commands = true\n" + text)
    part.chmod(0o644)
    gateway.run(task("t-1", f"echo bye; mv {part} {rules}; exit {code}"))
    end = gateway.end_of("t-1")
    assert (end.kind, end.exit_code) == (wire.FINISH, code)
    assert gateway.output_of("t-1") == b"bye\n"
    if order:
        assert (end.power, end.refusal) == ("restart", "")
        wait_until(lambda: machine.power_orders == [order])
        return
    kind = wire.POWER_BY_EXIT_CODE[code]
    assert end.power == ""
    assert end.refusal.startswith(f"the machine refuses to {kind}: {rules}")
    wait_until(lambda: not list((machine.state / "tasks").iterdir()))
    assert machine.power_orders == []


def test_what_was_said_of_power_stands_though_agent_and_file_change(
    machine: Machine, gateway: FakeGateway, rules: Path
) -> None:
    say(rules, "power = false\n")
    machine.register()
    gateway.run(task("t-1", f"echo ran >> {machine.root}/count; exit 194"))
    machine.start(die_at="agent.report")
    machine.died()
    rules.unlink()
    say(rules, "power = true\n")
    machine.start()
    end = gateway.end_of("t-1")
    assert (end.exit_code, end.power) == (194, "")
    assert end.refusal == f"the machine refuses to restart: {rules}, line 1: power = false"
    assert (machine.root / "count").read_text() == "ran\n"
    assert machine.power_orders == []


def test_a_closing_window_ends_nothing_that_runs(
    machine: Machine, gateway: FakeGateway, rules: Path
) -> None:
    os.mkfifo(machine.root / "gate")
    machine.start()
    gateway.run(task("t-1", f"read x < {machine.root}/gate; echo $x"))
    gateway.wait(lambda: bool(gateway.reports))
    say(rules, closed())
    gateway.run(task("t-2", "true"))
    assert "; it is " in refused(gateway.end_of("t-2"))
    (machine.root / "gate").write_text("done\n")
    assert gateway.end_of("t-1").output == b"done\n"


def test_a_window_need_not_be_about_everything(
    machine: Machine, gateway: FakeGateway, rules: Path
) -> None:
    say(rules, closed() + 'applies = ["files", "power"]\n')
    machine.start()
    gateway.send(file(machine, "f-1"))
    assert refused(gateway.end_of("f-1")).startswith("the machine refuses files now: ")
    gateway.run(task("t-1", "exit 193"))
    end = gateway.end_of("t-1")
    assert (end.exit_code, end.power) == (193, "")
    assert end.refusal.startswith("the machine refuses to stop now: ")


def test_what_is_refused_for_everybody_is_said_with_each_beat(
    machine: Machine, gateway: FakeGateway, rules: Path
) -> None:
    machine.start()
    assert gateway.beats[-1].refusals == {}
    machine.stop()
    say(rules, 'sessions = false\npower = ["stop"]\nupgrades = true\nusers.allow = []\n')
    machine.start()
    assert gateway.beats[-1].refusals == {
        "sessions": f"the machine refuses sessions: {rules}, line 1: sessions = false",
        "restart": f'the machine refuses to restart: {rules}, line 2: power = ["stop"]',
    }


def test_a_bad_file_leaves_the_agent_online_and_stop_works(
    machine: Machine, gateway: FakeGateway, rules: Path
) -> None:
    os.mkfifo(machine.root / "gate")
    machine.start()
    gateway.run(task("t-1", f"read x < {machine.root}/gate"))
    gateway.wait(lambda: bool(gateway.reports))
    say(rules, "[users\n")
    machine.stop()
    machine.start()
    assert set(gateway.beats[-1].refusals) == set(wire.REFUSABLE)
    gateway.stop("t-1")
    assert gateway.end_of("t-1").kind == wire.STOPPED
    assert f"refuses all: {rules} cannot be used: line 1: this is no TOML" in machine.log


def test_a_python_without_tomllib_reads_the_same(
    machine: Machine, gateway: FakeGateway, rules: Path
) -> None:
    """The one file brings the library along."""
    say(rules, "commands = false\n[users]\ndeny = ['x']\n")
    without = machine.root / "without"
    without.mkdir()
    (without / "tomllib.py").write_text("raise ImportError('as before Python 3.11')\n")
    done = machine.agent("rules", f"--check={rules}")
    driver = (
        f"import sys; sys.path[:0] = [{str(machine.pyz)!r}, {str(without)!r}]\n"
        "from cloudhand.agent.main import main\n"
        f"code = main(['rules', '--check={rules}'])\n"
        "assert 'tomli' in sys.modules\n"
        "sys.exit(code)\n"
    )
    script = machine.root / "driver.py"
    script.write_text(driver)
    machine.pyz = script
    again = machine.agent()
    assert (done.returncode, again.returncode) == (0, 0), again.stderr
    assert done.stdout == again.stdout
    assert f"commands  no     {rules}, line 1: commands = false\n" in done.stdout


def test_the_file_in_words_or_what_is_wrong_with_it(machine: Machine, rules: Path) -> None:
    told = machine.agent("rules", f"--check={rules}")
    assert (told.returncode, told.stdout) == (0, f"{rules} refuses nothing\n")
    say(rules, "files = false\n")
    told = machine.agent("rules", f"--check={rules}")
    assert told.returncode == 0
    assert told.stdout.splitlines()[1] == f"files     no     {rules}, line 1: files = false"
    say(rules, "\nfile = false\n")
    told = machine.agent("rules", f"--check={rules}")
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr.startswith(
        f"cloudhand-agent: {rules} cannot be used: line 2: file is no rule; there are "
    )
    rules.unlink()
    assert "it is not there" in machine.agent("rules", f"--check={rules}").stderr


def test_a_machine_that_its_maker_told_how_to_join_has_a_file_of_its_own(
    machine: Machine, gateway: FakeGateway
) -> None:
    boot = machine.root / "boot.json"
    boot.write_text(
        f'{{"server": "{gateway.url}", "activationId": "id", "activationCode": "code"}}'
    )
    machine.options = (f"--boot={boot}",)
    machine.start()
    say(machine.state / "agent.toml", "commands = false\n")
    gateway.run(task("t-1", "true"))
    assert f"{machine.state}/agent.toml, line 1" in refused(gateway.end_of("t-1"))


def test_what_waits_for_its_turn_is_refused_by_the_rules_of_then(
    machine: Machine, gateway: FakeGateway, rules: Path
) -> None:
    gateway.acknowledge = lambda report: wire.Ack(proceed=not report.power, hold=20)
    machine.start()
    gateway.run(task("t-1", "echo kept; exit 194"))
    gateway.wait(lambda: len(gateway.finals("t-1")) > 1)
    say(rules, "power = false\n")
    gateway.wait(lambda: gateway.finals("t-1")[-1].power == "")
    last = gateway.finals("t-1")[-1]
    assert (last.kind, last.exit_code) == (wire.FINISH, 194)
    assert gateway.output_of("t-1") == b"kept\n"
    assert last.refusal == f"the machine refuses to restart: {rules}, line 1: power = false"
    wait_until(lambda: not list((machine.state / "tasks").iterdir()))
    assert machine.power_orders == []
