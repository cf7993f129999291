"""Build the agent as one file that any Python from 3.9 on runs: a zipapp.

It holds the agent, what it shares with the server, of wsproto only the frames, and tomli, which
only a Python without tomllib reads. Beside each
source lies its byte code for the Python that builds, which starts in a third of the time; another
Python passes it over and compiles the source. The same sources and Python give the same bytes.
"""

from __future__ import annotations

import importlib.util
import marshal
import os
import stat
import zipfile
from importlib import metadata
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent
_OURS = ("__init__.py", "faults.py", "wire", "agent")
# Of other people, and of which files: the rest of wsproto is not imported by its frames.
_OTHERS = {
    "wsproto": ("frame_protocol.py",),
    "tomli": ("__init__.py", "_parser.py", "_re.py", "_types.py"),
}
_SHEBANG = b"#!/usr/bin/env python3\n"
_MAIN = b"from cloudhand.agent.main import run\nrun()\n"
_MOMENT = (2020, 1, 1, 0, 0, 0)  # of every entry
TARGET = Path(__file__).resolve().parent / "cloudhand-agent.pyz"


def build(target: Path) -> None:
    """Write the zipapp, whole or not at all."""
    entries = sorted(_with_byte_code(_entries()).items())
    part = target.with_suffix(f".{os.getpid()}-{id(target)}.part")
    try:
        with part.open("wb") as file:
            file.write(_SHEBANG)
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                for name, content in entries:
                    info = zipfile.ZipInfo(name, _MOMENT)
                    info.compress_type = zipfile.ZIP_DEFLATED
                    info.external_attr = 0o644 << 16
                    archive.writestr(info, content)
        part.chmod(part.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def ensure() -> Path:
    """The zipapp: the one of the wheel, or in a checkout one that is as new as its sources."""
    if not TARGET.exists() or (_checkout() and _stale()):
        build(TARGET)
    return TARGET


def _checkout() -> bool:
    return (_PACKAGE.parent.parent / "pyproject.toml").exists()


def _stale() -> bool:
    built_at = TARGET.stat().st_mtime
    return any(path.stat().st_mtime > built_at for path in _sources())


def _sources() -> list[Path]:
    found = []
    for name in _OURS:
        path = _PACKAGE / name
        # No deeper: byte code that others write there comes and goes.
        found += sorted(path.glob("*.py")) if path.is_dir() else [path]
    return found


def _with_byte_code(entries: dict[str, bytes]) -> dict[str, bytes]:
    compiled = {
        name + "c": _byte_code(name, content)
        for name, content in entries.items()
        if name.endswith(".py")
    }
    return {**entries, **compiled}


def _byte_code(name: str, source: bytes) -> bytes:
    """As a .pyc that is never checked against its source (PEP 552), since both lie in one file."""
    code = compile(source, name, "exec", dont_inherit=True, optimize=0)
    unchecked = (1).to_bytes(4, "little")
    digest = importlib.util.source_hash(source)
    return importlib.util.MAGIC_NUMBER + unchecked + digest + marshal.dumps(code)


def _entries() -> dict[str, bytes]:
    entries = {"__main__.py": _MAIN, "wsproto/__init__.py": b""}
    for path in _sources():
        entries[f"cloudhand/{path.relative_to(_PACKAGE)}"] = path.read_bytes()
    for name, wanted in _OTHERS.items():
        for file in metadata.distribution(name).files or ():
            if file.name in wanted or "LICENSE" in file.name:
                entries[f"{name}/{file.name}"] = Path(str(file.locate())).read_bytes()
    return entries
