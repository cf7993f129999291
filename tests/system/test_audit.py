"""`cloudhand audit`: who did what, though the control plane is killed; what is changed is found."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from tests.system.place import Place, Plane
from tests.system.waiting import until


def checked(place: Place, *words: str) -> tuple[int, str]:
    told = place.run("audit", *words)
    return told.returncode, told.stdout + told.stderr


def test_a_restart_is_told_with_who_asked_and_is_whole_after_a_kill(own: Plane) -> None:
    own.start()
    (instance_id,) = own.instances(1)
    (result,) = own.settled(own.ask([instance_id], "echo bye; exit 194"))
    assert result.status == "Success"
    own.wait([instance_id], "Running")
    state = ("--state", str(own.state))
    told = own.place.run("audit", *state, "--operation", "power:*", "--on", instance_id)
    line = told.stdout.splitlines()[-1].split("\t")
    assert line[1:5] == ["root", "-", "power:restart", "OK"]
    assert "bootIdBefore" in line[-1] and "bootIdAfter" in line[-1]
    asked = json.loads(own.place.run("audit", *state, "--json", "--since", "1h").stdout)
    assert [one["outcome"] for one in asked if one["action"] == "ecs:RunCommand"] == ["OK"]
    assert not [one for one in asked if one["action"].startswith("ecs:Describe")]

    own.kill()
    own.start()
    code, before = checked(own.place, *state, "--check")
    assert code == 0, before
    code, in_files = checked(own.place, "--check-files", str(own.state / "audit"))
    assert code == 0, in_files


def test_what_was_changed_in_the_store_or_in_a_file_is_found(own: Plane) -> None:
    own.start()
    own.call("DescribeInstances")
    own.call("DescribeVpcs")
    state, folder = ("--state", str(own.state)), own.state / "audit"
    assert checked(own.place, *state, "--check")[0] == 0
    (file,) = until(lambda: [*folder.glob("*.jsonl")], what="the file of the day")
    # The last one would be given its number again.
    until(lambda: file.read_text().count("\n") > 2, what="a record after the second")
    file.write_text(file.read_text().replace("DescribeVpcs", "DescribeDisks", 1))
    with closing(sqlite3.connect(own.state / "cloudhand.sqlite", isolation_level=None)) as store:
        store.execute("DELETE FROM audit WHERE number = 2")

    code, told = checked(own.place, "--check-files", str(folder))
    assert code == 1 and "was changed: its digest is that of another text" in told
    code, told = checked(own.place, *state, "--check")
    assert code == 1 and "after record 1 comes 3: some are missing" in told


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--since", "yesterday"), "cannot use --since yesterday"),
        (("--check-files", "/nowhere"), "there are no files of records in /nowhere"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(
    shared: Plane, words: tuple[str, ...], says: str
) -> None:
    told = shared.place.run("audit", *words)
    assert (told.returncode, told.stderr.count("\n")) == (2, 1)
    assert says in told.stderr
