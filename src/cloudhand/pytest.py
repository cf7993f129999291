"""A pytest plugin: the fixture `cloud`, a control plane with instances for each test.

One control plane serves all tests of a process that want the same exit code policy, so that
workers of pytest-xdist share nothing. Each test has instances of its own: those that it leaves
are released, whatever state they are in, and the next ones boot meanwhile.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from threading import Timer
from typing import Any, cast

import pytest

from cloudhand.cli import follow
from cloudhand.cli.client import RAM, STS, Client
from cloudhand.cli.endpoint import Endpoint
from cloudhand.cli.errors import ApiError, ClientError
from cloudhand.cli.fleet import Machine, machines
from cloudhand.cli.follow import Result

_POLICIES = ("success", "documented")
_START_BOUND = 60.0  # seconds until a control plane answers
_RESET_BOUND = 60.0  # seconds until the instances of one test are those of the next
_END_BOUND = 20.0  # seconds until a control plane has put everything away
_FIRST_PAUSE, _LAST_PAUSE = 0.02, 0.25  # seconds between looks

# Tells its environment, and ends when its input does: also when this process is killed.
_TELL = "import json, os, sys; print(json.dumps(dict(os.environ)), flush=True); sys.stdin.read()"


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """A control plane and the instances that one test has on it."""

    url: str
    endpoint: str  # HOST:PORT, as the SDKs' configuration wants it
    region_id: str
    account_id: str
    access_key_id: str
    access_key_secret: str = field(repr=False)
    instance_ids: Sequence[str]  # Running, with their agents online, when the test begins
    # In which a program for Alibaba Cloud runs unchanged.
    environment: Mapping[str, str] = field(repr=False)
    client: Client = field(repr=False)  # signs and sends; for one thread at a time

    def call(self, action: str, **parameters: object) -> dict[str, Any]:
        """Call an operation by its name; lists and dicts are flattened. ApiError."""
        __tracebackhide__ = True
        try:
            return self.client.call(action, parameters)
        except ApiError as error:
            raise error.with_traceback(None) from None  # what refused it is not in our code

    def run(self, script: str, *, on: Sequence[str] = (), timeout: int = 60) -> dict[str, Result]:
        """Run a shell script, on every instance unless some are named; results by instance id.

        ``on``: ids or names.
        """
        __tracebackhide__ = True
        ids = {machine.name: machine.id for machine in machines(self.client)} if on else {}
        order = {
            "Type": "RunShellScript",
            "CommandContent": script,
            "InstanceId": [ids.get(one, one) for one in on] or list(self.instance_ids),
            "Timeout": timeout,
        }
        invoke_id = self.call("RunCommand", **order)["InvokeId"]
        return {one.instance_id: one for one in follow.settled(self.client, invoke_id)}

    def fault(
        self,
        kind: str,
        value: int = 0,
        *,
        on: Sequence[str] = (),
        percent: int = 100,
        seed: int = 0,
        times: int = 0,
    ) -> str:
        """Have something go wrong until the test ends, or the fault is deleted; its id.

        As of `cloudhand fault make`. ``on``: ids or names; none: all.
        """
        __tracebackhide__ = True
        ids = {machine.name: machine.id for machine in machines(self.client)} if on else {}
        made = self.call(
            "CreateFault",
            Kind=kind,
            Value=value,
            InstanceId=[ids.get(one, one) for one in on],
            Percent=percent,
            Seed=seed,
            Times=times,
        )
        return str(made["FaultId"])

    @contextmanager
    def account(self, name: str = "other", *, instances: int = 0) -> Iterator[Cloud]:
        """Another account, with instances of its own, until the block ends.

        Roles let those of one account into another: `docs/how-to/let-others-in.md`.
        """
        made = self.client.call("CreateAccount", {"AccountName": name}, version=RAM)
        key_id, secret = (made["AccessKey"][f"AccessKey{one}"] for one in ("Id", "Secret"))
        another = {self.access_key_id: key_id, self.access_key_secret: secret}
        client = Client(
            replace(self.client.endpoint, access_key_id=key_id, access_key_secret=secret)
        )
        with closing(client):
            try:
                ids = sorted(_boot(client, instances))
                _settle(client, ids)
                told = {one: another.get(value, value) for one, value in self.environment.items()}
                yield replace(
                    self,
                    access_key_id=key_id,
                    access_key_secret=secret,
                    account_id=made["Account"]["AccountId"],
                    instance_ids=ids,
                    environment={**told, "CLOUDHAND_INSTANCE_IDS": ",".join(ids)},
                    client=client,
                )
            finally:
                _settle(client, ())
                self.client.call("DeleteAccount", {"AccountName": name}, version=RAM)


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """What makes one control plane different from another."""

    power_exit_codes: str
    plain_processes: bool


@dataclass(frozen=True, kw_only=True)
class _Wish:
    """What a test asks for by its marker, else what the configuration says."""

    instances: int
    kind: _Kind


class _Plane:
    """A control plane in a process of its own, and the instances that lie ready on it."""

    def __init__(self, kind: _Kind) -> None:
        self._told = tempfile.TemporaryFile()  # noqa: SIM115  # closed by close()
        self._process = subprocess.Popen(
            _command(kind),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._told,
            # Ctrl-C is for the tests, which still need the control plane to put things away.
            start_new_session=True,
        )
        try:
            self.environment = self._hear_environment()
        except BaseException:
            self.close()
            raise
        self.client = Client(_endpoint(self.environment))
        who = self.client.call("GetCallerIdentity", {}, version=STS)
        self.account_id: str = who["AccountId"]
        self._ready: set[str] = set()  # asked for, perhaps still booting

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def fresh(self, count: int) -> Cloud:
        """Exactly ``count`` instances that nobody used, Running and online."""
        missing = count - len(self._ready)
        if missing > 0:
            self.order(missing)
        kept = set(sorted(self._ready)[:count])
        _settle(self.client, kept)
        self._ready.clear()
        endpoint = self.client.endpoint
        ids = sorted(kept)
        return Cloud(
            url=endpoint.url,
            endpoint=endpoint.host,
            region_id=endpoint.region_id,
            account_id=self.account_id,
            access_key_id=endpoint.access_key_id,
            access_key_secret=endpoint.access_key_secret,
            instance_ids=ids,
            environment={**self.environment, "CLOUDHAND_INSTANCE_IDS": ",".join(ids)},
            client=self.client,
        )

    def order(self, count: int) -> None:
        """Have instances boot for a later test."""
        self._ready.update(_boot(self.client, count, first=len(self._ready) + 1))

    def clear(self) -> None:
        """Ask for the end of all that a test may have left."""
        self.client.call("DeleteFaults", {})
        _release(self.client, machines(self.client), kept=self._ready, asked=set())

    def close(self) -> None:
        """End the control plane and all that it made; returns when it is gone."""
        if hasattr(self, "client"):
            self.client.close()
        assert self._process.stdin is not None and self._process.stdout is not None
        with suppress(OSError):
            self._process.stdin.close()
        self._process.stdout.close()
        try:
            self._process.wait(_END_BOUND)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._told.close()

    def _hear_environment(self) -> dict[str, str]:
        stdout = self._process.stdout
        assert stdout is not None
        watchdog = _Watchdog(self._process)
        with watchdog:
            line = stdout.readline()
        if line:
            return cast(dict[str, str], json.loads(line))
        self._process.wait()
        self._told.seek(0)
        told = self._told.read().decode("utf-8", "replace").strip()
        if watchdog.bit:
            told = f"no control plane after {_START_BOUND:.0f} seconds: {told}"
        raise ClientError(told or f"cloudhand up ended with {self._process.returncode}")


class _Watchdog:
    """Ends a process that says nothing for too long, so that a read of its output returns."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.bit = False
        self._process = process
        self._timer = Timer(_START_BOUND, self._bite)

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._timer.join()

    def _bite(self) -> None:
        self.bit = True
        self._process.terminate()


class _Planes:
    """The control planes of this process, one of each kind in use."""

    def __init__(self) -> None:
        self._planes: dict[_Kind, _Plane] = {}

    def get(self, kind: _Kind) -> _Plane:
        plane = self._planes.get(kind)
        if plane is not None and not plane.alive:
            self.drop(kind)
            plane = None
        if plane is None:
            plane = self._planes[kind] = _Plane(kind)
        return plane

    def drop(self, kind: _Kind) -> None:
        self._planes.pop(kind).close()

    def close(self) -> None:
        for kind in list(self._planes):
            self.drop(kind)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini("cloudhand_instances", "instances that `cloud` has for each test", default="1")
    parser.addini(
        "cloudhand_power_exit_codes",
        "what 193 and 194 make of a target: success, or documented (Failed)",
        default="success",
    )
    parser.addini(
        "cloudhand_plain_processes",
        "make instances without namespaces; root must say so where namespaces are refused",
        type="bool",
        default=False,
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "cloudhand(instances=1, power_exit_codes='success'): what the fixture `cloud` is to have",
    )


@pytest.fixture(scope="session")
def cloudhand_control_planes() -> Iterator[_Planes]:
    """Those that `cloud` uses; ended at the end of the session."""
    planes = _Planes()
    yield planes
    planes.close()


@pytest.fixture
def cloud(request: pytest.FixtureRequest, cloudhand_control_planes: _Planes) -> Iterator[Cloud]:
    """A control plane with fresh instances; what the test leaves on it is put away."""
    wish = _wish(request)
    plane = cloudhand_control_planes.get(wish.kind)
    yield plane.fresh(wish.instances)
    try:
        plane.order(wish.instances)
        plane.clear()
    except ClientError:
        # It was killed, or holds what cannot be released: the next test gets a new one.
        cloudhand_control_planes.drop(wish.kind)


def _wish(request: pytest.FixtureRequest) -> _Wish:
    asked: dict[str, Any] = {
        "instances": request.config.getini("cloudhand_instances"),
        "power_exit_codes": request.config.getini("cloudhand_power_exit_codes"),
    }
    marker = request.node.get_closest_marker("cloudhand")
    if marker is not None:
        unknown = sorted(set(marker.kwargs) - set(asked))
        if marker.args or unknown:
            raise _not_understood(
                "the marker cloudhand takes instances=N and power_exit_codes=..., by name"
            )
        asked.update(marker.kwargs)
    if asked["power_exit_codes"] not in _POLICIES:
        raise _not_understood(
            f"{asked['power_exit_codes']!r} is no power_exit_codes: success or documented"
        )
    kind = _Kind(
        power_exit_codes=str(asked["power_exit_codes"]),
        plain_processes=bool(request.config.getini("cloudhand_plain_processes")),
    )
    return _Wish(instances=_count(asked["instances"]), kind=kind)


def _count(asked: object) -> int:
    if not re.fullmatch(r"\d{1,4}", str(asked)):
        raise _not_understood(f"cloudhand_instances: {asked!r} is no number of instances")
    return int(str(asked))


def _not_understood(sentence: str) -> BaseException:
    """Nobody wants to see our code for it, as pytest shows it for a UsageError of a fixture."""
    return pytest.fail.Exception(sentence, pytrace=False)


def _command(kind: _Kind) -> list[str]:
    python = sys.executable
    up = [python, "-m", "cloudhand.cli.main", "up", "--fleet", "0"]
    up += ["--power-exit-codes", kind.power_exit_codes]
    up += ["--plain-processes"] if kind.plain_processes else []
    return [*up, "--", python, "-S", "-E", "-c", _TELL]


def _endpoint(environment: Mapping[str, str]) -> Endpoint:
    return Endpoint(
        url=environment["CLOUDHAND_ENDPOINT"],
        region_id=environment["ALIBABA_CLOUD_REGION_ID"],
        access_key_id=environment["ALIBABA_CLOUD_ACCESS_KEY_ID"],
        access_key_secret=environment["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
    )


def _settle(client: Client, kept: Collection[str]) -> None:
    """Have exactly these instances there, usable; ClientError if that takes too long."""
    deadline = time.monotonic() + _RESET_BOUND
    pause = _FIRST_PAUSE
    asked: set[str] = set()
    while True:
        present = machines(client)
        if {machine.id for machine in present} == set(kept) and all(map(_usable, present)):
            return
        _release(client, present, kept=kept, asked=asked)
        if time.monotonic() > deadline:
            states = ", ".join(f"{m.id} {m.status} online={m.online}" for m in present)
            raise ClientError(f"cannot wait any longer for fresh instances: {states}")
        time.sleep(pause)
        pause = min(pause * 1.5, _LAST_PAUSE)


def _release(
    client: Client, present: Sequence[Machine], *, kept: Collection[str], asked: set[str]
) -> None:
    """Release what is not kept; what is on its way up or down is left for the next look."""
    for machine in present:
        if machine.id in kept or machine.id in asked:
            continue
        if machine.status == "Managed":
            client.call("DeregisterManagedInstance", {"InstanceId": machine.id})
        elif machine.status not in ("Running", "Stopped"):
            continue
        else:
            _delete(client, machine.id)
        asked.add(machine.id)


def _delete(client: Client, instance_id: str) -> None:
    try:
        client.call("DeleteInstance", {"InstanceId": instance_id, "Force": "true"})
    except ApiError as error:
        # It moved since it was listed, or is being released already.
        if not error.code.startswith(("IncorrectInstanceStatus", "InvalidInstanceId")):
            raise


def _boot(client: Client, count: int, first: int = 1) -> list[str]:
    """Have instances boot; their ids. ``first``: the number in the name of the first."""
    if not count:
        return []
    wanted = {"InstanceName": f"test-[{first},2]", "Amount": count}
    ids: list[str] = client.call("RunInstances", wanted)["InstanceIdSets"]["InstanceIdSet"]
    return ids


def _usable(machine: Machine) -> bool:
    return machine.status == "Running" and machine.online
