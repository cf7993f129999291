"""A sandbox instance, as it is seen from beside it: its console, its files, its boots.

What it is not: spoilt in its links or on its disk. Its agent speaks to the control plane directly.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from tests.faults.disk import Disk
from tests.faults.real.host import Caller, wait_for

_ASKED = {b"init: restarting": "restart", b"init: powering off": "stop"}
_ONLINE_WITHIN = 150.0  # seconds; the control plane may be killed again and again meanwhile


class Straight:
    """A link that nobody can spoil."""

    fresh_at = 0.0
    channels = 1

    def heal(self) -> None:
        pass

    def drop(self) -> None:
        pass

    def spoil(self, mode: str) -> None:
        raise AssertionError(f"{mode}: nothing stands between an instance and its control plane")


class Guest:
    def __init__(self, instance_id: str, state: Path, boot_id: str) -> None:
        """``state``: of the control plane; ``boot_id``: of the boot that runs."""
        self.id = self.name = instance_id
        (self.root,) = state.glob(f"sandbox/**/{instance_id}")
        self.link = Straight()
        self.disk: Disk | None = None
        self.cuts = 0
        self.before_down: Callable[[], object] = lambda: None
        self.boots = [boot_id]
        self.every_boot = [boot_id]
        self._console_from = 0

    @property
    def _layered(self) -> bool:
        """Whether it has file systems of its own; else it is plain processes."""
        return (self.root / "layers").exists()

    def inside(self, name: str) -> str:
        return f"/var/tmp/cloudhand-test-{self.id}-{name}"

    def outside(self, name: str) -> Path:
        there = self.inside(name)
        if self._layered:
            return self.root / "layers/var/up" / Path(there).relative_to("/var")
        return Path(there)

    @property
    def tasks(self) -> list[str]:
        agent = "layers/var/up/lib/cloudhand-agent" if self._layered else "agent"
        try:
            return [one.name for one in (self.root / agent / "tasks").iterdir()]
        except FileNotFoundError:
            return []

    @property
    def asked(self) -> list[str]:
        """What its first process was asked for since the run began, as the console tells."""
        with (self.root / "console.log").open("rb") as file:
            file.seek(self._console_from)
            return [_ASKED[line] for line in file.read().split(b"\n") if line in _ASKED]

    @property
    def on(self) -> bool:
        return "stop" not in self.asked

    @property
    def orders(self) -> int:
        """Restarts that are under way."""
        return max(0, self.asked.count("restart") - (len(self.boots) - 1))

    def booted(self, boot_id: str) -> None:
        if boot_id != self.boots[-1]:
            self.boots.append(boot_id)
            self.every_boot.append(boot_id)

    def forget(self, chance: random.Random) -> None:
        self.boots[:] = self.boots[-1:]
        self._console_from = (self.root / "console.log").stat().st_size

    def online(self) -> bool:
        return True  # who waits for the end of its power action has waited for this

    def ready(self, caller: Caller) -> bool:
        """Wait for it to run, with its agent online."""

        def runs() -> bool:
            found = caller.call("DescribeCloudAssistantStatus", InstanceId=[self.id])
            (one,) = found["InstanceCloudAssistantStatusSet"]["InstanceCloudAssistantStatus"]
            if one["CloudAssistantStatus"] != "true":
                return False
            told = caller.call("DescribeInstances", InstanceIds=f'["{self.id}"]')
            (two,) = told["Instances"]["Instance"]
            return bool(two["Status"] == "Running")

        return wait_for(runs, _ONLINE_WITHIN)

    def boot_by_hand(self, caller: Caller) -> None:
        """Once it is known to have stopped."""

        def stopped() -> bool:
            told = caller.call("DescribeInstances", InstanceIds=f'["{self.id}"]')
            (one,) = told["Instances"]["Instance"]
            return bool(one["Status"] == "Stopped")

        assert wait_for(stopped, _ONLINE_WITHIN), f"{self.id} does not stop"
        caller.call("StartInstance", InstanceId=self.id)

    def kill_agent(self, *, with_holders: bool) -> None:
        raise AssertionError("its agent dies at points of its own alone")

    def cut(self) -> None:
        raise AssertionError("its power is not cut")
