"""The start-up hook in every Python that is found here."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloudhand.passage import Destination, Identity, open_passage

VERSIONS = ("2.7", *(f"3.{minor}" for minor in range(6, 16)))
FOUND = (sys.executable, *(f"python{version}" for version in VERSIONS))

ASK = """
import json, sys
before = "certifi" in sys.modules
import certifi
from certifi.core import where
own = sys.modules.get("sitecustomize")
print(json.dumps({
    "before": before,
    "where": [certifi.where(), where()],
    "contents": len(certifi.contents()),
    "own": getattr(own, "mine", None),
    "path": sys.path,
    "loader": type(getattr(certifi, "__loader__", None)).__name__,
}))
"""


def runs(python: str) -> bool:
    found = shutil.which(python)
    # Version managers put in place commands that do not run.
    return (
        found is not None and subprocess.run([found, "-c", ""], capture_output=True).returncode == 0
    )


PYTHONS = [python for python in FOUND if runs(python)]


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A certifi of the child's, in the shape of the real one."""
    package = tmp_path / "library" / "certifi"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("from .core import contents, where\n")
    (package / "core.py").write_text(
        "def where():\n    return 'its own'\ndef contents():\n    return ''\n"
    )
    return package.parent


@pytest.fixture
def environ(tmp_path: Path, library: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path), "PYTHONPATH": str(library)}


@pytest.fixture
def environment(
    destination: Destination, identity: Identity, environ: dict[str, str]
) -> Iterator[dict[str, str]]:
    with open_passage(destination, identity, environ=environ) as yielded:
        yield yielded


def ask(python: str, environment: dict[str, str], program: str = ASK) -> dict[str, object]:
    command = [shutil.which(python) or python, "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize("python", PYTHONS)
def test_certifi_names_the_bundle_of_the_run(
    environment: dict[str, str], python: str, library: Path
) -> None:
    answer = ask(python, environment)
    bundle = environment["CURL_CA_BUNDLE"]
    assert answer["where"] == [bundle, bundle]
    assert answer["contents"] == len(Path(bundle).read_text())
    assert answer["loader"] in ("SourceFileLoader", "NoneType")
    path = answer["path"]
    assert isinstance(path, list) and str(library) in path
    assert not any("cloudhand-passage" in entry for entry in path)


def test_certifi_is_not_imported_without_need(environment: dict[str, str]) -> None:
    answer = ask(
        sys.executable,
        environment,
        "import sys, json\nprint(json.dumps({'found': 'certifi' in sys.modules}))",
    )
    bare = [sys.executable, "-c", "import sys; print('certifi' in sys.modules)"]
    without = subprocess.run(bare, env={}, capture_output=True, text=True, check=True)
    assert str(answer["found"]) == without.stdout.strip()


@pytest.mark.parametrize("python", PYTHONS)
def test_ones_own_start_up_runs_under_its_own_name(
    environment: dict[str, str], python: str, library: Path
) -> None:
    (library / "sitecustomize.py").write_text("mine = __name__\n")
    assert ask(python, environment)["own"] == "sitecustomize"


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("failure", ["raise ValueError('mine')", "import nowhere_to_be_found"])
def test_a_failure_of_ones_own_start_up_is_told_as_ever(
    environment: dict[str, str], python: str, library: Path, failure: str
) -> None:
    (library / "sitecustomize.py").write_text(failure + "\n")
    command = [shutil.which(python) or python, "-c", "import certifi; print(certifi.where())"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "mine" in done.stderr or "nowhere_to_be_found" in done.stderr
    assert done.stdout.strip() == environment["CURL_CA_BUNDLE"]


def test_a_certifi_that_came_before_is_told_too(
    environment: dict[str, str], library: Path, tmp_path: Path
) -> None:
    early = tmp_path / "early"
    shutil.copytree(environment["PYTHONPATH"].split(":")[0], early / "hook")
    program = (
        f"import sys, certifi; sys.path.insert(0, {str(early / 'hook')!r})\n"
        "sys.modules.pop('sitecustomize', None); import sitecustomize\n"
    ) + ASK
    answer = ask(sys.executable, {**environment, "PYTHONPATH": str(library)}, program)
    bundle = environment["CURL_CA_BUNDLE"]
    assert answer["where"] == [bundle, bundle]


def test_a_program_that_outlives_the_run_finds_its_own_again(
    destination: Destination, identity: Identity, environ: dict[str, str], library: Path
) -> None:
    with open_passage(destination, identity, environ=environ) as environment:
        program = "import sys, certifi; sys.stdin.readline(); print(certifi.where())"
        child = subprocess.Popen(
            [sys.executable, "-uc", "print(1); " + program],
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert child.stdout is not None
        assert child.stdout.readline() == "1\n"
    out, _ = child.communicate("go on\n")
    assert out.strip() == "its own"
