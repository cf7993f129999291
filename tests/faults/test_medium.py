"""What a power cut leaves, by the rules that the disk of the other tests goes by."""

from __future__ import annotations

import os
import random
import stat
import subprocess
import sys
from pathlib import Path

from tests.faults.disk import MARK, mounted
from tests.faults.medium import ROOT, Medium, instants

_FILE, _DIRECTORY = stat.S_IFREG | 0o600, stat.S_IFDIR | 0o700


def _file(medium: Medium, name: str, content: bytes) -> int:
    number = medium.make(ROOT, name, _FILE, 0, 0).number
    medium.write(number, 0, content)
    return number


def _left(medium: Medium, seed: int | None = None) -> dict[str, bytes]:
    image = medium.after_cut(None if seed is None else random.Random(f"medium {seed}"))
    return {path: kept.content for path, kept in image.items()}


def test_a_name_lasts_once_its_directory_is_synced() -> None:
    medium = Medium()
    number = _file(medium, "a", b"one")
    medium.sync(number)
    assert _left(medium) == {}
    medium.sync(ROOT)
    assert _left(medium) == {"a": b"one"}


def test_a_rename_that_is_not_synced_may_bring_back_what_was_there() -> None:
    medium = Medium()
    _file(medium, "a", b"old")
    medium.sync(2)
    medium.sync(ROOT)
    part = _file(medium, "a.part", b"new")
    medium.sync(part)
    medium.rename(ROOT, "a.part", ROOT, "a")
    assert _left(medium) == {"a": b"old"}
    drawn = [_left(medium, seed) for seed in range(50)]
    assert {left["a"] for left in drawn} == {b"old", b"new"}
    assert {"a": b"old", "a.part": b"new"} in drawn
    medium.sync(ROOT)
    assert {tuple(_left(medium, seed).items()) for seed in range(50)} == {(("a", b"new"),)}


def test_what_was_not_synced_is_lost_whole_torn_or_zeros() -> None:
    medium = Medium()
    number = _file(medium, "a", b"kept")
    medium.sync(number)
    medium.sync(ROOT)
    medium.write(number, 4, b"more")
    drawn = {_left(medium, seed)["a"] for seed in range(500)}
    assert drawn == {b"kept", b"keptm", b"keptmo", b"keptmor", b"keptmore", b"kept\0\0\0\0"}
    assert [_left(medium, seed) for seed in range(9)] == [_left(medium, seed) for seed in range(9)]


def test_what_lies_in_a_directory_without_a_name_is_lost() -> None:
    medium = Medium()
    folder = medium.make(ROOT, "folder", _DIRECTORY, 0, 0).number
    inner = medium.make(folder, "a", _FILE, 0, 0).number
    medium.sync(inner)
    medium.sync(folder)
    assert _left(medium) == {}
    medium.sync(ROOT)
    assert _left(medium) == {"folder": b"", "folder/a": b""}


# What a program may do with files, and what it must see.
_PROGRAM = f"""
import fcntl, mmap, os, sys
os.chdir(sys.argv[1])
os.makedirs("d/e")
with open("d/a", "w") as file:
    file.write("x" * 300000)
    file.flush()
    os.fsync(file.fileno())
    fcntl.flock(file, fcntl.LOCK_EX)
with open("d/a", "a") as file:
    file.write("end")
assert os.path.getsize("d/a") == 300003
os.link("d/a", "d/b")
os.rename("d/a", "d/e/a")
assert os.path.samefile("d/b", "d/e/a") and os.stat("d/b").st_nlink == 2
os.symlink("e/a", "d/c")
assert open("d/c").read()[-3:] == "end"
os.truncate("d/b", 5)
os.chmod("d/b", 0o640)
with open("d/b", "r+b") as file, mmap.mmap(file.fileno(), 5) as mapped:
    mapped[0:1] = b"y"
    mapped.flush()
assert open("d/e/a").read() == "yxxxx" and oct(os.stat("d/e/a").st_mode) == "0o100640"
assert sorted(os.listdir("d")) == ["b", "c", "e"]
for number in range(300):
    open("d/e/%03d" % number, "w").close()
assert len(os.listdir("d/e")) == 301
kept = open("d/b")
os.unlink("d/b")
assert kept.read() == "yxxxx" and not os.path.exists("d/b")
assert not os.path.exists("{MARK}done")
for wrong in (lambda: os.rmdir("d/e"), lambda: os.mkdir("d"), lambda: os.unlink("none")):
    try:
        wrong()
    except OSError:
        continue
    sys.exit("it was not refused")
"""


def test_the_disk_is_a_file_system(tmp_path: Path) -> None:
    with mounted(tmp_path) as disk:
        words = [*disk.inside, sys.executable, "-S", "-E", "-c", _PROGRAM, str(tmp_path)]
        subprocess.run(words, check=True, timeout=30)
        assert disk.medium.steps.count(("mark", "done")) == 1
        image = disk.medium.image()
        assert image["d/e/a"].content == b"yxxxx"
        assert len(image) == 304
        assert "d" not in disk.medium.after_cut()
        assert list(tmp_path.iterdir()) == []  # nobody else has it
        assert (disk.seen / "d" / "e" / "a").read_bytes() == b"yxxxx"
        again = Medium()
        for _ in instants(again, disk.medium.steps):
            pass
        assert again.image() == image
        disk.put(image)
        assert os.listdir(disk.seen / "d") == ["e", "c"]
