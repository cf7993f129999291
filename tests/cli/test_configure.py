"""`cloudhand configure` as a process, against a control plane over real HTTP."""

from __future__ import annotations

import fcntl
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.cloud import KEY, REGION, Cloud
from tests.cli.conftest import Cli
from tests.cli.terminals import Open

REAL = {"name": "default", "mode": "AK", "access_key_id": "LTAI-real", "access_key_secret": "real"}
_UNSET = dict.fromkeys(
    ("CLOUDHAND_ENDPOINT", "CLOUDHAND_ACCESS_KEY_ID", "CLOUDHAND_ACCESS_KEY_SECRET"), ""
)

Configure = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / ".aliyun" / "config.json"


@pytest.fixture
def configure(cli: Cli) -> Configure:
    return lambda *words, **more: cli("configure", *words, **more)


@pytest.fixture
def here(it: Cloud, tmp_path: Path) -> Iterator[dict[str, str]]:
    """An environment in which the control plane is found as one that runs here."""
    state = tmp_path / "state"
    state.mkdir()
    told = {
        "url": f"http://{it.endpoint}",
        "region": REGION,
        "accessKeyId": KEY.id,
        "accessKeySecret": KEY.secret,
        "ca": "",
    }
    (state / "endpoint.json").write_text(json.dumps(told))
    path = tmp_path / "run" / "cloudhand" / "1.state"
    path.parent.mkdir(parents=True)
    path.write_text(str(state))
    with path.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield {**_UNSET, "XDG_RUNTIME_DIR": str(tmp_path / "run")}


def _profiles(file: Path) -> list[dict[str, Any]]:
    return json.loads(file.read_text())["profiles"]  # type: ignore[no-any-return]


def test_what_runs_here_is_written_and_then_asked(
    it: Cloud, cli: Cli, configure: Configure, here: dict[str, str], file: Path
) -> None:
    file.parent.mkdir()
    file.write_text(json.dumps({"current": "default", "profiles": [REAL], "meta_path": ""}))

    made = configure("--yes", env=here)
    again = configure("--yes", env=here)
    asked = cli("call", "GetCallerIdentity", env=_UNSET)

    assert (made.returncode, made.stderr) == (0, "")
    assert f"cloudhand_endpoint  http://{it.endpoint}" in made.stdout
    assert KEY.secret not in made.stdout
    assert "Nothing to change: " in again.stdout
    document = json.loads(file.read_text())
    assert (document["current"], document["profiles"][0]) == ("default", REAL)
    assert document["profiles"][1] == {
        "name": "cloudhand",
        "output_format": "json",
        "language": "en",
        "mode": "AK",
        "access_key_id": KEY.id,
        "access_key_secret": KEY.secret,
        "region_id": REGION,
        "cloudhand_endpoint": f"http://{it.endpoint}",
    }
    assert asked.returncode == 0, asked.stderr
    assert KEY.account_id in asked.stdout


def test_a_profile_is_taken_away_again(configure: Configure, file: Path) -> None:
    assert configure("--yes").returncode == 0

    removed = configure("--remove", "--yes")
    again = configure("--remove", "--yes")

    assert (removed.returncode, _profiles(file)) == (0, [])
    assert f"with the access key {KEY.id}" in removed.stdout
    assert "current" not in json.loads(file.read_text())  # which it alone had made so
    assert (again.returncode, "Nothing to change" in again.stdout) == (0, True)


def test_a_secret_comes_in_and_is_no_argument(
    it: Cloud, configure: Configure, cli: Cli, file: Path, tmp_path: Path
) -> None:
    name = re.sub(r"[^a-z0-9]", "", tmp_path.name)[-40:]
    made = cli("account", "add", name, "--policy", "AliyunECSReadOnlyAccess")
    given = dict(re.findall(r"^export (\w+)=(\S+)$", made.stdout, re.MULTILINE))
    key_id, secret = given["CLOUDHAND_ACCESS_KEY_ID"], given["CLOUDHAND_ACCESS_KEY_SECRET"]
    words = ("--endpoint", f"http://{it.endpoint}", "--access-key-id", key_id, "--yes")

    wrong = configure(*words, given="wrong\n", env=_UNSET)
    missing = configure(*words, env=_UNSET)
    assert not file.exists()
    came_in = configure(*words, given=f"{secret}\n", env=_UNSET)
    asked = cli("call", "GetCallerIdentity", env=_UNSET)
    from_environment = configure(*words, env=given)

    assert (wrong.returncode, missing.returncode) == (3, 2)
    assert "does not know the access key of --access-key-id; nothing was written" in wrong.stderr
    assert f"the secret of {key_id} is missing" in missing.stderr
    assert came_in.returncode == 0, came_in.stderr
    assert f"user/{name}" in asked.stdout
    assert "Nothing to change" in from_environment.stdout


def test_nothing_is_written_before_one_is_asked(
    it: Cloud, configure: Configure, terminal: Open, file: Path
) -> None:
    nobody = configure()
    assert (nobody.returncode, "nobody is here to be asked: add --yes" in nobody.stderr) == (
        2,
        True,
    )

    no = terminal("configure")
    no.until("Write it? [y/N] ")
    no.type("\n")
    assert no.end() == 1
    assert "you did not say yes: nothing was written" in no.shown
    assert not file.exists()

    yes = terminal("configure", "--access-key-id", KEY.id[:-1])
    yes.until("(it is not shown): ")
    yes.type("hush\n")
    assert (yes.end(), "hush" in yes.shown) == (3, False)

    yes = terminal("configure")
    yes.until("Write it? [y/N] ")
    yes.type("y\n")
    assert yes.end() == 0
    assert f"Commands ask http://{it.endpoint}" in yes.shown
    assert file.exists()


def test_what_does_not_answer_is_written_only_unchecked(configure: Configure, file: Path) -> None:
    nowhere = ("--endpoint", "http://127.0.0.1:1", "--yes")

    refused = configure(*nowhere)
    assert (refused.returncode, file.exists()) == (3, False)
    assert "connection refused" in refused.stderr
    assert "--no-check writes all the same" in refused.stderr

    written = configure(*nowhere, "--no-check", "--region", "cn-beijing")
    assert written.returncode == 0, written.stderr
    (profile,) = _profiles(file)
    assert (profile["cloudhand_endpoint"], profile["region_id"]) == (nowhere[1], "cn-beijing")


def test_a_region_of_another_control_plane_is_a_mistake(configure: Configure, file: Path) -> None:
    refused = configure("--region", "cn-beijing", "--yes")
    assert (refused.returncode, file.exists()) == (2, False)
    assert f"cannot use --region cn-beijing: the control plane is {REGION}" in refused.stderr


def test_the_region_is_that_of_the_control_plane(configure: Configure, file: Path) -> None:
    made = configure("--yes", env={"CLOUDHAND_REGION_ID": "cn-elsewhere"})
    assert made.returncode == 0, made.stderr
    assert _profiles(file)[0]["region_id"] == REGION


def test_only_what_changes_is_shown(configure: Configure, file: Path) -> None:
    assert configure("--yes").returncode == 0
    file.write_text(file.read_text().replace(KEY.id, "LTAI-old"))

    changed = configure("--yes")

    lines = [line.split() for line in changed.stdout.splitlines() if line.startswith("  ")]
    assert lines == [["access_key_id", KEY.id, "(was", "LTAI-old)"]]


def test_another_name_leaves_the_first_and_is_chosen_by_the_environment(
    configure: Configure, cli: Cli, file: Path
) -> None:
    assert configure("--yes", "--endpoint", "http://127.0.0.1:1", "--no-check").returncode == 0

    made = configure("--yes", "--profile-name", "test")
    asked = cli("instances", env={**_UNSET, "CLOUDHAND_PROFILE": "test"})
    not_asked = cli("instances", env=_UNSET)

    assert "where CLOUDHAND_PROFILE is test" in made.stdout
    assert [one["name"] for one in _profiles(file)] == ["cloudhand", "test"]
    assert (asked.returncode, not_asked.returncode) == (0, 3)


def test_a_profile_of_a_real_account_stays(configure: Configure, file: Path) -> None:
    file.parent.mkdir()
    file.write_text(json.dumps({"current": "default", "profiles": [REAL]}))
    before = file.read_text()

    for words in (("--profile-name", "default"), ("--profile-name", "default", "--remove")):
        refused = configure(*words, "--yes")
        assert (refused.returncode, "is not one of Cloudhand's" in refused.stderr) == (2, True)
    assert file.read_text() == before


def test_a_broken_file_is_one_sentence(configure: Configure, cli: Cli, file: Path) -> None:
    file.parent.mkdir()
    file.write_text('{"profiles": [')

    for told in (configure("--yes"), configure("--remove", "--yes"), cli("instances", env=_UNSET)):
        assert told.returncode == 3
        assert told.stderr.count("\n") == 1
        assert "config.json: Expecting value: line 1 column 15" in told.stderr
    assert cli("instances").returncode == 0  # the environment says it all
    assert file.read_text() == '{"profiles": ['


def test_a_program_that_is_led_here_by_a_profile_finds_us_by_it(
    it: Cloud, configure: Configure, cli: Cli
) -> None:
    assert configure("--yes").returncode == 0

    inner = [sys.executable, "-m", "cloudhand.cli.main", "call", "GetCallerIdentity"]
    asked = cli("exec", "--", *inner, env={**_UNSET, "CLOUDHAND_PROFILE": "cloudhand"})

    assert asked.returncode == 0, asked.stderr
    assert KEY.account_id in asked.stdout
