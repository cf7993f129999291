"""Profiles in the file of the `aliyun` command, of which all else stays as it is."""

from __future__ import annotations

import json
import os
import resource
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from alibabacloud_credentials.provider.cli_profile import CLIProfileCredentialsProvider
from hypothesis import given, settings
from hypothesis import strategies as some

from cloudhand.cli import profiles
from cloudhand.cli.errors import ClientError, Mistake
from cloudhand.cli.profiles import Document, Profile

OURS = Profile(
    name="cloudhand",
    url="https://control.example:8650",
    access_key_id="LTAI-ours",
    access_key_secret="ours, too",
    region_id="cn-hangzhou",
    ca="/etc/ca.pem",
)
REAL = {"name": "default", "mode": "AK", "access_key_id": "LTAI-real", "access_key_secret": "real"}

_text = some.text(some.characters())  # half characters, too
_values = some.recursive(
    some.none() | some.booleans() | some.integers() | _text
    | some.floats(allow_nan=False, allow_infinity=False),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(_text, inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
_others = some.dictionaries(_text, _values, max_size=3).map(
    lambda fields: {**fields, "name": f"{fields.get('name')} of somebody else"}
)
_documents = some.builds(
    lambda more, profiles, current: {**more, "current": current, "profiles": profiles},
    some.dictionaries(_text, _values, max_size=3),
    some.lists(_others, max_size=3),
    _text,
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("CLOUDHAND_PROFILE", raising=False)
    return tmp_path


@pytest.fixture
def file(home: Path) -> Path:
    return home / ".aliyun" / "config.json"


def _put(file: Path, profile: Profile = OURS) -> None:
    profiles.change(file, lambda document: profiles.with_profile(document, profile))


def _drop(file: Path, name: str = OURS.name) -> None:
    profiles.change(file, lambda document: profiles.without_profile(document, name))


def _write(file: Path, document: Document) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(document))


def _read(file: Path) -> Any:
    return json.loads(file.read_bytes())


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file in a home that others may look into, as those of pytest's are not."""
    monkeypatch.delenv("CLOUDHAND_PROFILE", raising=False)
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        monkeypatch.setenv("HOME", folder)
        yield Path(folder, ".aliyun", "config.json")
        Path(folder, ".aliyun").chmod(0o755)


@contextmanager
def _as_nobody() -> Iterator[None]:
    """Whoever runs the tests, permissions hold."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(_documents, some.sampled_from([None, 4, "\t"]), some.booleans())
def test_all_else_survives_in_its_order(
    document: Document, indent: int | str | None, as_escapes: bool
) -> None:
    text = json.dumps(document, indent=indent, ensure_ascii=as_escapes)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "config.json"
        file.write_bytes(text.encode("utf-8", "backslashreplace"))
        _put(file)
        _put(file, replace(OURS, url="http://elsewhere:1", ca=""))
        made = _read(file)
        _drop(file)
        left = _read(file)
    *others, ours = made["profiles"]
    assert [others, ours["cloudhand_endpoint"]] == [document["profiles"], "http://elsewhere:1"]
    assert "cloudhand_ca" not in ours
    assert json.dumps({**made, "profiles": others}) == json.dumps(document)
    assert json.dumps(left) == json.dumps(document)


@settings(max_examples=30, derandomize=True, deadline=None)
@given(some.dictionaries(_text, _values, max_size=4))
def test_a_profile_keeps_what_it_has_besides(more: Document) -> None:
    was = {"profiles": [{**more, "name": OURS.name, "language": "zh", "retry_count": 3}]}
    (then,) = profiles.with_profile(was, OURS)["profiles"]
    written = {"mode", "output_format"} | {field for field in then if field not in more}
    assert {field: then[field] for field in more if field not in written} == {
        field: value for field, value in was["profiles"][0].items()
        if field in more and field not in written
    }  # fmt: skip
    assert (then["language"], then["retry_count"]) == ("zh", 3)


def test_a_file_that_is_not_there_is_made_for_its_owner_only(file: Path) -> None:
    before = os.umask(0)
    try:
        _put(file)
    finally:
        os.umask(before)
    assert (_mode(file.parent), _mode(file)) == (0o700, 0o600)
    assert _read(file)["current"] == "cloudhand"
    assert [one.name for one in file.parent.iterdir()] == ["config.json"]


def test_what_is_written_is_read(file: Path) -> None:
    assert profiles.find() is None
    _put(file)
    assert profiles.find() == OURS


def test_the_official_credentials_library_reads_it(file: Path) -> None:
    _write(file, {"current": "default", "profiles": [REAL]})
    _put(file)
    for name, key_id in (("cloudhand", OURS.access_key_id), ("", REAL["access_key_id"])):
        provider = CLIProfileCredentialsProvider(profile_name=name, profile_file=str(file))
        assert provider.get_credentials().get_access_key_id() == key_id


def test_a_file_that_others_could_read_is_for_its_owner_afterwards(file: Path) -> None:
    _write(file, {"current": "default", "profiles": [REAL]})
    file.chmod(0o644)
    _put(file)
    assert _mode(file) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root writes files of others")
def test_it_stays_its_owners_when_root_writes(file: Path) -> None:
    _write(file, {})
    os.chown(file, 1234, 2345)
    _put(file)
    assert (file.stat().st_uid, file.stat().st_gid) == (1234, 2345)


def test_a_link_stays_and_what_it_names_is_written(home: Path, file: Path) -> None:
    kept = home / "dotfiles" / "aliyun.json"
    kept.parent.mkdir()
    file.parent.mkdir()
    file.symlink_to("../dotfiles/aliyun.json")
    _put(profiles.path())
    assert file.is_symlink()
    assert profiles.find() == OURS
    assert [_mode(kept), [one.name for one in kept.parent.iterdir()]] == [0o600, ["aliyun.json"]]


@pytest.mark.parametrize(
    "text",
    [
        '{"profiles": [',
        "",
        "[]",
        '"text"',
        '{"profiles": {}}',
        '{"profiles": ["default"]}',
        '{"timeout": 1e999}',
        '{"timeout": NaN}',
        "[" * 100_000,
        b"\xff\xfe\xfd",
    ],
)
def test_a_broken_file_is_left_alone(file: Path, text: str | bytes) -> None:
    file.parent.mkdir()
    content = text if isinstance(text, bytes) else text.encode()
    file.write_bytes(content)
    for ask in (lambda: _put(file), profiles.find):
        with pytest.raises(ClientError, match="repair it, or move it away"):
            ask()
    assert file.read_bytes() == content
    assert [one.name for one in file.parent.iterdir()] == ["config.json"]


def test_no_profiles_may_be_spelled_as_null(file: Path) -> None:
    _write(file, {"current": "", "profiles": None, "meta_path": ""})
    _put(file)
    assert profiles.find() == OURS
    assert _read(file)["current"] == ""


def test_a_profile_of_something_else_is_no_control_planes(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(file, {"current": "default", "profiles": [REAL]})
    before = file.read_bytes()
    assert profiles.find() is None
    monkeypatch.setenv("CLOUDHAND_PROFILE", "default")
    with pytest.raises(ClientError, match="the profile default of .* names no control plane"):
        profiles.find()
    stays = "is not one of Cloudhand's, and stays"
    with pytest.raises(Mistake, match=stays):
        _put(file, replace(OURS, name="default"))
    with pytest.raises(Mistake, match=stays):
        _drop(file, "default")
    assert file.read_bytes() == before


def test_a_profile_that_was_chosen_and_is_not_there_is_told(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDHAND_PROFILE", "test")
    with pytest.raises(ClientError, match=r"config\.json has no profile test, which"):
        profiles.find()
    _put(file, replace(OURS, name="test"))
    found = profiles.find()
    assert found is not None
    assert found.name == "test"


def test_a_directory_that_cannot_be_written_is_told(seen: Path) -> None:
    _write(seen, {"current": "default", "profiles": [REAL]})
    seen.chmod(0o644)
    seen.parent.chmod(0o555)
    says = "cannot write .*: permission denied; it is as it was"
    with _as_nobody(), pytest.raises(ClientError, match=says):
        _put(seen)
    assert _read(seen)["profiles"] == [REAL]


def test_what_may_not_be_read_is_told(seen: Path) -> None:
    _put(seen)
    seen.parent.chmod(0o755)
    seen.chmod(0)
    with _as_nobody(), pytest.raises(ClientError, match=r"cannot read .*: permission denied"):
        profiles.find()


def test_what_cannot_even_be_seen_is_somebody_elses(seen: Path) -> None:
    _put(seen)
    seen.parent.chmod(0)
    with _as_nobody():
        assert profiles.find() is None


def test_a_full_disk_leaves_what_was_there(file: Path) -> None:
    _write(file, {"current": "default", "profiles": [REAL], "more": "x" * 5000})
    before = file.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(ClientError, match="cannot write .*: file too large; it is as it was"):
            _put(file)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert file.read_bytes() == before
    assert [one.name for one in file.parent.iterdir()] == ["config.json"]


def test_who_has_no_home_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("CLOUDHAND_PROFILE", raising=False)
    monkeypatch.setattr("pwd.getpwuid", _nobody_known)
    assert profiles.find() is None
    with pytest.raises(Mistake, match="set HOME"):
        profiles.path()


def _nobody_known(user: int) -> None:
    raise KeyError(user)


def test_several_that_write_at_once_lose_nothing(file: Path) -> None:
    names = [f"plane-{at}" for at in range(24)]
    ready = threading.Barrier(8)

    def write(name: str) -> None:
        ready.wait(30)
        _put(file, replace(OURS, name=name))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, names))
    assert sorted(one["name"] for one in _read(file)["profiles"]) == sorted(names)
    assert [one.name for one in file.parent.iterdir()] == ["config.json"]


def test_what_a_killed_writer_left_is_in_nobodys_way(file: Path) -> None:
    file.parent.mkdir()
    left = file.with_name("config.json.cloudhand-part")
    left.write_text("x" * 10_000)
    _put(file)
    assert profiles.find() == OURS
    assert not left.exists()
