"""Which control plane a command asks."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from cloudhand.cli import pointer, profiles
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint
from cloudhand.cli.errors import ClientError, Mistake, Unreachable
from cloudhand.cli.profiles import Profile


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("ENDPOINT", "CA", "PROFILE", "ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "REGION_ID"):
        monkeypatch.delenv(f"CLOUDHAND_{name}", raising=False)
    monkeypatch.delenv("ALIBABA_CLOUD_ACCESS_KEY_ID", raising=False)
    return tmp_path


@pytest.fixture
def profile(home: Path) -> Profile:
    """One that names a control plane, beside that of a real account."""
    profile = Profile(
        name="cloudhand",
        url="https://control.example:8650",
        access_key_id="of the profile",
        access_key_secret="secret",
        region_id="cn-beijing",
        ca="/etc/ca.pem",
    )
    real = {"name": "default", "mode": "AK", "access_key_id": "real", "access_key_secret": "real"}
    file = profiles.path()
    file.parent.mkdir()
    file.write_text(json.dumps({"current": "default", "profiles": [real]}))
    profiles.change(file, lambda document: profiles.with_profile(document, profile))
    return profile


def _set_key(monkeypatch: pytest.MonkeyPatch, key_id: str = "mine") -> None:
    monkeypatch.setenv("CLOUDHAND_ACCESS_KEY_ID", key_id)
    monkeypatch.setenv("CLOUDHAND_ACCESS_KEY_SECRET", f"{key_id}, too")


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
        with pytest.raises(Mistake, match="without CLOUDHAND_ACCESS_KEY_ID: set it, too, or name"):
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
        _set_key(monkeypatch)
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


def test_keys_of_the_real_service_are_never_asked_with(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "real")
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "real")
    monkeypatch.setenv("ALIBABA_CLOUD_REGION_ID", "cn-real")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(Mistake, match="ALIBABA_CLOUD_ACCESS_KEY_ID is for the real service"):
            find_endpoint(url=url)
        _set_key(monkeypatch)
        found = find_endpoint(url=url)
    assert (found.access_key_id, found.region_id) == ("mine", "cn-hangzhou")


def test_half_a_key_is_a_mistake(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDHAND_ACCESS_KEY_SECRET", "secret")
    with pytest.raises(Mistake, match="SECRET is set, and CLOUDHAND_ACCESS_KEY_ID is not"):
        find_endpoint(url="http://127.0.0.1:1")


def test_a_profile_goes_before_what_runs_here_and_says_so(
    profile: Profile, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with _control_planes(home, "here") as (here,):
        found = find_endpoint()
        passed_over = find_endpoint(use_profile=False)
        by_state = find_endpoint(here)
    assert (found.url, found.access_key_id) == (profile.url, "of the profile")
    assert (found.region_id, found.ca) == ("cn-beijing", "/etc/ca.pem")
    assert {passed_over.state, by_state.state} == {here}
    assert capsys.readouterr().err == (
        f"Using the control plane at {profile.url} (profile cloudhand of ~/.aliyun/config.json);"
        f" another runs: --state {here}\n"
    )


def test_the_environment_goes_before_a_profile(
    profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    _set_key(monkeypatch)
    monkeypatch.setenv("CLOUDHAND_REGION_ID", "cn-mine")
    found = find_endpoint()
    assert (found.url, found.ca) == (profile.url, profile.ca)
    assert (found.access_key_id, found.region_id) == ("mine", "cn-mine")
    monkeypatch.setenv("CLOUDHAND_ENDPOINT", "http://elsewhere.example")
    assert find_endpoint().url == "http://elsewhere.example"


def test_the_key_of_a_profile_is_for_its_control_plane_alone(profile: Profile) -> None:
    assert find_endpoint(url=f"{profile.url}/").access_key_id == "of the profile"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(Mistake, match="without CLOUDHAND_ACCESS_KEY_ID"):
            find_endpoint(url=url)


def test_a_profile_that_names_no_control_plane_is_not_passed_over(
    profile: Profile, home: Path
) -> None:
    file = profiles.path()
    file.write_text(file.read_text().replace("cloudhand_endpoint", "dropped"))
    with _control_planes(home, "here"), pytest.raises(ClientError, match="names no control plane"):
        find_endpoint()


def test_a_key_of_the_environment_is_asked_with_where_the_newest_is_meant(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _set_key(monkeypatch)
    with _control_planes(home, "old", "new"):
        found = find_endpoint()
    assert (found.access_key_id, found.state, found.region_id) == ("mine", None, "cn-elsewhere")
    assert found.options == f" --endpoint {found.url}"
    assert "Using the control plane at" in capsys.readouterr().err


def test_a_profile_whose_control_plane_is_gone_is_named(home: Path, profile: Profile) -> None:
    def elsewhere(document: dict[str, object]) -> dict[str, object]:
        return profiles.with_profile(document, replace(profile, url="http://127.0.0.1:1", ca=""))

    profiles.change(profiles.path(), elsewhere)
    client = Client(find_endpoint())
    with pytest.raises(Unreachable, match="is it running.* that of the profile cloudhand"):
        client.call("DescribeRegions")
