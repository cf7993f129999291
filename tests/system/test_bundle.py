"""One file that installs without a network: how it is made of wheels, and how it installs.

The wheels here are small ones of our own; `make test-bundle` takes the real ones.
"""

from __future__ import annotations

import ensurepip
import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

pytestmark = pytest.mark.drawn

_SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "bundle.py"
_NOBODY = 12345
_HERE = "{}.{}".format(*sys.version_info[:2])
_AGENT = "#!/usr/bin/env python3\nprint('the agent')\n"


def _wheel(
    folder: Path, name: str, *, tag: str = "py3-none-any", needs: str = "", version: str = "1"
) -> Path:
    """A wheel whose command says its version; every one has an agent, which ours alone needs."""
    found = f"{name}-{version}.dist-info"
    head = f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\nLicense-Expression: MIT\n"
    files = {
        f"{name}/__init__.py": f"def run():\n    print('{name} {version}')\n",
        f"{name}/agent_dist/cloudhand-agent.pyz": _AGENT,
        f"{found}/METADATA": head + (f"Requires-Dist: {needs}\n" if needs else ""),
        f"{found}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
        f"{found}/entry_points.txt": f"[console_scripts]\n{name} = {name}:run\n",
    }
    path = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
        archive.writestr(f"{found}/RECORD", "".join(f"{file},,\n" for file in files))
    return path


def _pip() -> Path:
    """The wheel that this Python has for its virtual environments."""
    beside = Path(str(ensurepip.__file__)).parent / "_bundled"
    folders = [beside, Path(sysconfig.get_config_var("WHEEL_PKG_DIR") or beside)]
    return next(path for folder in folders for path in folder.glob("pip-*.whl"))


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    folder = tmp_path / "wheels"
    folder.mkdir()
    _wheel(folder, "cloudhand", needs="friend; python_version > '3'")
    _wheel(folder, "friend", needs="stranger; extra == 'more'")
    shutil.copy(_pip(), folder)
    return folder


def _bundle(wheels: Path, target: Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, str(_SCRIPT), "--wheels", str(wheels), str(target)]
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)


def _made(wheels: Path, target: Path) -> Path:
    done = _bundle(wheels, target)
    assert done.returncode == 0, done.stderr
    file, told = done.stdout.splitlines()
    assert told == f"sha256 {hashlib.sha256(Path(file).read_bytes()).hexdigest()}"
    return Path(file)


@pytest.fixture
def unpacked(wheels: Path) -> Iterator[Path]:
    """Where others may go, too."""
    with tempfile.TemporaryDirectory(prefix="cloudhand-bundle-") as folder:
        os.chmod(folder, 0o755)
        shutil.unpack_archive(_made(wheels, Path(folder)), folder)
        (inner,) = (path for path in Path(folder).iterdir() if path.is_dir())
        yield inner


def _install(
    bundle: Path, *words: str, env: Mapping[str, str] | None = None, **options: Any
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(bundle / "install.sh"), *words],
        env={"PATH": os.environ["PATH"], "HOME": "/dev/null", **(env or {})},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **options,
    )


def _said(program: Path) -> str:
    return subprocess.run([program], capture_output=True, text=True, check=True).stdout


def test_the_same_wheels_are_the_same_bytes(wheels: Path, tmp_path: Path) -> None:
    first = _made(wheels, tmp_path / "first")
    for path in wheels.iterdir():
        os.utime(path, (1, 1))
    second = _made(wheels, tmp_path / "second")

    assert first.read_bytes() == second.read_bytes()
    assert first.name == second.name
    with tarfile.open(first) as archive:
        entries = archive.getmembers()
    assert [one.name for one in entries] == sorted(one.name for one in entries)
    assert {(one.uid, one.gid, one.uname, one.gname) for one in entries} == {(0, 0, "", "")}
    assert len({one.mtime for one in entries}) == 1
    runnable = {one.name.rpartition("/")[2] for one in entries if one.mode & 0o111}
    assert runnable == {"install.sh", "cloudhand-agent"}


def test_every_file_has_its_sum(unpacked: Path) -> None:
    lines = (unpacked / "SHA256SUMS").read_text().splitlines()
    sums = {name: digest for digest, name in (line.split("  ") for line in lines)}
    files = [path for path in unpacked.rglob("*") if path.is_file() and path.name != "SHA256SUMS"]
    assert sums == {
        str(path.relative_to(unpacked)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def test_what_is_in_it_is_told_by_the_published_schema(unpacked: Path) -> None:
    text = (unpacked / "sbom.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    told = json.loads(text)

    ours, parts = told["metadata"]["component"], {one["name"]: one for one in told["components"]}
    assert (ours["name"], ours["version"], ours["type"]) == ("cloudhand", "1", "application")
    assert set(parts) == {"friend", "pip", "cloudhand-agent"}
    for name, part in {**parts, "cloudhand": ours}.items():
        file = unpacked / name if name == "cloudhand-agent" else _one(unpacked, name)
        (digest,) = part["hashes"]
        assert digest["content"] == hashlib.sha256(file.read_bytes()).hexdigest()
        assert part["licenses"]
    assert parts["friend"]["purl"] == "pkg:pypi/friend@1"
    needs = {one["ref"]: one.get("dependsOn", []) for one in told["dependencies"]}
    assert needs[ours["bom-ref"]] == ["cloudhand-agent", "pkg:pypi/friend@1"]
    assert needs["pkg:pypi/friend@1"] == []


def _one(unpacked: Path, name: str) -> Path:
    (found,) = (unpacked / "wheels").glob(f"{name}-*.whl")
    return found


@pytest.mark.parametrize(
    ("tag", "told"),
    [
        ("manylinux2014_x86_64.manylinux_2_28_x86_64", "manylinux_2_17"),
        ("manylinux_2_34_x86_64", "manylinux_2_34"),
        ("manylinux1_x86_64", "manylinux_2_5"),
    ],
)
def test_its_name_says_what_a_machine_must_have(
    wheels: Path, tmp_path: Path, tag: str, told: str
) -> None:
    (wheels / "friend-1-py3-none-any.whl").unlink()
    _wheel(wheels, "friend", tag=f"cp311-cp311-{tag}")
    name = _made(wheels, tmp_path / "out").name
    python = _HERE.replace(".", "")
    assert name == f"cloudhand-1-bundle-cp{python}-{told}_{os.uname().machine}.tar.gz"


@pytest.mark.parametrize(
    ("missing", "says"),
    [
        ("friend", "cloudhand-1-py3-none-any.whl needs friend, of which there is no wheel"),
        ("cloudhand", "has no wheel of cloudhand"),
        ("pip", "has no wheel of pip"),
    ],
)
def test_what_is_not_whole_is_not_made(
    wheels: Path, tmp_path: Path, missing: str, says: str
) -> None:
    next(wheels.glob(f"{missing}-*.whl")).unlink()
    done = _bundle(wheels, tmp_path / "out")
    assert (done.returncode, says in done.stderr) == (1, True)
    assert not (tmp_path / "out").exists()


def test_it_installs_and_installs_again(unpacked: Path, tmp_path: Path) -> None:
    prefix = tmp_path / "prefix"
    (tmp_path / "evil").mkdir()
    (tmp_path / "evil" / "pip.py").write_text("raise SystemExit('taken from elsewhere')")
    # Neither what lies beside, nor what this user has pip do, is heard.
    _wheel(unpacked / "wheels", "friend", version="2")
    env = {"PIP_INDEX_URL": "http://127.0.0.1:1", "PIP_TARGET": str(tmp_path / "elsewhere"),
           "PYTHONPATH": str(tmp_path / "evil")}  # fmt: skip

    for _ in range(2):
        done = _install(unpacked, "--prefix", str(prefix), "--python", sys.executable, env=env)
        assert (done.returncode, done.stderr) == (0, "")
        assert f"Next: {prefix}/bin/cloudhand up" in done.stdout
        assert _said(prefix / "bin" / "cloudhand") == "cloudhand 1\n"
        assert _said(prefix / "bin" / "friend") == "friend 1\n"
    assert not (tmp_path / "elsewhere").exists()
    assert not (prefix / "bin" / "pip").exists()


def test_the_agent_installs_alone(unpacked: Path, tmp_path: Path) -> None:
    done = _install(unpacked, "--agent", "--prefix", "here", cwd=tmp_path)
    agent = tmp_path / "here" / "bin" / "cloudhand-agent"
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Next: {agent} register" in done.stdout
    assert _said(agent) == "the agent\n"
    assert [path.name for path in agent.parent.iterdir()] == ["cloudhand-agent"]


@pytest.mark.parametrize("words", [(), ("--agent",)])
@pytest.mark.parametrize("change", ["tampered", "missing", "no sums", "empty sums"])
def test_what_was_tampered_with_is_refused(
    unpacked: Path, tmp_path: Path, change: str, words: tuple[str, ...]
) -> None:
    wheel, sums = _one(unpacked, "friend"), unpacked / "SHA256SUMS"
    match change:
        case "tampered":
            wheel.write_bytes(wheel.read_bytes() + b"x")
        case "missing":
            wheel.unlink()
        case "no sums":
            sums.unlink()
        case _:
            sums.write_text("")
    done = _install(unpacked, *words, "--prefix", str(tmp_path / "prefix"))
    assert done.returncode == 1
    assert "this is not the bundle as it was made" in done.stderr
    assert change not in ("tampered", "missing") or f"wheels/{wheel.name}: FAILED" in done.stderr
    assert not (tmp_path / "prefix").exists()


def test_a_wheel_whose_sum_was_forged_is_refused_by_pip(unpacked: Path, tmp_path: Path) -> None:
    wheel, sums = _one(unpacked, "friend"), unpacked / "SHA256SUMS"
    before = hashlib.sha256(wheel.read_bytes()).hexdigest()
    wheel.unlink()
    _wheel(wheel.parent, "friend", needs="evil")
    after = hashlib.sha256(wheel.read_bytes()).hexdigest()
    sums.write_text(sums.read_text().replace(before, after))
    done = _install(unpacked, "--prefix", str(tmp_path / "prefix"), "--python", sys.executable)
    assert (done.returncode, "HASH" in done.stderr.upper()) == (1, True)
    assert not (tmp_path / "prefix").exists()


def test_what_is_no_place_for_it_is_left_alone(unpacked: Path, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("kept")
    done = _install(unpacked, "--prefix", str(tmp_path), "--python", sys.executable)
    assert done.returncode == 1
    assert "holds something else: say another --prefix" in done.stderr
    assert (tmp_path / "kept").read_text() == "kept"


def test_another_python_is_told_what_it_must_be(unpacked: Path, tmp_path: Path) -> None:
    other = tmp_path / "python"
    other.write_text("#!/bin/sh\nexit 1\n")
    other.chmod(0o755)
    words = ("--prefix", str(tmp_path / "prefix"), "--python", "./python")
    done = _install(unpacked, *words, cwd=tmp_path)
    assert done.returncode == 1
    says = f"it needs CPython {_HERE}, and {tmp_path}/./python is none"
    assert done.stderr == f"install.sh: {says}\n"
    assert not (tmp_path / "prefix").exists()


@pytest.mark.parametrize("words", [("--prefix",), ("--prefix", ""), ("here",)])
def test_what_cannot_be_understood_installs_nothing(unpacked: Path, words: tuple[str, ...]) -> None:
    assert _install(unpacked, *words).returncode == 2


def test_help_says_what_it_needs(unpacked: Path) -> None:
    told = _install(unpacked, "--help").stdout
    assert f"CPython {_HERE} on {os.uname().machine}" in told


def test_whoever_is_not_root_has_it_in_their_home(unpacked: Path) -> None:
    with tempfile.TemporaryDirectory() as home:
        options: dict[str, Any] = {}
        if os.geteuid() == 0:
            os.chown(home, _NOBODY, _NOBODY)
            options = {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}
        _skip_without_python(options)
        env = {"HOME": home, "PATH": f"/usr/bin:/bin:{home}/.local/bin"}
        done = _install(unpacked, env=env, cwd="/", **options)
        agent = _install(unpacked, "--agent", env=env, cwd="/", **options)
        assert (done.returncode, done.stderr, agent.stderr) == (0, "", "")
        assert "\nNext: cloudhand up" in done.stdout
        assert "\nNext: cloudhand-agent register" in agent.stdout
        assert _said(Path(home, ".local/bin/cloudhand")) == "cloudhand 1\n"
        assert Path(home, ".local/share/cloudhand/bin/cloudhand").exists()
        assert stat.S_IMODE(Path(home, ".local/share/cloudhand").stat().st_mode) == 0o755


def _skip_without_python(options: Mapping[str, Any]) -> None:
    """The Python of the tests may lie where only root may go."""
    asks = "import sys, venv; sys.exit('%d.%d' % sys.version_info[:2] != sys.argv[1])"
    words = ["/usr/bin/python3", "-c", asks, _HERE]
    try:
        fits = subprocess.run(words, check=False, cwd="/", **options).returncode == 0
    except OSError:
        fits = False
    if not fits:
        pytest.skip(f"/usr/bin/python3 is no Python {_HERE}, or not for everybody")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root installs for the whole machine")
def test_root_has_it_for_the_whole_machine(unpacked: Path, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    covers = " && ".join(
        f"mkdir -p {tmp_path}/own/{at} && mount --bind {tmp_path}/own/{at} {where}"
        for at, where in (("opt", "/opt"), ("bin", "/usr/local/bin"))
    )
    story = f"{covers} && umask 077 && exec sh {unpacked}/install.sh --python {sys.executable}"
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", story], capture_output=True, text=True, check=False
    )
    if "unshare failed" in done.stderr or "mount" in done.stderr:
        pytest.skip(f"no mounts here: {done.stderr.strip()}")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "own/bin/cloudhand").readlink() == Path("/opt/cloudhand/bin/cloudhand")
    assert stat.S_IMODE((tmp_path / "own/opt/cloudhand/bin/cloudhand").stat().st_mode) == 0o755
