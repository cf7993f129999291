"""The published agent, as the operator has put it into a folder: for machines without our Python.

What a file is, and for which processor, is told by its content and not by its name. Of an archive
the one program in it counts: no package of the vendor is installed anywhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

log = logging.getLogger(__name__)

FOLDER = "agents"  # of the state directory
PROGRAM = "aliyun-service"

# Of ELF, and as Go names them.
_PROCESSORS = {3: "386", 62: "amd64", 183: "arm64"}
_HEAD = 20  # bytes of an ELF file, in which all of that stands
_LINUX = (0, 3)
_RPM = b"\xed\xab\xee\xdb"
_DEB = b"!<arch>\n"
_DEB_ENTRY = 60  # bytes before what each is
_PIECE = 64 * 1024  # bytes
_BROKEN = (OSError, EOFError, ValueError, tarfile.TarError, zipfile.BadZipFile, zlib.error,
           lzma.LZMAError, RuntimeError)  # fmt: skip
_AND_PUT = f"and put its {PROGRAM} there"
_ODD = re.compile(r"[^A-Za-z0-9._+~/-]")


class _Unusable(Exception):
    """Why a file is of no use, as the end of a sentence."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """One that a machine can be given."""

    file: Path  # which it is, or is in
    member: str  # of an archive; empty: it is the file
    processor: str
    digest: str  # SHA-256, in hex


@dataclass(frozen=True, kw_only=True)
class Offer:
    programs: Mapping[str, Program]  # by processor
    obstacles: tuple[str, ...]  # a sentence for each file that is of no use


class PublishedAgents:
    """What is in the folder now: it is looked at each time, and read when it has changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = asyncio.Lock()
        self._known: tuple[object, Offer] = (None, Offer(programs={}, obstacles=()))

    async def offer(self) -> Offer:
        async with self._lock:
            mark = await asyncio.to_thread(_mark, self._folder)
            if self._known[0] != mark:
                self._known = mark, await asyncio.to_thread(_look, self._folder)
                for obstacle in self._known[1].obstacles:
                    log.warning("published agent not usable", extra={"reason": obstacle})
            return self._known[1]

    async def pieces(self, digest: str) -> AsyncIterator[bytes] | None:
        """Of the program with this digest; None if there is none."""
        for program in (await self.offer()).programs.values():
            if program.digest == digest:
                return _read(program)
        return None


async def _read(program: Program) -> AsyncIterator[bytes]:
    with contextlib.ExitStack() as stack:
        found = await asyncio.to_thread(_entered, stack, program.file, program.member)
        while piece := await asyncio.to_thread(found.read, _PIECE):
            yield piece


def _entered(stack: contextlib.ExitStack, file: Path, member: str) -> IO[bytes]:
    for name, found in _programs(stack, file):
        if name == member:
            return found
    raise FileNotFoundError(file)  # it was replaced just now


def _files(folder: Path) -> list[Path]:
    """Those at its top, and what is called as it should be in folders that were unpacked there."""
    if not folder.is_dir():
        return []
    found = {one for one in folder.iterdir() if one.is_file() and one.name[0] != "."}
    return sorted(found | {one for one in folder.rglob(PROGRAM) if one.is_file()})


def _mark(folder: Path) -> object:
    """Another one when something has changed."""
    try:
        return [(one, (told := one.stat()).st_mtime_ns, told.st_size) for one in _files(folder)]
    except OSError as error:
        return str(error)


def _look(folder: Path) -> Offer:
    programs: dict[str, Program] = {}
    doubled: set[str] = set()
    obstacles: list[str] = []
    try:
        files = _files(folder)
    except OSError as error:
        return Offer(programs={}, obstacles=(f"{FOLDER} cannot be read: {error.strerror}",))
    for file in files:
        try:
            found = _found(file)
        except _Unusable as why:
            obstacles.append(f"{_shown(file, folder)} {why}")
            continue
        for one in found:
            first = programs.setdefault(one.processor, one)
            if first.digest != one.digest:
                doubled.add(one.processor)
                names = f"{_shown(first.file, folder)} and {_shown(file, folder)}"
                obstacles.append(f"{names} are both for linux-{one.processor}: keep one of them")
    usable = {name: one for name, one in programs.items() if name not in doubled}
    return Offer(programs=usable, obstacles=tuple(obstacles))


def _shown(file: Path, folder: Path) -> str:
    """It is put into a script and shown in terminals, so nothing odd is let through."""
    return _ODD.sub("?", str(Path(FOLDER) / file.relative_to(folder)))


def _found(file: Path) -> list[Program]:
    try:
        with contextlib.ExitStack() as stack:
            found = [_program(file, name, open_) for name, open_ in _programs(stack, file)]
    except _BROKEN as error:
        told = _ODD.sub(" ", str(getattr(error, "strerror", None) or error)) or "it is broken"
        raise _Unusable(f"cannot be read: {told}") from None
    if not found:
        raise _Unusable(f"has no {PROGRAM} in it")
    return found


def _programs(stack: contextlib.ExitStack, file: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """What it is, or is in it, with its name there. Each is to be read before the next is."""
    opened = stack.enter_context(file.open("rb"))
    head = opened.read(_HEAD)
    if head.startswith(b"\x7fELF"):
        opened.seek(0)
        yield "", opened
    elif head.startswith(_RPM):
        raise _Unusable(f"is an rpm: unpack it (rpm2cpio, cpio -id), {_AND_PUT}")
    elif zipfile.is_zipfile(opened):
        archive = stack.enter_context(zipfile.ZipFile(opened))
        for name in archive.namelist():
            if Path(name).name == PROGRAM:
                yield name, stack.enter_context(archive.open(name))
    else:
        yield from _packed(stack, opened, is_deb=head.startswith(_DEB))


def _packed(
    stack: contextlib.ExitStack, opened: IO[bytes], *, is_deb: bool
) -> Iterator[tuple[str, IO[bytes]]]:
    opened.seek(0)
    if is_deb:
        _go_to_data(opened)
    try:
        archive = tarfile.open(fileobj=opened)  # noqa: SIM115 - closed with what it reads
    except tarfile.ReadError:
        raise _Unusable(f"is neither {PROGRAM} for Linux, nor a tar, zip or deb with it") from None
    for member in archive:
        content = archive.extractfile(member) if Path(member.name).name == PROGRAM else None
        if content is not None:
            yield member.name, content


def _go_to_data(deb: IO[bytes]) -> None:
    """To where its data.tar begins."""
    deb.seek(len(_DEB))
    while len(entry := deb.read(_DEB_ENTRY)) == _DEB_ENTRY:
        if entry.startswith(b"data.tar.zst"):
            raise _Unusable(f"is a deb packed by zstd: unpack it (dpkg-deb -x), {_AND_PUT}")
        if entry.startswith(b"data.tar"):
            return
        size = int(entry[48:58])
        deb.seek(size + size % 2, 1)
    raise _Unusable("is a deb without data")


def _program(file: Path, name: str, content: IO[bytes]) -> Program:
    """_Unusable when it is none for a machine that could get it."""
    head = content.read(_HEAD)
    if len(head) < _HEAD or head[:4] != b"\x7fELF":
        raise _Unusable(f"has an {PROGRAM} that is no program for Linux")
    processor = _PROCESSORS.get(int.from_bytes(head[18:20], "little"))
    if head[5] != 1 or head[7] not in _LINUX or processor is None:
        raise _Unusable("is for another system or processor than Linux on amd64, 386 or arm64")
    digest = hashlib.sha256(head)
    while piece := content.read(_PIECE):
        digest.update(piece)
    return Program(file=file, member=name, processor=processor, digest=digest.hexdigest())
