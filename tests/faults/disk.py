"""A disk whose power can be cut, that can be full, and that can refuse to be written.

A file system in memory (``medium``) that this process serves through /dev/fuse. It is mounted in a
mount namespace of its own, so nobody else has it, and it is gone with this process. Whatever is
started in there has it under its path: a program, its forks, and SQLite below it, unchanged.

An ordinary user needs user namespaces.
"""

from __future__ import annotations

import errno
import os
import random
import select
import socket
import stat
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.medium import ROOT, Image, Medium, Node

MARK = "!"  # with which names begin that are looked up to leave a mark, and are nowhere

# Mounts, hands over its end of /dev/fuse, and keeps the namespace until it is told.
_KEEPER = """
import ctypes, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
def do(name, *given):
    if getattr(libc, name)(*given):
        number = ctypes.get_errno()
        sys.exit(f"{name}: {os.strerror(number)}")
where, ours = sys.argv[1], socket.socket(fileno=int(sys.argv[2]))
uid, gid = os.geteuid(), os.getegid()
do("unshare", 0x20000 | (0x10000000 if uid else 0))
if uid:
    maps = ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")
    for name, text in ("setgroups", "deny"), *maps:
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
do("mount", b"none", b"/", None, 0x44000, None)
fuse = os.open("/dev/fuse", os.O_RDWR)
options = f"fd={fuse},rootmode=40000,user_id={uid},group_id={gid},default_permissions"
options += "" if uid else ",allow_other"
do("mount", b"disk", where.encode(), b"fuse.disk", 0, options.encode())
socket.send_fds(ours, [b"!"], [fuse])
os.close(fuse)
ours.recv(1)
"""
_LARGEST = 128 * 1024  # bytes of one write
_IN = struct.Struct("<IIQQIII4x")
_OUT = struct.Struct("<IiQ")
_ATTRIBUTES = struct.Struct("<QQQQQQIIIIIIIIII")
_WRITES = os.O_WRONLY | os.O_RDWR


class Disk:
    """What is below ``path`` for those who are started with ``inside`` before their words."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.medium = Medium()
        self.read_only = False
        self.room: int | None = None  # bytes that may still be written; None: any number
        self.refused = 0  # requests, of all kinds
        self.when_marked: Callable[[str], None] = lambda text: None  # is told before who marks
        self._lock = threading.Lock()
        ours, theirs = socket.socketpair()
        self._keeper = subprocess.Popen(
            [sys.executable, "-S", "-E", "-c", _KEEPER, str(path), str(theirs.fileno())],
            pass_fds=(theirs.fileno(),),
            stderr=subprocess.PIPE,
            text=True,
        )
        theirs.close()
        _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
        self._ours = ours
        if not descriptors:
            said = self._keeper.communicate()[1].strip()
            ours.close()
            raise OSError(errno.EPERM, f"no disk can be mounted here: {said}")
        self._fuse = descriptors[0]
        self._told, self._tells = os.pipe()
        self._thread = threading.Thread(target=self._serve, name="disk", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Whoever is still in there meets a disk that is gone."""
        os.close(self._tells)
        self._thread.join(10)
        for descriptor in (self._fuse, self._told):
            os.close(descriptor)
        self._ours.close()
        self._keeper.wait(10)
        assert self._keeper.stderr is not None
        self._keeper.stderr.close()

    @property
    def inside(self) -> tuple[str, ...]:
        """Begins the words of a command that is to have the disk; its process id stays."""
        user = () if os.geteuid() == 0 else ("--user", "--preserve-credentials")
        return ("nsenter", f"--target={self._keeper.pid}", "--mount", *user, "--")

    @property
    def seen(self) -> Path:
        """Where this process sees what is on it."""
        return Path(f"/proc/{self._keeper.pid}/root{self.path}")

    def mark(self, text: str) -> None:
        with self._lock:
            self.medium.mark(text)

    def put(self, image: Image) -> None:
        """Have it hold this, and all of it on the disk."""
        with self._lock:
            self.medium = Medium(image, first=self.medium.next)

    def cut(self, chance: random.Random | None = None) -> None:
        """The power is cut. Those who wrote to it are dead; chance says what else came to it."""
        self.put(self.medium.after_cut(chance))

    def _serve(self) -> None:
        poll = select.poll()
        poll.register(self._fuse, select.POLLIN)
        poll.register(self._told, select.POLLIN)
        while self._told not in {descriptor for descriptor, _ in poll.poll()}:
            try:
                self._answer(os.read(self._fuse, _LARGEST + 4096))
            except OSError as error:
                if error.errno == errno.ENODEV:  # unmounted
                    return
                if error.errno not in (errno.EINTR, errno.ENOENT):  # who asked was killed
                    raise

    def _answer(self, request: bytes) -> None:
        """OSError: nobody waits for the answer any more."""
        _, code, unique, number, uid, gid, _ = _IN.unpack_from(request)
        if code in _SILENT:
            return
        try:
            if code not in _ANSWERS:
                raise OSError(errno.ENOSYS, "")
            with self._lock:
                said = _ANSWERS[code](self, number, request[_IN.size :], (uid, gid))
            head = _OUT.pack(_OUT.size + len(said), 0, unique)
        except OSError as error:
            said = b""
            head = _OUT.pack(_OUT.size, -(error.errno or errno.EIO), unique)
        os.write(self._fuse, head + said)

    # One answer for each request of linux/fuse.h, given the node, its body, and who asks.

    def _init(self, _: int, body: bytes, __: object) -> bytes:
        major, minor, ahead, _flags = struct.unpack_from("<IIII", body)
        big_writes = 1 << 5
        answer = struct.pack("<IIIIHHII", major, min(minor, 31), ahead, big_writes, 12, 9,
                             _LARGEST, 1)  # fmt: skip
        return answer.ljust(64, b"\0")

    def _look_up(self, number: int, body: bytes, _: object) -> bytes:
        name = _name(body)
        if number == ROOT and name.startswith(MARK):
            self.medium.mark(name[len(MARK) :])
            self.when_marked(name[len(MARK) :])
        return _entry(self.medium.find(self._node(number).number, name))

    def _attributes(self, number: int, _: bytes, __: object) -> bytes:
        return struct.pack("<QII", 0, 0, 0) + _attributes(self._node(number))

    def _change(self, number: int, body: bytes, _: object) -> bytes:
        node = self._written(number)
        valid, size = struct.unpack_from("<I12xQ", body)
        mode, uid, gid = struct.unpack_from("<I4xII", body, 68)
        if valid & 7:
            mode = node.mode & ~0o7777 | mode & 0o7777 if valid & 1 else node.mode
            uid, gid = uid if valid & 2 else node.uid, gid if valid & 4 else node.gid
            self.medium.own(number, mode, uid, gid)
        if valid & 8 and size != len(node.content):
            self.medium.resize(number, size)
        node.at = time.time_ns()
        return self._attributes(number, b"", None)

    def _link_text(self, number: int, _: bytes, __: object) -> bytes:
        return bytes(self._node(number).content)

    def _symbolic(self, number: int, body: bytes, who: tuple[int, int]) -> bytes:
        name, to = body.split(b"\0")[:2]
        return self._made(number, os.fsdecode(name), stat.S_IFLNK | 0o777, who, to)

    def _make_node(self, number: int, body: bytes, who: tuple[int, int]) -> bytes:
        (mode,) = struct.unpack_from("<I", body)
        return self._made(number, _name(body[16:]), mode, who)

    def _make_directory(self, number: int, body: bytes, who: tuple[int, int]) -> bytes:
        (mode,) = struct.unpack_from("<I", body)
        self._refuse_unless(self.room is None or self.room >= 512)
        return self._made(number, _name(body[8:]), stat.S_IFDIR | mode, who)

    def _create(self, number: int, body: bytes, who: tuple[int, int]) -> bytes:
        _, mode = struct.unpack_from("<II", body)
        return self._made(number, _name(body[16:]), mode, who) + _OPENED

    def _unlink(self, number: int, body: bytes, _: object) -> bytes:
        self.medium.remove(self._written(number).number, _name(body), False)
        return b""

    def _remove_directory(self, number: int, body: bytes, _: object) -> bytes:
        self.medium.remove(self._written(number).number, _name(body), True)
        return b""

    def _rename(self, number: int, body: bytes, _: object) -> bytes:
        return self._renamed(number, body, 8)

    def _rename_2(self, number: int, body: bytes, _: object) -> bytes:
        (flags,) = struct.unpack_from("<8xI", body)
        if flags:
            raise OSError(errno.EINVAL, "")
        return self._renamed(number, body, 16)

    def _renamed(self, number: int, body: bytes, names_at: int) -> bytes:
        (to,) = struct.unpack_from("<Q", body)
        old, new = (os.fsdecode(name) for name in body[names_at:].split(b"\0")[:2])
        self.medium.rename(self._written(number).number, old, self._written(to).number, new)
        return b""

    def _hard_link(self, number: int, body: bytes, _: object) -> bytes:
        (there,) = struct.unpack_from("<Q", body)
        node = self._written(there)
        return _entry(self.medium.link(node.number, self._written(number).number, _name(body[8:])))

    def _open(self, number: int, body: bytes, _: object) -> bytes:
        (flags,) = struct.unpack_from("<I", body)
        if flags & _WRITES:
            self._written(number)
        return _OPENED

    def _read(self, number: int, body: bytes, _: object) -> bytes:
        offset, size = struct.unpack_from("<8xQI", body)
        return bytes(self._node(number).content[offset : offset + size])

    def _write(self, number: int, body: bytes, _: object) -> bytes:
        offset, size = struct.unpack_from("<8xQI", body)
        node, data = self._written(number), body[40 : 40 + size]
        growth = max(offset + size - len(node.content), 0)
        if self.room is not None and growth > self.room:
            data = data[: size - growth + self.room]
            growth = self.room
            self._refuse_unless(bool(data))
        if self.room is not None:
            self.room -= growth
        self.medium.write(number, offset, data)
        node.at = time.time_ns()
        return struct.pack("<II", len(data), 0)

    def _room(self, _: int, __: bytes, ___: object) -> bytes:
        free = 1 << 18 if self.room is None else self.room // 512
        return struct.pack("<QQQQQIIII24x", 1 << 20, free, free, 1 << 20, 1 << 20, 512, 255, 512, 0)

    def _sync(self, number: int, _: bytes, __: object) -> bytes:
        self.medium.sync(self._node(number).number)
        return b""

    def _list(self, number: int, body: bytes, _: object) -> bytes:
        offset, size = struct.unpack_from("<8xQI", body)
        listed = b""
        for at, (name, below) in enumerate(list(self._node(number).names.items())[offset:], 1):
            text = os.fsencode(name)
            kind = stat.S_IFMT(self.medium.nodes[below].mode) >> 12
            one = struct.pack("<QQII", below, offset + at, len(text), kind) + text
            one = one.ljust(-(-len(one) // 8) * 8, b"\0")
            if len(listed) + len(one) > size:
                break
            listed += one
        return listed

    def _nothing(self, _: int, __: bytes, ___: object) -> bytes:
        return b""

    def _opened(self, _: int, __: bytes, ___: object) -> bytes:
        return _OPENED

    def _node(self, number: int) -> Node:
        try:
            return self.medium.nodes[number]
        except KeyError:
            raise OSError(errno.ESTALE, "of before a power cut") from None

    def _written(self, number: int) -> Node:
        if self.read_only:
            self.refused += 1
            raise OSError(errno.EROFS, "")
        return self._node(number)

    def _refuse_unless(self, fits: bool) -> None:
        if not fits:
            self.refused += 1
            raise OSError(errno.ENOSPC, "")

    def _made(
        self, number: int, name: str, mode: int, who: tuple[int, int], to: bytes = b""
    ) -> bytes:
        node = self.medium.make(self._written(number).number, name, mode, *who, to)
        node.at = time.time_ns()
        return _entry(node)


def _name(body: bytes) -> str:
    return os.fsdecode(body[: body.index(b"\0")])


def _attributes(node: Node) -> bytes:
    seconds, rest = divmod(node.at, 1_000_000_000)
    size = len(node.content)
    links = 2 if node.is_directory else node.links
    return _ATTRIBUTES.pack(
        node.number, size, -(-size // 512), seconds, seconds, seconds, rest, rest, rest,
        node.mode, links, node.uid, node.gid, 0, 4096, 0,
    )  # fmt: skip


def _entry(node: Node) -> bytes:
    """Nothing of it may be remembered: after a power cut it is another."""
    return struct.pack("<QQQQII", node.number, 0, 0, 0, 0, 0) + _attributes(node)


_OPENED = bytes(16)
_SILENT = {2, 36, 42}  # forget, interrupt, batch_forget
_ANSWERS: dict[int, Callable[[Disk, int, bytes, tuple[int, int]], bytes]] = {
    1: Disk._look_up, 3: Disk._attributes, 4: Disk._change, 5: Disk._link_text,
    6: Disk._symbolic, 8: Disk._make_node, 9: Disk._make_directory, 10: Disk._unlink,
    11: Disk._remove_directory, 12: Disk._rename, 13: Disk._hard_link, 14: Disk._open,
    15: Disk._read, 16: Disk._write, 17: Disk._room, 18: Disk._nothing, 20: Disk._sync,
    26: Disk._init, 27: Disk._opened, 28: Disk._list, 29: Disk._nothing, 30: Disk._sync,
    35: Disk._create, 38: Disk._nothing, 45: Disk._rename_2,
}  # fmt: skip


@contextmanager
def mounted(path: Path) -> Iterator[Disk]:
    """A new and empty one on an empty directory; skips the test, with why, where none can be."""
    try:
        one = Disk(path)
    except OSError as error:
        pytest.skip(str(error))
    try:
        yield one
    finally:
        one.close()
