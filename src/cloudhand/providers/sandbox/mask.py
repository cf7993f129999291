"""What of the machine's own files is not there for an instance started by root.

That nobody in it reads what "others" may not is the work of the layer below (tree.py). This one,
in front, is for its comfort: what it may not read is absent or empty, as on a fresh machine, and
not closed to its own root. So a package manager finds directories that it can work in.
"""

from __future__ import annotations

import os
import stat
import subprocess

KEPT = ("usr", "etc", "var", "opt", "srv", "bin", "sbin", "lib", "lib32", "lib64", "libx32")
# Data of the machine's own services and people, also where it happens to be readable.
_ALWAYS_EMPTY = {
    "var": ("backups", "crash", "log", "mail", "spool", "tmp", "lib/docker", "lib/containers"),
    "etc": ("ssh", "ssl/private"),
}
_NOT_DEEPER = "/usr/*/*/*"  # a hundred thousand names lie there, next to none of them closed
# Where ids are not mapped, an instance writes to the machine's directories below these only if
# directories of its own lie in front of them.
_OPENED = (
    "usr/bin",
    "usr/lib",
    "usr/local",
    "usr/local/bin",
    "usr/local/lib",
    "usr/local/sbin",
    "usr/local/share",
    "usr/sbin",
    "usr/share",
    "usr/src",
    "var/cache",
    "var/lib",
    "var/log",
    "var/spool",
    "var/tmp",
)
_OPAQUE = "trusted.overlay.opaque"
_LAST_ID = 65535


def kept_directories() -> list[str]:
    """Top-level directories of the machine that an instance gets a copy-on-write view of."""
    return [name for name in KEPT if os.path.isdir(f"/{name}") and not os.path.islink(f"/{name}")]


def hidden() -> dict[str, list[str]]:
    """What to hide now: paths by top-level directory, relative to it."""
    directories = kept_directories()
    found = subprocess.run(
        find_command(directories),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return parse(found.stdout, directories)


def find_command(directories: list[str]) -> list[str]:
    """A program that prints all that others may not read, ended by NULs.

    ``find`` walks many names seven times faster than Python.
    """
    always = [f"/{top}/{name}" for top in directories for name in _ALWAYS_EMPTY.get(top, ())]
    prune = [word for path in always for word in ("-path", path, "-prune", "-o")]
    closed_directory = ["-type", "d", "!", "-perm", "-005", "-prune", "-print0"]
    closed_file = ["!", "-type", "d", "!", "-type", "l", "!", "-perm", "-004", "-print0"]
    special = [w for kind in "bcps" for w in ("-o", "-type", kind, "-print0")]
    starts = [f"/{name}" for name in directories]
    deep = ["-o", "-path", _NOT_DEEPER, "-prune"]
    return [
        "find",
        *starts,
        "-xdev",
        *prune,
        *closed_directory,
        "-o",
        *closed_file,
        *special,
        *deep,
    ]


def parse(output: bytes, directories: list[str]) -> dict[str, list[str]]:
    """What find_command printed, by top-level directory, with what is always hidden."""
    found: dict[str, list[str]] = {name: [] for name in directories}
    for path in os.fsdecode(output).split("\0"):
        top, _, below = path.lstrip("/").partition("/")
        if top in found and below:
            found[top].append(below)
    for name in directories:
        always = _ALWAYS_EMPTY.get(name, ())
        found[name] += [below for below in always if os.path.lexists(f"/{name}/{below}")]
    return found


def build(layer: str, top: str, hidden: list[str], base: int) -> None:
    """Fill the directory ``layer``, which goes in front of the machine's /``top``."""
    _copy_owner(f"/{top}", layer, base)
    for below in sorted(hidden):
        try:
            _hide(layer, top, below, base)
        except FileNotFoundError:
            continue  # it is gone meanwhile
    if top == "etc":
        _write_shadows(layer, base)


def open_up(layer: str, top: str, owner: int, group: int) -> None:
    """Put directories that the instance owns in front of those of /``top`` that it writes to."""
    for path in _OPENED:
        first, _, below = path.partition("/")
        original, target = f"/{path}", f"{layer}/{below}"
        if first != top or os.path.islink(original) or not os.path.isdir(original):
            continue
        os.mkdir(target)
        os.chown(target, owner, group)
        os.chmod(target, stat.S_IMODE(os.stat(original).st_mode) & 0o1777 | 0o700)


def _hide(layer: str, top: str, below: str, base: int) -> None:
    if not _make_parents(layer, top, below, base):
        return
    original, target = f"/{top}/{below}", f"{layer}/{below}"
    if not stat.S_ISDIR(os.lstat(original).st_mode):
        os.mknod(target, stat.S_IFCHR, os.makedev(0, 0))  # overlayfs: "there is nothing"
        return
    os.mkdir(target)
    os.setxattr(target, _OPAQUE, b"y")
    _copy_owner(original, target, base)


def _make_parents(layer: str, top: str, below: str, base: int) -> bool:
    """Whether the entry can be made; not if a directory above it is hidden already."""
    path = ""
    for part in below.split("/")[:-1]:
        path = f"{path}/{part}"
        target = layer + path
        if not os.path.lexists(target):
            os.mkdir(target)
            _copy_owner(f"/{top}{path}", target, base)
        elif not os.path.isdir(target) or _opaque(target):
            return False
    return not os.path.lexists(f"{layer}/{below}")


def _opaque(path: str) -> bool:
    try:
        return os.getxattr(path, _OPAQUE) == b"y"
    except OSError:
        return False


def _copy_owner(original: str, target: str, base: int) -> None:
    found = os.stat(original)
    os.chown(target, _shifted(found.st_uid, base), _shifted(found.st_gid, base))
    os.chmod(target, stat.S_IMODE(found.st_mode))


def _shifted(number: int, base: int) -> int:
    return base + (number if number <= _LAST_ID else _LAST_ID - 1)


def _write_shadows(layer: str, base: int) -> None:
    """Password files of the same accounts, none of which has a password."""
    for name, source, rest in (
        ("shadow", "passwd", "19000:0:99999:7:::"),
        ("gshadow", "group", ":"),
    ):
        try:
            with open(f"/etc/{source}", encoding="utf-8", errors="surrogateescape") as file:
                accounts = [line.split(":", 1)[0] for line in file if ":" in line]
            group = os.stat(f"/etc/{name}").st_gid
        except FileNotFoundError:
            continue
        target = f"{layer}/{name}"
        if os.path.lexists(target):
            os.unlink(target)
        with open(target, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.writelines(f"{account}:*:{rest}\n" for account in accounts)
        os.chown(target, base, _shifted(group, base))
        os.chmod(target, 0o640)
