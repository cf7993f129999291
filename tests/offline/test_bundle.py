"""The bundle as it is given away, where no network is: control plane, agent, and a command."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

import cloudhand
from tests.offline.island import Island, missing
from tests.system.waiting import until

pytestmark = [
    pytest.mark.skipif(bool(missing()), reason=f"no network of its own here: {missing()}"),
    pytest.mark.timeout(900),  # wheels are fetched and made
]

_ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made as `make bundle` makes it, and unpacked."""
    folder = tmp_path_factory.mktemp("bundle")
    words = [sys.executable, str(_ROOT / "scripts" / "bundle.py"), str(folder)]
    made = subprocess.run(words, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    shutil.unpack_archive(made.stdout.splitlines()[0], folder)
    (inner,) = (path for path in folder.iterdir() if path.is_dir())
    return inner


@pytest.fixture
def island(tmp_path: Path) -> Iterator[Island]:
    (tmp_path / "home").mkdir()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path / "home"),
        "XDG_RUNTIME_DIR": str(tmp_path / "home"),
        "TMPDIR": str(tmp_path),
    }
    with Island(environment) as island:
        yield island


def _installed(island: Island, bundle: Path, prefix: Path, *words: str) -> Path:
    script = ("sh", str(bundle / "install.sh"), "--python", sys.executable)
    done = island.run(*script, "--prefix", str(prefix), *words)
    assert (done.returncode, done.stderr) == (0, "")
    return prefix / "bin"


@contextmanager
def _running(island: Island, *words: str) -> Iterator[subprocess.Popen[str]]:
    process = island.start(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said


def test_there_is_no_way_out(island: Island) -> None:
    asks = "import socket; socket.create_connection(('192.0.2.1', 443), 5)"
    assert "Network is unreachable" in island.run(sys.executable, "-c", asks).stderr


def test_a_fleet_comes_of_it_where_no_network_is(
    bundle: Path, island: Island, tmp_path: Path
) -> None:
    programs = _installed(island, bundle, tmp_path / "server")
    program, state = str(programs / "cloudhand"), tmp_path / "state"
    agent = str(_installed(island, bundle, tmp_path / "agent", "--agent") / "cloudhand-agent")
    identity = str(tmp_path / "identity")

    def ask(command: str, *words: str) -> str:
        done = island.run(program, command, "--state", str(state), *words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    serve = ("serve", "--state", str(state), "--listen", "127.0.0.1:0", "--tls")
    with ExitStack() as running:
        running.enter_context(_running(island, program, *serve, "--plain-processes"))
        until((state / "endpoint.json").exists, what="the control plane's listening")
        url = json.loads((state / "endpoint.json").read_text())["url"]
        made = json.loads(ask("call", "CreateActivation", "InstanceCount=1"))
        joined = island.run(
            agent, "register", "--server", url, "--ca", str(state / "tls" / "ca.pem"),
            "--state", identity, "--activation-id", made["ActivationId"],
            "--activation-code", made["ActivationCode"],
        )  # fmt: skip
        assert joined.returncode == 0, joined.stderr
        running.enter_context(_running(island, agent, "run", "--state", identity))
        until(lambda: "online" in ask("instances"), what="its agent's coming online")

        said = ask("run", "--all", "--yes", "--", "echo installed without a network")
    assert "Success exit 0" in said
    assert said.endswith("installed without a network\n")


def test_what_is_in_it_comes_from_the_pinned_versions(bundle: Path) -> None:
    pinned = (_ROOT / "requirements" / "dev.txt").read_text().lower().replace("_", "-")
    told = [line.split()[0] for line in (bundle / "requirements.txt").read_text().splitlines()]
    assert len(told) > 15
    assert [one for one in told if one not in pinned.split()] == [
        f"cloudhand=={cloudhand.__version__}"
    ]
