"""What an instance leaves on disk: its directory, made whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import stat
from typing import NamedTuple

from cloudhand.providers.sandbox import mask
from cloudhand.providers.sandbox.plan import ID_COUNT, Mode

# No distribution gives these ids to anybody: above systemd's containers, below its foreign ids.
_FIRST_BASE = 0x70000000
_BASE_COUNT = 4000
_HOSTS_LIMIT = 1024 * 1024  # bytes of /etc/hosts; a larger one keeps the name that it has


class Record(NamedTuple):
    """instance.json: no secret is in it."""

    instance_id: str
    hostname: str
    base: int  # host id of its root, with NAMESPACES_ROOT


def create(directory: str, boot: dict[str, str], user_data: bytes, *, mode: Mode) -> Record:
    """Make the directory of a new instance; ``boot`` is what its agent is told."""
    parent, name = os.path.split(directory)
    part = f"{parent}/.new-{name}"
    shutil.rmtree(part, ignore_errors=True)
    os.mkdir(part, 0o700)
    record = Record(boot["instanceId"], boot["name"], free_base(parent))
    _write(f"{part}/instance.json", json.dumps(record._asdict()).encode())
    _write(f"{part}/boot.json", json.dumps(boot).encode())
    if user_data.startswith(b"#!"):
        _write(f"{part}/user-data", user_data)
    if mode is not Mode.PROCESSES:
        make_layers(part, record, as_root=mode is Mode.NAMESPACES_ROOT)
    os.rename(part, directory)
    return record


def tell(directory: str, boot: dict[str, str], user_data: bytes) -> None:
    """Tell something else than at the making, from the next boot on."""
    _place(directory, "boot.json", json.dumps(boot).encode())
    if user_data.startswith(b"#!"):
        _place(directory, "user-data", user_data)
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{directory}/user-data")


def named(directory: str, record: Record, *, mode: Mode) -> Record:
    """The record with the name that was told last. Call it while nothing of the instance runs."""
    with open(f"{directory}/boot.json", "rb") as file:
        name = json.load(file)["name"]
    if name == record.hostname:
        return record
    if mode is not Mode.PROCESSES:
        _rename(directory, record, name, as_root=mode is Mode.NAMESPACES_ROOT)
    renamed = record._replace(hostname=name)
    _place(directory, "instance.json", json.dumps(renamed._asdict()).encode())
    return renamed


def _rename(directory: str, record: Record, name: str, *, as_root: bool) -> None:
    """Have the instance's own files tell its new name; what else it wrote there stays."""
    etc = f"{directory}/layers/etc/up"
    files = {"hostname": f"{name}\n".encode()}
    with contextlib.suppress(OSError):  # what stands there cannot be read
        old, new = (f"127.0.1.1 {one}\n".encode() for one in (record.hostname, name))
        files["hosts"] = _read(f"{etc}/hosts").replace(old, new)
    for file_name, content in files.items():
        part = _part(directory, file_name, content, 0o644)
        if as_root:
            os.chown(part, record.base, record.base)
        with contextlib.suppress(OSError):  # a directory of the instance stands there
            os.replace(part, f"{etc}/{file_name}")


def _read(path: str) -> bytes:
    """A file where the instance may have laid anything: no link is followed, no pipe waited for."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _HOSTS_LIMIT:
            raise OSError("it is no file of an ordinary size")
        return os.read(descriptor, status.st_size)
    finally:
        os.close(descriptor)


def _place(directory: str, name: str, content: bytes) -> None:
    os.replace(_part(directory, name, content, 0o600), f"{directory}/{name}")


def _part(directory: str, name: str, content: bytes, mode: int) -> str:
    """The path of a new file, from which it is put into its place as a whole."""
    path = f"{directory}/{name}.part"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    _write(path, content, mode)
    return path


def load(directory: str) -> Record | None:
    try:
        with open(f"{directory}/instance.json", "rb") as file:
            return Record(**json.load(file))
    except FileNotFoundError:
        return None


def remove(directory: str) -> None:
    """Forget the instance at once, then remove what it kept."""
    parent, name = os.path.split(directory)
    gone = f"{parent}/.gone-{name}"
    remove_tree(gone)
    try:
        os.rename(directory, gone)
    except FileNotFoundError:
        return
    remove_tree(gone)


def remove_tree(path: str) -> None:
    """Remove a directory that instances lie in, as far as it is there.

    Overlay's work directories are closed even to their owner, and so may be what scripts made.
    """
    shutil.rmtree(path, ignore_errors=True)
    for folder, names, _ in os.walk(path):
        for name in names:
            directory = os.path.join(folder, name)
            with contextlib.suppress(OSError):  # somebody else may be removing it, too
                if not os.path.islink(directory):
                    os.chmod(directory, 0o700)
    shutil.rmtree(path, ignore_errors=True)


def free_base(instances: str) -> int:
    """An id range that no other instance of this state and no process of this machine has."""
    records = (load(entry.path) for entry in os.scandir(instances) if entry.name[0] != ".")
    taken = {record.base for record in records if record} | _bases_in_use()
    start = int.from_bytes(os.urandom(4), "big")
    for offset in range(_BASE_COUNT):
        base = _FIRST_BASE + (start + offset) % _BASE_COUNT * ID_COUNT
        if base not in taken:
            return base
    raise OSError("every range of ids for instances is taken")


def _bases_in_use() -> set[int]:
    found = set()
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                found.add(os.stat(f"/proc/{name}").st_uid & ~(ID_COUNT - 1))
            except OSError:
                continue  # it ended meanwhile
    return found


def make_layers(directory: str, record: Record, *, as_root: bool) -> None:
    """The directories that hold what the instance changes, with what is its own from the start."""
    os.mkdir(f"{directory}/mnt")
    os.mkdir(f"{directory}/layers")
    base = record.base if as_root else os.geteuid()
    group = record.base if as_root else os.getegid()
    for name in ("root", *mask.kept_directories()):
        mode = 0o755 if name == "root" else stat.S_IMODE(os.stat(f"/{name}").st_mode)
        os.mkdir(f"{directory}/layers/{name}")
        for part in ("up", "work"):
            path = f"{directory}/layers/{name}/{part}"
            os.mkdir(path)
            _give(path, base, group)
            os.chmod(path, mode if as_root else mode | 0o700)
        if not as_root:
            mask.open_up(f"{directory}/layers/{name}/up", name, base, group)
    _identify(f"{directory}/layers/etc/up", record, base, group)


def _give(path: str, owner: int, group: int) -> None:
    try:
        os.chown(path, owner, group)
    except OSError as error:
        # So it is for the root of a user namespace, a container's for example.
        what = "this root has no ids to give to instances"
        raise OSError(error.errno, what) if error.errno == errno.EINVAL else error from None


def _identify(etc: str, record: Record, owner: int, group: int) -> None:
    """Names and the machine-id. Made before the instance first runs, so nobody else writes here."""
    name = record.hostname
    hosts = f"127.0.0.1 localhost\n127.0.1.1 {name}\n::1 localhost ip6-localhost ip6-loopback\n"
    files = {
        "hostname": f"{name}\n".encode(),
        "hosts": hosts.encode(),
        "machine-id": os.urandom(16).hex().encode() + b"\n",
    }
    try:
        # Often a link into /run, of which an instance has its own.
        with open("/etc/resolv.conf", "rb") as file:
            files["resolv.conf"] = file.read()
    except OSError:
        pass  # then the instance resolves no names, like the machine
    for file_name, content in files.items():
        path = f"{etc}/{file_name}"
        _write(path, content, 0o444 if file_name == "machine-id" else 0o644)
        os.chown(path, owner, group)


def _write(path: str, content: bytes, mode: int = 0o600) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        os.fchmod(file.fileno(), mode)
