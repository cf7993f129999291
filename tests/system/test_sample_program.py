"""Programs written for the real service, with its SDKs, run unchanged on real instances."""

from __future__ import annotations

import os
import re
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.system.place import Place, Plane, mode_options

_PROGRAMS = Path(__file__).parent / "programs"
_BOTH = ("newer_sdk.py", "classic_sdk.py")
# The publisher's own sample, with region and ids set as it tells its reader to.
_PUBLISHED = "CLOUDHAND_PUBLISHED_SAMPLE"


def _boots(state: Path) -> dict[str, int]:
    """How many boots of each instance the control plane has seen."""
    with closing(sqlite3.connect(f"file:{state}/cloudhand.sqlite?mode=ro", uri=True)) as database:
        rows = database.execute(
            "SELECT id, count(*) FROM events"
            " WHERE noun = 'instance' AND event = 'seen running' GROUP BY id"
        )
        return dict(rows.fetchall())


def _told(output: str, ids: list[str]) -> None:
    lines = output.splitlines()
    assert sorted(lines[:3]) == [f"{i} Success helloworld" for i in ids]
    assert sorted(lines[3:]) == [f"{i} Running" for i in ids]


def _ids(output: str) -> list[str]:
    return sorted(set(re.findall(r"\bi-\w+", output)))


@pytest.mark.parametrize("program", _BOTH)
def test_up_runs_a_program_that_restarts_its_fleet(alone: Place, program: str) -> None:
    state = alone.root / "state"
    run = f'exec "$0" {_PROGRAMS / program} $(echo $CLOUDHAND_INSTANCE_IDS | tr , " ")'
    options = ("--fleet", "3", "--state", str(state), *mode_options())

    done = alone.run("up", *options, "--", "sh", "-c", run, sys.executable)

    assert done.returncode == 0, done.stderr
    ids = _ids(done.stdout)
    _told(done.stdout, ids)
    assert _boots(state) == dict.fromkeys(ids, 2)


@pytest.mark.parametrize("program", _BOTH)
def test_exec_runs_a_program_against_a_control_plane_that_serves(
    shared: Plane, program: str
) -> None:
    words = ["exec", "--state", str(shared.state), "--", sys.executable, str(_PROGRAMS / program)]

    done = shared.place.run(*words)

    assert done.returncode == 0, done.stderr
    ids = _ids(done.stdout)
    _told(done.stdout, ids)
    seen = _boots(shared.state)
    assert {i: seen[i] for i in ids} == dict.fromkeys(ids, 2)
    shared.release(ids)


@pytest.mark.skipif(_PUBLISHED not in os.environ, reason=f"{_PUBLISHED} names no program")
def test_the_published_sample_runs_with_only_its_region_and_its_ids_set(alone: Place) -> None:
    text = Path(os.environ[_PUBLISHED]).read_text().replace("<yourRegionId>", "cn-hangzhou")
    ids_of = 'os.environ["CLOUDHAND_INSTANCE_IDS"].split(",")'
    program = alone.root / "sample.py"
    program.write_text(re.sub(r"ins_ids = \[.*\]", f"ins_ids = {ids_of}", text))
    state = alone.root / "state"
    options = ("--fleet", "3", "--state", str(state), *mode_options())

    done = alone.run("up", *options, "--", sys.executable, str(program))

    assert done.returncode == 0, done.stderr
    ids = _ids(done.stderr)
    for instance_id in ids:
        finished = f"instance {instance_id} command execute finished,status: Success"
        assert f"{finished},output:helloworld\n" in done.stderr
        assert f"instance {instance_id} status: Running\n" in done.stderr
    assert _boots(state) == dict.fromkeys(ids, 2)
    assert len(ids) == 3
