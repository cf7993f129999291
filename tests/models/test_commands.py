"""Commands on a machine, and the stops and restarts that they ask for, against what is documented.

What is known of the machine, as what runs there and in which boot, is the truth; the model is what
the control plane is to say of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from cloudhand.control.provider import Power
from cloudhand.core.errors import CannotFinish, IncorrectState
from cloudhand.core.ids import InvokeId
from cloudhand.core.invocation import State
from cloudhand.wire import agent as wire
from tests.machines import Machine, finish
from tests.models.examples import played
from tests.models.life import DOCUMENTED, LOOK, Life

_FINAL = DOCUMENTED["target"][1]
# ARCHITECTURE.md, "What a verdict is": each is given a minute beyond what it may take.
_GRACE = timedelta(seconds=60)
_POWER_BOUND = timedelta(minutes=10)  # docs/reference/settings.md
_CODES = {0: "Success", 3: "Failed", 193: "Success", 194: "Success"}
_SILENT = {"Pending": "Aborted", "Running": "Error", "Stopping": "Error"}


@dataclass
class Command:
    """What is to be said of one command."""

    invoke_id: InvokeId
    timeout: timedelta
    # When silence is judged: not before the one, and no later than the other.
    earliest: datetime
    latest: datetime
    state: str = "Pending"
    guessed: bool = False  # nobody was there who said so
    by_hand: bool = False
    fetched: bool = False
    code: int | None = None  # by which it ended by itself
    end: str = ""  # how it ended, as far as its machine knows
    told: bool = False  # of that
    told_at: datetime | None = None
    began_in: int = 0  # the boot that it began in
    went_off: bool = False  # its machine, since

    @property
    def open(self) -> bool:
        return self.state not in _FINAL

    def bound(self, until: datetime) -> None:
        self.earliest = self.latest = until


class CommandLife(Life):
    async def begin(self) -> None:
        self.id = await self.world.instance()
        self.commands: list[Command] = []
        self.boots = self.machine.boots

    @initialize(number=st.integers(0, 2))
    def commands_are_there(self, number: int) -> None:
        """Most of what happens needs one."""
        for _ in range(number):
            self.run_command(200)

    @property
    def machine(self) -> Machine:
        return self.world.machine(self.id)

    @property
    def heard(self) -> bool:
        return self.machine.connected and self.machine.power is Power.RUNNING

    def restarted(self) -> None:
        for one in self.commands:
            one.earliest = max(one.earliest, self.now + _GRACE)
            one.latest = max(one.latest, self.now + _GRACE)

    # What somebody asks for

    @rule(seconds=st.sampled_from([60, 200]))
    def run_command(self, seconds: int) -> None:
        runs = self.look(self.world.status(self.id)) == "Running"
        try:
            invoke_id = self.run(self.world.run(self.id, timeout=seconds))
        except IncorrectState:
            assert not runs
            return
        assert runs
        # docs: nobody waits longer than a minute for its agent to fetch it
        until = self.now + _GRACE
        self.commands.append(Command(invoke_id, timedelta(seconds=seconds), until, until))

    @precondition(lambda self: self.commands)
    @rule(data=st.data())
    def stop(self, data: st.DataObject) -> None:
        self._stop(data.draw(st.sampled_from(self.commands)))

    def _stop(self, one: Command) -> None:
        self.run(self.world.control.invocations.stop(one.invoke_id))
        if one.state == "Pending":
            one.state = "Cancelled"
        elif one.state == "Running":
            one.state = "Stopping"
            one.bound(self.now + _GRACE)

    @precondition(lambda self: self.commands)
    @rule(data=st.data(), state=st.sampled_from([State.SUCCESS, State.FAILED, State.ERROR]))
    def finish_by_hand(self, data: st.DataObject, state: State) -> None:
        one = data.draw(st.sampled_from(self.commands))
        finishing = self.world.control.finishing
        try:
            self.run(finishing.invocation(one.invoke_id, state, why="seen", by="root"))
        except CannotFinish:
            assert not one.open
            return
        assert one.open
        one.state, one.guessed, one.by_hand = state.value, True, True

    # What a machine does

    @precondition(lambda self: self.running)
    @rule(data=st.data(), code=st.sampled_from(sorted(_CODES)), way=st.sampled_from("hhhun"))
    def script_ends(self, data: st.DataObject, code: int, way: str) -> None:
        """h: its agent is heard, and does what follows. u: it does not hear that it was, and does
        nothing. n: it is cut off before it says a word."""
        self._end(data.draw(st.sampled_from(self.running)), code, way)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), code=st.sampled_from(sorted(_CODES)), back=st.booleans())
    def script_ends_in_a_long_silence(self, data: st.DataObject, code: int, back: bool) -> None:
        """Long enough for it to be judged; what its agent says then is believed."""
        self._end(data.draw(st.sampled_from(self.running)), code, "n")
        self.the_truth_is_told()
        self.time_passes(400)
        self.the_truth_is_told()
        if back:
            self.is_back()

    @precondition(lambda self: self.running)
    @rule(data=st.data(), code=st.sampled_from(sorted(_CODES)))
    def script_ends_before_it_hears_of_its_stop(self, data: st.DataObject, code: int) -> None:
        """Then how it ended is what counts."""
        name = data.draw(st.sampled_from(self.running))
        self.machine.connected = False
        self._stop(next(one for one in self.commands if one.invoke_id == name))
        self._end(name, code, "n")
        self.the_truth_is_told()
        self.is_back()

    @property
    def ended(self) -> list[Command]:
        return [one for one in self.commands if one.code is not None and one.told]

    @property
    def running(self) -> list[str]:
        on = self.machine.power is Power.RUNNING
        known = [one.invoke_id for one in self.commands]  # in an order that does not change
        return [one for one in known if on and one in self.machine.running]

    def _end(self, name: str, code: int, way: str) -> None:
        one = next(one for one in self.commands if one.invoke_id == name)
        report = finish(self.machine.running[name], code, b"output of " + name.encode())
        one.code, one.end = code, _CODES[code]
        if way == "n":
            self.machine.connected = False
        if self.heard:
            self._told(one)
        if way == "h":
            self.run(self.world.machines.end(self.machine, report))
            return
        self.machine.running.pop(name)
        self.machine.unacknowledged[name] = report
        if self.machine.connected and way == "u":
            self.run(self.world.machines.say(self.machine, report))

    @precondition(
        lambda self: self.heard and any(one.code is not None and one.told for one in self.commands)
    )
    @rule(data=st.data())
    def says_again(self, data: st.DataObject) -> None:
        """Reports may come twice, and late."""
        one = data.draw(st.sampled_from(self.ended))
        task = wire.Task(task_id=one.invoke_id, type="RunShellScript", content=b"", timeout=1)
        assert one.code is not None
        report = finish(task, one.code, b"output of " + one.invoke_id.encode())
        self.run(self.world.machines.say(self.machine, report))

    @precondition(lambda self: self.heard)
    @rule()
    def starts_again(self) -> None:
        """The agent, within the boot."""
        self._start_agent()

    @precondition(lambda self: self.machine.connected)
    @rule()
    def is_cut_off(self) -> None:
        self.machine.connected = False

    @precondition(lambda self: not self.machine.connected)
    @rule()
    def is_back(self) -> None:
        self.machine.connected = True
        self._start_agent()

    def _start_agent(self) -> None:
        if self.machine.power is not Power.RUNNING:
            return
        for one in self.commands:
            over = not one.open and not one.by_hand and not one.end
            if one.invoke_id in self.machine.running and over:
                one.end, one.told = "gone", True  # told to stop, and no word of it is waited for
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

    # What is to be said of it

    def _told(self, one: Command) -> None:
        """How it ended; what was only assumed is corrected."""
        if one.told:
            return
        one.told, one.told_at = True, self.now
        if one.open or one.guessed:
            one.state, one.guessed = one.end, False

    def _follow(self) -> None:
        """What the machine has done, and the agent has said of it, since the last step."""
        machine = self.machine
        if machine.boots != self.boots:
            self.boots = machine.boots
            for one in self.commands:
                if one.fetched and not one.end:
                    one.end = "Error"  # it went down with the machine
        off = machine.power is Power.STOPPED
        stopped = self.look(self.world.status(self.id)) == "Stopped"
        for one in self.commands:
            one.went_off = one.told and (one.went_off or off)
            if off and one.fetched:
                # A machine that is down is not waited for longer than a minute.
                one.earliest = min(one.earliest, self.now + _GRACE)
                if stopped:
                    one.latest = min(one.latest, self.now + _GRACE)

    def _hear(self) -> None:
        if not self.heard:
            return
        for one in self.commands:
            if one.fetched and one.end:
                self._told(one)
            elif one.state == "Stopping":
                one.end = "Terminated"
                self._told(one)
            elif one.state == "Pending":
                one.state, one.fetched, one.began_in = "Running", True, self.machine.boots
                one.bound(self.now + one.timeout + _GRACE)

    def _judge(self, one: Command, said: str) -> None:
        """Silence, once it has lasted."""
        if not one.open or self.now < one.earliest:
            return
        if self.now > one.latest + LOOK or said == _SILENT[one.state] != one.state:
            one.state, one.guessed = _SILENT[one.state], True

    @invariant()
    def the_truth_is_told(self) -> None:
        self._follow()
        said = {one.invoke_id: self.look(self.world.result(one.invoke_id)) for one in self.commands}
        for one in self.commands:
            self._judge(one, said[one.invoke_id].target.state.value)
        self._hear()
        for one in self.commands:
            view = said[one.invoke_id]
            assert view.target.state.value == one.state, one
            assert view.target.inferred is one.guessed, one
            if not one.fetched:
                assert one.invoke_id not in self.machine.ever_started
            if one.state in ("Success", "Failed") and not one.guessed:
                assert view.target.exit_code == one.code
                assert view.output == b"output of " + one.invoke_id.encode()

        self._check_power()

    def _check_power(self) -> None:
        """What is said of it is what was seen."""
        for one in self.commands:
            found = self.rows(
                "SELECT kind, state FROM power_actions WHERE invoke_id = ?", one.invoke_id
            )
            asks = one.told_at is not None and one.code in (193, 194) and not one.guessed
            assert len(found) == asks
            if not asks:
                continue
            ((kind, state),) = found
            assert kind == ("stop" if one.code == 193 else "restart")
            assert one.told_at is not None
            assert state != "Overdue" or self.now >= one.told_at + _POWER_BOUND
            booted = self.machine.boots > one.began_in
            if state == "Done":
                # Only another boot is evidence of a restart, and only what is off has stopped.
                assert booted or (kind == "stop" and one.went_off)
            if booted and self.heard:
                assert state in ("Done", "Overdue")


TestCommands = CommandLife.TestCase
TestCommands.settings = played(times=3, steps=20)
