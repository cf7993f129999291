"""The fixture `cloud`, in test runs of somebody else; the place looks for what they leave."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.rules.sources import ROOT
from tests.system.place import Child, Place, ended, lines_until, mode_options

pytestmark = pytest.mark.drawn

_DOCUMENTS = ("README.md", "docs/how-to/test-with-pytest.md")

_FRESH = """
import os
import pytest

seen = set()

def same_as_ever(cloud):
    assert not seen & set(cloud.instance_ids)
    seen.update(cloud.instance_ids)
    described = cloud.call("DescribeInstances")["Instances"]["Instance"]
    assert {one["InstanceId"] for one in described} == set(cloud.instance_ids)
    assert {one["Status"] for one in described} == {"Running"}
    (result,) = cloud.run("cat /var/tmp/mark").values()
    assert (result.status, result.exit_code) == ("Failed", 1)

def test_that_leaves_a_file(cloud):
    same_as_ever(cloud)
    (result,) = cloud.run("touch /var/tmp/mark").values()
    assert result.status == "Success"

def test_that_stops_its_instance(cloud):
    same_as_ever(cloud)
    (result,) = cloud.run("exit 193").values()
    assert result.power.action == "stop"

def test_that_leaves_a_command_running(cloud):
    same_as_ever(cloud)
    cloud.call(
        "RunCommand",
        Type="RunShellScript",
        CommandContent="sleep 1000",
        InstanceId=list(cloud.instance_ids),
    )

@pytest.mark.cloudhand(instances=2)
def test_with_another(cloud):
    same_as_ever_but_two(cloud)

def same_as_ever_but_two(cloud):
    assert len(cloud.instance_ids) == 2
    assert not seen & set(cloud.instance_ids)
    assert len(cloud.run("true")) == 2

def test_that_deletes_its_instance(cloud):
    same_as_ever(cloud)
    cloud.call("DeleteInstance", InstanceId=cloud.instance_ids[0], Force=True)

def test_after_all_of_them(cloud):
    same_as_ever(cloud)
"""

_TEAM = """
import os
import subprocess
import sys

def test_a_program_of_another_account(cloud):
    with cloud.account("team") as team:
        assert team.instance_ids == []
        told = subprocess.run(
            [sys.executable, "-m", "cloudhand.cli.main", "instances", "--json"],
            env={**os.environ, **team.environment},
            capture_output=True, text=True, check=False,
        )
        assert (told.returncode, told.stdout.strip()) == (0, "[]"), told.stderr
        assert cloud.access_key_secret not in team.environment.values()

def test_that_fails(cloud):
    with cloud.account("team", instances=1) as team:
        assert set(team.run("exit 193")) == set()

def test_with_the_same_name(cloud):
    with cloud.account("team", instances=1) as team:
        (result,) = team.run("true").values()
        assert result.status == "Success"
"""

_KILLED = """
import os, signal
from pathlib import Path

def test_that_kills_its_control_plane(cloud):
    for task in Path("/proc/self/task").iterdir():
        for child in (task / "children").read_text().split():
            os.kill(int(child), signal.SIGKILL)

def test_that_gets_another(cloud):
    (result,) = cloud.run("echo here").values()
    assert result.output == b"here\\n"
"""

_WAITS = """
import signal

def test_that_waits(cloud):
    print("ready", flush=True)
    signal.pause()
"""

_REFUSED = """
def test_it(cloud):
    cloud.call("StopInvocation", InvokeId="t-nowhere")
"""

_NAMED = """
import pytest

def test_with_one(cloud):
    assert set(cloud.run("true", on=["test-01"])) == set(cloud.instance_ids)

@pytest.mark.cloudhand(instances=2)
def test_with_another(cloud):
    names = {one["InstanceName"]: one["InstanceId"]
             for one in cloud.call("DescribeInstances")["Instances"]["Instance"]}
    assert sorted(names) == ["test-01", "test-02"]
    for name, instance_id in names.items():
        assert set(cloud.run("true", on=[name])) == {instance_id}
        assert set(cloud.run("true", on=[instance_id])) == {instance_id}
"""

_ASKS = """
import pytest

def test_it(cloud):
    pass
"""


def _pytest(
    place: Place, tests: Mapping[str, str], *options: str, settings: Mapping[str, str] | None = None
) -> Child:
    """Start pytest in a folder of its own with these files."""
    folder = place.root / "tests"
    folder.mkdir()
    for name, text in tests.items():
        (folder / name).write_text(text)
    own = f"--basetemp={place.root / 'base'}"  # workers make one in any case
    given = {**(settings or {}), "addopts": f"{own} -p no:cacheprovider -p no:asyncio -W error"}
    if mode_options():
        given["cloudhand_plain_processes"] = "true"
    lines = "".join(f"{name} = {value}\n" for name, value in given.items())
    (folder / "pytest.ini").write_text(f"[pytest]\n{lines}")
    return place.start_program([sys.executable, "-m", "pytest", "-q", *options, str(folder)])


def _passed(child: Child) -> int:
    told = ended(child)
    assert told.returncode == 0, told.stdout + told.stderr
    match = re.search(r"(\d+) passed", told.stdout)
    assert match is not None, told.stdout
    return int(match.group(1))


def _examples() -> dict[str, str]:
    """What the documents show, each block as a file of tests."""
    blocks = [
        block
        for name in _DOCUMENTS
        for block in re.findall(r"```python\n(.*?)```", Path(ROOT, name).read_text(), re.DOTALL)
    ]
    return {f"test_{number}.py": block for number, block in enumerate(blocks)}


def test_the_examples_of_the_documents_pass_in_two_workers(alone: Place) -> None:
    examples = _examples()
    count = sum(len(re.findall(r"^def test_", text, re.MULTILINE)) for text in examples.values())
    assert count >= 4

    assert _passed(_pytest(alone, examples, "-n", "2")) == count


def test_each_test_has_fresh_instances_whatever_the_last_one_left(alone: Place) -> None:
    assert _passed(_pytest(alone, {"test_fresh.py": _FRESH})) == 6


def test_a_second_account_is_put_away_even_if_its_test_fails(alone: Place) -> None:
    told = ended(_pytest(alone, {"test_team.py": _TEAM}))
    assert "1 failed, 2 passed" in told.stdout, told.stdout


def test_a_control_plane_that_was_killed_is_replaced(alone: Place) -> None:
    assert _passed(_pytest(alone, {"test_killed.py": _KILLED})) == 2


def test_settings_hold_for_all_tests(alone: Place) -> None:
    text = (
        "def test_it(cloud):\n"
        "    assert {one.status for one in cloud.run('exit 194').values()} == {'Failed'}\n"
        "    assert len(cloud.instance_ids) == 2\n"
    )
    settings = {"cloudhand_instances": "2", "cloudhand_power_exit_codes": "documented"}

    assert _passed(_pytest(alone, {"test_it.py": text}, settings=settings)) == 1


@pytest.mark.parametrize(
    ("setting", "marker", "sentence"),
    [
        ("cloudhand_instances=x", "", "cloudhand_instances: 'x' is no number of instances"),
        ("cloudhand_instances=-1", "", "cloudhand_instances: '-1' is no number of instances"),
        ("cloudhand_power_exit_codes=x", "", "'x' is no power_exit_codes: success or documented"),
        ("", "instances='many'", "'many' is no number of instances"),
        ("", "3", "the marker cloudhand takes instances=N and power_exit_codes=..., by name"),
    ],
)
def test_what_is_not_understood_is_one_sentence(
    alone: Place, setting: str, marker: str, sentence: str
) -> None:
    text = _ASKS.replace("def", f"@pytest.mark.cloudhand({marker})\ndef") if marker else _ASKS
    options = ("-o", setting) if setting else ()

    told = ended(_pytest(alone, {"test_it.py": text}, *options))

    assert told.returncode != 0
    assert sentence in told.stdout + told.stderr
    assert "Traceback" not in told.stdout + told.stderr
    assert "cloudhand/pytest.py" not in told.stdout


def test_a_refusal_is_shown_where_the_test_asked_and_no_secret_with_it(alone: Place) -> None:
    told = ended(_pytest(alone, {"test_it.py": _REFUSED}, "--showlocals")).stdout

    assert "ApiError: InvalidInvokeId.NotFound" in told
    assert ">       cloud.call(" in told
    assert "cloudhand/pytest.py" not in told
    assert "cloudhand/cli/client.py" not in told
    assert "secret=" not in told
    assert "environment=" not in told


def test_instances_are_named_by_ids_or_names(alone: Place) -> None:
    assert _passed(_pytest(alone, {"test_it.py": _NAMED})) == 2


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 2), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_however_a_run_ends_nothing_is_left(
    alone: Place, number: signal.Signals, code: int
) -> None:
    child = _pytest(alone, {"test_waits.py": _WAITS}, "-s")
    lines_until(child, "ready")

    child.send_signal(number)

    assert ended(child).returncode == code
