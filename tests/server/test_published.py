"""What an operator may put into the folder, and what is made of it."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from cloudhand.server.published import Offer, PublishedAgents
from cloudhand.server.state import held

AMD64, ARM64, I386 = 62, 183, 3


def elf(processor: int = AMD64, *, system: int = 0, size: int = 200_000) -> bytes:
    head = b"\x7fELF\x02\x01\x01" + bytes([system]) + bytes(8)
    return head + b"\x02\x00" + processor.to_bytes(2, "little") + b"x" * size


Mode = Literal["w:", "w:gz", "w:xz"]


def tarred(content: bytes, mode: Mode = "w:", name: str = "a/2.2.3.578/aliyun-service") -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode) as archive:
        for name_, data in (("a/2.2.3.578/update_install", b"#!/bin/sh"), (name, content)):
            entry = tarfile.TarInfo(name_)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return made.getvalue()


def zipped(content: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("2.2.3.578/aliyun-service", content)
    return made.getvalue()


def deb(content: bytes, data: str = "data.tar.xz", mode: Mode = "w:xz") -> bytes:
    made = b"!<arch>\n"
    parts = (("debian-binary", b"2.0"), ("control.tar.gz", b"odd"), (data, tarred(content, mode)))
    for name, part in parts:
        made += f"{name:16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(part):<10}`\n".encode() + part
        made += b"\n" * (len(part) % 2)
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "agents"
    made.mkdir()
    return made


async def offer(folder: Path) -> Offer:
    return await PublishedAgents(folder).offer()


@pytest.mark.parametrize(
    "pack",
    [
        bytes,
        tarred,
        lambda content: tarred(content, "w:gz"),
        zipped,
        deb,
        lambda content: deb(content, "data.tar", "w:"),
    ],
)
async def test_it_is_taken_as_it_was_published(
    folder: Path, pack: Callable[[bytes], bytes]
) -> None:
    content = elf(ARM64)
    (folder / "what.ever").write_bytes(pack(content))
    agents = PublishedAgents(folder)
    found = await agents.offer()
    digest = hashlib.sha256(content).hexdigest()
    assert found.obstacles == ()
    assert {name: one.digest for name, one in found.programs.items()} == {"arm64": digest}
    pieces = await agents.pieces(digest)
    assert pieces is not None
    assert b"".join([piece async for piece in pieces]) == content
    assert await agents.pieces("0" * 64) is None


async def test_there_is_one_for_each_processor_and_what_was_unpacked_counts(folder: Path) -> None:
    (folder / "x.zip").write_bytes(zipped(elf(I386)))
    (folder / ".hidden").write_bytes(b"?")
    (folder / "unpacked/2.4.3.578").mkdir(parents=True)
    (folder / "unpacked/2.4.3.578/aliyun-service").write_bytes(elf(ARM64))
    (folder / "unpacked/2.4.3.578/update_install").write_bytes(b"?")
    (folder / "linux-amd64").write_bytes(elf())
    found = await offer(folder)
    assert (sorted(found.programs), found.obstacles) == (["386", "amd64", "arm64"], ())


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is neither aliyun-service for Linux, nor a tar, zip or deb with it"),
        (b"MZ" + bytes(500), "is neither aliyun-service for Linux, nor a tar, zip or deb with it"),
        (elf(40), "is for another system or processor than Linux on amd64, 386 or arm64"),
        (elf(system=9), "is for another system or processor than Linux on amd64, 386 or arm64"),
        (elf()[:19], "has an aliyun-service that is no program for Linux"),
        (zipped(b"#!/bin/sh"), "has an aliyun-service that is no program for Linux"),
        (tarred(elf(), name="a/other"), "has no aliyun-service in it"),
        (b"\xed\xab\xee\xdb" + bytes(500), "is an rpm: unpack it (rpm2cpio, cpio -id), and put"),
        (deb(elf())[:-100], "cannot be read: "),
        (deb(elf(), "other.tar"), "is a deb without data"),
        (b"!<arch>\n" + b"data.tar.zst".ljust(60) + b"?" * 999, "is a deb packed by zstd: unpack"),
        (tarred(elf(), "w:gz")[:200], "cannot be read: "),
        (zipped(elf())[:-30], "is neither aliyun-service"),
    ],
)
async def test_what_is_of_no_use_is_named_and_hinders_nothing_else(
    folder: Path, content: bytes, why: str
) -> None:
    (folder / "od'd\n").write_bytes(content)
    (folder / "good").write_bytes(elf())
    found = await offer(folder)
    assert list(found.programs) == ["amd64"]
    (told,) = found.obstacles
    assert told.startswith(f"agents/od?d? {why}")


async def test_of_two_for_one_processor_neither_is_given_out(folder: Path) -> None:
    (folder / "a").write_bytes(elf())
    (folder / "b").write_bytes(elf(size=9))
    (folder / "c").write_bytes(elf(ARM64))
    (folder / "same").write_bytes(tarred(elf(ARM64)))
    found = await offer(folder)
    assert list(found.programs) == ["arm64"]
    assert found.obstacles == ("agents/a and agents/b are both for linux-amd64: keep one of them",)


async def test_what_is_put_there_later_is_seen(tmp_path: Path) -> None:
    agents = PublishedAgents(tmp_path / "agents")
    assert not (await agents.offer()).programs
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents/a").write_bytes(elf())
    assert list((await agents.offer()).programs) == ["amd64"]
    (tmp_path / "agents/a").unlink()
    assert not (await agents.offer()).programs


def test_it_may_be_put_there_before_the_first_start(folder: Path) -> None:
    with held(folder.parent, temporary=False):
        assert folder.is_dir()
    assert folder.is_dir()
