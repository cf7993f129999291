"""Put all that Cloudhand needs into one file that installs without a network.

The same wheels give the same bytes: entries are sorted, and have one owner and one moment.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import os
import platform
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import Distribution, PathDistribution, version
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

import third_party
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

ROOT = Path(__file__).resolve().parent.parent
_AGENT = "cloudhand/agent_dist/cloudhand-agent.pyz"
_BESIDE = ("LICENSE", "NOTICE", "THIRD_PARTY.md")
_PINNED = ROOT / "requirements" / "dev.txt"
# What tags of wheels called the C library before they named its version.
_OLDER_TAGS = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}


class CannotBundle(Exception):
    """One sentence that says what is in the way."""


@dataclass(frozen=True, kw_only=True)
class Wheel:
    path: Path
    distribution: Distribution

    @property
    def name(self) -> str:
        return canonicalize_name(self.distribution.name)

    @property
    def version(self) -> str:
        return self.distribution.version

    @property
    def digest(self) -> str:
        return _digest(self.path.read_bytes())


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What a machine must have for the wheels of a bundle."""

    python: tuple[int, int]
    machine: str
    libc: tuple[int, int] | None  # glibc's version; None: no wheel asks for one

    @property
    def tag(self) -> str:
        system = "manylinux_{}_{}".format(*self.libc) if self.libc else "linux"
        return "cp{}{}-{}_{}".format(*self.python, system, self.machine)

    @property
    def words(self) -> str:
        libc = ", glibc {}.{} or later".format(*self.libc) if self.libc else ""
        return "CPython {}.{}".format(*self.python) + f" on {self.machine}{libc}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wheels", type=Path, help="made before; else they are made now")
    parser.add_argument("target", type=Path, help="directory for the bundle")
    given = parser.parse_args()
    try:
        if given.wheels:
            made = bundle(given.wheels, given.target)
        else:
            with tempfile.TemporaryDirectory(prefix="cloudhand-bundle-") as folder:
                make_wheels(Path(folder))
                made = bundle(Path(folder), given.target)
    except CannotBundle as error:
        print(f"bundle: {error}", file=sys.stderr)
        return 1
    print(made)
    print(f"sha256 {_digest(made.read_bytes())}")
    return 0


def make_wheels(folder: Path) -> None:
    """Ours, all that it needs when it runs, as they are pinned, and what installs them:
    many a system's Python has no pip. CannotBundle."""
    words = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "-q"]
    environment = {
        **os.environ,
        "PIP_CONSTRAINT": str(_PINNED),  # holds for what builds, too
        "SOURCE_DATE_EPOCH": str(moment()),
    }
    done = subprocess.run(
        [*words, "-w", str(folder), f"pip=={version('pip')}", str(ROOT)],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise CannotBundle(f"pip could not make the wheels:\n{done.stderr.strip()}")


def bundle(folder: Path, target: Path) -> Path:
    """Write the bundle of these wheels into a directory, whole or not at all; CannotBundle."""
    wheels = {wheel.name: wheel for wheel in map(_wheel, sorted(folder.glob("*.whl")))}
    for name in ("cloudhand", "pip"):
        if name not in wheels:
            raise CannotBundle(f"{folder} has no wheel of {name}")
    _check_complete(wheels)
    needs = needed(wheel.path.name for wheel in wheels.values())
    name = f"cloudhand-{wheels['cloudhand'].version}-bundle-{needs.tag}"
    target.mkdir(parents=True, exist_ok=True)
    made = target / f"{name}.tar.gz"
    part = made.with_suffix(".part")
    part.write_bytes(_archive(name, _files(wheels, needs)))
    part.replace(made)
    return made


def moment() -> int:
    """When what is bundled was last changed, in seconds since 1970."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    words = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    try:
        return int(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    except (OSError, subprocess.CalledProcessError):
        return 1577836800  # a copy without its history


def _wheel(path: Path) -> Wheel:
    archive = zipfile.ZipFile(path)
    (found,) = {
        entry.split("/")[0] for entry in archive.namelist() if entry.endswith(".dist-info/METADATA")
    }
    return Wheel(path=path, distribution=PathDistribution(zipfile.Path(archive, f"{found}/")))


def _required(wheel: Wheel) -> Iterator[str]:
    for text in wheel.distribution.requires or ():
        wanted = Requirement(text)
        if not wanted.marker or wanted.marker.evaluate({"extra": ""}):
            yield canonicalize_name(wanted.name)


def _check_complete(wheels: dict[str, Wheel]) -> None:
    for wheel in wheels.values():
        for name in _required(wheel):
            if name not in wheels:
                raise CannotBundle(f"{wheel.path.name} needs {name}, of which there is no wheel")


def needed(names: Iterable[str]) -> Needs:
    """What wheels of these file names ask of a machine, together."""
    asked = [libc for name in names if (libc := _libc(name))]
    return Needs(
        python=sys.version_info[:2],
        machine=platform.machine(),
        libc=max(asked, default=None),
    )


def _libc(name: str) -> tuple[int, int] | None:
    """The oldest glibc that a wheel does with; one made here wants that of this machine."""
    found = []
    for tag in parse_wheel_filename(name)[3]:
        system, _, rest = tag.platform.partition("_")
        if system == "manylinux":
            major, minor = rest.split("_")[:2]
            found.append((int(major), int(minor)))
        elif system in _OLDER_TAGS:
            found.append(_OLDER_TAGS[system])
        elif system == "linux":
            major, minor = platform.libc_ver()[1].split(".")[:2]
            found.append((int(major), int(minor)))
    return min(found, default=None)


def _files(wheels: dict[str, Wheel], needs: Needs) -> dict[str, bytes]:
    ours = wheels["cloudhand"]
    agent = zipfile.ZipFile(ours.path).read(_AGENT)
    files = {
        **{name: (ROOT / name).read_bytes() for name in _BESIDE},
        **{f"wheels/{one.path.name}": one.path.read_bytes() for one in wheels.values()},
        "cloudhand-agent": agent,
        "install.sh": _filled("install.sh", wheels, needs),
        "README": _filled("README", wheels, needs),
        "requirements.txt": _requirements(wheels.values()),
        "sbom.cdx.json": sbom(wheels, agent).encode(),
    }
    sums = "".join(f"{_digest(files[name])}  {name}\n" for name in sorted(files))
    return {**files, "SHA256SUMS": sums.encode()}


def _filled(name: str, wheels: dict[str, Wheel], needs: Needs) -> bytes:
    text = (ROOT / "scripts" / "bundled" / name).read_text()
    for word, value in (
        ("@VERSION@", wheels["cloudhand"].version),
        ("@PIP@", wheels["pip"].path.name),
        ("@PYTHON@", "{}.{}".format(*needs.python)),
        ("@NEEDS@", needs.words),
    ):
        text = text.replace(word, value)
    return text.encode()


def _requirements(wheels: Iterable[Wheel]) -> bytes:
    """For pip, which installs these and nothing else."""
    lines = [f"{one.name}=={one.version} --hash=sha256:{one.digest}\n" for one in wheels
             if one.name != "pip"]  # fmt: skip
    return "".join(lines).encode()


def sbom(wheels: dict[str, Wheel], agent: bytes) -> str:
    """What is in it, in CycloneDX; CannotBundle if that breaks the published schema."""
    components = {name: _component(wheel) for name, wheel in wheels.items()}
    ours = components.pop("cloudhand")
    file = Component(
        type=ComponentType.APPLICATION,
        name="cloudhand-agent",
        version=ours.version,
        bom_ref="cloudhand-agent",
        hashes=[_hash(_digest(agent))],
        licenses=ours.licenses,
    )
    bom = Bom(components=[*components.values(), file])
    bom.metadata.component = ours
    bom.metadata.timestamp = datetime.fromtimestamp(moment(), UTC)
    known = {**components, "cloudhand": ours}
    for name, wheel in wheels.items():
        needs = [known[other] for other in sorted(set(_required(wheel)))]
        bom.register_dependency(known[name], [*needs, file] if name == "cloudhand" else needs)
    bom.register_dependency(file, [known["wsproto"]] if "wsproto" in known else [])
    digests = "".join(wheel.digest for wheel in wheels.values())
    bom.serial_number = uuid5(NAMESPACE_URL, f"{ours.purl}#{_digest(digests.encode() + agent)}")
    text = JsonV1Dot6(bom).output_as_string(indent=2) + "\n"
    if wrong := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise CannotBundle(f"the list of what is in it breaks its schema: {wrong.data.message}")
    return text


def _component(wheel: Wheel) -> Component:
    ours = wheel.name == "cloudhand"
    purl = PackageURL("pypi", name=wheel.name, version=wheel.version)
    return Component(
        type=ComponentType.APPLICATION if ours else ComponentType.LIBRARY,
        name=wheel.distribution.name,
        version=wheel.version,
        description=wheel.distribution.metadata.get("Summary"),
        bom_ref=str(purl),
        purl=purl,
        hashes=[_hash(wheel.digest)],
        licenses=[LicenseFactory().make_from_string(third_party.licence(wheel.distribution))],
    )


def _hash(digest: str) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=digest)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _archive(name: str, files: dict[str, bytes]) -> bytes:
    plain, packed = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for file, content in sorted(files.items()):
            entry = tarfile.TarInfo(f"{name}/{file}")
            entry.size = len(content)
            entry.mtime = moment()
            entry.mode = 0o755 if file in ("install.sh", "cloudhand-agent") else 0o644
            archive.addfile(entry, io.BytesIO(content))
    with gzip.GzipFile(fileobj=packed, filename="", mode="wb", mtime=0) as archive:
        archive.write(plain.getvalue())
    return packed.getvalue()


if __name__ == "__main__":
    sys.exit(main())
