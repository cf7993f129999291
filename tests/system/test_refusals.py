"""Why a control plane cannot start: one sentence that names the thing, and an exit code."""

from __future__ import annotations

import os
import resource
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.system.place import Place, Plane, ended, mode_options

pytestmark = pytest.mark.drawn

_OF_THE_HOLDER = ("lock",)  # written by whoever tries to start


def _said(alone: Place, *words: str, code: int) -> str:
    done = alone.run(*words)
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.parametrize("command", [("up",), ("serve", "--state", "new")])
def test_a_port_in_use_is_named(alone: Place, command: tuple[str, ...]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        said = _said(alone, *command, "--listen", f"127.0.0.1:{port}", *mode_options(), code=3)

    assert f"127.0.0.1:{port}: " in said
    assert f"(process {os.getpid()}) listens there" in said
    assert "--listen" in said
    assert said.count("\n") == 1
    assert not (alone.root / "new").exists()


@pytest.mark.parametrize("command", ["up", "serve"])
def test_a_state_in_use_is_named_and_left_alone(shared: Plane, alone: Place, command: str) -> None:
    listen = ("--listen", "127.0.0.1:0")
    said = _said(alone, command, "--state", str(shared.state), *listen, *mode_options(), code=3)

    assert shared.process is not None
    assert f"the control plane with process id {shared.process.pid} " in said
    assert f"`cloudhand instances --state {shared.state}`" in said
    assert said.count("\n") == 1
    assert (shared.state / "endpoint.json").exists()
    assert shared.call("DescribeRegions")


@pytest.mark.parametrize("listen", ["8650", "localhost:http", "127.0.0.1:70000", ":8650"])
def test_an_address_that_is_none_is_not_understood(alone: Place, listen: str) -> None:
    said = _said(alone, "up", "--listen", listen, code=2)

    assert listen in said
    assert "HOST:PORT" in said
    assert ("at most 65535" in said) is (":70000" in listen)


@pytest.mark.parametrize("listen", ["no.such.host.invalid:0", "192.0.2.1:0"])
def test_an_address_of_another_machine_is_named(alone: Place, listen: str) -> None:
    said = _said(alone, "up", "--listen", listen, *mode_options(), code=3)

    assert listen.partition(":")[0] in said
    assert "; name an address of this machine with --listen" in said
    assert said.count("\n") == 1


def test_a_state_that_cannot_be_made_is_named(alone: Place) -> None:
    file = alone.root / "file"
    file.touch()

    said = _said(alone, "up", "--state", f"{file}/state", *mode_options(), code=3)

    assert f"{file}/state" in said
    assert said.count("\n") == 1


def test_a_state_of_something_else_is_named(alone: Place) -> None:
    state = alone.root / "state"
    state.mkdir()
    (state / "lock").touch()
    (state / "cloudhand.sqlite").write_bytes(b"it is no database" * 1000)

    said = _said(alone, "up", "--state", str(state), *mode_options(), code=3)

    assert str(state) in said
    assert said.count("\n") == 1


def _spoilt(state: Path, how: str) -> Path:
    """Spoil a state in one way; the file that is meant."""
    database, key = state / "cloudhand.sqlite", state / "secret.key"
    match how:
        case "newer":
            with closing(sqlite3.connect(database)) as connection:
                connection.execute("PRAGMA user_version = 999")
            return database
        case "damaged":
            database.write_bytes(database.read_bytes()[:4096] + os.urandom(40_000))
            return database
        case "lost key":
            key.unlink()
        case "other key":
            key.write_bytes(os.urandom(32))
        case "half a key":
            key.write_bytes(key.read_bytes()[:7])
    return key


def _contents(state: Path) -> dict[str, bytes]:
    """What a start that fails has no business to change."""
    files = [path for path in state.iterdir() if path.is_file()]
    return {file.name: file.read_bytes() for file in files if file.name not in _OF_THE_HOLDER}


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("newer", "newer than this release"),
        ("damaged", "malformed"),
        ("lost key", "is missing"),
        ("other key", "wrong key"),
        ("half a key", "is no key"),
    ],
)
def test_a_state_that_is_spoilt_is_named_and_left_alone(own: Plane, how: str, says: str) -> None:
    own.start()
    own.stop()
    meant = _spoilt(own.state, how)
    before = _contents(own.state)

    said = _said(own.place, "serve", "--state", str(own.state), *mode_options(), code=3)

    assert str(meant) in said
    assert says in said
    assert "or name another directory" in said
    assert said.count("\n") == 1
    assert _contents(own.state) == before


def test_a_disk_without_room_is_named(alone: Place) -> None:
    state = alone.root / "state"
    child = alone.start(
        *("serve", "--state", str(state), *mode_options()),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)),
    )

    told = ended(child)

    assert (told.returncode, told.stdout) == (3, "")
    assert told.stderr.startswith(f"cloudhand: cannot use {state}")
    assert "file too large" in told.stderr
    assert told.stderr.count("\n") == 1


def test_a_directory_of_others_is_left_as_it_is(alone: Place) -> None:
    state = alone.root / "state"
    state.mkdir(mode=0o755)
    (state / "thesis.txt").touch()

    said = _said(alone, "up", "--state", str(state), *mode_options(), code=3)

    assert f"{state}: it holds other things" in said
    assert state.stat().st_mode & 0o777 == 0o755
    assert [entry.name for entry in state.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("up", "--power-exit-codes", "never"), "'never'"),
        (("up", "--region", "far away"), "far away"),
        (("up", "--web-hooks-to", "10.0.0.1/8"), "10.0.0.1/8"),
        (("up", "--fleet", "-1"), "-1"),
        (("up", "--fleet", "1000"), "1000"),
        (("serve",), "--state"),
        (("serve", "--state", "x", "--limit", "machines=3"), "'machines=3'"),
        (("serve", "--state", "x", "--limit", "commands=-1"), "'commands=-1'"),
        (("exec",), "COMMAND"),
        (("nothing",), "nothing"),
        (("exec", "--state", "/nowhere", "--", "true"), "/nowhere"),
        (("run", "--state", "/nowhere", "--", "true"), "/nowhere"),
    ],
)
def test_what_is_not_understood_is_named(alone: Place, words: tuple[str, ...], names: str) -> None:
    said = _said(alone, *words, code=3 if "/nowhere" in words else 2)

    assert names in said
