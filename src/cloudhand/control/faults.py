"""Faults made on purpose: what they strike, and how often they have.

They live as long as this process. One that was forgotten ends with it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from cloudhand.control.pokes import Pokes
from cloudhand.control.targeting import present
from cloudhand.core import ids
from cloudhand.core.clock import Clock
from cloudhand.core.command import Command, CommandType
from cloudhand.core.errors import FaultNotFound
from cloudhand.core.fault import OF_BOOTS, Fault, Kind
from cloudhand.core.ids import BootId, FaultId, InstanceId, RandomBytes
from cloudhand.core.invocation import Target
from cloudhand.core.orders import NewFault
from cloudhand.store.database import Database
from cloudhand.store.transaction import Transaction


class _Standing:
    """A fault, and what it has done."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.struck: set[str] = set()
        self.requests = 0  # that it could have struck
        self.boots: dict[InstanceId, tuple[BootId, datetime]] = {}

    def strikes(self, key: str) -> bool:
        if key in self.struck:
            return True
        if self.fault.times is not None and len(self.struck) >= self.fault.times:
            return False
        if not self.fault.strikes(key):
            return False
        self.struck.add(key)
        return True


class Faults:
    def __init__(self, database: Database, clock: Clock, random: RandomBytes, pokes: Pokes) -> None:
        self._database = database
        self._clock = clock
        self._random = random
        self._pokes = pokes
        self._standing: dict[FaultId, _Standing] = {}

    async def make(self, new: NewFault) -> Fault:
        """InstanceNotFound."""

        async def check(tx: Transaction) -> None:
            await present(tx, new.instance_ids)

        await self._database.read(check)
        now = self._clock.now()
        fault = Fault(
            id=ids.fault_id(self._random),
            kind=new.kind,
            instance_ids=frozenset(new.instance_ids),
            value=new.value,
            percent=new.percent,
            seed=new.seed,
            times=new.times,
            made_at=now,
            until=now + new.lasts if new.lasts is not None else None,
        )
        self._standing[fault.id] = _Standing(fault)
        if fault.kind is Kind.OFFLINE:
            self._pokes.cut(fault.instance_ids)
        return fault

    def struck(self, fault: Fault) -> int:
        """How often it has."""
        return len(self._standing[fault.id].struck)

    def all(self) -> Sequence[Fault]:
        """Those that are not over, in the order in which they were made."""
        return [one.fault for one in self._current()]

    def _current(self) -> Sequence[_Standing]:
        now = self._clock.now()
        self._standing = {
            fault_id: one
            for fault_id, one in self._standing.items()
            if one.fault.until is None or now < one.fault.until
        }
        return list(self._standing.values())

    def take_away(self, wanted: Collection[FaultId]) -> None:
        """These, or all; FaultNotFound."""
        for fault_id in wanted or [*self._standing]:
            if self._standing.pop(fault_id, None) is None:
                raise FaultNotFound(fault_id)

    def script_of(self, target: Target, command: Command, content: bytes) -> bytes:
        """What faults make of a script: the same, however often it is handed out.

        It is said to a shell. What another interpreter reads stays as it is.
        """
        if command.type is not CommandType.SHELL or command.launcher:
            return content
        exits = self._of_command(Kind.EXIT, target)
        if exits is not None:
            content = f"exit {exits.value}\n".encode()
        if content.startswith(b"#!"):
            return content
        floods = self._of_command(Kind.FLOOD, target)
        if floods is not None:
            content = f"head -c {floods.value} /dev/zero | tr '\\0' x\n".encode() + content
        return content

    def _of_command(self, kind: Kind, target: Target) -> Fault | None:
        key = f"{target.instance_id}/{target.task_id}"
        for one in self._current():
            meant = one.fault.kind is kind and one.fault.meant_for(target.instance_id)
            if meant and one.strikes(key):
                return one.fault
        return None

    def of_request(self) -> Fault | None:
        """What strikes a request of somebody who calls the API."""
        found = None
        for one in self._current():
            if one.fault.kind is Kind.THROTTLE:
                one.requests += 1
                if one.strikes(str(one.requests)):
                    found = one.fault
        return found

    def silencing(self, instance_id: InstanceId) -> FaultId | None:
        """The fault because of which nothing is heard of a machine's agent now."""
        for one in self._current():
            fault = one.fault
            silent = fault.kind is Kind.OFFLINE and fault.strikes(instance_id)
            if fault.kind in OF_BOOTS and instance_id in one.boots:
                silent = self._silent_yet(one, instance_id)
            if fault.meant_for(instance_id) and silent:
                return fault.id
        return None

    async def silences(self, instance_id: InstanceId, boot_id: BootId | None) -> bool:
        """Whether nothing that this agent says is to be heard now."""
        meant = [one for one in self._current() if one.fault.meant_for(instance_id)]
        if any(one.fault.kind is Kind.OFFLINE and one.strikes(instance_id) for one in meant):
            return True
        of_boots = [
            one for one in meant if one.fault.kind in OF_BOOTS and one.fault.strikes(instance_id)
        ]
        if not of_boots or boot_id is None:
            return False

        async def work(tx: Transaction) -> BootId | None:
            agent = await tx.agents.get(instance_id)
            return agent.boot_id if agent is not None else None

        known = await self._database.read(work)
        return any([self._still_boots(one, instance_id, boot_id, known) for one in of_boots])

    def _still_boots(
        self, one: _Standing, instance_id: InstanceId, boot_id: BootId, known: BootId | None
    ) -> bool:
        """``known``: the boot in which its agent was heard last."""
        if boot_id == known:
            return False
        one.struck.add(f"{instance_id}/{boot_id}")
        before = one.boots.get(instance_id)
        if before is None or before[0] != boot_id:
            one.boots[instance_id] = (boot_id, self._clock.now())
        return self._silent_yet(one, instance_id)

    def _silent_yet(self, one: _Standing, instance_id: InstanceId) -> bool:
        if one.fault.kind is Kind.NO_BOOT:
            return True
        _, booted_at = one.boots[instance_id]
        return self._clock.now() < booted_at + timedelta(seconds=one.fault.value)
