"""Each system in a virtual environment of its own, below build/peers."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
# Cloudhand is this tree, as a wheel. Salt 3008 is built from source, in a minute or two.
PACKAGES = {
    "cloudhand": [str(ROOT)],
    "salt": ["salt==3008.4"],
    "ansible": ["ansible-core==2.19.14"],
}


def installed(system: str, log: Path) -> Path:
    """Its virtual environment. What pip prints is in ``log``; RuntimeError if it fails."""
    venv = ROOT / "build" / "peers" / system
    mark = venv / "installed"
    if mark.exists() and mark.read_text() == _wanted(system):
        return venv
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as file:
        for words in (
            [sys.executable, "-m", "venv", "--clear", str(venv)],
            [str(venv / "bin" / "pip"), "--disable-pip-version-check", "install"]
            + PACKAGES[system],
        ):
            done = subprocess.run(words, stdout=file, stderr=subprocess.STDOUT, check=False)
            if done.returncode:
                raise RuntimeError(f"{system} cannot be installed: {' '.join(words)}; see {log}")
    mark.write_text(_wanted(system))
    return venv


def _wanted(system: str) -> str:
    """What it was installed from: of this tree, as it is now."""
    wanted = " ".join(PACKAGES[system])
    if system == "cloudhand":
        files = sorted((ROOT / "src").rglob("*.py"))
        wanted += hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    return wanted
