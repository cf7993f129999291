"""What a file system holds now, and what of it a power cut would leave.

A file lasts as it was at its last fsync, and a name as it was at the last fsync of its directory:
that of a file does not make its name last. Whatever was not synced may have come to the disk all
the same, whole or in part, and chance says what did. All that happens is kept in order, so that
the power may be cut at any step that is over.
"""

from __future__ import annotations

import errno
import os
import random
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = 1
_SECTOR = 512  # bytes that come to the disk together
Step = tuple[object, ...]  # the name of a method of Medium, and what it was given


@dataclass
class Node:
    """A file, a directory or a symbolic link."""

    number: int
    mode: int
    uid: int
    gid: int
    content: bytearray = field(default_factory=bytearray)  # of a link: where it leads
    names: dict[str, int] = field(default_factory=dict)  # of a directory
    links: int = 1
    at: int = 0  # ns; the one time that it has
    synced: bytes = b""
    unsynced: list[tuple[int, bytes | None]] = field(default_factory=list)  # None: cut to a size

    @property
    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.mode)


@dataclass(frozen=True, kw_only=True)
class Kept:
    """One name of an image."""

    number: int  # the same for all names of one file
    mode: int
    uid: int
    gid: int
    content: bytes


Image = Mapping[str, Kept]  # by path below the root, a directory before what is in it


@dataclass(frozen=True)
class _Move:
    """A change of names that comes to the disk whole or not at all."""

    names: tuple[tuple[int, str, int | None], ...]  # directory, name, to what; None: gone

    @property
    def directories(self) -> set[int]:
        return {directory for directory, _, _ in self.names}


class Medium:
    """Methods that change it raise OSError as their system calls do, and then change nothing."""

    def __init__(self, image: Image | None = None, *, first: int = ROOT + 1) -> None:
        """``first``: the number of the next node."""
        self.nodes = {ROOT: Node(ROOT, stat.S_IFDIR | 0o755, os.geteuid(), os.getegid())}
        self.steps: list[Step] = []
        self.next = first
        self._lasting: dict[int, dict[str, int]] = {ROOT: {}}
        self._moves: list[_Move] = []
        made: dict[int, Node] = {}
        for path, kept in (image or {}).items():
            parent, name = self._above(path)
            node = made.get(kept.number)
            if node is None:
                node = made[kept.number] = self._new(kept.mode, kept.uid, kept.gid)
                node.synced = kept.content
                node.content[:] = kept.content
            else:
                node.links += 1
            self.nodes[parent].names[name] = self._lasting[parent][name] = node.number

    def apply(self, step: Step) -> None:
        name, *given = step
        getattr(self, str(name))(*given)

    # What happens.

    def mark(self, text: str) -> None:
        """Nothing on the disk; a moment that a test wants to find again."""
        self.steps.append(("mark", text))

    def make(self, parent: int, name: str, mode: int, uid: int, gid: int, to: bytes = b"") -> Node:
        """A file, a directory, or a link that leads ``to``."""
        if name in self.nodes[parent].names:
            raise OSError(errno.EEXIST, name)
        self.steps.append(("make", parent, name, mode, uid, gid, to))
        node = self._new(mode, uid, gid)
        node.content[:] = node.synced = to
        self._move((parent, name, node.number))
        return node

    def link(self, number: int, parent: int, name: str) -> Node:
        if name in self.nodes[parent].names:
            raise OSError(errno.EEXIST, name)
        self.steps.append(("link", number, parent, name))
        self.nodes[number].links += 1
        self._move((parent, name, number))
        return self.nodes[number]

    def remove(self, parent: int, name: str, directory: bool) -> None:
        node = self.find(parent, name)
        if directory and not node.is_directory:
            raise OSError(errno.ENOTDIR, name)
        if node.names:
            raise OSError(errno.ENOTEMPTY, name)
        if node.is_directory and not directory:
            raise OSError(errno.EISDIR, name)
        self.steps.append(("remove", parent, name, directory))
        node.links -= 1
        self._move((parent, name, None))

    def rename(self, parent: int, name: str, to: int, new: str) -> None:
        node, there = self.find(parent, name), self.nodes[to].names.get(new)
        if there == node.number:
            return
        if there is not None:
            if self.nodes[there].names:
                raise OSError(errno.ENOTEMPTY, new)
            self.nodes[there].links -= 1
        self.steps.append(("rename", parent, name, to, new))
        self._move((parent, name, None), (to, new, node.number))

    def write(self, number: int, offset: int, data: bytes) -> None:
        self.steps.append(("write", number, offset, data))
        node = self.nodes[number]
        node.unsynced.append((offset, data))
        _write(node.content, offset, data)

    def resize(self, number: int, size: int) -> None:
        self.steps.append(("resize", number, size))
        node = self.nodes[number]
        node.unsynced.append((size, None))
        _resize(node.content, size)

    def own(self, number: int, mode: int, uid: int, gid: int) -> None:
        """Lasts at once: nobody here goes by an owner or a mode that a power cut took back."""
        self.steps.append(("own", number, mode, uid, gid))
        node = self.nodes[number]
        node.mode, node.uid, node.gid = mode, uid, gid

    def sync(self, number: int) -> None:
        self.steps.append(("sync", number))
        node = self.nodes[number]
        node.synced, node.unsynced = bytes(node.content), []
        if not node.is_directory:
            return
        wanted, rest = {number}, []
        for move in reversed(self._moves):
            # With a change of names comes what came before it in the same directories.
            if wanted & move.directories:
                wanted |= move.directories
            else:
                rest.append(move)
        done = [move for move in self._moves if move not in rest]
        self._moves = rest[::-1]
        for move in done:
            _rename(self._lasting, move)

    # What is seen.

    def find(self, parent: int, name: str) -> Node:
        number = self.nodes[parent].names.get(name)
        if number is None:
            raise OSError(errno.ENOENT, name)
        return self.nodes[number]

    def image(self) -> Image:
        """All that there is now."""
        names = {number: node.names for number, node in self.nodes.items()}
        contents = {number: bytes(node.content) for number, node in self.nodes.items()}
        return dict(self._walk(ROOT, "", names, contents))

    def after_cut(self, chance: random.Random | None = None) -> Image:
        """What is left if the power is cut now. None: nothing that was not synced."""
        how = chance.choice(("nothing", "all", "names", "any")) if chance else "nothing"
        names = {number: dict(there) for number, there in self._lasting.items()}
        held: set[int] = set()  # directories of which a change of names did not come to the disk
        for move in self._moves:
            comes = how in ("all", "names") or (how == "any" and _tossed(chance))
            if comes and not held & move.directories:
                _rename(names, move)
            else:
                held |= move.directories
        contents = {
            number: _surviving(node, how, chance) if chance else node.synced
            for number, node in self.nodes.items()
        }
        return dict(self._walk(ROOT, "", names, contents))

    def _walk(
        self, number: int, path: str, names: Mapping[int, Mapping[str, int]],
        contents: Mapping[int, bytes],
    ) -> Iterator[tuple[str, Kept]]:  # fmt: skip
        for name, below in names.get(number, {}).items():
            node, whole = self.nodes[below], f"{path}{name}"
            yield whole, Kept(number=below, mode=node.mode, uid=node.uid, gid=node.gid,
                              content=contents[below])  # fmt: skip
            yield from self._walk(below, f"{whole}/", names, contents)

    def _above(self, path: str) -> tuple[int, str]:
        *above, name = path.split("/")
        number = ROOT
        for part in above:
            number = self.nodes[number].names[part]
        return number, name

    def _new(self, mode: int, uid: int, gid: int) -> Node:
        node = Node(self.next, mode, uid, gid)
        self.next += 1
        self.nodes[node.number] = node
        if node.is_directory:
            self._lasting[node.number] = {}
        return node

    def _move(self, *names: tuple[int, str, int | None]) -> None:
        move = _Move(names)
        self._moves.append(move)
        _rename({number: node.names for number, node in self.nodes.items()}, move)


def instants(base: Medium, steps: Sequence[Step]) -> Iterator[tuple[int, Medium]]:
    """The same steps again on ``base``, a new one: it, before the first and after each."""
    yield 0, base
    for number, step in enumerate(steps, start=1):
        base.apply(step)
        yield number, base


def put_down(image: Image, folder: Path) -> None:
    """An image as files of a new folder; whose they were does not matter there."""
    folder.mkdir()
    for path, kept in image.items():
        if stat.S_ISDIR(kept.mode):
            (folder / path).mkdir()
        elif stat.S_ISLNK(kept.mode):
            (folder / path).symlink_to(os.fsdecode(kept.content))
        else:
            (folder / path).write_bytes(kept.content)
            (folder / path).chmod(stat.S_IMODE(kept.mode))


def _surviving(node: Node, how: str, chance: random.Random) -> bytes:
    if how == "all":
        return bytes(node.content)
    if how == "nothing" or not node.unsynced:
        return node.synced
    fate = chance.choice(("lost", "zeros") if how == "names" else
                         ("lost", "whole", "zeros", "torn", "sectors"))  # fmt: skip
    content = bytearray(node.synced)
    if fate == "whole":
        return bytes(node.content)
    if fate == "zeros":  # the size came to the disk, and what it is about did not
        _resize(content, len(node.content))
    elif fate == "torn":
        _tear(content, node.unsynced, chance)
    elif fate == "sectors":
        for offset, data in _in_sectors(node.unsynced):
            if _tossed(chance):
                _change(content, offset, data)
    return bytes(content)


def _tear(
    content: bytearray, unsynced: list[tuple[int, bytes | None]], chance: random.Random
) -> None:
    """Some came whole and the next in part."""
    whole = chance.randrange(len(unsynced))
    for offset, data in unsynced[:whole]:
        _change(content, offset, data)
    offset, data = unsynced[whole]
    if data is not None:
        _write(content, offset, data[: chance.randrange(len(data) + 1)])


def _in_sectors(
    unsynced: list[tuple[int, bytes | None]],
) -> Iterator[tuple[int, bytes | None]]:
    for offset, data in unsynced:
        if data is None:
            yield offset, None
            continue
        at = offset
        while at < offset + len(data):
            until = min((at // _SECTOR + 1) * _SECTOR, offset + len(data))
            yield at, data[at - offset : until - offset]
            at = until


def _change(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        _resize(content, offset)
    else:
        _write(content, offset, data)


def _write(content: bytearray, offset: int, data: bytes) -> None:
    if len(content) < offset:
        _resize(content, offset)
    content[offset : offset + len(data)] = data


def _resize(content: bytearray, size: int) -> None:
    del content[size:]
    content.extend(bytes(size - len(content)))


def _rename(names: Mapping[int, dict[str, int]], move: _Move) -> None:
    for directory, name, number in move.names:
        if number is None:
            names[directory].pop(name, None)
        else:
            names[directory][name] = number


def _tossed(chance: random.Random | None) -> bool:
    return chance is not None and chance.random() < 0.5
