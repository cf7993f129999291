"""The power of a control plane is cut at any step: what it has answered is in its store, and it
starts again, with the keys that others know it by.
"""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cloudhand.agent import enrolment
from cloudhand.agent.client import Client as AgentClient
from cloudhand.agent.server import Server
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint
from cloudhand.cli.errors import ApiError
from cloudhand.core.ids import CommandId, InstanceId, InvokeId
from cloudhand.providers.sandbox.instance import remove_tree
from cloudhand.server.databases import open_database, store_file
from cloudhand.server.state import held
from cloudhand.server.tls import tls_files
from cloudhand.store.transaction import Transaction
from cloudhand.wire import agent as wire
from tests.faults.disk import Disk, mounted
from tests.faults.medium import Medium, instants, put_down
from tests.system import processes
from tests.system.place import Place, Plane, lines_until

_ALL = os.environ.get("CLOUDHAND_TEST_FAULTS") == "all"
_SEED = os.environ.get("CLOUDHAND_TEST_SEED", "1")
_ROUNDS = 40 if _ALL else 4  # commands
_DRAWS = 4 if _ALL else 1  # of what came to the disk, at each step
_CUTS = 500 if _ALL else 8  # of them, in its store alone
_STARTS = 40 if _ALL else 1  # of them, a whole control plane
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

    @property
    def client(self) -> Client:
        if self._client is None:
            self._client = Client(find_endpoint(self.state, ca=self.state / "tls" / "ca.pem"))
        return self._client

    def supervisors(self) -> list[int]:
        name = "cloudhand.providers.sandbox.supervisor"
        return processes.naming(name, str(self.on_disk / "sandbox"))

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
        plane.end()


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
        asked = self._plane.ask([self.identity.instance_id], "x", WaitOnline=3600)
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


def _holds(state: Path, answered: list[str]) -> None:
    """A control plane can begin there, and the store is whole and has all that was answered."""

    async def look() -> None:
        database = open_database(state)
        try:
            await database.read(lambda tx: _all_there(tx, answered))
        finally:
            await database.close()

    with held(state, temporary=False):
        asyncio.run(look())
        tls_files(state, "127.0.0.1")
        with closing(sqlite3.connect(store_file(state))) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


async def _all_there(tx: Transaction, answered: list[str]) -> None:
    instance_id = InstanceId("")
    for what in answered:
        kind, name, *more = what.split()
        if kind == "joined":
            instance_id = InstanceId(name)
            assert await tx.agents.get(instance_id) is not None, what
        elif kind == "command":
            assert await tx.commands.get(CommandId(name)) is not None, what
        elif kind in ("asked", "ended"):
            target = await tx.targets.get(InvokeId(name), instance_id)
            assert target is not None, what
            if kind == "ended":
                assert (target.final, target.exit_code) == (True, int(more[0])), what


# The client of an agent keeps its connections until its process ends.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_control_plane_whose_power_is_cut(powered: PlaneOnDisk, tmp_path: Path) -> None:
    medium = powered.disk.medium
    powered.start()
    powered.disk.mark(_READY)
    known = powered.known_by()
    _ask(powered, tmp_path / "agent")
    _takes_nothing(powered)
    powered.kill()
    steps = tuple(medium.steps)
    ready = steps.index(("mark", _READY)) + 1
    chance = random.Random(f"{_SEED} starts")
    starts = {ready, *(chance.randrange(len(steps)) for _ in range(_STARTS - 1))}
    # Between two steps that sync something, what is on the disk for certain does not change.
    telling = [at for at, step in enumerate(steps, 1) if _ALL or step[0] in ("mark", "sync")]
    cuts = set(chance.sample(telling, min(_CUTS, len(telling))))
    answered: list[str] = []
    for at, then in instants(Medium(), steps):
        last = steps[at - 1] if at else ("mark", "")
        if last[0] == "mark" and at > ready:
            answered.append(str(last[1]))
        if at in cuts:
            for draw in range(_DRAWS):
                drawn = random.Random(f"{_SEED} {at} {draw}") if draw or at % 3 else None
                put_down(then.after_cut(drawn), tmp_path / "cut")
                _holds(tmp_path / "cut" / "deep" / "state", answered)
                remove_tree(str(tmp_path / "cut"))
        if at in starts:
            powered.disk.put(then.after_cut())
            powered.start()
            assert at < ready or powered.known_by() == known
            powered.kill()


def _takes_nothing(plane: PlaneOnDisk) -> None:
    """A disk that is full, or not to be written, refuses and breaks nothing."""
    order = {"Type": "RunShellScript", "CommandContent": "ZWNobw=="}
    for room, read_only in ((100, False), (None, True)):
        plane.disk.room, plane.disk.read_only = room, read_only
        with pytest.raises(ApiError, match="cannot be written") as refused:
            plane.call("CreateCommand", Name="refused", **order)
        assert (refused.value.code, refused.value.status) == ("ServiceUnavailable", 503)
        plane.call("DescribeCommands")
        plane.disk.room, plane.disk.read_only = None, False
        made = plane.call("CreateCommand", Name="accepted", **order)
        plane.disk.mark(f"command {made['CommandId']}")


@pytest.mark.skipif(not _ALL, reason="make kills: a start that only says a sentence")
def test_a_control_plane_says_that_its_disk_is_not_to_be_written(powered: PlaneOnDisk) -> None:
    powered.disk.read_only = True
    powered.start_only()
    assert powered.process is not None
    assert powered.process.wait(30) != 0
    said = (powered.place.root / "serve.log").read_text()
    assert len(said.splitlines()) == 1
    assert f"cannot use {powered.on_disk}: read-only file system" in said


def _ask(plane: PlaneOnDisk, folder: Path) -> None:
    asking = Asking(plane, folder)
    chance = random.Random(f"{_SEED} asking")
    for number in range(_ROUNDS):
        if chance.random() < 0.4:
            asking.command(number)
        else:
            asking.run(chance.randrange(200), chance.randbytes(chance.randrange(20_000)))
