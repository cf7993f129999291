"""Files are put into their place whole, once, and nowhere else."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cloudhand.agent.placing import Place, Unwritable, clear, place_of, put_again, write
from cloudhand.agent.prepare import Refused
from cloudhand.wire import agent as wire

_OTHER = 12345  # the id of nobody here

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


def task(directory: Path, **changes: object) -> wire.FileTask:
    values: dict[str, object] = {
        "task_id": "f-1",
        "name": "config",
        "directory": str(directory),
        "content": b"hello\n",
        **changes,
    }
    return wire.FileTask(**values)  # type: ignore[arg-type]


def nothing() -> None:
    pass


def send(directory: Path, **changes: object) -> Path:
    """Write a file; where it is."""
    given = task(directory, **changes)
    write(place_of(given), given.content, nothing)
    return directory / given.name


def names(directory: Path) -> list[str]:
    return sorted(os.listdir(directory))


def test_a_file_is_written_as_it_was_sent(tmp_path: Path) -> None:
    content = bytes(range(256)) * 40
    path = send(tmp_path, content=content)
    assert path.read_bytes() == content
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert (path.stat().st_uid, path.stat().st_gid) == (os.geteuid(), os.getegid())
    assert names(tmp_path) == ["config"]


@pytest.mark.parametrize("mode", ["600", "0755", "4750", "0000"])
def test_its_mode_is_what_is_asked_for(tmp_path: Path, mode: str) -> None:
    before = os.umask(0o077)
    try:
        path = send(tmp_path, mode=mode)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == int(mode, 8)


@as_root
def test_it_belongs_to_whom_it_shall_and_keeps_its_mode(tmp_path: Path) -> None:
    path = send(tmp_path, owner="nobody", group="daemon", mode="6755")
    assert path.stat().st_uid == pwd.getpwnam("nobody").pw_uid
    assert path.stat().st_gid == grp.getgrnam("daemon").gr_gid
    assert stat.S_IMODE(path.stat().st_mode) == 0o6755


def test_directories_are_made_where_they_are_missing(tmp_path: Path) -> None:
    path = send(tmp_path / "a" / "b" / "c")
    assert path.read_bytes() == b"hello\n"


def test_what_is_there_is_kept_unless_it_may_be_overwritten(tmp_path: Path) -> None:
    path = send(tmp_path, content=b"first")
    with pytest.raises(Refused) as refused:
        send(tmp_path, content=b"second")
    assert refused.value.param == "FileExist"
    assert (path.read_bytes(), names(tmp_path)) == (b"first", ["config"])
    send(tmp_path, content=b"third", overwrite=True, mode="0600")
    assert (path.read_bytes(), names(tmp_path)) == (b"third", ["config"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_whoever_reads_the_old_file_reads_it_to_its_end(tmp_path: Path) -> None:
    path = send(tmp_path, content=b"old" * 1000)
    with path.open("rb") as reader:
        assert reader.read(3) == b"old"
        send(tmp_path, content=b"new", overwrite=True)
        assert reader.read() == b"old" * 999
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("name", ["", ".", "..", "../up", "a/b", "/etc/x", "a\0b", "x" * 256])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Refused) as refused:
        send(tmp_path, name=name)
    assert (refused.value.param, names(tmp_path)) == ("FileNameInvalid", [])


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"content": b""}, "EmptyFile"),
        ({"mode": "888"}, "InvalidFileMode"),
        ({"mode": "07777"}, "InvalidFileMode"),
        ({"mode": "rw"}, "InvalidFileMode"),
        ({"owner": "no-such-user"}, "FileOwnerNotExist"),
        ({"group": "no-such-group"}, "FileGroupNotExist"),
    ],
)
def test_what_cannot_be_written_is_refused(
    tmp_path: Path, changes: dict[str, object], param: str
) -> None:
    with pytest.raises(Refused) as refused:
        send(tmp_path, **changes)
    assert (refused.value.param, names(tmp_path)) == (param, [])


def test_a_link_in_the_place_of_a_file_is_replaced_and_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"untouched")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "config").symlink_to(outside)
    with pytest.raises(Refused):
        send(inside)
    send(inside, overwrite=True)
    assert outside.read_bytes() == b"untouched"
    assert not (inside / "config").is_symlink()
    assert (inside / "config").read_bytes() == b"hello\n"


def test_a_dangling_link_is_no_free_place(tmp_path: Path) -> None:
    (tmp_path / "config").symlink_to(tmp_path / "nowhere")
    with pytest.raises(Refused):
        send(tmp_path)
    assert names(tmp_path) == ["config"]


def test_a_directory_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    with pytest.raises(Unwritable) as failed:
        send(tmp_path, overwrite=True)
    assert (failed.value.code, names(tmp_path)) == ("1", ["config"])


def test_a_file_in_the_place_of_the_directory_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for directory in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(Unwritable) as failed:
            send(directory)
        assert failed.value.code == "4"


def test_links_of_our_own_on_the_way_are_followed(tmp_path: Path) -> None:
    real = tmp_path / "real"
    (real / "deep").mkdir(parents=True)
    (tmp_path / "absolute").symlink_to(real)
    (tmp_path / "relative").symlink_to("real/deep")
    (real / "up").symlink_to("..")
    send(tmp_path / "absolute", name="one")
    send(tmp_path / "relative" / "new", name="two")
    send(tmp_path / "absolute" / "up" / "real", name="three")
    assert names(real) == ["deep", "one", "three", "up"]
    assert names(real / "deep" / "new") == ["two"]


@as_root
def test_a_link_that_another_user_has_laid_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    link = tmp_path / "link"
    link.symlink_to(target)
    os.lchown(link, _OTHER, _OTHER)
    with pytest.raises(Unwritable) as failed:
        send(link / "below")
    assert (failed.value.code, names(target)) == ("4", [])
    assert "another user" in str(failed.value)


@as_root
def test_the_owner_of_the_file_may_have_laid_the_way(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    link = tmp_path / "link"
    link.symlink_to(target)
    os.lchown(link, _OTHER, _OTHER)
    given = replace(place_of(task(link)), uid=_OTHER)
    write(given, b"hello\n", nothing)
    assert (target / "config").stat().st_uid == _OTHER


def test_links_that_lead_round_are_given_up(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(Unwritable) as failed:
        send(tmp_path / "a")
    assert failed.value.code == "4"


def test_a_directory_that_is_swapped_for_a_link_meanwhile_gets_the_file(tmp_path: Path) -> None:
    """It goes where the way led when it was walked, wherever that is now."""
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()

    def swap() -> None:
        inside.rename(tmp_path / "moved")
        inside.symlink_to(outside)

    given = task(inside)
    write(place_of(given), given.content, swap)
    assert (names(outside), names(tmp_path / "moved")) == ([], ["config"])


def test_a_file_that_comes_meanwhile_is_not_lost(tmp_path: Path) -> None:
    given = task(tmp_path)

    def come() -> None:
        (tmp_path / "config").write_bytes(b"x")

    with pytest.raises(Refused) as refused:
        write(place_of(given), given.content, come)
    assert refused.value.param == "FileExist"
    assert ((tmp_path / "config").read_bytes(), names(tmp_path)) == (b"x", ["config"])


def test_what_a_killed_agent_left_is_no_hindrance(tmp_path: Path) -> None:
    place = place_of(task(tmp_path))
    (tmp_path / place.part).write_bytes(b"half")
    assert send(tmp_path).read_bytes() == b"hello\n"
    assert names(tmp_path) == ["config"]


def test_an_error_on_the_way_leaves_nothing_behind(tmp_path: Path) -> None:
    def full() -> None:
        raise OSError(28, "No space left on device")

    given = task(tmp_path)
    with pytest.raises(Unwritable) as failed:
        write(place_of(given), given.content, full)
    assert (failed.value.code, names(tmp_path)) == ("1", [])
    assert "No space left" in str(failed.value)


def _killed(place: Place, at: Callable[[], None]) -> None:
    """As a kill right before or after the step leaves it."""

    class Killed(BaseException):
        pass

    def die() -> None:
        at()
        raise Killed

    with pytest.raises(Killed):
        write(place, b"hello\n", die)


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_step_that_was_not_done_is_done(tmp_path: Path, overwrite: bool) -> None:
    place = replace(place_of(task(tmp_path)), overwrite=overwrite)
    _killed(place, nothing)
    assert names(tmp_path) == [place.part]
    put_again(place)
    assert (names(tmp_path), (tmp_path / "config").read_bytes()) == (["config"], b"hello\n")


def test_a_step_that_was_done_is_not_done_again(tmp_path: Path) -> None:
    place = replace(place_of(task(tmp_path)), overwrite=True)
    _killed(place, lambda: os.rename(tmp_path / place.part, tmp_path / "config"))
    (tmp_path / "config").write_bytes(b"changed since")
    put_again(place)
    assert (names(tmp_path), (tmp_path / "config").read_bytes()) == (["config"], b"changed since")


def test_a_step_that_was_half_done_is_completed(tmp_path: Path) -> None:
    place = place_of(task(tmp_path))
    _killed(place, lambda: os.link(tmp_path / place.part, tmp_path / "config"))
    put_again(place)
    assert (names(tmp_path), (tmp_path / "config").read_bytes()) == (["config"], b"hello\n")


def test_a_step_is_not_done_where_somebody_else_came_first(tmp_path: Path) -> None:
    place = place_of(task(tmp_path))
    _killed(place, nothing)
    (tmp_path / "config").write_bytes(b"x")
    with pytest.raises(Refused):
        put_again(place)
    assert names(tmp_path) == ["config"]


def test_a_directory_that_is_gone_meanwhile_is_told(tmp_path: Path) -> None:
    place = place_of(task(tmp_path / "gone"))
    with pytest.raises(Unwritable) as failed:
        put_again(place)
    assert (failed.value.code, names(tmp_path)) == ("4", [])
    clear(place)


def test_what_was_begun_is_cleared(tmp_path: Path) -> None:
    place = place_of(task(tmp_path))
    (tmp_path / place.part).write_bytes(b"half")
    clear(place)
    assert names(tmp_path) == []


def test_no_descriptor_stays_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    path = send(tmp_path / "a" / "b")
    for directory in (path.parent, path):
        with pytest.raises((Refused, Unwritable)):
            send(directory)
    assert len(os.listdir("/proc/self/fd")) == before
