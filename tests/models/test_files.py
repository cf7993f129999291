"""A file that is sent to a machine: fetched, written or not, told of; perhaps late, or never."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from cloudhand.control.provider import Power
from cloudhand.core.errors import CannotFinish
from cloudhand.core.file import File, FileFilter, FileTarget, SendOrder
from cloudhand.core.ids import InvokeId
from cloudhand.core.invocation import State
from cloudhand.wire import agent as wire
from tests.machines import Machine, hang
from tests.models.examples import played
from tests.models.life import DOCUMENTED, LOOK, Life
from tests.world import ALL

_FINAL = DOCUMENTED["file target"][1]
_FILE = File(name="config", directory="/etc/app", content=b"hello\n")
_MINUTE = timedelta(seconds=60)  # to fetch it; to come back; for a machine that is down
_SILENT = {"Pending": "Aborted", "Running": "Timeout"}
_SAYS = {
    "Success": {"kind": wire.FINISH},
    "Failed": {"kind": wire.FINISH, "error_code": "1"},
    "Invalid": {"kind": wire.INVALID, "param": "FileExist", "value": "config"},
}


@dataclass
class Sent:
    invoke_id: InvokeId
    timeout: timedelta
    earliest: datetime
    latest: datetime
    state: str = "Pending"
    guessed: bool = False
    fetched: bool = False
    end: str = ""  # what became of it, as far as its machine knows
    told: bool = False

    @property
    def open(self) -> bool:
        return self.state not in _FINAL


class FileLife(Life):
    async def begin(self) -> None:
        self.world.machines.filing = hang
        self.id = await self.world.instance()
        self.files: list[Sent] = []

    @initialize(number=st.integers(0, 2))
    def files_are_there(self, number: int) -> None:
        for _ in range(number):
            self.is_sent(300)

    @property
    def machine(self) -> Machine:
        return self.world.machine(self.id)

    @property
    def heard(self) -> bool:
        return self.machine.connected and self.machine.power is Power.RUNNING

    def restarted(self) -> None:
        for one in self.files:
            one.earliest = max(one.earliest, self.now + _MINUTE)
            one.latest = max(one.latest, self.now + _MINUTE)

    @rule(seconds=st.sampled_from([10, 60, 300]))
    def is_sent(self, seconds: int) -> None:
        runs = self.look(self.world.status(self.id)) == "Running"
        order = SendOrder(file=_FILE, instance_ids=[self.id], timeout=seconds)
        invoke_id = self.run(self.world.control.files.send(order))
        until = self.now + _MINUTE
        one = Sent(invoke_id, timedelta(seconds=seconds), until, until)
        one.state = "Pending" if runs else "Aborted"
        self.files.append(one)

    @precondition(lambda self: self.known and self.machine.power is Power.RUNNING)
    @rule(data=st.data(), end=st.sampled_from(sorted(_SAYS)))
    def becomes_something(self, data: st.DataObject, end: str) -> None:
        self._become(data.draw(st.sampled_from(self.known)), end)

    @precondition(lambda self: self.known and self.machine.power is Power.RUNNING)
    @rule(data=st.data(), end=st.sampled_from(sorted(_SAYS)), back=st.booleans())
    def becomes_something_in_a_long_silence(
        self, data: st.DataObject, end: str, back: bool
    ) -> None:
        self.machine.connected = False
        self._become(data.draw(st.sampled_from(self.known)), end)
        self.time_passes(400)
        self.the_truth_is_told()
        if back:
            self.is_back()

    @property
    def known(self) -> list[Sent]:
        return [one for one in self.files if one.fetched and not one.end]

    def _become(self, one: Sent, end: str) -> None:
        one.end = end
        report = wire.Report(task_id=one.invoke_id, file=True, **_SAYS[end])  # type: ignore[arg-type]
        self.machine.unacknowledged[one.invoke_id] = report
        if self.heard:
            self.run(self.world.machines.say(self.machine, report))

    @precondition(lambda self: self.heard and any(one.told for one in self.files))
    @rule(data=st.data(), end=st.sampled_from(sorted(_SAYS)))
    def is_told_of_again(self, data: st.DataObject, end: str) -> None:
        """Even of something else."""
        one = data.draw(st.sampled_from([one for one in self.files if one.told]))
        report = wire.Report(task_id=one.invoke_id, file=True, **_SAYS[end])  # type: ignore[arg-type]
        self.run(self.world.machines.say(self.machine, report))

    @precondition(lambda self: self.files)
    @rule(data=st.data(), state=st.sampled_from([State.SUCCESS, State.FAILED, State.ERROR]))
    def is_finished_by_hand(self, data: st.DataObject, state: State) -> None:
        """What was never fetched has not been written, and nothing was tried."""
        one = data.draw(st.sampled_from(self.files))
        may = one.state == "Running" or (one.state == "Pending" and state is State.ERROR)
        finishing = self.world.control.finishing
        try:
            self.run(finishing.invocation(one.invoke_id, state, why="seen", by="root"))
        except CannotFinish:
            assert not may
            return
        assert may
        one.state, one.guessed = state.value, True

    @precondition(lambda self: self.machine.connected)
    @rule()
    def is_cut_off(self) -> None:
        self.machine.connected = False

    @precondition(lambda self: not self.machine.connected)
    @rule()
    def is_back(self) -> None:
        self.machine.connected = True
        if self.machine.power is Power.RUNNING:
            self.world.machines.start_agent(self.machine)
            self.run(self.world.settle())

    @precondition(lambda self: self.machine.power is Power.RUNNING)
    @rule()
    def goes_off(self) -> None:
        self.world.machines.power_off(self.id)

    @precondition(lambda self: self.machine.power is Power.STOPPED)
    @rule()
    def comes_on(self) -> None:
        self.world.machines.power_on(self.id)
        self.run(self.world.settle())

    @invariant()
    def the_truth_is_told(self) -> None:
        off = self.machine.power is Power.STOPPED
        stopped = self.look(self.world.status(self.id)) == "Stopped"
        for one in self.files:
            if off:
                one.earliest = min(one.earliest, self.now + _MINUTE)
            if stopped:
                one.latest = min(one.latest, self.now + _MINUTE)
            found = self._found(one)
            said = found.state.value
            judged = one.open and (
                self.now > one.latest + LOOK
                or (self.now >= one.earliest and said == _SILENT[one.state])
            )
            if judged:
                one.state, one.guessed = _SILENT[one.state], True
            if self.heard and one.state == "Pending":
                one.state, one.fetched = "Running", True
                one.earliest = one.latest = self.now + one.timeout
            if self.heard and one.end and not one.told:
                one.told = True
                if one.open or one.guessed:
                    one.state, one.guessed = one.end, False
            assert (said, found.inferred) == (one.state, one.guessed), one
            assert (found.finished_at is None) is one.open
            assert (one.invoke_id in self.machine.files) is one.fetched

    def _found(self, one: Sent) -> FileTarget:
        page = self.look(self.world.control.files.find(FileFilter(invoke_id=one.invoke_id), ALL))
        ((target,),) = [view.targets for view in page.items]
        return target


TestFiles = FileLife.TestCase
TestFiles.settings = played(times=3, steps=20)
