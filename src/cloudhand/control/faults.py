"""Faults made on purpose: what they strike, and how often they have.

They live as long as this process. One that was forgotten ends with it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from cloudhand.control.pokes import Pokes
from cloudhand.core import ids
from cloudhand.core.clock import Clock
from cloudhand.core.errors import FaultNotFound, InstanceNotFound
from cloudhand.core.fault import OF_BOOTS, Fault, Kind
from cloudhand.core.ids import BootId, FaultId, InstanceId, RandomBytes
from cloudhand.core.orders import NewFault
from cloudhand.store.database import Database
from cloudhand.store.transaction import Transaction


class Faults:
    def __init__(self, database: Database, clock: Clock, random: RandomBytes, pokes: Pokes) -> None:
        self._database = database
        self._clock = clock
        self._random = random
        self._pokes = pokes
        self._made: dict[FaultId, Fault] = {}
        self._struck: dict[FaultId, set[str]] = {}
        self._boots: dict[tuple[FaultId, InstanceId], tuple[BootId, datetime]] = {}
        self._requests: dict[FaultId, int] = {}  # that each could have struck

    async def make(self, new: NewFault) -> Fault:
        """InstanceNotFound."""
        await self._check_there(new.instance_ids)
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
        self._made[fault.id] = fault
        self._struck[fault.id] = set()
        self._requests[fault.id] = 0
        if fault.kind is Kind.OFFLINE:
            self._pokes.cut(fault.instance_ids)
        return fault

    async def _check_there(self, wanted: Collection[InstanceId]) -> None:
        async def work(tx: Transaction) -> list[InstanceId]:
            own = {one.id for one in await tx.instances.get_many(list(wanted))}
            others = set(wanted) - own
            return [one for one in others if await tx.managed.get(one) is None]

        missing = await self._database.read(work)
        if missing:
            raise InstanceNotFound(sorted(missing))

    def struck(self, fault: Fault) -> int:
        """How often it has."""
        return len(self._struck[fault.id])

    def all(self) -> Sequence[Fault]:
        """Those that are not over, in the order in which they were made."""
        now = self._clock.now()
        for fault in [*self._made.values()]:
            if fault.until is not None and now >= fault.until:
                self._forget(fault.id)
        return list(self._made.values())

    def take_away(self, wanted: Collection[FaultId]) -> None:
        """These, or all; FaultNotFound."""
        for fault_id in wanted or [*self._made]:
            if fault_id not in self._made:
                raise FaultNotFound(fault_id)
            self._forget(fault_id)

    def _forget(self, fault_id: FaultId) -> None:
        del self._made[fault_id]
        del self._struck[fault_id]
        del self._requests[fault_id]

    def of_command(self, kind: Kind, instance_id: InstanceId, task_id: str) -> Fault | None:
        """What strikes a command on an instance: the same one, however often it is handed out."""
        return next(
            (
                one
                for one in self.all()
                if one.kind is kind
                and one.meant_for(instance_id)
                and self._strikes(one, f"{instance_id}/{task_id}")
            ),
            None,
        )

    def of_request(self) -> Fault | None:
        """What strikes a request of somebody who calls the API."""
        found = None
        for fault in self.all():
            if fault.kind is Kind.THROTTLE:
                self._requests[fault.id] += 1
                if self._strikes(fault, str(self._requests[fault.id])):
                    found = fault
        return found

    async def silences(self, instance_id: InstanceId, boot_id: BootId | None) -> bool:
        """Whether nothing that this agent says is to be heard now."""
        faults = [one for one in self.all() if one.meant_for(instance_id)]
        if any(one.kind is Kind.OFFLINE and self._strikes(one, instance_id) for one in faults):
            return True
        of_boots = [one for one in faults if one.kind in OF_BOOTS and one.strikes(instance_id)]
        if not of_boots or boot_id is None:
            return False

        async def work(tx: Transaction) -> BootId | None:
            agent = await tx.agents.get(instance_id)
            return agent.boot_id if agent is not None else None

        known = await self._database.read(work)
        return any([self._still_boots(one, instance_id, boot_id, known) for one in of_boots])

    def _still_boots(
        self, fault: Fault, instance_id: InstanceId, boot_id: BootId, known: BootId | None
    ) -> bool:
        """``known``: the boot in which its agent was heard last."""
        if boot_id == known:
            return False
        self._struck[fault.id].add(f"{instance_id}/{boot_id}")
        if fault.kind is Kind.NO_BOOT:
            return True
        now = self._clock.now()
        before = self._boots.get((fault.id, instance_id))
        if before is None or before[0] != boot_id:
            before = self._boots[fault.id, instance_id] = (boot_id, now)
        return now < before[1] + timedelta(seconds=fault.value)

    def _strikes(self, fault: Fault, key: str) -> bool:
        struck = self._struck[fault.id]
        if key in struck:
            return True
        if fault.times is not None and len(struck) >= fault.times:
            return False
        if not fault.strikes(key):
            return False
        struck.add(key)
        return True
