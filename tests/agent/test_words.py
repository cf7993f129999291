"""What the agent says to who typed its commands: one sentence, with the next step."""

from __future__ import annotations

import json
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import cloudhand
from cloudhand.server.tls import tls_files
from cloudhand.wire.agent import COMPATIBLE_VERSION
from tests.agent.conftest import Machine
from tests.agent.gateway import FakeGateway

_CODE = ("--activation-id", "id", "--activation-code", "code")


def _told(machine: Machine, *words: str, code: int = 1) -> str:
    """The one sentence."""
    done = machine.agent(*words)
    assert done.returncode == code, done
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr.removeprefix("cloudhand-agent: ").rstrip()


def _register(machine: Machine, server: str, *words: str) -> str:
    state = f"--state={machine.root}/new"
    return _told(machine, "register", "--server", server, *_CODE, state, *words)


@pytest.mark.parametrize(
    "words, says",
    [
        (["fly"], "cannot understand 'fly'; see cloudhand-agent --help"),
        (["run", "--fast"], "cannot understand --fast; see cloudhand-agent run --help"),
        (["run", "now"], "cannot understand 'now'; see cloudhand-agent run --help"),
        (["run", "--state"], "--state needs a value; see cloudhand-agent run --help"),
        (["run", "--name", "n"], "cannot understand --name; see cloudhand-agent run --help"),
        (["register"], "--server is missing; see cloudhand-agent register --help"),
        (["register", "--force=1"], "--force takes no value; see cloudhand-agent register --help"),
        (["version", "now"], "cannot understand 'now'; see cloudhand-agent version --help"),
    ],
)
def test_words_that_cannot_be_understood(machine: Machine, words: list[str], says: str) -> None:
    assert _told(machine, *words, code=2) == says


@pytest.mark.parametrize("words", [[], ["help"], ["--help"], ["-h"]])
def test_help_tells_the_commands(machine: Machine, words: list[str]) -> None:
    done = machine.agent(*words)
    assert (done.returncode, done.stderr) == (0, "")
    for command in ("register", "run", "deregister", "version"):
        assert f"\n  {command} " in done.stdout


@pytest.mark.parametrize(
    "command, option",
    [("register", "--ca FILE"), ("run", "--boot FILE"), ("deregister", "--state DIR")],
)
def test_help_of_a_command_tells_its_options(machine: Machine, command: str, option: str) -> None:
    for words in ([command, "--help"], [command, "--state", "x", "-h"]):
        done = machine.agent(*words)
        assert (done.returncode, done.stderr) == (0, "")
        assert f"\n  {option} " in done.stdout
    assert not (machine.root / "x").exists()


def test_its_version(machine: Machine) -> None:
    told = {machine.agent(word).stdout for word in ("version", "--version")}
    assert len(told) == 1
    first, second = told.pop().splitlines()
    assert first.startswith(f"{cloudhand.__version__}  ")
    assert second.startswith(f"{COMPATIBLE_VERSION}  ")


@pytest.mark.parametrize(
    "server, says",
    [
        ("nonsense", "cannot use 'nonsense' as a server: write http://HOST:PORT"),
        ("ftp://host", "cannot use 'ftp://host' as a server"),
        ("http://host:99999", "cannot use 'http://host:99999' as a server: its port is none"),
        ("http://127.0.0.1:1", "cannot reach 127.0.0.1:1: nobody listens there"),
    ],
)
def test_addresses_that_lead_nowhere(machine: Machine, server: str, says: str) -> None:
    assert _register(machine, server).startswith(says)


def test_a_tag_that_is_none(machine: Machine, gateway: FakeGateway) -> None:
    done = machine.agent("register", f"--server={gateway.url}", *_CODE, "--tag", "red")
    assert (done.returncode, done.stderr) == (
        2,
        "cloudhand-agent: --tag red is not KEY=VALUE\n",
    )


def test_a_name_of_a_machine_that_is_too_long(machine: Machine, gateway: FakeGateway) -> None:
    done = machine.agent("register", f"--server={gateway.url}", *_CODE, "--machine-id", "m" * 37)
    assert done.returncode == 2
    assert done.stderr.endswith("m is longer than 36 characters\n")


def test_what_is_registered_is_registered_again_if_it_is_said_so(
    machine: Machine, gateway: FakeGateway
) -> None:
    state = f"--state={machine.state}"
    machine.register()
    words = ("register", f"--server={gateway.url}", *_CODE, state)
    assert "add --force-reuse to register it again" in machine.agent(*words).stderr

    done = machine.agent(*words, "--machine-id", "desk", "--force-reuse")

    assert done.returncode == 0, done.stderr
    told = [(one.machine_id == "desk", one.force_reuse) for one in gateway.registrations]
    assert told == [(False, False), (True, True)]


def test_an_activation_that_is_not_taken(machine: Machine, gateway: FakeGateway) -> None:
    assert _register(machine, gateway.url, "--activation-code", "no") == (
        "no such activation; look at --activation-id and --activation-code, or make another"
        " activation"
    )
    assert not (machine.root / "new").exists()


def test_an_activation_is_not_used_up_for_a_state_that_cannot_be_written(
    machine: Machine, gateway: FakeGateway
) -> None:
    told = _register(machine, gateway.url, "--state=/proc/nowhere")

    assert told.startswith("cannot keep anything in /proc/nowhere: No such file or directory;")
    assert gateway.registrations == []


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"key": "x"}', '{"key": 7}'])
@pytest.mark.parametrize("command", ["run", "deregister"])
def test_an_identity_that_is_none(machine: Machine, command: str, content: str) -> None:
    machine.state.mkdir()
    (machine.state / "identity.json").write_text(content)

    told = _told(machine, command, f"--state={machine.state}")

    assert "it is no identity; to have this machine join again, paste the line" in told


def test_a_machine_that_never_joined(machine: Machine) -> None:
    told = _told(machine, "run", f"--state={machine.state}")
    assert told.startswith(f"cannot run: {machine.state} holds no identity; paste the line that ")
    told = _told(machine, "deregister", f"--state={machine.state}")
    assert told.startswith(f"this machine is not registered: {machine.state} holds no identity; ")
    assert not machine.state.exists()


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"server": 7}', b"\xff"])
def test_a_boot_file_that_is_none(machine: Machine, content: bytes) -> None:
    path = machine.root / "boot.json"
    path.write_bytes(content)
    told = _told(machine, "run", f"--boot={path}", f"--state={machine.state}")
    assert told.endswith("it is no JSON with server, activationId, activationCode")


def test_a_machine_that_is_not_known_any_more(machine: Machine, gateway: FakeGateway) -> None:
    machine.register()
    gateway.known = False
    done = machine.agent("run", f"--state={machine.state}")
    last = done.stderr.splitlines()[-1]
    assert done.returncode == 1
    assert f" ERROR {gateway.url} does not know this machine, " in last
    assert last.endswith("paste the line that `cloudhand invite` prints, or register --force")
    assert "Traceback" not in done.stderr


def test_a_state_may_be_named_from_where_one_is(machine: Machine, gateway: FakeGateway) -> None:
    near = os.path.relpath(machine.root / "near")
    done = machine.agent("register", f"--server={gateway.url}", *_CODE, "--state", near)
    assert done.returncode == 0
    assert json.loads((machine.root / "near" / "identity.json").read_text())["ca"] == ""


class _Secure:
    """A listener that speaks TLS, and answers nothing else."""

    def __init__(self, state: Path) -> None:
        files = tls_files(state, "127.0.0.1")
        self.authority = str(files.authority)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(files.certificate, files.key)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                try:
                    self._context.wrap_socket(connection, server_side=True).close()
                except OSError:
                    pass  # who came spoke no TLS, or did not like what it saw


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[_Secure]:
    server = _Secure(tmp_path)
    yield server
    server.close()


def test_an_authority_that_is_not_trusted(machine: Machine, secure: _Secure) -> None:
    told = _register(machine, f"https://{secure.address}")
    assert "signed by an authority that this machine does not trust; name" in told
    assert "--ca" in told


def test_an_authority_that_is_another(
    machine: Machine, secure: _Secure, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tls_files(tmp_path_factory.mktemp("other"), "127.0.0.1").authority
    told = _register(machine, f"https://{secure.address}", f"--ca={other}")
    assert told.endswith("its certificate is not signed by the authority that --ca named")


def test_http_where_tls_is_spoken(machine: Machine, secure: _Secure) -> None:
    told = _register(machine, f"http://{secure.address}")
    assert told.endswith(f"if it speaks TLS, its address is https://{secure.address}")


def test_https_where_none_is_spoken(machine: Machine, gateway: FakeGateway) -> None:
    told = _register(machine, gateway.url.replace("http", "https"))
    assert told.endswith(f"it does not speak TLS; is its address {gateway.url}?")


@pytest.mark.parametrize(
    "name, content, says",
    [
        ("nope.pem", None, "cannot read --ca {}: No such file or directory"),
        ("bad.pem", b"hello", "cannot use what --ca names: it holds no certificate"),
        ("bin.pem", b"\xff\xfe", "cannot use what --ca names: it holds no certificate"),
    ],
)
def test_an_authority_that_is_none(
    machine: Machine, secure: _Secure, name: str, content: bytes | None, says: str
) -> None:
    path = machine.root / name
    if content is not None:
        path.write_bytes(content)
    told = _register(machine, f"https://{secure.address}", f"--ca={path}")
    assert told == says.format(path)


def test_an_authority_for_a_server_that_needs_none(machine: Machine, gateway: FakeGateway) -> None:
    told = _register(machine, gateway.url, "--ca=ca.pem")
    assert told.startswith("cannot use --ca ca.pem: it is for an https server")
    assert gateway.registrations == []


def test_what_answers_may_be_anything(machine: Machine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"SSH-2.0-x\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        told = _register(machine, f"http://127.0.0.1:{listener.getsockname()[1]}")
        thread.join()
    assert told.endswith("what answers there is no control plane: it does not speak HTTP")
