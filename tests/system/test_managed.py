"""The agent alone, on a machine that is not ours to make; its power command only records."""

from __future__ import annotations

import json
import shutil
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.system.meeting import Meeting
from tests.system.place import Child, Place, Plane, ended
from tests.system.waiting import until

pytestmark = pytest.mark.drawn

# Called in place of shutdown. It writes down what the store holds at that very moment.
_RECORDER = """#!{python}
import json, sqlite3, sys
database = sqlite3.connect("file:{state}/cloudhand.sqlite?mode=ro", uri=True)
newest = "SELECT invoke_id, state, exit_code FROM targets ORDER BY created_at DESC LIMIT 1"
invoke_id, *end = database.execute(newest).fetchone()
parts = database.execute("SELECT bytes FROM outputs WHERE invoke_id = ?", (invoke_id,))
seen = [sys.argv[1:], *end, b"".join(part for part, in parts).decode()]
with open("{orders}", "a") as file:
    file.write(json.dumps(seen) + "\\n")
"""


@dataclass
class Machine:
    """A machine with an agent, joined by an activation."""

    plane: Plane
    root: Path
    id: str = ""
    agent: Child | None = None

    @property
    def place(self) -> Place:
        return self.plane.place

    @property
    def orders(self) -> list[list[object]]:
        path = self.root / "orders"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def register(self, *words: str) -> str:
        made = self.plane.call("CreateActivation", InstanceCount=1)
        code = (
            "--activation-id",
            made["ActivationId"],
            "--activation-code",
            made["ActivationCode"],
        )
        server = ("--server", self.plane.client.endpoint.url, "--state", str(self.root / "agent"))
        told = self.place.run("agent", "register", *server, *code, *words)
        assert told.returncode == 0, told.stderr
        self.id = told.stdout.split()[-1]
        return self.id

    def start(self, *more: str) -> None:
        recorder = self.root / "recorder"
        recorder.write_text(
            _RECORDER.format(
                python=sys.executable, state=self.plane.state, orders=self.root / "orders"
            )
        )
        recorder.chmod(0o755)
        state = ("--state", str(self.root / "agent"))
        with (self.root / "log").open("a") as log:
            words = ("agent", "run", *state, "--power-command", str(recorder), *more)
            self.agent = self.place.start(*words, stdout=log, stderr=log)
        self.plane.wait([self.id], "Managed")
        until(self.online, what="its agent's coming online")

    def _status(self) -> dict[str, Any]:
        answer = self.plane.call("DescribeCloudAssistantStatus", InstanceId=[self.id])
        (status,) = answer["InstanceCloudAssistantStatusSet"]["InstanceCloudAssistantStatus"]
        return dict(status)

    def online(self) -> bool:
        return bool(self._status()["CloudAssistantStatus"] == "true")

    def cloned(self) -> bool:
        return bool(self._status()["Cloned"])

    def deregister(self) -> None:
        self.plane.call("DeregisterManagedInstance", InstanceId=self.id)
        self.id = ""

    def stop(self) -> int:
        assert self.agent is not None
        self.agent.send_signal(signal.SIGTERM)
        return self.agent.wait(30)


@pytest.fixture
def machine(shared: Plane, tmp_path: Path) -> Iterator[Machine]:
    one = Machine(plane=shared, root=tmp_path)
    yield one
    if one.agent is not None and one.agent.poll() is None:
        assert one.stop() == 0
    if one.id:
        one.deregister()


def test_an_agent_joins_runs_a_command_and_ends(machine: Machine, shared: Plane) -> None:
    machine.register("--name", "mine", "--tag", "env=prod")
    machine.start()

    result = shared.run(machine.id, "echo helloworld")

    assert (result.status, result.output) == ("Success", b"helloworld\n")
    told = ended(shared.place.start("instances", "--state", str(shared.state), "--json"))
    (listed,) = [one for one in json.loads(told.stdout) if one["instanceId"] == machine.id]
    assert (listed["name"], listed["tags"]) == ("mine", {"env": "prod"})
    assert machine.stop() == 0
    until(lambda: not machine.online(), what="its agent's being offline")


@pytest.mark.parametrize(("code", "words"), [(193, ["-h", "now"]), (194, ["-r", "now"])])
def test_power_is_ordered_only_once_the_whole_result_is_stored(
    machine: Machine, shared: Plane, code: int, words: list[str]
) -> None:
    machine.register()
    machine.start()

    shared.ask([machine.id], f"echo bye; exit {code}")

    until(lambda: machine.orders, what="the power command")
    assert machine.orders == [[words, "Success", code, "bye\n"]]


@pytest.mark.parametrize(
    ("operation", "code", "words"),
    [("StopInstances", 193, ["-h", "now"]), ("RebootInstances", 194, ["-r", "now"])],
)
def test_power_that_an_operation_asks_for_is_acknowledged_first(
    machine: Machine, shared: Plane, operation: str, code: int, words: list[str]
) -> None:
    machine.register()
    machine.start()

    shared.call(operation, InstanceId=[machine.id])

    until(lambda: machine.orders, what="the power command")
    assert machine.orders == [[words, "Success", code, ""]]


def test_an_agent_that_was_killed_reports_what_its_script_did_meanwhile(
    machine: Machine, shared: Plane, meeting: Meeting
) -> None:
    machine.register()
    machine.start()
    invoke_id = shared.ask([machine.id], meeting.script(before="echo once", after="exit 5"))
    guest = meeting.guest()

    assert machine.agent is not None
    machine.agent.kill()
    machine.agent.wait()
    guest.release()
    guest.gone()
    machine.start()

    (result,) = shared.settled(invoke_id)
    assert (result.status, result.exit_code, result.output) == ("Failed", 5, b"once\n")
    assert meeting.nobody()


@pytest.mark.parametrize("here", [True, False], ids=["by its own command", "by the API"])
def test_an_agent_that_was_deregistered_says_so_and_ends(machine: Machine, here: bool) -> None:
    machine.register()
    machine.start()
    assert machine.agent is not None

    if here:
        state = ("--state", str(machine.root / "agent"))
        assert machine.place.run("agent", "deregister", *state).returncode == 0
        machine.id = ""
    else:
        machine.deregister()

    assert machine.agent.wait(30) == 1
    log = (machine.root / "log").read_text()
    (told,) = [line for line in log.splitlines() if "does not know this machine" in line]
    assert " ERROR " in told
    assert told.endswith("`cloudhand invite` prints, or register --force")


def test_a_machine_that_is_set_up_anew_keeps_its_id(
    machine: Machine, shared: Plane, tmp_path: Path
) -> None:
    named = ("--machine-id", f"desk-{tmp_path.name}"[:36], "--force-reuse")
    first = machine.register(*named)
    shutil.rmtree(tmp_path / "agent")

    assert machine.register(*named) == first
    machine.start()


def test_a_second_registration_and_a_wrong_code_are_refused(
    machine: Machine, shared: Plane
) -> None:
    machine.register()
    url = shared.client.endpoint.url
    code = ("--activation-id", "none", "--activation-code", "none")

    for state, says in (("agent", machine.id), ("other", "cannot register")):
        where = ("--server", url, "--state", str(machine.root / state))
        told = machine.place.run("agent", "register", *where, *code)
        assert told.returncode == 1
        assert says in told.stderr
        assert told.stderr.count("\n") == 1


def test_an_agent_without_an_identity_says_so(shared: Plane, tmp_path: Path) -> None:
    told = shared.place.run(
        "agent", "run", "--state", str(tmp_path / "none"), "--power-command", "false"
    )

    assert told.returncode == 1
    assert "paste the line that `cloudhand invite` prints" in told.stderr


def test_a_machine_comes_back_to_a_control_plane_that_was_restored(
    own: Plane, tmp_path: Path
) -> None:
    own.start()
    machine = Machine(plane=own, root=tmp_path)
    machine.register()
    machine.start()
    (before,) = own.settled(own.ask([machine.id], "echo before"))
    file, state = tmp_path / "backup", own.state
    told = own.place.run("backup", str(file), "--state", str(state))
    assert told.returncode == 0, told.stderr
    own.kill()
    shutil.rmtree(state)

    told = own.place.run("restore", str(file), "--state", str(state))
    assert told.returncode == 0, told.stderr
    own.start()
    until(machine.online, what="its agent's coming back")
    (kept,) = own.settled(before.invoke_id)
    (after,) = own.settled(own.ask([machine.id], "echo after"))
    assert (kept.output, after.output) == (b"before\n", b"after\n")
    assert own.place.run("audit", "--check", "--state", str(state)).returncode == 0
    assert machine.stop() == 0
