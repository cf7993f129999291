"""The power of a control plane is cut at any step: what it has answered is in its store, and it
starts again, with the keys that others know it by.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cloudhand.agent import enrolment
from cloudhand.agent.client import Client as AgentClient
from cloudhand.agent.server import Server
from cloudhand.core.ids import CommandId, InstanceId, InvokeId
from cloudhand.server.databases import open_database, store_file
from cloudhand.store.transaction import Transaction
from cloudhand.wire import agent as wire
from tests.faults.disk import Disk, mounted
from tests.faults.medium import Image, Medium, Step, instants, put_down
from tests.system import processes
from tests.system.place import Place, Plane, lines_until

_ALL = os.environ.get("CLOUDHAND_TEST_FAULTS") == "all"
_SEED = os.environ.get("CLOUDHAND_TEST_SEED", "1")
_ROUNDS = 40 if _ALL else 4  # commands
_DRAWS = 4 if _ALL else 1  # of what came to the disk, at each step
_STARTS = 60 if _ALL else 3
_READY = "ready"


class PlaneOnDisk(Plane):
    """Its state is on a disk; no machines of its own are made there."""

    def __init__(self, place: Place, disk: Disk) -> None:
        super().__init__(place, "--tls")
        self.disk = disk
        self.on_disk = disk.path / "deep" / "state"
        self.state = disk.seen / "deep" / "state"

    def start(self) -> None:
        self.start_only()
        assert self.process is not None
        lines_until(self.process, "access key")

    def start_only(self) -> None:
        words = ["serve", "--state", str(self.on_disk), "--listen", "127.0.0.1:0"]
        with (self.place.root / "serve.log").open("a") as log:
            self.process = self.place.start_program(
                [*self.disk.inside, *self.place.cloudhand, *words, *self.options,
                 "--plain-processes"],
                stderr=log,
            )  # fmt: skip

    def known_by(self) -> tuple[object, ...]:
        """What others keep of it."""
        endpoint = self.client.endpoint
        authority = (self.state / "tls" / "ca.pem").read_bytes()
        return endpoint.url, endpoint.access_key_id, endpoint.access_key_secret, authority


@pytest.fixture
def powered(alone: Place) -> Iterator[PlaneOnDisk]:
    path = alone.root / "disk"
    path.mkdir()
    with mounted(path) as disk:
        plane = PlaneOnDisk(alone, disk)
        yield plane
        plane.hang_up()
        if plane.process is not None and plane.process.poll() is None:
            plane.kill()


def test_a_control_plane_whose_power_is_cut_when_it_is_new(powered: PlaneOnDisk) -> None:
    medium = powered.disk.medium
    powered.start()
    powered.disk.mark(_READY)
    known = powered.known_by()
    powered.kill()
    steps = tuple(medium.steps)
    ready = steps.index(("mark", _READY)) + 1
    chance = random.Random(f"{_SEED} new")
    wanted = {ready, *(chance.randrange(len(steps) + 1) for _ in range(_STARTS - 1))}
    for at, then in instants(Medium(), steps):
        if at not in wanted:
            continue
        drawn = random.Random(f"{_SEED} {at}") if at % 2 else None
        powered.disk.put(then.after_cut(drawn if at != ready else None))
        powered.start()
        if at >= ready:
            assert powered.known_by() == known
        powered.kill()


class Asking:
    """A caller, and an agent, that remember what they were answered."""

    def __init__(self, plane: PlaneOnDisk, folder: Path) -> None:
        self._plane = plane
        self.commands: list[str] = []
        self.runs: list[tuple[str, int, bytes]] = []
        made = plane.call("CreateActivation")
        ca = (plane.state / "tls" / "ca.pem").read_text()
        url = plane.client.endpoint.url
        self.identity = enrolment.register(
            server=url,
            ca=ca,
            state=str(folder),
            said=enrolment.registration(
                activation_id=made["ActivationId"],
                activation_code=made["ActivationCode"],
                name="",
                machine_id="powered",
            ),
        )
        self._agent = AgentClient(Server(url, ca, ""), self.identity)
        self._answered(f"joined {self.identity.instance_id}")

    def command(self, number: int) -> None:
        made = self._plane.call(
            "CreateCommand", Name=f"c{number}", Type="RunShellScript", CommandContent="ZWNobw=="
        )
        self._answered(f"command {made['CommandId']}")

    def run(self, code: int, output: bytes) -> None:
        asked = self._plane.ask([self.identity.instance_id], "x", WaitOnline="1h")
        self._answered(f"asked {asked}")
        worklist = self._agent.fetch(wire.Fetch(reason="kickoff"))
        assert asked in {task.task_id for task in worklist.run}
        self._agent.report(
            wire.Report(
                kind=wire.FINISH, task_id=asked, output=output, offset=0, start=1, end=2,
                exit_code=code,
            )
        )  # fmt: skip
        self._answered(f"ended {asked} {code}")

    def _answered(self, what: str) -> None:
        self._plane.disk.mark(what)


def _holds(folder: Path, answered: list[str]) -> None:
    """The store is whole, and has all that was answered."""
    state = folder / "deep" / "state"
    with closing(sqlite3.connect(store_file(state))) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []

    async def look() -> None:
        database = open_database(state)
        try:
            await database.read(lambda tx: _all_there(tx, answered))
        finally:
            await database.close()

    asyncio.run(look())


async def _all_there(tx: Transaction, answered: list[str]) -> None:
    instance_id = InstanceId(answered[0].split()[1])
    agent = await tx.agents.get(instance_id)
    assert agent is not None
    for what in answered:
        kind, name, *more = what.split()
        if kind == "command":
            assert await tx.commands.get(CommandId(name)) is not None, what
        elif kind in ("asked", "ended"):
            target = await tx.targets.get(InvokeId(name), instance_id)
            assert target is not None, what
            if kind == "ended":
                assert (target.final, target.exit_code) == (True, int(more[0])), what


def test_what_a_control_plane_has_answered_is_in_its_store(
    powered: PlaneOnDisk, tmp_path: Path
) -> None:
    medium = powered.disk.medium
    powered.start()
    asking = Asking(powered, tmp_path / "agent")
    chance = random.Random(f"{_SEED} asking")
    for number in range(_ROUNDS):
        if chance.random() < 0.4:
            asking.command(number)
        else:
            asking.run(chance.randrange(200), bytes(chance.randrange(20_000)))
    powered.kill()
    steps = tuple(medium.steps)
    first = next(at for at, step in enumerate(steps, 1) if str(step[1]).startswith("joined"))
    answered: list[str] = []
    cuts = 0
    for at, then in instants(Medium(), steps):
        if at and steps[at - 1][0] == "mark" and at >= first:
            answered.append(str(steps[at - 1][1]))
        # Between two steps that sync something, what is on the disk for certain does not change.
        if at < first or not (_ALL or steps[at - 1][0] in ("mark", "sync")):
            continue
        for draw in range(_DRAWS):
            image = then.after_cut(random.Random(f"{_SEED} {at} {draw}") if draw or at % 4 else None)
            folder = tmp_path / "cut"
            put_down(image, folder)
            _holds(folder, answered)
            _removed(folder)
            cuts += 1
    print(cuts, len(steps))


def _removed(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()
