"""An execution of a template: tasks one after the other, people between them, and a loop."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from cloudhand.core.errors import CannotFinish, ExecutionEnded, TaskNotFound
from cloudhand.core.execution import Mode, State
from cloudhand.core.ids import ExecutionId
from cloudhand.core.orders import NewExecution, TaskFilter, TemplateText, Word
from tests.models.examples import played
from tests.models.life import DOCUMENTED, LOOK, Life
from tests.world import ALL

_FINAL = DOCUMENTED["execution"][1]
_TEMPLATE = """
FormatVersion: OOS-2019-06-01
Tasks:
  - {Name: sleep, Action: 'ACS::Sleep', Properties: {Duration: PT1M}}
  - {Name: ask, Action: 'ACS::Pause'}
  - Name: fail
    Action: ACS::ExecuteAPI
    Properties: {Service: ECS, API: StartInstance, Parameters: {InstanceId: i-none}}
  - Name: many
    Action: ACS::WaitFor
    Retries: 300
    DelayType: Constant
    Delay: 30
    Properties:
      Service: ECS
      API: DescribeInstances
      Parameters: {InstanceIds: [INSTANCE]}
      PropertySelector: Instances.Instance[].Status
      DesiredValues: [Stopped]
    Loop: {Items: [a, b, c], RateControl: {Mode: Concurrency, Concurrency: 2, MaxErrors: 0}}
"""
_SLEEP = timedelta(seconds=60)
_RETRIED = timedelta(seconds=8000)  # not much later its items fail, by how often they have looked
_SEEN = timedelta(seconds=100)  # that a machine is off, by who looks every 30 s, two at a time


@dataclass
class Course:
    """How far one execution is."""

    id: ExecutionId
    mode: Mode
    since: datetime  # when its task began
    at: str = "sleep"  # a task; empty: it has ended
    state: str = "Running"
    refused: bool = False  # what it asks for, so that it waits as for what has failed
    tasks: dict[str, str] | None = None

    def __post_init__(self) -> None:
        self.tasks = {"sleep": "Running"}

    @property
    def open(self) -> bool:
        return self.state not in _FINAL

    def move(self, to: str, now: datetime) -> None:
        """Go on from one task, whose end is noted, to another."""
        assert self.tasks is not None
        self.at, self.since, self.refused = to, now, False
        if to == "many":
            self.state = self.tasks[to] = "Running"
        elif to == "ask" or (to == "fail" and self.mode is Mode.FAILURE_PAUSE):
            self.state = self.tasks[to] = "Waiting"
        elif to == "fail":
            self.end("Failed", "Failed")
        else:
            self.state = "Success"

    def end(self, state: str, task: str) -> None:
        assert self.tasks is not None
        self.tasks[self.at] = task
        self.state = state


class ExecutionLife(Life):
    async def begin(self) -> None:
        self.courses: list[Course] = []
        self.id = await self.world.instance()
        self.off_since: datetime | None = None
        self.off_until: datetime | None = None  # as it was last

    @precondition(lambda self: self.off_since is None)
    @rule()
    def its_machine_goes_off(self) -> None:
        self.world.machines.power_off(self.id)
        self.off_since = self.off_until = self.now

    @precondition(lambda self: self.off_since is not None)
    @rule()
    def its_machine_comes_on(self) -> None:
        self.world.machines.power_on(self.id)
        self.run(self.world.settle())
        self.off_since, self.off_until = None, self.now

    def restarted(self) -> None:
        if self.off_since is not None:
            self.off_since = self.now  # as far as anybody can have seen it

    @rule(mode=st.sampled_from([Mode.AUTOMATIC, Mode.FAILURE_PAUSE, Mode.FAILURE_PAUSE]))
    def is_started(self, mode: Mode) -> None:
        order = NewExecution(
            template=TemplateText(content=_TEMPLATE.replace("INSTANCE", self.id)),
            by="root",
            account_id="1",
            mode=mode,
        )
        started = self.run(self.world.control.executions.start(order))
        assert started.state.value == "Started"
        self.courses.append(Course(started.id, mode, self.now))

    @precondition(lambda self: self.courses)
    @rule(
        data=st.data(),
        word=st.sampled_from(["Approve", "Approve", "Reject", "SkipTask", "SkipTask", "RetryTask"]),
    )
    def is_told(self, data: st.DataObject, word: str) -> None:
        self._tell(data.draw(st.sampled_from(self.courses[-2:])), word)

    @precondition(lambda self: any(one.state == "Waiting" for one in self.courses))
    @rule(data=st.data(), seconds=st.sampled_from([1, 20]))
    def is_let_go_on(self, data: st.DataObject, seconds: int) -> None:
        waiting = [one for one in self.courses if one.state == "Waiting"]
        one = data.draw(st.sampled_from(waiting))
        self._tell(one, "Approve" if one.at == "ask" and not one.refused else "SkipTask")
        self.it_is_as_far_as_it_should_be()
        self.time_passes(seconds)

    def _tell(self, one: Course, word: str) -> None:
        fails = one.at == "fail" or one.refused
        heard = ("SkipTask", "RetryTask") if fails else ("Approve", "Reject")
        waits = one.state == "Waiting" and word in heard
        try:
            self.run(
                self.world.control.executions.tell(Word(execution_id=one.id, type=word, by="ann"))
            )
        except ExecutionEnded:
            assert not one.open
            return
        except TaskNotFound:
            assert one.open and not waits
            return
        assert waits
        self.run(self.world.advance(seconds=1))  # what follows takes several looks
        assert one.tasks is not None
        match word:
            case "Approve":
                one.tasks["ask"] = "Success"
                one.move("fail", self.now)
            case "Reject":
                # In Mode.FAILURE_PAUSE whatever fails waits to be tried again or skipped.
                one.refused = one.mode is Mode.FAILURE_PAUSE
                if not one.refused:
                    one.end("Failed", "Failed")
            case "SkipTask":
                one.tasks[one.at] = "Skipped"
                one.move("many" if one.at == "fail" else "fail", self.now)
            case "RetryTask":
                one.refused = False  # it asks, or fails, once more

    @precondition(lambda self: self.courses)
    @rule(data=st.data())
    def is_cancelled(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.courses[-2:]))
        try:
            self.run(self.world.control.executions.cancel(one.id))
        except ExecutionEnded:
            assert not one.open
            return
        assert one.open
        one.end("Cancelled", "Cancelled")

    @precondition(lambda self: self.courses)
    @rule(data=st.data(), state=st.sampled_from([State.SUCCESS, State.FAILED, State.CANCELLED]))
    def is_finished_by_hand(self, data: st.DataObject, state: State) -> None:
        one = data.draw(st.sampled_from(self.courses[-2:]))
        finishing = self.world.control.finishing
        try:
            self.run(finishing.execution(one.id, state, why="seen", by="root"))
        except CannotFinish:
            assert not one.open
            return
        assert one.open
        one.end(state.value, "Cancelled")

    @invariant()
    def it_is_as_far_as_it_should_be(self) -> None:
        if self.off_since is not None:
            self.off_until = self.now
        self.courses = [one for one in self.courses if not self._long_tried(one)]
        for one in self.courses:
            view = self.look(self.world.control.executions.get(one.id))
            wanted = TaskFilter(execution_id=one.id, with_items=True)
            page = self.look(self.world.control.executions.tasks(wanted, ALL))
            top = {task.name: task.state.value for task in page.items if task.parent_id is None}
            items = Counter(task.state.value for task in page.items if task.parent_id is not None)
            self._pass_time(one, top)
            assert (view.execution.state.value, top) == (one.state, one.tasks), one
            assert items["Running"] <= 2
            assert one.open or not items["Running"] + items["Pending"]
            loops = [task.loop for task in page.items if task.loop is not None]
            for loop in loops:
                ends = loop.succeeded + loop.failed + loop.cancelled + loop.skipped
                assert ends + loop.active + (loop.total - loop.begun) == loop.total == 3
                assert loop.active == items["Running"] + items["Waiting"]

    def _long_tried(self, one: Course) -> bool:
        return one.open and one.at == "many" and self.now - one.since >= _RETRIED

    def _pass_time(self, one: Course, top: dict[str, str]) -> None:
        assert one.tasks is not None
        spent, said = self.now - one.since, top.get(one.at)
        if not one.open:
            return
        if one.at == "sleep" and spent >= _SLEEP and (said == "Success" or spent > _SLEEP + LOOK):
            one.tasks["sleep"] = "Success"
            one.move("ask", self.now)
        elif one.at == "many":
            self._wait_for_all(one, said)

    def _wait_for_all(self, one: Course, said: str | None) -> None:
        """All that the items wait for is that the machine is off, when they look."""
        assert one.tasks is not None
        sure = self.off_since is not None and self.now > max(self.off_since, one.since) + _SEEN
        may = self.off_until is not None and self.off_until + _SEEN > one.since
        if sure or (said == "Success" and may):
            one.tasks["many"] = "Success"
            one.move("", self.now)


TestExecutions = ExecutionLife.TestCase
TestExecutions.settings = played(times=3, steps=20)
