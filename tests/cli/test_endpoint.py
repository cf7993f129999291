"""Which control plane a command asks."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from cloudhand.cli import pointer
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint
from cloudhand.cli.errors import ClientError, Mistake, Unreachable


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    for name in ("ENDPOINT", "CA"):
        monkeypatch.delenv(f"CLOUDHAND_{name}", raising=False)
    for name in ("ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "REGION_ID"):
        monkeypatch.delenv(f"ALIBABA_CLOUD_{name}", raising=False)
    return tmp_path


def test_living_control_planes_are_found_the_newest_first(home: Path) -> None:
    with pointer.pointed_to(home / "mine"):
        assert pointer.living() == [home / "mine"]
        older = home / "cloudhand" / "1.state"
        older.write_text("/older")
        os.utime(older, (1, 1))
        with older.open() as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            assert pointer.living() == [home / "mine", Path("/older")]
    assert pointer.living() == []


def test_a_pointer_whose_process_was_killed_is_ignored_and_removed(home: Path) -> None:
    stale = home / "cloudhand" / "1.state"
    stale.parent.mkdir()
    stale.write_text(str(home))

    assert pointer.living() == []
    assert not stale.exists()


@pytest.mark.parametrize(
    ("made", "says"),
    [
        ("", "by --state {}: there is no such directory; "),
        ("file", "by --state {}: it is no directory; "),
        ("other/thesis.txt", "by --state {}: it holds no state of one; "),
        ("state/cloudhand.sqlite", "no control plane runs on {}: "),
    ],
)
def test_where_none_runs_is_said_with_what_is_there_and_how_to_start_one(
    home: Path, made: str, says: str
) -> None:
    state = home / (made.partition("/")[0] or "nowhere")
    if made:
        (home / made).parent.mkdir(exist_ok=True)
        (home / made).touch()
    with pytest.raises(ClientError) as said:
        find_endpoint(state)
    starts = f"start one with `cloudhand up --state {state}` or `cloudhand serve --state {state}`"
    assert says.format(state) + starts in str(said.value)


def test_one_that_was_killed_is_said_to_run_no_more(home: Path) -> None:
    with _control_planes(home, "killed") as (state,):
        client = Client(find_endpoint(state))
        with pytest.raises(Unreachable, match=r"does not run any more: start one with `cloudhand"):
            client.call("DescribeRegions")


def test_an_endpoint_without_its_key_names_the_variable(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(Mistake, match="ALIBABA_CLOUD_ACCESS_KEY_ID"):
            find_endpoint(url=url)
    with pytest.raises(Unreachable, match="connection refused"):
        find_endpoint(url=url)


def test_state_and_endpoint_together_are_a_mistake(home: Path) -> None:
    with pytest.raises(Mistake, match="not by both"):
        find_endpoint(home, "http://127.0.0.1:1")


@contextmanager
def _control_planes(home: Path, *names: str, scheme: str = "http") -> Iterator[list[Path]]:
    """Living ones, the last one the newest."""
    with ExitStack() as stack:
        states: list[Path] = []
        for age, name in enumerate(reversed(names)):
            state = home / name
            state.mkdir()
            told = {
                "url": f"{scheme}://127.0.0.1:{len(states) + 1}",
                "region": "cn-elsewhere",
                "accessKeyId": f"id of {name}",
                "accessKeySecret": "secret",
                "ca": "",
            }
            (state / "endpoint.json").write_text(json.dumps(told))
            path = home / "cloudhand" / f"{age}.state"
            path.parent.mkdir(exist_ok=True)
            path.write_text(str(state))
            os.utime(path, (1000 - age, 1000 - age))
            fcntl.flock(stack.enter_context(path.open()), fcntl.LOCK_EX)
            states.append(state)
        yield states[::-1]


def test_the_newest_of_several_is_asked_and_named(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with _control_planes(home, "old", "older", "new") as (old, older, new):
        found = find_endpoint()
    assert (found.access_key_id, found.state) == ("id of new", new)
    assert found.options == f" --state {new}"
    said = capsys.readouterr().err
    assert said.startswith(f"Using the control plane at {found.url} ({new}); 2 others run: ")
    assert f"--state {old}" in said
    assert f"--state {older}" in said


def test_another_one_is_named_in_the_singular(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with _control_planes(home, "old", "new") as (old, _):
        find_endpoint()
    assert f"; another runs: --state {old}\n" in capsys.readouterr().err


def test_the_only_one_needs_no_word(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with _control_planes(home, "only"):
        assert find_endpoint().options == ""
    assert capsys.readouterr().err == ""


def test_how_it_was_named_is_how_the_next_command_names_it(home: Path) -> None:
    with _control_planes(home, "with space", "other", scheme="https") as (state, _):
        by_state = find_endpoint(state)
        by_url = find_endpoint(url=f"{by_state.url}/", ca=Path("ca.pem"))
    assert by_state.options == f" --state '{state}'"
    assert by_state.command("instances") == f"`cloudhand instances --state '{state}'`"
    assert by_url.options == f" --endpoint {by_state.url}/ --ca {Path('ca.pem').absolute()}"
    assert by_url.ca == "ca.pem"


def test_an_authority_where_nothing_is_encrypted_is_a_mistake(home: Path) -> None:
    says = r"ca\.pem: it is for https, and this is http://"
    with _control_planes(home, "one") as (state,), pytest.raises(Mistake, match=says):
        find_endpoint(state, ca=Path("ca.pem"))


def test_the_key_of_a_living_one_of_this_user_is_known_by_its_address(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _control_planes(home, "one", "two") as (one, _):
        url = find_endpoint(one).url
        assert find_endpoint(url=url).access_key_id == "id of one"
        monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "mine")
        monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "mine, too")
        found = find_endpoint(url=url)
        assert (found.access_key_id, found.region_id) == ("mine", "cn-elsewhere")


@pytest.mark.parametrize("url", ["httpx://a", "127.0.0.1:8650", "http://", "ftp://a"])
def test_an_endpoint_is_an_address(home: Path, url: str) -> None:
    with pytest.raises(Mistake, match="it reads like http://"):
        find_endpoint(url=url)


def test_a_damaged_state_is_named(home: Path) -> None:
    (home / "endpoint.json").write_text("{")
    with pytest.raises(ClientError, match="it is damaged"):
        find_endpoint(home)
