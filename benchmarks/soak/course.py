"""One soak from its begin to its verdict."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any

from benchmarks.costs import descriptors, pss
from benchmarks.mortal import Flock, Mortal, flock
from benchmarks.plane import Plane
from benchmarks.soak.api import Api, Refused, Unanswered
from benchmarks.soak.checker import KINDS, UNFINISHED, Asked, Checker, Fault, Outage
from benchmarks.soak.growth import Sample, growth
from benchmarks.soak.machines import Fleet, Weather
from benchmarks.soak.marks import Marks
from benchmarks.soak.traffic import Ledger, Traffic

_FLOCK = 1000  # simulated machines of one process
_LOOK_EVERY = 0.1  # seconds, at power switches
_PRINT_EVERY = 10.0  # seconds
_SETTLE_WITHIN = 420.0  # seconds: the longest deadline, and what each start adds
_AWAY = (0.2, 8.0)  # seconds
_JOINED_WITHIN = 600.0  # seconds
_PATIENCE = 90.0  # seconds
_RATES = {"cuts": 6.0, "crashes": 3.0, "failures": 1.5}  # an hour and machine, of simulated ones
_MISCHIEF = {"twice": 0.05, "unheard": 0.05}
_WEATHER = Weather(crashes=6.0, failures=2.0)


@dataclass(frozen=True, kw_only=True)
class Options:
    hours: float
    agents: int  # real ones
    simulated: int
    own: int  # of the real ones, instances of the control plane's own
    seed: int
    rate: float  # of what is asked, a second
    kills: float  # of the control plane, an hour


class Course:
    def __init__(self, options: Options, folder: Path) -> None:
        self._options = options
        self._folder = folder
        self._random = Random(options.seed)
        self._marks_folder = folder / "marks"
        self._marks_folder.mkdir()
        self._control = Mortal(folder)
        self._api = Api(self._control.state / "endpoint.json")
        self._ledger = Ledger()
        self._marks = Marks(self._marks_folder)
        self._checker = Checker(self._marks)
        self._fleet = Fleet(folder, self._marks_folder, Random(self._random.random()), _WEATHER)
        self._outages: list[Outage] = []
        self._samples: list[Sample] = []
        self._faults: dict[tuple[str, str, str], Fault] = {}
        self._answers: Counter[str] = Counter()
        self._own: list[str] = []
        self._joined: list[str] = []

    def run(self) -> dict[str, Any]:
        with ExitStack() as stack:
            plane = self._control.start()
            stack.callback(self._control.end)
            stack.callback(self._fleet.end)
            flocks = self._join(plane, stack)
            everybody = [*self._joined, *self._own]
            traffic = Traffic(
                self._api,
                self._ledger,
                marks=self._marks_folder,
                random=Random(self._random.random()),
                machines=everybody,
                instances=self._own,
                rate=self._options.rate,
            )
            began = time.monotonic()
            self._storm(traffic, began)
            seconds = time.monotonic() - began
            self._settle(traffic, began)
            found = self._verdict(flocks, seconds)
            self._release()
            return found

    def _join(self, plane: Plane, stack: ExitStack) -> list[Flock]:
        options = self._options
        joining = options.agents - options.own
        _say(f"{joining} real agents join, then {options.simulated} simulated ones")
        self._fleet.join(plane.endpoint.url, plane.activations(joining))
        self._joined = [machine.instance_id for machine in self._fleet.machines]
        flocks = []
        left = options.simulated
        weather = {**_RATES, "mischief": _MISCHIEF}
        while left > 0:
            count = min(left, _FLOCK)
            flocks.append(stack.enter_context(flock(plane.endpoint.url, self._marks_folder)))
            seed = self._random.getrandbits(32)
            self._joined += flocks[-1].join(plane.activations(count), seed=seed, weather=weather)
            left -= count
        if options.own:
            answer = self._api.call("RunInstances", {"Amount": options.own})
            self._own = answer["InstanceIdSets"]["InstanceIdSet"]
        self._await_online()
        return flocks

    def _await_online(self) -> None:
        deadline = time.monotonic() + _JOINED_WITHIN
        while self._online() < len(self._joined) + len(self._own):
            if time.monotonic() > deadline:
                raise RuntimeError(f"only {self._online()} machines came online")
            self._fleet.look(calm=True)
            self._start_stopped()
            time.sleep(0.2)

    def _online(self) -> int:
        wanted = {"PageSize": 50, "PageNumber": 1}
        joined = self._api.until_answered(
            "DescribeManagedInstances", {"Connected": "true", **wanted}, at_most=_PATIENCE
        )
        count: int = joined["TotalCount"]
        for first in range(0, len(self._own), 50):
            asked = {"InstanceId": self._own[first : first + 50], "PageSize": 50}
            told = self._api.until_answered(
                "DescribeCloudAssistantStatus", asked, at_most=_PATIENCE
            )["InstanceCloudAssistantStatusSet"]["InstanceCloudAssistantStatus"]
            count += sum(one["CloudAssistantStatus"] == "true" for one in told)
        return count

    def _storm(self, traffic: Traffic, began: float) -> None:
        """Until the time is over: everything at once."""
        over = threading.Event()
        with _beside(over, lambda: traffic.run(over), lambda: self._kill_now_and_then(over)):
            printed = 0.0
            while time.monotonic() - began < self._options.hours * 3600:
                self._fleet.look(calm=False)
                if time.monotonic() - printed > _PRINT_EVERY:
                    printed = time.monotonic()
                    self._check(printed - began)
                time.sleep(_LOOK_EVERY)

    def _kill_now_and_then(self, over: threading.Event) -> None:
        random = Random(self._options.seed + 1)
        mean = 3600 / self._options.kills
        while not over.wait(random.uniform(0.3 * mean, 1.7 * mean)):
            began = time.time()
            with self._ledger.lock:
                self._outages.append(Outage(began=began, ended=None))
            self._control.kill()
            over.wait(random.uniform(*_AWAY))
            self._control.start()
            with self._ledger.lock:
                self._outages[-1] = Outage(began=began, ended=time.time())

    def _check(self, at: float) -> None:
        """Of what is not final, as far as the control plane answers; and what memory is used."""
        try:
            self._sample(at)
            self._start_stopped()
            for asked in self._ledger.all():
                if not asked.final:
                    self._look_at(asked, patience=0.0)
        except (Unanswered, OSError, AssertionError):
            return  # it is away
        _say(f"{at:7.0f} s  {self._in_words()}")

    def _sample(self, at: float) -> None:
        sizes = self._fleet.sizes() or [(0, 0)]
        self._samples.append(
            Sample(
                at=at,
                plane_pss=pss(self._control.pid),
                plane_descriptors=descriptors(self._control.pid),
                agent_pss=fmean(size for size, _ in sizes),
                agent_descriptors=fmean(count for _, count in sizes),
                agents=len(sizes),
            )
        )

    def _start_stopped(self) -> None:
        """What an exit code has stopped, among the control plane's own instances."""
        if not self._own:
            return
        wanted = {"Status": "Stopped", "InstanceIds": json.dumps(self._own[:100])}
        told = self._api.call("DescribeInstances", wanted)["Instances"]["Instance"]
        stopped = [one["InstanceId"] for one in told]
        if stopped:
            try:
                self._api.call("StartInstances", {"InstanceId": stopped})
            except Refused:
                return  # it is being started by somebody else

    def _look_at(self, asked: Asked, *, patience: float) -> None:
        results = self._api.results(asked.invoke_id, at_most=patience)
        self._marks.look()  # after the answer: what it tells of was written before
        with self._ledger.lock:
            outages = list(self._outages)
        for key in [key for key in self._faults if key[0] == asked.invoke_id]:
            del self._faults[key]
        for fault in self._checker.judge(asked, results, outages, time.time()):
            if patience or fault.machine not in self._own:  # whose boots are seen at the end
                self._faults[fault.invoke_id, fault.machine, fault.why] = fault
        asked.final = len(results) == len(asked.machines) and all(
            _ended(one) for one in results.values()
        )
        if patience:
            self._answers.update(
                f"{one['InvocationStatus']} {one['ErrorCode']}".strip() for one in results.values()
            )

    def _settle(self, traffic: Traffic, began: float) -> None:
        """Nothing breaks any more: all that was asked for must end."""
        _say("nothing is asked for any more; what is under way ends")
        over = threading.Event()
        deadline = time.monotonic() + _SETTLE_WITHIN
        censused = False
        while time.monotonic() < deadline:
            self._fleet.look(calm=True)
            self._check(time.monotonic() - began)
            if all(asked.final for asked in self._ledger.all()):
                if censused:
                    return
                self._await_online()
                traffic.census()
                censused = True
            over.wait(1.0)

    def _verdict(self, flocks: Sequence[Flock], seconds: float) -> dict[str, Any]:
        """From the answers as they stand at the end, all read once more."""
        for asked in self._ledger.all():
            self._look_at(asked, patience=_PATIENCE)
        codes = {asked.plan.uid: asked.plan.power for asked in self._ledger.all()}
        faults = list(self._faults.values())
        for machine in self._joined:
            faults += self._checker.of_orders(machine, codes)
        faults += [
            Fault(kind="wrong", invoke_id="-", machine=one, why="its agent ended by itself")
            for one in self._fleet.fell
        ]
        faults += self._not_rebooted()
        told = [one.told() for one in flocks]
        counts = Counter(fault.kind for fault in faults)
        return {
            "seconds": round(seconds, 1),
            **asdict(self._options),
            "invocations": len(self._ledger.asked),
            "targets": sum(len(asked.machines) for asked in self._ledger.asked),
            **{kind: counts[kind] for kind in KINDS},
            "faults": [asdict(fault) for fault in faults],
            "answers": dict(self._answers.most_common()),
            "refusals": dict(Counter(text[:80] for text in self._ledger.refused)),
            "unanswered": self._ledger.unanswered,
            "plane_kills": len(self._outages),
            "agent_kills": self._fleet.crashes,
            "power_failures": self._fleet.failures,
            "power_orders": self._fleet.restarts,
            "reboots": sum(map(len, self._ledger.rebooted.values())),
            "simulated_connections": sum(one["connections"] for one in told),
            "growth": growth(self._samples),
            "samples": [asdict(sample) for sample in self._samples],
        }

    def _not_rebooted(self) -> Iterator[Fault]:
        """Instances that were told to reboot, and whose last sign is of the boot before."""
        for instance, moments in self._ledger.rebooted.items():
            marks = self._marks.of_machine[instance]
            before = {mark.boot for mark in marks if mark.at < moments[0]}
            after = {mark.boot for mark in marks if mark.at > moments[-1]} - before
            if before and not after:
                why = f"RebootInstances at {moments[-1]:.0f}, and still in boot {before}"
                yield Fault(kind="wrong", invoke_id="-", machine=instance, why=why)

    def _release(self) -> None:
        if self._own:
            wanted = {"InstanceId": self._own, "Force": "true"}
            self._api.until_answered("DeleteInstances", wanted, at_most=_PATIENCE)
            deadline = time.monotonic() + _PATIENCE
            while self._api.call("DescribeInstances", {})["TotalCount"]:
                if time.monotonic() > deadline:
                    raise RuntimeError("instances are not released")
                time.sleep(0.2)

    def _in_words(self) -> str:
        counts = Counter(fault.kind for fault in self._faults.values())
        told = [f"{kind} {counts[kind]}" for kind in KINDS]
        asked = self._ledger.all()
        waiting = sum(not one.final for one in asked)
        last = self._samples[-1]
        return (
            f"{', '.join(told)}; {len(asked)} invocations, {waiting} under way;"
            f" plane {last.plane_pss / 2**20:.0f} MiB {last.plane_descriptors} fds,"
            f" agent {last.agent_pss / 2**20:.1f} MiB {last.agent_descriptors:.1f} fds;"
            f" {len(self._outages)} kills"
        )


def _ended(result: dict[str, Any]) -> bool:
    action = result.get("PowerAction") or {"Status": "Done"}
    return result["InvocationStatus"] not in UNFINISHED and action["Status"] not in (
        "Ordered",
        "Held",
        "Down",
    )


@contextmanager
def _beside(over: threading.Event, *works: Any) -> Iterator[None]:
    """Threads that end when it is over; what one of them could not do fails the whole."""
    failures: list[BaseException] = []

    def watched(work: Any) -> None:
        try:
            work()
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=watched, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()
    if failures:
        raise failures[0]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
