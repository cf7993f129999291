"""From files to machines: inventories with what lies beside them, and configurations of ssh."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from cloudhand.cli.adopt import groups, ini, ssh_config
from cloudhand.cli.adopt.draft import Draft, Unreadable
from cloudhand.cli.adopt.hosts import Host
from cloudhand.cli.errors import Mistake

_YAML = (".yml", ".yaml", ".json")
_VAULT = "$ANSIBLE_VAULT;"
_OWN = Path("~/.ssh/config")
# The first line that says anything of an inventory in YAML that is not named so.
_LIKE_YAML = re.compile(r"---|[\w.-]+:\s*(?:#.*)?|\{.*")


def of_inventory(path: Path) -> tuple[list[Host], list[str]]:
    """Its machines, and what is to be said of what was passed over; Mistake."""
    name = str(path)
    text = _inventory(path)
    yml = path.suffix in _YAML or (path.suffix != ".ini" and _like_yaml(text))
    draft = (groups if yml else ini).read(text, name)
    told = _add_beside(draft, path.parent)
    if found := draft.passwords():
        told.append(
            f"Passwords are not used: the one at {found[0]}, for instance; ssh logs in by key"
        )
    return list(draft.machines()), told


def _inventory(path: Path) -> str:
    name = str(path)
    if path.is_dir():
        raise Unreadable(name, "it is a directory: name a file of it")
    text = _read(path)
    if text.startswith("#!"):
        raise Unreadable(
            f"{name}:1",
            "it is a program that finds machines: `ansible-inventory -i FILE --list --yaml >"
            " hosts.yml` writes what it finds; name that",
        )
    if text.startswith(_VAULT):
        raise Unreadable(
            f"{name}:1", f"it is in Ansible's vault: `ansible-vault view {name} > hosts` opens it"
        )
    return text


def _like_yaml(text: str) -> bool:
    lines = (line.strip() for line in text.splitlines())
    first = next((line for line in lines if line and line[0] not in "#;"), "")
    return _LIKE_YAML.fullmatch(first) is not None


def _add_beside(draft: Draft, folder: Path) -> list[str]:
    """What group_vars and host_vars beside an inventory say; which were passed over."""
    told: list[str] = []
    for name in draft.groups:
        for path, text in _variables(folder / "group_vars", name, told):
            draft.variables(name, groups.variables(text, path))
    for name in draft.names:
        for path, text in _variables(folder / "host_vars", name, told):
            draft.host(name, groups.variables(text, path))
    return told


def _variables(folder: Path, name: str, told: list[str]) -> Iterator[tuple[str, str]]:
    for path in _files(folder / name):
        text = _read(path)
        if text.startswith(_VAULT):
            told.append(f"{path} is in Ansible's vault, and is not read")
        else:
            yield str(path), text


def _files(path: Path) -> Iterable[Path]:
    """A file, with or without an ending, and all within a directory of the name."""
    within = [one for one in sorted(path.rglob("*")) if one.suffix in ("", *_YAML)]
    endings = [path.with_name(path.name + ending) for ending in ("", *_YAML)]
    return [one for one in (*within, *endings) if one.is_file() and one.name[0] != "."]


def of_ssh_config(path: Path | None) -> list[Host]:
    """The machines of a file, else of one's own; Mistake."""
    there = path or _OWN.expanduser()
    found = ssh_config.names(_read(there), str(there), _included)
    return [Host(name=name, address=name) for name in dict.fromkeys(found)]


def _included(pattern: str) -> Iterator[tuple[str, str]]:
    """As ssh finds them: beside one's own configuration, where no whole path is given."""
    whole = os.path.join(_OWN.parent.expanduser(), os.path.expanduser(pattern))
    for name in sorted(glob.glob(whole)):
        yield name, _read(Path(name))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable(str(path), "it is no text in UTF-8") from None
    except OSError as error:
        raise Mistake(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from None
