"""The file of a machine's rules, as it lies on a disk: whose it is, and what it says now."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from cloudhand.agent import rules
from cloudhand.agent.prepare import Refused
from cloudhand.agent.rulebook import Rulebook

OURS = pwd.getpwuid(os.geteuid()).pw_name


@pytest.fixture
def file(tmp_path: Path) -> Path:
    tmp_path.chmod(0o755)
    return tmp_path / "agent.toml"


def write(file: Path, text: str = "upgrades = true\nfiles = false\n") -> None:
    file.write_text(text)
    file.chmod(0o644)


def refused(file: Path, *, named: bool = False) -> dict[str, str]:
    return Rulebook(str(file), named=named).refusals()


def why(file: Path) -> str:
    """Why all is refused."""
    found = refused(file)
    assert set(found) == set(rules.EVERYTHING)
    return found["files"].removeprefix(f"the machine refuses files: {file} cannot be used: ")


def test_each_decision_reads_what_is_there_now(
    file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    book = Rulebook(str(file), named=False)
    assert book.refusals() == {}
    for _ in range(2):
        write(file)
        assert set(book.refusals()) == {"files"}
        write(file, "power = false\nupgrades = true\n")
        assert set(book.refusals()) == {"stop", "restart"}
        assert book.refusal("stop").startswith("the machine refuses to stop: ")
        assert book.refusal("files") == ""
        write(file, "power = no\n")
        assert set(book.refusals()) == set(rules.EVERYTHING)
        file.unlink()
        assert book.refusals() == {}
    log = capfd.readouterr().err
    assert log.count("refuses all") == 2
    assert log.count(f"rules of {file}: none") == 2


def test_one_that_somebody_names_must_be_there(file: Path) -> None:
    assert refused(file) == {}
    assert "it is not there" in refused(file, named=True)["commands"]
    assert "it is not there" in refused(file / "below", named=True)["commands"]


def test_a_link_is_followed_and_one_that_leads_nowhere_refuses_all(file: Path) -> None:
    file.symlink_to(file.with_name("real.toml"))
    assert why(file) == "it is not there"
    write(file.with_name("real.toml"))
    assert set(refused(file)) == {"files"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "it is empty"),
        (b"#" * 20_000, "it is longer than 16384 bytes"),
        (b"# one\nfiles = '\xff'\n", "line 2: this is no UTF-8"),
        (b"\nfiles = 1\n", "line 2: files is neither true nor false"),
    ],
)
def test_what_cannot_be_read_refuses_all(file: Path, text: bytes, says: str) -> None:
    file.write_bytes(text)
    file.chmod(0o644)
    assert says in why(file)


def test_what_others_may_write_refuses_all(file: Path) -> None:
    write(file)
    for mode in (0o664, 0o646):
        file.chmod(mode)
        assert why(file) == f"others may write to it; say chmod go-w {file}"
    file.chmod(0o644)
    for mode in (0o775, 0o757):
        file.parent.chmod(mode)
        assert why(file) == f"others may write to {file.parent}; say chmod go-w {file.parent}"
    file.parent.chmod(0o1777)  # where nobody can take it away
    assert set(refused(file)) == {"files"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_is_others_refuses_all(file: Path) -> None:
    write(file)
    os.chown(file, 1000, 0)
    assert why(file) == f"{file} belongs to user 1000; it must be root's"
    os.chown(file, 0, 0)
    os.chown(file.parent, 1000, 0)
    assert why(file) == f"{file.parent} belongs to user 1000; it must be root's"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_may_not_be_read_refuses_all(file: Path) -> None:
    write(file)
    file.chmod(0)
    assert why(file) == "cannot read it: Permission denied"


def test_what_is_no_file_refuses_all(file: Path) -> None:
    os.mkfifo(file, 0o644)
    assert why(file) == "it is no file"
    file.unlink()
    file.mkdir()
    assert why(file) == "it is no file"


def test_the_agents_own_user_has_a_name(file: Path) -> None:
    write(file, f'users.deny = ["{OURS}"]\n')
    book = Rulebook(str(file), named=False)
    for user in ("", OURS):
        with pytest.raises(Refused, match=f"the machine refuses commands as {OURS}: "):
            book.check("commands", user)
    book.check("commands", "nobody")
    book.check("commands", "no-such-user")  # is refused by who looks it up


def test_a_user_is_known_by_its_id(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = pwd.getpwnam
    root = pwd.getpwuid(0)
    monkeypatch.setattr(pwd, "getpwnam", lambda name: root if name == "toor" else known(name))
    book = Rulebook(str(file), named=False)
    for denied, asked in (("root", "toor"), ("toor", "root")):
        write(file, f'users.deny = ["{denied}"]\n')
        with pytest.raises(Refused, match=f"commands as {asked}"):
            book.check("commands", asked)
        write(file, f'users.allow = ["{denied}"]\n')
        book.check("commands", asked)
        with pytest.raises(Refused, match="commands as nobody"):
            book.check("commands", "nobody")
