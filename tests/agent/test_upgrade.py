"""The agent replaces itself, goes back if the new one is not online, refuses what is not signed.

A shell stands for the service manager: it starts the current slot again whenever that ends, unless
with 1.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from cloudhand.server.release import sign
from cloudhand.wire import release
from cloudhand.wire.release import Manifest, Order, Outcome
from tests.agent.conftest import Machine, task, wait_until
from tests.agent.gateway import FakeGateway

pytestmark = pytest.mark.drawn

# Dies where a test has put a file of that name, once.
_MAIN = """
import os, signal, sys, time
from cloudhand import faults
from cloudhand.agent import trial
trial.ONLINE_WITHIN = float(os.environ["CLOUDHAND_WITHIN"])
def hook(name):
    path = os.path.join(os.environ["CLOUDHAND_DEATHS"], name)
    if os.path.exists(path):
        os.unlink(path)
        os.kill(os.getpid(), signal.SIGKILL)
faults.hook = hook
{before}
from cloudhand.agent.main import run
run()
"""
_SERVICE = """
while [ ! -e "$2/stop" ]; do
    package="$1/$(cat "$1/current").pyz"
    "$0" "$package" run --slots slots --state "$2/state" --power-command false "$@"
    code=$?
    echo "ended with $code" >> "$2/ends"
    [ $code -ne 1 ] || exit 1
    sleep 0.1
done
"""
_RUN = "if sys.argv[1] == 'run': "


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=release.KEY_BITS)


@dataclass
class Service:
    """An agent in slots, and who starts it."""

    machine: Machine
    key: rsa.RSAPrivateKey
    process: subprocess.Popen[bytes] | None = None
    within: float = 15

    @property
    def slots(self) -> Path:
        return self.machine.root / "slots"

    @property
    def current(self) -> str:
        return (self.slots / "current").read_text()

    @property
    def gateway(self) -> FakeGateway:
        return self.machine.gateway

    def package(self, before: str = "") -> bytes:
        """Another one, which does something before all else."""
        target = self.machine.root / "made.pyz"
        with zipfile.ZipFile(self.machine.pyz) as old, zipfile.ZipFile(target, "w") as new:
            for entry in old.infolist():
                if not entry.filename.startswith("__main__"):
                    new.writestr(entry, old.read(entry))
            new.writestr("__main__.py", _MAIN.format(before=before))
        return target.read_bytes()

    def manifest(self, package: bytes, *, signed_at: int = 2_000) -> str:
        return Manifest(
            version="9.9",
            digest=hashlib.sha256(package).hexdigest(),
            size=len(package),
            python="3.9",
            signed_at=signed_at,
        ).to_text()

    def install(self) -> None:
        self.slots.mkdir()
        package = self.package("# the first")
        (self.slots / "a.pyz").write_bytes(package)
        (self.slots / "a.json").write_text(self.manifest(package, signed_at=1_000))
        (self.slots / "current").write_text("a")
        public = self.key.public_key().public_numbers().n
        (self.slots / "release-key").write_text(f"{public:x}\n")
        (self.machine.root / "deaths").mkdir()
        self.machine.register()

    def start(self) -> None:
        environment = {
            **self.machine._environment(),
            "CLOUDHAND_WITHIN": str(self.within),
            "CLOUDHAND_DEATHS": str(self.machine.root / "deaths"),
        }
        self.gateway.fetches.clear()
        with (self.machine.root / "log").open("ab") as log:
            self.process = subprocess.Popen(
                ["sh", "-c", _SERVICE.replace(' "$@"', ""), self.machine.python,
                 str(self.slots), str(self.machine.root)],
                stdout=log, stderr=log, env=environment, cwd=self.machine.root,
            )  # fmt: skip
        self.gateway.online()

    def offer(self, package: bytes, **changes: str) -> None:
        manifest = self.manifest(package)
        said = {"id": "u-1", "manifest": manifest, "signature": sign(self.key, manifest), **changes}
        with self.gateway.changed:
            self.gateway.package = package
            self.gateway.upgrade = Order(**said)
        self.gateway.kick("kick_vm task run ")

    def outcome(self) -> Outcome:
        self.gateway.wait(lambda: bool(self.gateway.outcomes), at_most=40)
        (one,) = self.gateway.outcomes
        return one

    def agents(self) -> list[int]:
        """Processes that are agents, and none of their holders."""
        return [pid for pid in self.machine.processes() if b".pyz\0run" in _words(pid)]

    def works(self, name: str = "t-after") -> None:
        """It takes a command, of whichever slot it is, and is the only one."""
        self.gateway.run(task(name, "echo here"))
        assert self.gateway.end_of(name).exit_code == 0
        (pid,) = {_session(pid) for pid in self.agents()} or {0}
        assert pid

    def beats_as(self, package: bytes) -> None:
        digest = hashlib.sha256(package).hexdigest()
        self.gateway.wait(lambda: self.gateway.beats[-1].package == digest, at_most=30)
        self.gateway.online()


def _words(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _session(pid: int) -> int:
    """Of a holder that has nothing to run, which is a fork of the agent: the agent's."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    parent = int(fields[1])
    return parent if b".pyz\0run" in _words(parent) else pid


@pytest.fixture
def service(machine: Machine, key: rsa.RSAPrivateKey) -> Iterator[Service]:
    one = Service(machine, key)
    one.install()
    try:
        yield one
    finally:
        (machine.root / "stop").touch()
        if one.process is not None:
            one.process.kill()
            one.process.wait(10)


@pytest.fixture
def gate(machine: Machine) -> Callable[[], None]:
    """Opens what a script waits for."""
    os.mkfifo(machine.root / "gate")

    def opened() -> None:
        (machine.root / "gate").write_text("go\n")

    return opened


def running(service: Service) -> None:
    root = service.machine.root
    script = f"echo ran >> {root}/runs; echo begun; read x < {root}/gate; echo $x"
    service.gateway.run(task("t-1", script))
    service.gateway.wait(lambda: service.gateway.output_of("t-1") == b"begun\n")


def ended_once(service: Service) -> None:
    assert service.gateway.end_of("t-1").exit_code == 0
    assert service.gateway.output_of("t-1") == b"begun\ngo\n"
    assert (service.machine.root / "runs").read_text() == "ran\n"
    assert len(service.gateway.finals("t-1")) == 1


def test_it_replaces_itself_and_what_runs_goes_on(
    service: Service, gate: Callable[[], None]
) -> None:
    service.start()
    running(service)
    new = service.package("# the second")
    service.offer(new)
    assert service.outcome() == Outcome("u-1", release.UPGRADED)
    service.beats_as(new)
    assert service.current == "b"
    gate()
    ended_once(service)
    service.works()
    assert not (service.machine.root / "state/upgrade").exists()
    assert service.gateway.beats[-1].upgradable

    # And back into the first slot, with the next one.
    service.gateway.outcomes.clear()
    third = service.package("# the third")
    service.offer(third, id="u-2")
    assert service.outcome() == Outcome("u-2", release.UPGRADED)
    service.beats_as(third)
    assert service.current == "a"


def test_the_same_one_is_not_tried(service: Service) -> None:
    service.start()
    service.offer((service.slots / "a.pyz").read_bytes())
    assert service.outcome() == Outcome("u-1", release.UPGRADED, "it ran that already")
    assert not (service.machine.root / "ends").exists()


@pytest.mark.parametrize(
    "before, why",
    [
        (f"{_RUN}sys.exit(3)", "it ended with exit code 3 before it was online"),
        (f"{_RUN}sys.exit('no luck')", "it ended with exit code 1 before it was online: no luck"),
        (f"{_RUN}1 / 0", "exit code 1 before it was online: ZeroDivisionError: division by zero"),
        (f"{_RUN}os.kill(os.getpid(), 11)", "it ended with signal 11 before it was online"),
        (f"{_RUN}time.sleep(1000)", "it was not online within 3 s"),
        # As what cannot reach the control plane.
        (
            f"{_RUN}import socket; socket.create_connection = lambda *_, **__: open('/none')",
            "it was not online within 3 s: ",
        ),
    ],
    ids=["ends", "refuses", "breaks", "crashes", "hangs", "cannot join"],
)
def test_it_goes_back_when_the_new_one_is_not_online(
    service: Service, gate: Callable[[], None], before: str, why: str
) -> None:
    service.within = 3
    service.start()
    running(service)
    old = service.gateway.beats[-1].package
    service.offer(service.package(before))
    outcome = service.outcome()
    assert (outcome.outcome, why in outcome.reason) == (release.ROLLED_BACK, True), outcome.reason
    assert (service.current, service.gateway.beats[-1].package) == ("a", old)
    service.gateway.online()
    gate()
    ended_once(service)
    service.works()
    # It was started anew once, to try, and went on after that.
    assert (service.machine.root / "ends").read_text() == "ended with 0\n"


def wrong_key(service: Service, package: bytes) -> dict[str, str]:
    other = rsa.generate_private_key(public_exponent=65537, key_size=release.KEY_BITS)
    return {"signature": sign(other, service.manifest(package))}


def changed_manifest(service: Service, package: bytes) -> dict[str, str]:
    values = json.loads(service.manifest(package))
    return {"manifest": json.dumps({**values, "signedAt": 3_000})}


def of_another(service: Service, package: bytes) -> dict[str, str]:
    """The package was changed on its way, or where it lay."""
    return signed(service, service.manifest(service.package("# as it was signed")))


def older(service: Service, package: bytes) -> dict[str, str]:
    """What was signed once and has been replaced."""
    return signed(service, service.manifest(package, signed_at=999))


def for_later_pythons(service: Service, package: bytes) -> dict[str, str]:
    values = json.loads(service.manifest(package))
    return signed(service, json.dumps({**values, "python": "4.0"}))


def no_manifest(service: Service, package: bytes) -> dict[str, str]:
    return signed(service, "{}")


def signed(service: Service, manifest: str) -> dict[str, str]:
    return {"manifest": manifest, "signature": sign(service.key, manifest)}


NOT_SIGNED = "it is not signed by the release key that this machine was given"


@pytest.mark.parametrize(
    "tamper, why",
    [
        (wrong_key, NOT_SIGNED),
        (changed_manifest, NOT_SIGNED),
        (lambda *_: {"signature": ""}, NOT_SIGNED),
        (of_another, "the package is not the one that was signed"),
        (older, "it is older than the release that runs here"),
        (for_later_pythons, "it needs Python 4.0"),
        (no_manifest, "its manifest cannot be understood: sha256 is no digest"),
    ],
)
def test_what_is_not_signed_for_it_is_refused(
    service: Service, tamper: Callable[[Service, bytes], dict[str, str]], why: str
) -> None:
    service.start()
    package = service.package("raise SystemExit('never')")
    service.offer(package, **tamper(service, package))
    assert service.outcome() == Outcome("u-1", release.REFUSED, why)
    assert service.current == "a"
    assert not (service.slots / "b.pyz").exists()
    assert not (service.machine.root / "ends").exists()
    service.works()


def test_what_does_not_even_start_is_refused(service: Service) -> None:
    service.start()
    service.offer(service.package("import nothing_of_that_name"))
    outcome = service.outcome()
    assert outcome.outcome == release.REFUSED
    assert "does not start on this machine: ModuleNotFoundError" in outcome.reason
    assert not (service.machine.root / "ends").exists()
    service.works()


def test_what_cannot_be_kept_leaves_nothing(service: Service) -> None:
    service.start()
    (service.slots / "b.json.part").mkdir()
    service.offer(service.package("# the second"))
    outcome = service.outcome()
    assert outcome.outcome == release.REFUSED
    assert outcome.reason.startswith("it cannot be kept: ")
    assert not (service.slots / "b.pyz").exists()
    service.works()


def test_a_machine_may_refuse_by_a_rule_of_its_own(service: Service) -> None:
    rules = service.machine.root / "agent.toml"
    rules.write_text("upgrades = false\n")
    service.machine.environment = {
        "CLOUDHAND_WITHIN": "3",
        "CLOUDHAND_DEATHS": str(service.machine.root / "deaths"),
    }
    service.machine.pyz = service.slots / "a.pyz"
    service.machine.options = (f"--rules={rules}", f"--slots={service.slots}")
    service.machine.start()
    assert service.gateway.beats[-1].refusals == {
        "upgrades": f"the machine refuses upgrades: {rules}, line 1: upgrades = false"
    }
    service.offer(service.package("# the second"))
    assert service.outcome().reason == service.gateway.beats[-1].refusals["upgrades"]


def test_an_agent_without_slots_says_so(machine: Machine, gateway: FakeGateway) -> None:
    machine.start()
    assert not gateway.beats[-1].upgradable
    assert gateway.beats[-1].package == hashlib.sha256(machine.pyz.read_bytes()).hexdigest()
    gateway.upgrade = Order("u-1", "{}", "00")
    gateway.kick("kick_vm task run ")
    gateway.wait(lambda: bool(gateway.outcomes))
    assert gateway.outcomes[0].outcome == release.REFUSED
    assert "was not installed by the line" in gateway.outcomes[0].reason


def test_slots_that_are_not_the_agents_are_told(machine: Machine, service: Service) -> None:
    told = machine.agent("run", f"--state={machine.state}", f"--slots={service.slots}")
    assert told.returncode == 1
    assert told.stderr.count("\n") == 1
    assert "this agent is neither of" in told.stderr


@pytest.mark.parametrize(
    "point, outcome, slot",
    [
        ("agent.upgrade-fetched", release.UPGRADED, "b"),
        ("agent.upgrade-placed", release.UPGRADED, "b"),
        ("agent.upgrade-noted", release.UPGRADED, "b"),
        ("agent.trial-noted", release.ROLLED_BACK, "a"),
        ("agent.trial-online", release.ROLLED_BACK, "a"),
        ("agent.trial-switched", release.UPGRADED, "b"),
        ("agent.trial-ended", release.UPGRADED, "b"),
    ],
)
def test_whoever_is_killed_and_when_one_agent_works_in_the_end(
    service: Service, gate: Callable[[], None], point: str, outcome: str, slot: str
) -> None:
    service.start()
    running(service)
    (service.machine.root / "deaths" / point).touch()
    service.offer(service.package("# the second"))
    assert service.outcome().outcome == outcome
    assert not (service.machine.root / "deaths" / point).exists()
    assert service.current == slot
    service.gateway.online()
    gate()
    ended_once(service)
    service.works()


def test_what_is_tried_does_not_outlive_who_tries_it(service: Service) -> None:
    service.start()
    service.offer(service.package(f"{_RUN}time.sleep(1000)"))
    note = service.machine.root / "state/upgrade"
    wait_until(lambda: note.exists() and json.loads(note.read_text())["stage"] == "trying")
    tried = json.loads(note.read_text())["pid"]
    wait_until(lambda: b"b.pyz\0run" in _words(tried))
    (guard,) = (pid for pid in service.agents() if pid != tried)
    os.kill(guard, signal.SIGKILL)
    outcome = service.outcome()
    assert outcome.outcome == release.ROLLED_BACK
    assert outcome.reason == "the agent that tried it was ended meanwhile"
    wait_until(lambda: not _words(tried))
    service.works()


def test_who_is_told_to_end_ends_also_while_it_tries(service: Service) -> None:
    service.start()
    service.offer(service.package(f"{_RUN}time.sleep(1000)"))
    note = service.machine.root / "state/upgrade"
    wait_until(lambda: note.exists() and json.loads(note.read_text())["stage"] == "trying")
    tried = json.loads(note.read_text())["pid"]
    wait_until(lambda: b"b.pyz\0run" in _words(tried))
    (service.machine.root / "stop").touch()
    (guard,) = (pid for pid in service.agents() if pid != tried)
    os.kill(guard, signal.SIGTERM)
    assert service.process is not None
    assert service.process.wait(15) == 0
    wait_until(lambda: not service.agents())
    assert (
        json.loads(note.read_text())["reason"] == "the agent was told to end before it was online"
    )


def test_an_outcome_is_told_until_it_is_heard(service: Service) -> None:
    service.within = 3
    service.start()
    service.offer(service.package(f"{_RUN}time.sleep(1000)"))
    wait_until(lambda: (service.machine.root / "ends").exists())
    service.gateway.down()
    note = service.machine.root / "state/upgrade"
    wait_until(lambda: json.loads(note.read_text())["stage"] == "failed", at_most=20)
    service.gateway.up()
    assert service.outcome().outcome == release.ROLLED_BACK
    wait_until(lambda: not note.exists())
