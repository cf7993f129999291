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
    Retries: 100
    DelayType: Constant
    Delay: 10
    Properties:
      Service: ECS
      API: DescribeInstances
      Parameters: {InstanceIds: [INSTANCE]}
      PropertySelector: Instances.Instance[].Status
      DesiredValues: [Stopped]
    Loop: {Items: [a, b, c], RateControl: {Mode: Concurrency, Concurrency: 2, MaxErrors: 0}}
"""
_SLEEP = timedelta(seconds=60)
_RETRIED = timedelta(seconds=1000)  # then what each item waits for has not come
_SEEN = timedelta(seconds=50)  # that a machine is off, by who looks at it every 10 s, one by one


@dataclass
class Course:
    """How far one execution is."""

    id: ExecutionId
    mode: Mode
    since: datetime  # when its task began
    at: str = "sleep"  # a task; empty: it has ended
    state: str = "Running"
    tasks: dict[str, str] | None = None

    def __post_init__(self) -> None:
        self.tasks = {"sleep": "Running"}

    @property
    def open(self) -> bool:
        return self.state not in _FINAL

    def move(self, to: str, now: datetime) -> None:
        """Go on from one task, whose end is noted, to another."""
        assert self.tasks is not None
        self.at, self.since = to, now
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
        one = data.draw(st.sampled_from(self.courses))
        heard = {"ask": {"Approve", "Reject"}, "fail": {"SkipTask", "RetryTask"}}.get(one.at, set())
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
        assert one.tasks is not None
        match word:
            case "Approve":
                one.tasks["ask"] = "Success"
                one.move("fail", self.now)
            case "Reject":
                # Who says no means the whole, whatever becomes of what fails.
                one.end("Failed", "Failed")
            case "SkipTask":
                one.tasks["fail"] = "Skipped"
                one.move("many", self.now)

    @precondition(lambda self: self.courses)
    @rule(data=st.data())
    def is_cancelled(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.courses))
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
        one = data.draw(st.sampled_from(self.courses))
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

    def _pass_time(self, one: Course, top: dict[str, str]) -> None:
        assert one.tasks is not None
        spent, said = self.now - one.since, top.get(one.at)
        if not one.open:
            return
        if one.at == "sleep" and spent >= _SLEEP and (said == "Success" or spent > _SLEEP + LOOK):
            one.tasks["sleep"] = "Success"
            one.move("ask", self.now)
        elif one.at == "many" and said == "Failed" and spent >= _RETRIED:
            one.end("Failed", "Failed")
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
