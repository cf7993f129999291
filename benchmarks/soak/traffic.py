"""What is asked of the control plane, at random, as a careful caller asks: what is not answered is
asked again under the same token."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from benchmarks.soak import plans
from benchmarks.soak.api import Api, Refused, Unanswered
from benchmarks.soak.checker import Asked

_MOST_TARGETS = 20
_STOPPED = 0.08  # of commands
_STOPPED_WITHIN = 8.0  # seconds
_REBOOTED = 0.02  # of all that is asked, where instances are that can be
_PATIENCE = 60.0  # seconds


@dataclass(kw_only=True)
class Ledger:
    """What was asked and acknowledged, for several threads."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    asked: list[Asked] = field(default_factory=list)
    rebooted: dict[str, list[float]] = field(default_factory=dict)  # instances, and when
    refused: list[str] = field(default_factory=list)
    unanswered: int = 0

    def all(self) -> list[Asked]:
        with self.lock:
            return list(self.asked)


class Traffic:
    def __init__(
        self,
        api: Api,
        ledger: Ledger,
        *,
        marks: Path,
        random: Random,
        machines: Sequence[str],
        instances: Sequence[str],
        rate: float,
    ) -> None:
        """``instances``: those of ``machines`` that RebootInstances takes. ``rate``: a second."""
        self._api = api
        self._ledger = ledger
        self._marks = marks
        self._random = random
        self._machines = machines
        self._instances = instances
        self._rate = rate
        self._number = 0
        self._stops: list[tuple[float, Asked]] = []

    def run(self, over: threading.Event) -> None:
        while not over.wait(self._random.expovariate(self._rate)):
            try:
                self._ask_something()
                self._stop_what_is_due()
            except Unanswered:
                self._ledger.unanswered += 1
            except Refused as refusal:
                self._ledger.refused.append(str(refusal))

    def census(self) -> None:
        """Have every machine say in which boot it is."""
        size = 100
        for first in range(0, len(self._machines), size):
            plan = plans.census(self._uid())
            self._run(plan, self._machines[first : first + size])

    def _uid(self) -> str:
        self._number += 1
        return str(self._number)

    def _ask_something(self) -> None:
        if self._instances and self._random.random() < _REBOOTED:
            self._reboot(self._random.choice(self._instances))
            return
        count = min(self._random.randint(1, _MOST_TARGETS), len(self._machines))
        chosen = self._random.sample(self._machines, count)
        asked = self._run(plans.draw(self._uid(), self._random), chosen)
        if self._random.random() < _STOPPED:
            due = time.monotonic() + self._random.uniform(0, _STOPPED_WITHIN)
            self._stops.append((due, asked))

    def _run(self, plan: plans.Plan, machines: Sequence[str]) -> Asked:
        script = plans.script(plan, self._marks)
        order = {
            "Type": "RunShellScript",
            "CommandContent": base64.b64encode(script.encode()).decode(),
            "ContentEncoding": "Base64",
            "EnableParameter": "true",
            "Timeout": plan.timeout,
            "InstanceId": list(machines),
            "ClientToken": f"soak-{plan.uid}-{self._random.getrandbits(64):x}",
        }
        answer = self._api.until_answered("RunCommand", order, at_most=_PATIENCE)
        asked = Asked(
            invoke_id=answer["InvokeId"], plan=plan, machines=tuple(machines), at=time.time()
        )
        with self._ledger.lock:
            self._ledger.asked.append(asked)
        return asked

    def _reboot(self, instance: str) -> None:
        """Once: it has no token by which a second would be known for the first."""
        self._api.call("RebootInstances", {"InstanceId": [instance], "ForceReboot": "true"})
        self._ledger.rebooted.setdefault(instance, []).append(time.time())

    def _stop_what_is_due(self) -> None:
        now = time.monotonic()
        due = [asked for moment, asked in self._stops if moment <= now]
        self._stops = [one for one in self._stops if one[0] > now]
        for asked in due:
            # What ended before this moment has a result of its own.
            asked.stop_asked_at = time.time()
            wanted = {"InvokeId": asked.invoke_id}
            self._api.until_answered("StopInvocation", wanted, at_most=_PATIENCE)
