"""Executions of templates on machines: to their ends, and told what they wait for."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cloudhand.core.account import AccessKey, User
from cloudhand.wire import agent as wire
from tests.api.clients import ECS, OOS, Caller, ClientError, hang_up, tea
from tests.api.cloud import KEY, Cloud, cloud
from tests.api.oos import BULK, ENDED, PAUSE, Oos, api, by_ids, template
from tests.machines import Behaviour, Machine, finish, run_on, succeed
from tests.world import World


@pytest.fixture
def call(it: Cloud) -> Caller:
    return tea(it.endpoint, sdk=OOS)


@pytest.fixture
def oos(it: Cloud, call: Caller) -> Oos:
    return Oos(it, call)


@pytest.fixture
def apart(tmp_path: Path) -> Iterator[Oos]:
    """A control plane of one's own, for those who let much time pass, or count."""
    with cloud(tmp_path) as it:
        yield Oos(it, tea(it.endpoint, sdk=OOS))
        hang_up()


@contextmanager
def behaving(it: Cloud, behave: Behaviour) -> Iterator[None]:
    it.world.machines.behave = behave
    try:
        yield
    finally:
        it.world.machines.behave = succeed


def failing_at_first(times: int = 1) -> Behaviour:
    """Each machine's first commands exit with 3."""
    seen: dict[str, int] = {}

    def behave(machine: Machine, task: wire.Task) -> wire.Report:
        seen[machine.instance_id] = seen.get(machine.instance_id, 0) + 1
        failed = seen[machine.instance_id] <= times
        return finish(task, 3 if failed else 0, b"no\n" if failed else b"yes\n")

    return behave


def failing_on(*instance_ids: str) -> Behaviour:
    def behave(machine: Machine, task: wire.Task) -> wire.Report:
        return finish(task, int(machine.instance_id in instance_ids), b"")

    return behave


def run(name: str = "run", /, **given: Any) -> dict[str, Any]:
    properties = {"commandType": "RunShellScript", "commandContent": "true", **given}
    return {"Name": name, "Action": "ACS::ECS::RunCommand", "Properties": properties}


def looped(task: dict[str, Any], items: Any, **rate: Any) -> dict[str, Any]:
    return {**task, "Loop": {"Items": items, **({"RateControl": rate} if rate else {})}}


def refused(call: Caller, action: str, **values: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(action, **values)
    return caught.value.code, caught.value.message


# From the start to the end


def test_the_published_template_runs_a_command_and_restarts_three_machines(
    it: Cloud, oos: Oos, call: Caller
) -> None:
    ids = it.instances(3)
    boots = {one: it.world.machine(one).boots for one in ids}
    call("CreateTemplate", TemplateName="bulk", Content=BULK)

    execution_id = oos.started(
        TemplateName="bulk", Parameters=by_ids(*ids), Tags={"why": "test"}, Description="all of it"
    )
    ended = oos.until(execution_id, *ENDED)

    assert (ended["Status"], ended["StatusMessage"]) == ("Success", "")
    assert json.loads(ended["Outputs"]) == {"instanceIds": ids, "said": ["helloworld\n"] * 3}
    assert ended["Parameters"]["targets"] == {"Type": "ResourceIds", "ResourceIds": ids}
    assert json.loads(ended["Targets"])["Filters"] == [ended["Parameters"]["targets"]]
    assert json.loads(ended["ResourceStatus"]) == {"Success": 3}
    assert (ended["Counters"]["Total"], ended["Counters"]["Success"]) == (7, 7)
    assert (ended["Tags"], ended["Description"]) == ({"why": "test"}, "all of it")
    assert (ended["TemplateName"], ended["TemplateVersion"]) == ("bulk", "v1")
    assert (ended["Category"], ended["IsParent"]) == ("Other", True)
    assert all(it.world.machine(one).boots == boots[one] + 1 for one in ids)
    _check_tasks(oos, execution_id, ids)
    _check_children(call, execution_id, ids)
    _check_resources(call, execution_id, ids)
    _check_log(call, execution_id)


def _check_tasks(oos: Oos, execution_id: str, ids: list[Any]) -> None:
    tasks = oos.tasks(execution_id)
    assert {name: one["Status"] for name, one in tasks.items()} == {
        "getInstance": "Success",
        "runCommand": "Success",
        "rebootInstance": "Success",
    }
    loop = tasks["runCommand"]["Loop"]
    assert (loop["Total"], loop["Success"], loop["RateControl"]["Concurrency"]) == (3, 3, 10)
    assert json.loads(tasks["runCommand"]["Outputs"]) == {"commandOutputs": ["helloworld\n"] * 3}
    assert not tasks["getInstance"]["Loop"]
    parent = tasks["runCommand"]["TaskExecutionId"]
    items = oos.tasks(execution_id, ParentTaskExecutionId=parent)
    assert set(items) == set(ids)
    for one in items.values():
        assert one["ParentTaskExecutionId"] == parent
        assert one["ChildExecutionId"] == one["TaskExecutionId"]
        assert one["LoopBatchNumber"] == 1
        assert one["TemplateId"] == tasks["runCommand"]["TemplateId"] != ""
    everything = oos.call(
        "ListTaskExecutions", ExecutionId=execution_id, IncludeChildTaskExecution=True
    )
    assert len(everything["TaskExecutions"]) == 9


def _check_children(call: Caller, execution_id: str, ids: list[Any]) -> None:
    children = call("ListExecutions", ParentExecutionId=execution_id)["Executions"]
    assert len(children) == 6
    assert {one["ParentExecutionId"] for one in children} == {execution_id}
    assert {one["TemplateName"] for one in children} == {
        "ACS::ECS::RunCommand",
        "ACS::ECS::RebootInstance",
    }
    assert all(one["TemplateId"] for one in children)
    assert {one["Parameters"]["instanceId"] for one in children} == set(ids)


def _check_resources(call: Caller, execution_id: str, ids: list[Any]) -> None:
    rows = call("ListResourceExecutionStatus", ExecutionId=execution_id)["ResourceExecutionStatus"]
    assert [(one["ResourceId"], one["Status"]) for one in rows] == [
        (one, "Success") for one in sorted(ids)
    ]
    assert all(one["ExecutionId"] == execution_id and one["ExecutionTime"] for one in rows)


def _check_log(call: Caller, execution_id: str) -> None:
    log = call("ListExecutionLogs", ExecutionId=execution_id)
    told = [one["Message"] for one in log["ExecutionLogs"]]
    assert told[0] == "The execution started."
    assert told[1] == "The task getInstance started."
    assert told[-1] == "The execution completed."
    assert "The task runCommand completed." in told
    assert not log["IsTruncated"]
    assert {one["LogType"] for one in log["ExecutionLogs"]} == {"System"}


def test_the_invocations_of_a_task_are_those_of_its_items_and_children(
    it: Cloud, oos: Oos, call: Caller
) -> None:
    good, bad = it.instances(2)
    with behaving(it, failing_on(bad)):
        content = template(
            looped(run(instanceId="{{ ACS::TaskLoopItem }}"), [good, bad], MaxErrors=1),
            run("again", instanceId=good),
        )
        execution_id = oos.start(content)
        oos.until(execution_id, *ENDED)
    tasks = oos.tasks(execution_id)
    whole = tasks["run"]["TaskExecutionId"]
    found = call("ListTaskExecutionInvocations", TaskExecutionId=whole)
    by_status = {one["Status"]: one for one in found["TaskExecutionInvocations"]}
    assert set(by_status) == {"Success", "Failed"}
    failed = by_status["Failed"]
    assert failed["InvocationTaskExecutionId"].startswith(f"{whole}.0002.")
    assert (failed["InvocationTaskName"], failed["RegionId"]) == ("runCommand", "cn-hangzhou")
    only = call("ListTaskExecutionInvocations", TaskExecutionId=whole, Status="Failed")
    assert only["TaskExecutionInvocations"] == [failed]
    item = oos.tasks(execution_id, ParentTaskExecutionId=whole)[bad]["TaskExecutionId"]
    found = call("ListTaskExecutionInvocations", TaskExecutionId=item)
    assert found["TaskExecutionInvocations"] == [failed]
    results = tea(it.endpoint, sdk=ECS)(
        "DescribeInvocationResults", InvokeId=failed["InvocationId"]
    )["Invocation"]["InvocationResults"]["InvocationResult"]
    assert [one["InstanceId"] for one in results] == [bad]


def test_a_task_that_is_tried_again_has_the_invocations_of_all_its_tries(
    it: Cloud, oos: Oos, call: Caller
) -> None:
    (one,) = it.instances()
    with behaving(it, failing_at_first()):
        execution_id = oos.start(template(run(instanceId=one)), Mode="FailurePause")
        oos.until(execution_id, "Waiting")
        oos.notify(execution_id, "RetryTask")
        oos.until(execution_id, "Success")
    task_id = oos.tasks(execution_id)["run"]["TaskExecutionId"]
    found = call("ListTaskExecutionInvocations", TaskExecutionId=task_id)
    assert sorted(one["Status"] for one in found["TaskExecutionInvocations"]) == [
        "Failed",
        "Success",
    ]


def test_an_instance_that_is_not_there_is_left_out(oos: Oos) -> None:
    told = oos.until(oos.start(BULK, Parameters=by_ids("i-nobody")), *ENDED)
    assert told["Status"] == "Success"
    assert json.loads(told["Outputs"]) == {"instanceIds": [], "said": []}


def test_an_execution_that_fails_says_which_task_failed_and_why(
    it: Cloud, oos: Oos, call: Caller
) -> None:
    (one,) = it.instances()
    with behaving(it, failing_on(one)):
        execution_id = oos.start(template(run(instanceId=one)))
        told = oos.until(execution_id, *ENDED)
    assert told["Status"] == "Failed"
    assert told["StatusMessage"].startswith("task run failed: ChildExecutionFailed: task ")
    assert 'it is "Failed, exit code 1' in told["StatusMessage"]
    assert told["Counters"]["Failed"] == 1
    task = oos.tasks(execution_id)["run"]
    assert task["Status"] == "Failed"
    assert task["StatusMessage"].startswith("ChildExecutionFailed: ")
    log = [one["Message"] for one in call("ListExecutionLogs", ExecutionId=execution_id)[
        "ExecutionLogs"]]  # fmt: skip
    assert log[-2] == f"The task run failed: {task['StatusMessage']}"
    assert log[-1] == f"The execution failed: {told['StatusMessage']}"


def test_a_start_with_one_token_starts_once(oos: Oos, call: Caller) -> None:
    order = {"TemplateContent": template(PAUSE), "ClientToken": "start-once"}
    first = oos.started(**order)
    oos.until(first, "Waiting")
    again = call("StartExecution", **order)["Execution"]
    assert (again["ExecutionId"], again["Status"]) == (first, "Waiting")
    assert [one["TaskName"] for one in again["CurrentTasks"]] == ["pause"]
    assert again["Counters"]["Waiting"] == 1


def test_an_execution_may_be_started_below_another_one(oos: Oos, call: Caller) -> None:
    parent = oos.start(template(PAUSE))
    child = oos.start(template(PAUSE), ParentExecutionId=parent)
    assert oos.get(child)["ParentExecutionId"] == parent
    assert oos.get(parent)["IsParent"]
    found = call("ListExecutions", ParentExecutionId=parent, Depth="FirstChildDepth")
    assert [one["ExecutionId"] for one in found["Executions"]] == [child]


# Waiting for a person


def approve(*approvers: str, least: int = 1, hook: Any = None) -> dict[str, Any]:
    properties = {"Approvers": list(approvers), "MinRequiredApprovals": least}
    if hook is not None:
        properties |= {"NotifyType": "WebHook", "WebHook": hook}
    return {"Name": "approve", "Action": "ACS::Approve", "Properties": properties}


def test_an_approval_lets_it_go_on(it: Cloud, oos: Oos) -> None:
    hook = {"URI": "https://example.com/hook", "Content": {"text": {"content": "may I?"}}}
    execution_id = oos.start(template(approve(hook=hook)))
    told = oos.until(execution_id, "Waiting", *ENDED)
    assert (told["Status"], told["WaitingStatus"]) == ("Waiting", "Approval")
    assert [one["TaskName"] for one in told["CurrentTasks"]] == ["approve"]
    url, body = it.world.posted[-1]
    assert url == "https://example.com/hook" and execution_id.encode() in body
    assert oos.tasks(execution_id)["approve"]["ExtraData"] == {"WaitingFor": "Approval"}

    oos.notify(execution_id, "Approve", NotifyNote="go on")

    told = oos.until(execution_id, *ENDED)
    assert (told["Status"], told["WaitingStatus"], told["CurrentTasks"]) == ("Success", "", [])
    extra = oos.tasks(execution_id)["approve"]["ExtraData"]
    assert extra["NotifyNote"] == "go on"
    assert extra["Notices"] == [{"NotifyType": "Approve", "By": "root", "NotifyNote": "go on"}]


def with_a_key_of(who: str, oos: Oos) -> Oos:
    """The same control plane, asked by a user who may do all that OOS does."""
    user = User(name=who, account_id=KEY.account_id, created_at=oos.it.world.clock.now())
    key = AccessKey(id=f"LTAI-{who}", secret=who, account_id=KEY.account_id, of=who)

    async def made(world: World) -> None:
        await world.control.accounts.add_user(user)
        await world.control.accounts.add(key)
        await world.control.rights.attach(key.identity, "AliyunOOSFullAccess", system=True)

    oos.it.do(made)
    theirs = tea(oos.it.endpoint, sdk=OOS, access_key_id=key.id, access_key_secret=key.secret)
    return Oos(oos.it, theirs)


def test_as_many_have_to_approve_as_are_asked_for_and_each_counts_once(apart: Oos) -> None:
    ann, ben = with_a_key_of("ann", apart), with_a_key_of("ben", apart)
    execution_id = apart.start(template(approve("ann", "ben@company", least=2)))
    apart.until(execution_id, "Waiting")
    for _ in range(2):
        ann.notify(execution_id, "Approve")
        apart.it.advance(seconds=1)
    assert apart.get(execution_id)["Status"] == "Waiting"
    ben.notify(execution_id, "Approve")
    assert apart.until(execution_id, *ENDED)["Status"] == "Success"


def test_the_owner_of_the_account_approves_for_all(apart: Oos) -> None:
    other = with_a_key_of("other", apart)
    execution_id = apart.start(template(approve("ann", "ben", least=2)))
    apart.until(execution_id, "Waiting")
    other.notify(execution_id, "Approve")
    apart.it.advance(seconds=1)
    assert apart.get(execution_id)["Status"] == "Waiting"
    apart.notify(execution_id, "Approve")
    assert apart.until(execution_id, *ENDED)["Status"] == "Success"


@pytest.mark.parametrize("task", [approve(), PAUSE], ids=["approve", "pause"])
def test_a_rejection_cancels_it(oos: Oos, task: dict[str, Any]) -> None:
    after = {**PAUSE, "Name": "after"}
    execution_id = oos.start(template(task, after))
    oos.until(execution_id, "Waiting")
    oos.notify(execution_id, "Reject", TaskName=task["Name"])
    told = oos.until(execution_id, *ENDED)
    assert told["Status"] == "Cancelled"
    assert "root rejected it" in told["StatusMessage"]
    assert list(oos.tasks(execution_id)) == [task["Name"]]


def test_whoever_names_a_task_means_what_waits_in_its_child(oos: Oos) -> None:
    inner = {"Name": "inner", "Action": "ACS::Template", "Properties": {
        "TemplateContent": template({**PAUSE, "Name": "deep"})}}  # fmt: skip
    execution_id = oos.start(template(inner))
    told = oos.until(execution_id, "Waiting")
    assert told["WaitingStatus"] == "Child"
    code, _ = refused(
        oos.call, "NotifyExecution", ExecutionId=execution_id, NotifyType="Approve",
        TaskName="other",
    )  # fmt: skip
    assert code == "EntityNotExists.TaskExecution"
    task_id = oos.tasks(execution_id)["inner"]["TaskExecutionId"]
    oos.notify(execution_id, "Approve", TaskExecutionId=task_id)
    assert oos.until(execution_id, *ENDED)["Status"] == "Success"


def test_a_risky_call_is_made_once_somebody_confirms_it(it: Cloud, oos: Oos) -> None:
    (doomed,) = it.instances()
    content = template(api("drop", "DeleteInstance", InstanceId=doomed, Force=True))
    execution_id = oos.start(content)
    told = oos.until(execution_id, "Waiting", *ENDED)
    assert (told["Status"], told["WaitingStatus"]) == ("Waiting", "RiskConfirmation")
    assert doomed in it.world.machines.machines
    oos.notify(execution_id, "Approve")
    assert oos.until(execution_id, *ENDED)["Status"] == "Success"
    it.do(lambda world: world.until(lambda: doomed not in world.machines.machines))


def test_a_risky_call_that_is_rejected_is_not_made(it: Cloud, oos: Oos) -> None:
    (kept,) = it.instances()
    content = template(api("drop", "DeleteInstance", InstanceId=kept, Force=True))
    execution_id = oos.start(content)
    oos.until(execution_id, "Waiting")
    oos.notify(execution_id, "Reject")
    assert oos.until(execution_id, *ENDED)["Status"] == "Cancelled"
    assert kept in it.world.machines.machines


def test_whoever_skips_the_check_is_not_asked(it: Cloud, oos: Oos) -> None:
    (doomed,) = it.instances()
    content = template(api("drop", "DeleteInstance", InstanceId=doomed, Force=True))
    told = oos.until(oos.start(content, SafetyCheck="Skip"), "Waiting", *ENDED)
    assert (told["Status"], told["SafetyCheck"]) == ("Success", "Skip")


def test_what_was_confirmed_is_not_asked_again_when_it_is_tried_again(it: Cloud, oos: Oos) -> None:
    content = template(api("drop", "DeleteInstance", InstanceId="i-nobody"))
    execution_id = oos.start(content, Mode="FailurePause")
    assert oos.until(execution_id, "Waiting")["WaitingStatus"] == "RiskConfirmation"
    oos.notify(execution_id, "Approve")
    it.advance(seconds=1)
    assert oos.get(execution_id)["WaitingStatus"] == "FailurePause"
    oos.notify(execution_id, "RetryTask")
    it.advance(seconds=1)
    assert oos.get(execution_id)["WaitingStatus"] == "FailurePause"
    assert oos.tasks(execution_id)["drop"]["ExtraData"]["Attempt"] == 2


@pytest.mark.parametrize(
    ("given", "pauses"),
    [
        ({"LoopMode": "FirstBatchPause"}, 1),
        ({"LoopMode": "EveryBatchPause"}, 2),
        ({"LoopMode": "Automatic"}, 0),
    ],
)
def test_a_loop_waits_between_its_batches(
    it: Cloud, oos: Oos, given: dict[str, str], pauses: int
) -> None:
    ids = it.instances(3)
    task = looped(run(instanceId="{{ ACS::TaskLoopItem }}"), ids, Mode="Batch", Batch=[1])
    execution_id = oos.start(template(task), **given)
    for done in range(1, pauses + 1):
        told = oos.until(execution_id, "Waiting", *ENDED)
        assert (told["Status"], told["WaitingStatus"]) == ("Waiting", "BatchPause")
        assert oos.tasks(execution_id)["run"]["Loop"]["Success"] == done
        oos.notify(execution_id, "Approve")
        it.advance(seconds=1)
    assert oos.until(execution_id, "Waiting", *ENDED)["Status"] == "Success"
    task_id = oos.tasks(execution_id)["run"]["TaskExecutionId"]
    items = oos.tasks(execution_id, ParentTaskExecutionId=task_id)
    assert [items[one]["LoopBatchNumber"] for one in ids] == [1, 2, 3]


def test_a_batch_that_is_rejected_is_the_last(it: Cloud, oos: Oos) -> None:
    ids = it.instances(2)
    task = looped(run(instanceId="{{ ACS::TaskLoopItem }}"), ids, Mode="Batch", Batch=[1],
                  BatchPauseOption="EveryBatchPause")  # fmt: skip
    execution_id = oos.start(template(task))
    oos.until(execution_id, "Waiting")
    oos.notify(execution_id, "Reject")
    told = oos.until(execution_id, *ENDED)
    assert told["Status"] == "Cancelled"
    loop = oos.tasks(execution_id)["run"]["Loop"]
    assert (loop["Success"], loop["Cancelled"]) == (1, 1)


# Failures that pause


def test_a_task_that_failed_is_tried_again(it: Cloud, oos: Oos) -> None:
    (one,) = it.instances()
    with behaving(it, failing_at_first(2)):
        execution_id = oos.start(template(run(instanceId=one)), Mode="FailurePause")
        for attempt in (1, 2):
            told = oos.until(execution_id, "Waiting", *ENDED)
            assert (told["Status"], told["WaitingStatus"]) == ("Waiting", "FailurePause")
            task = oos.tasks(execution_id)["run"]
            assert task["StatusMessage"].startswith("ChildExecutionFailed: ")
            assert task["ExtraData"].get("Attempt", 1) == attempt
            oos.notify(execution_id, "RetryTask")
            it.advance(seconds=1)
        told = oos.until(execution_id, *ENDED)
    assert (told["Status"], told["StatusMessage"]) == ("Success", "")
    assert oos.tasks(execution_id)["run"]["StatusMessage"] == ""


def test_a_task_that_failed_is_skipped(it: Cloud, oos: Oos) -> None:
    (one,) = it.instances()
    with behaving(it, failing_on(one)):
        content = template(run(instanceId=one), {**PAUSE, "Name": "after"})
        execution_id = oos.start(content, Mode="FailurePause")
        oos.until(execution_id, "Waiting")
        oos.notify(execution_id, "SkipTask", TaskName="run")
    it.advance(seconds=1)
    assert oos.get(execution_id)["WaitingStatus"] == "Pause"
    assert oos.tasks(execution_id)["run"]["Status"] == "Skipped"
    oos.notify(execution_id, "Approve")
    assert oos.until(execution_id, *ENDED)["Status"] == "Success"


@pytest.mark.parametrize("items", [None, 2])
def test_what_failed_and_waits_is_cancelled_with_its_execution(
    it: Cloud, oos: Oos, items: int | None
) -> None:
    (one,) = it.instances()
    task = run(instanceId=one)
    with behaving(it, failing_on(one)):
        content = template(looped(task, [one] * items) if items else task)
        execution_id = oos.start(content, Mode="FailurePause")
        oos.until(execution_id, "Waiting")
    oos.call("CancelExecution", ExecutionId=execution_id)
    assert oos.until(execution_id, *ENDED)["Status"] == "Cancelled"
    assert oos.tasks(execution_id)["run"]["Status"] == "Cancelled"


@pytest.mark.parametrize("by", ["LoopItem", "TaskExecutionId", "TaskExecutionIds"])
@pytest.mark.parametrize("word", ["RetryTask", "SkipTask"])
def test_an_item_of_a_loop_that_failed_is_tried_again_or_skipped(
    it: Cloud, oos: Oos, word: str, by: str
) -> None:
    good, bad, worse = it.instances(3)
    task = looped(run(instanceId="{{ ACS::TaskLoopItem }}"), [good, bad, worse], Concurrency=3)
    with behaving(it, failing_on(bad, worse)):
        execution_id = oos.start(template(task), Mode="FailurePause")
        told = oos.until(execution_id, "Waiting", *ENDED)
        assert told["Status"] == "Waiting"
    task_id = oos.tasks(execution_id)["run"]["TaskExecutionId"]
    item = oos.tasks(execution_id, ParentTaskExecutionId=task_id)[bad]["TaskExecutionId"]
    named = {"LoopItem": bad, "TaskExecutionId": item, "TaskExecutionIds": json.dumps([item])}
    oos.notify(execution_id, word, **{by: named[by]})
    it.advance(seconds=1)
    states = {
        name: one["Status"]
        for name, one in oos.tasks(execution_id, ParentTaskExecutionId=task_id).items()
    }
    after = "Success" if word == "RetryTask" else "Skipped"
    assert states == {good: "Success", bad: after, worse: "Waiting"}
    oos.notify(execution_id, word)
    assert oos.until(execution_id, *ENDED)["Status"] == "Success"
    loop = oos.tasks(execution_id)["run"]["Loop"]
    assert (loop["Success"], loop["Skipped"], loop["Failed"]) == (
        (3, 0, 0) if word == "RetryTask" else (1, 2, 0)
    )


def test_what_is_tried_again_is_given_what_holds_now(it: Cloud, oos: Oos, call: Caller) -> None:
    (one,) = it.instances()
    content = template(run(instanceId="{{ where }}"), Parameters={"where": {"Type": "String"}})
    execution_id = oos.start(content, Mode="FailurePause", Parameters={"where": "i-nobody"})
    oos.until(execution_id, "Waiting")
    call("UpdateExecution", ExecutionId=execution_id, Parameters=json.dumps({"where": one}))
    oos.notify(execution_id, "RetryTask")
    told = oos.until(execution_id, "Success", "Failed", "Cancelled")
    assert (told["Status"], told["Parameters"]) == ("Success", {"where": one})


def test_a_loop_whose_items_could_not_be_found_is_tried_again(
    it: Cloud, oos: Oos, call: Caller
) -> None:
    (one,) = it.instances()
    content = template(
        looped(run(instanceId="{{ ACS::TaskLoopItem }}"), "{{ where }}"),
        Parameters={"where": {"Type": "Json"}},
    )
    execution_id = oos.start(content, Mode="FailurePause", Parameters={"where": {"no": "list"}})
    assert oos.until(execution_id, "Waiting")["WaitingStatus"] == "FailurePause"
    oos.notify(execution_id, "RetryTask")
    it.advance(seconds=1)
    assert oos.get(execution_id)["WaitingStatus"] == "FailurePause"
    assert oos.tasks(execution_id)["run"]["StatusMessage"].startswith("InvalidLoopItems: ")
    call("UpdateExecution", ExecutionId=execution_id, Parameters=json.dumps({"where": [one]}))
    oos.notify(execution_id, "RetryTask")
    assert oos.until(execution_id, *ENDED)["Status"] == "Success"
    assert oos.tasks(execution_id)["run"]["Loop"]["Success"] == 1


# Cancelling and deleting


def test_an_execution_is_cancelled_while_a_command_runs_which_goes_on(
    it: Cloud, oos: Oos, call: Caller
) -> None:
    (one,) = it.instances()
    with behaving(it, run_on):
        execution_id = oos.start(template(run(instanceId=one), PAUSE))
        it.do(lambda world: world.until(lambda: world.machine(one).running))
        assert oos.get(execution_id)["Status"] == "Running"
        call("CancelExecution", ExecutionId=execution_id)
        told = oos.until(execution_id, *ENDED)
    assert told["Status"] == "Cancelled"
    task = oos.tasks(execution_id)["run"]
    assert task["Status"] == "Cancelled"
    assert oos.get(task["ChildExecutionId"])["Status"] == "Cancelled"
    found = call("ListTaskExecutionInvocations", TaskExecutionId=task["TaskExecutionId"])
    (invocation,) = found["TaskExecutionInvocations"]
    assert invocation["Status"] == "Running"
    assert refused(call, "CancelExecution", ExecutionId=execution_id)[0] == (
        "InvalidStatus.Execution"
    )


def test_items_that_have_not_begun_are_cancelled_with_their_loop(
    it: Cloud, oos: Oos, call: Caller
) -> None:
    ids = it.instances(3)
    with behaving(it, run_on):
        task = looped(run(instanceId="{{ ACS::TaskLoopItem }}"), ids, Concurrency=2)
        execution_id = oos.start(template(task))
        it.do(lambda world: world.until(lambda: world.machine(ids[1]).running))
        call("CancelExecution", ExecutionId=execution_id)
        assert oos.until(execution_id, *ENDED)["Status"] == "Cancelled"
    loop = oos.tasks(execution_id)["run"]["Loop"]
    assert (loop["Cancelled"], loop["Running"], loop["Pending"]) == (3, 0, 0)
    assert not it.world.machine(ids[2]).ever_started


def test_executions_are_deleted_with_all_that_belongs_to_them(
    it: Cloud, oos: Oos, call: Caller
) -> None:
    (one,) = it.instances()
    done, running = oos.start(template(run(instanceId=one))), oos.start(template(PAUSE))
    oos.until(done, "Success")
    oos.until(running, "Waiting")
    code, message = refused(call, "DeleteExecutions", ExecutionIds=json.dumps([done, running]))
    assert code == "InvalidStatus.Execution" and running in message
    assert oos.get(done)["Status"] == "Success"
    child = oos.tasks(done)["run"]["ChildExecutionId"]
    call("DeleteExecutions", ExecutionIds=f"{done},{running}", Force=True)
    for execution_id in (done, running, child):
        assert call("ListExecutions", ExecutionId=execution_id)["Executions"] == []
        assert call("ListTaskExecutions", ExecutionId=execution_id)["TaskExecutions"] == []
        assert call("ListExecutionLogs", ExecutionId=execution_id)["ExecutionLogs"] == []
    assert refused(call, "DeleteExecutions", ExecutionIds=json.dumps([done]))[0] == (
        "EntityNotExists.Execution"
    )


def test_an_execution_is_deleted_together_with_its_children(
    it: Cloud, oos: Oos, call: Caller
) -> None:
    root = oos.start(template(run(instanceId=it.instances()[0])))
    oos.until(root, "Success")
    child = oos.tasks(root)["run"]["ChildExecutionId"]
    call("DeleteExecutions", ExecutionIds=json.dumps([root, child]))
    assert call("ListExecutions", ExecutionId=child)["Executions"] == []


def test_what_runs_below_an_execution_keeps_it_from_being_deleted(
    it: Cloud, oos: Oos, call: Caller
) -> None:
    parent = oos.start(template({**api("find", "DescribeInstances")}))
    oos.until(parent, "Success")
    child = oos.start(template(PAUSE), ParentExecutionId=parent)
    code, message = refused(call, "DeleteExecutions", ExecutionIds=json.dumps([parent]))
    assert code == "InvalidStatus.Execution" and child in message
    call("DeleteExecutions", ExecutionIds=json.dumps([parent]), Force=True)
    assert call("ListExecutions", ExecutionId=child)["Executions"] == []


def test_a_child_is_deleted_with_what_is_below_it(it: Cloud, oos: Oos, call: Caller) -> None:
    (one,) = it.instances()
    middle = {"Name": "middle", "Action": "ACS::Template", "Properties": {
        "TemplateContent": template(run(instanceId=one))}}  # fmt: skip
    root = oos.start(template(middle))
    oos.until(root, "Success")
    child = oos.tasks(root)["middle"]["ChildExecutionId"]
    assert len(call("ListExecutions", ParentExecutionId=root)["Executions"]) == 2
    call("DeleteExecutions", ExecutionIds=json.dumps([child]))
    assert call("ListExecutions", ParentExecutionId=root)["Executions"] == []
    assert oos.get(root)["Status"] == "Success"


def test_whoever_embeds_what_is_deleted_fails(oos: Oos, call: Caller) -> None:
    inner = {"Name": "inner", "Action": "ACS::Template", "Properties": {
        "TemplateContent": template(PAUSE)}}  # fmt: skip
    root = oos.start(template(inner))
    oos.until(root, "Waiting")
    child = oos.tasks(root)["inner"]["ChildExecutionId"]
    call("DeleteExecutions", ExecutionIds=json.dumps([child]), Force=True)
    told = oos.until(root, *ENDED, at_most=10)
    assert told["Status"] == "Failed"
    assert "its child execution was deleted" in told["StatusMessage"]


# Triggers


def timer(**given: Any) -> dict[str, Any]:
    properties = {"Type": "rate", "Expression": "1 minutes", "EndDate": "2099-01-01T00:00:00Z"}
    return {"Name": "timer", "Action": "ACS::TimerTrigger", "Properties": {**properties, **given}}


ECHO = {
    "Name": "echo",
    "Action": "ACS::ExecuteAPI",
    "Properties": {"Service": "ECS", "API": "DescribeRegions"},
    "Outputs": {"said": {"ValueSelector": "Regions.Region[].RegionId"}},
}
OUTPUTS = {"said": {"Type": "String", "Value": "{{ echo.said }}"}}


def firings(call: Caller, execution_id: str) -> list[dict[str, Any]]:
    """The oldest first."""
    found = call("ListExecutions", ParentExecutionId=execution_id, SortOrder="Ascending")
    return list(found["Executions"])


def test_a_timer_fires_again_and_again_until_it_is_cancelled(apart: Oos) -> None:
    execution_id = apart.start(template(timer(), ECHO, Outputs=OUTPUTS))
    told = apart.until(execution_id, "Waiting")
    assert (told["Category"], told["WaitingStatus"]) == ("TimerTrigger", "Trigger")
    assert told["NextScheduleTime"] > told["StartDate"]
    assert told["LastTriggerTime"] == ""
    for count in (1, 2, 3):
        planned = told["NextScheduleTime"]
        apart.it.advance(seconds=61)
        told = apart.get(execution_id)
        assert len(firings(apart.call, execution_id)) == count
        assert told["LastTriggerTime"] == told["LastSuccessfulTriggerTime"] == planned
        assert told["LastTriggerStatus"] == "Success"
        assert json.loads(told["LastTriggerOutputs"]) == {"said": "cn-hangzhou"}
        assert told["NextScheduleTime"] > planned
    apart.call("CancelExecution", ExecutionId=execution_id)
    assert apart.until(execution_id, *ENDED)["Status"] == "Cancelled"
    assert apart.get(execution_id)["NextScheduleTime"] == ""


def test_a_timer_ends_as_a_success_when_its_end_has_come(apart: Oos) -> None:
    begin = apart.it.world.clock.now()
    end = begin.replace(microsecond=0)
    from_now = (end.timestamp() + 150 - begin.timestamp()) / 60
    assert from_now > 2
    until = end.fromtimestamp(end.timestamp() + 150, end.tzinfo).strftime("%Y-%m-%dT%H:%M:%SZ")
    execution_id = apart.start(template(timer(EndDate=until), ECHO))
    apart.it.advance(seconds=151)
    assert apart.get(execution_id)["Status"] == "Success"
    assert len(firings(apart.call, execution_id)) == 2


def test_a_firing_that_fails_is_told_and_the_next_one_comes(apart: Oos) -> None:
    broken = api("find", "StopInstance", InstanceId="i-nobody")
    execution_id = apart.start(template(timer(), broken))
    apart.it.advance(seconds=61)
    told = apart.get(execution_id)
    assert (told["Status"], told["LastTriggerStatus"]) == ("Waiting", "Failed")
    assert told["LastTriggerStatusMessage"].startswith("task find failed: ")
    assert told["LastSuccessfulTriggerTime"] == ""
    apart.it.advance(seconds=60)
    assert len(firings(apart.call, execution_id)) == 2


def test_a_timer_goes_on_when_what_it_has_fired_is_deleted(apart: Oos) -> None:
    execution_id = apart.start(template(timer(), PAUSE))
    apart.it.advance(seconds=61)
    (fired,) = firings(apart.call, execution_id)
    assert fired["Status"] == "Waiting"
    apart.call("DeleteExecutions", ExecutionIds=fired["ExecutionId"], Force=True)
    apart.it.advance(seconds=61)
    (again,) = firings(apart.call, execution_id)
    assert (again["Status"], again["ExecutionId"] > fired["ExecutionId"]) == ("Waiting", True)


def test_a_trigger_that_is_cancelled_ends_what_it_has_fired_and_fires_no_more(apart: Oos) -> None:
    execution_id = apart.start(template(timer(), PAUSE))
    apart.it.advance(seconds=61)
    (fired,) = firings(apart.call, execution_id)
    assert fired["Status"] == "Waiting"
    apart.call("CancelExecution", ExecutionId=execution_id)
    assert apart.until(execution_id, *ENDED)["Status"] == "Cancelled"
    apart.it.advance(seconds=61)
    (only,) = firings(apart.call, execution_id)
    assert (only["ExecutionId"], only["Status"]) == (fired["ExecutionId"], "Cancelled")


def event(name: str = "event", action: str = "ACS::EventTrigger") -> dict[str, Any]:
    outputs = {"id": {"ValueSelector": ".content.resourceId"}}
    return {"Name": name, "Action": action, "Properties": {}, "Outputs": outputs}


@pytest.mark.parametrize(
    ("action", "kind"), [("ACS::EventTrigger", "Event"), ("ACS::AlarmTrigger", "Alarm")]
)
def test_messages_fire_a_trigger_each_in_its_turn(
    it: Cloud, oos: Oos, call: Caller, action: str, kind: str
) -> None:
    content = template(event(action=action), PAUSE, Outputs={"id": {"Value": "{{ event.id }}"}})
    execution_id = oos.start(content)
    assert oos.until(execution_id, "Waiting")["Category"] == f"{kind}Trigger"
    for n in (1, 2):
        message = json.dumps({"content": {"resourceId": f"i-{n}"}})
        for _ in range(2):  # the same request twice
            call(
                "TriggerExecution", ExecutionId=execution_id, Type=kind, Content=message,
                ClientToken=f"{kind}-{n}",
            )  # fmt: skip
    it.advance(seconds=1)
    (first,) = firings(call, execution_id)
    oos.notify(first["ExecutionId"], "Approve")
    it.advance(seconds=1)
    second = firings(call, execution_id)[1]
    oos.notify(second["ExecutionId"], "Approve")
    it.advance(seconds=1)
    ended = firings(call, execution_id)
    assert [json.loads(one["Outputs"]) for one in ended] == [{"id": "i-1"}, {"id": "i-2"}]
    assert oos.get(execution_id)["Status"] == "Waiting"


def test_a_timer_is_fired_by_hand_and_comes_as_planned_all_the_same(apart: Oos) -> None:
    task = {**timer(), "Outputs": {"said": {"ValueSelector": ".word"}}}
    execution_id = apart.start(template(task, ECHO, Outputs={"w": {"Value": "{{ timer.said }}"}}))
    apart.until(execution_id, "Waiting")
    apart.call(
        "TriggerExecution", ExecutionId=execution_id, Type="Timer", Content='{"word": "now"}'
    )
    apart.it.advance(seconds=1)
    (first,) = firings(apart.call, execution_id)
    assert json.loads(first["Outputs"]) == {"w": "now"}
    apart.it.advance(seconds=61)
    assert len(firings(apart.call, execution_id)) == 2


def test_a_trigger_hears_its_own_kind_only(oos: Oos, call: Caller) -> None:
    execution_id = oos.start(template(event(), PAUSE))
    oos.until(execution_id, "Waiting")
    code, _ = refused(call, "TriggerExecution", ExecutionId=execution_id, Type="Timer")
    assert code == "EntityNotExists.TaskExecution"


def test_a_timer_goes_on_as_its_new_parameters_say(apart: Oos) -> None:
    content = template(
        timer(Expression="{{ every }}"),
        ECHO,
        Parameters={"every": {"Type": "String", "Default": "10 hours"}, "note": {"Default": "a"}},
        Outputs={"note": {"Value": "{{ note }}"}},
    )
    execution_id = apart.start(content)
    apart.it.advance(seconds=61)
    assert firings(apart.call, execution_id) == []
    apart.call(
        "UpdateExecution",
        ExecutionId=execution_id,
        Parameters=json.dumps({"EVERY": "1 minutes", "note": "b"}),
    )
    apart.it.advance(seconds=61)
    (fired,) = firings(apart.call, execution_id)
    assert json.loads(fired["Outputs"]) == {"note": "b"}
    assert apart.get(execution_id)["Parameters"] == {"every": "1 minutes", "note": "b"}
    properties = json.loads(apart.tasks(execution_id)["timer"]["Properties"])
    assert properties["Expression"] == "1 minutes"


def test_what_an_execution_says_of_itself_is_changed(oos: Oos, call: Caller) -> None:
    execution_id = oos.start(template(PAUSE), Description="old", Tags={"a": "1"})
    oos.until(execution_id, "Waiting")
    changes = {
        "Description": "new",
        "Tags": json.dumps({"b": "2"}),
        "ResourceGroupId": "rg-2",
        "ClientToken": "update-once",
    }
    for _ in range(2):
        call("UpdateExecution", ExecutionId=execution_id, **changes)
    told = oos.get(execution_id)
    assert (told["Description"], told["Tags"]) == ("new", {"b": "2"})
    assert told["ResourceGroupId"] == "rg-2"
    oos.notify(execution_id, "Approve")
    oos.until(execution_id, "Success")
    assert refused(call, "UpdateExecution", ExecutionId=execution_id, Description="x")[0] == (
        "InvalidStatus.Execution"
    )


# Lists


def listed(call: Caller, **wanted: Any) -> list[str]:
    """Their descriptions."""
    return [one["Description"] for one in call("ListExecutions", **wanted)["Executions"]]


@pytest.fixture
def several(apart: Oos) -> Oos:
    """Executions a to e, a second after each other, that have ended in the order c, a, b."""
    content = template(PAUSE)
    apart.call("CreateTemplate", TemplateName="first-one", Content=content)
    ids = {}
    for name in "abc":
        order = {"TemplateName": "first-one"} if name == "a" else {"TemplateContent": content}
        more = {"Tags": {"n": name}, "ResourceGroupId": f"rg-{name}"}
        ids[name] = apart.started(Description=name, **order, **more)
        apart.it.advance(seconds=2)
    for name, word in (("c", "Approve"), ("a", "Reject"), ("b", "Approve")):
        apart.notify(ids[name], word)
        apart.it.advance(seconds=2)
    apart.start(template(event(), PAUSE), Description="d", Mode="FailurePause")
    apart.it.advance(seconds=2)
    apart.start(template(PAUSE), Description="e", ParentExecutionId=ids["a"])
    apart.it.advance(seconds=2)
    return apart


def test_executions_are_found_by_what_they_are(several: Oos) -> None:
    call = several.call
    starts = {
        one["Description"]: one["StartDate"]
        for one in call("ListExecutions", IncludeChildExecution=True)["Executions"]
    }
    ends = {one["Description"]: one["EndDate"] for one in call("ListExecutions")["Executions"]}
    rows: list[tuple[dict[str, Any], str]] = [
        ({}, "dcba"),
        ({"IncludeChildExecution": True}, "edcba"),
        ({"Depth": "RootDepth"}, "dcba"),
        ({"Depth": "FirstChildDepth"}, "e"),
        ({"Status": "Success"}, "cb"),
        ({"Status": "Cancelled"}, "a"),
        ({"Status": "Pending"}, ""),
        ({"TemplateName": "FIRST"}, "a"),
        ({"Mode": "FailurePause"}, "d"),
        ({"ExecutedBy": "root"}, "dcba"),
        ({"ExecutedBy": "somebody"}, ""),
        ({"RamRole": "role"}, ""),
        ({"AccountId": KEY.account_id}, "dcba"),
        ({"AccountId": "2000000000000002"}, ""),
        ({"Description": "b"}, "b"),
        ({"Category": "EventTrigger"}, "d"),
        ({"Category": "Other"}, "cba"),
        ({"Categories": json.dumps(["EventTrigger", "TimerTrigger"])}, "d"),
        ({"ResourceGroupId": "rg-b"}, "b"),
        ({"ResourceId": "i-1"}, ""),
        ({"Tags": {"n": "c"}}, "c"),
        ({"StartDateAfter": starts["b"], "StartDateBefore": starts["c"]}, "cb"),
        ({"EndDateAfter": ends["a"]}, "ba"),
        ({"EndDateBefore": ends["a"]}, "ca"),
    ]
    for wanted, names in rows:
        assert listed(call, **wanted) == list(names), wanted


@pytest.mark.parametrize(
    ("field", "ascending"),
    [("StartDate", "abcd"), ("EndDate", "dcab"), ("Status", "abcd")],
)
def test_executions_are_sorted_as_is_asked(several: Oos, field: str, ascending: str) -> None:
    up = listed(several.call, SortField=field, SortOrder="Ascending")
    down = listed(several.call, SortField=field)
    assert up == down[::-1]
    if field == "Status":  # those of one status come in the order of their ids
        assert (up[0], set(up[1:3]), up[3]) == ("a", {"b", "c"}, "d")
    else:
        assert up == list(ascending)


def pages(call: Caller, action: str, key: str, **wanted: Any) -> list[list[dict[str, Any]]]:
    found, token = [], ""
    while True:
        answer = call(action, **wanted, **({"NextToken": token} if token else {}))
        assert answer["MaxResults"] == wanted["MaxResults"]
        found.append(answer[key])
        token = answer["NextToken"]
        if not token:
            return found


def _sizes(found: list[list[dict[str, Any]]]) -> list[int]:
    return [len(page) for page in found]


def _ids(found: list[list[dict[str, Any]]], key: str) -> set[str]:
    return {one[key] for page in found for one in page}


@pytest.mark.parametrize("field", ["StartDate", "EndDate", "Status"])
@pytest.mark.parametrize("order", ["Ascending", "Descending"])
def test_executions_come_in_pages(several: Oos, field: str, order: str) -> None:
    for _ in range(21):
        several.start(template(api("find", "DescribeInstances")))
    several.it.advance(seconds=1)
    found = pages(
        several.call, "ListExecutions", "Executions",
        MaxResults=10, SortField=field, SortOrder=order,
    )  # fmt: skip
    assert _sizes(found) == [10, 10, 5]
    assert len(_ids(found, "ExecutionId")) == 25
    assert several.call("ListExecutions", MaxResults=10)["TotalCount"] == 25


def test_what_belongs_to_an_execution_comes_in_pages(it: Cloud, oos: Oos, call: Caller) -> None:
    ids = it.instances(25)
    task = looped(run(instanceId="{{ ACS::TaskLoopItem }}"), ids, Concurrency=25)
    execution_id = oos.start(template(task))
    assert oos.until(execution_id, *ENDED)["Status"] == "Success"
    items = pages(
        call, "ListTaskExecutions", "TaskExecutions",
        ExecutionId=execution_id, IncludeChildTaskExecution=True, MaxResults=20,
    )  # fmt: skip
    assert _sizes(items) == [20, 6]
    assert len(_ids(items, "TaskExecutionId")) == 26
    children = pages(
        call, "ListExecutions", "Executions", ParentExecutionId=execution_id, MaxResults=10
    )
    assert _sizes(children) == [10, 10, 5]
    rows = pages(
        call, "ListResourceExecutionStatus", "ResourceExecutionStatus",
        ExecutionId=execution_id, MaxResults=10,
    )  # fmt: skip
    assert [one["ResourceId"] for page in rows for one in page] == sorted(ids)
    log = pages(call, "ListExecutionLogs", "ExecutionLogs", ExecutionId=execution_id, MaxResults=20)
    assert _sizes(log) == [20, 20, 14]
    times = [one["Timestamp"] for page in log for one in page]
    assert times == sorted(times)
    first = call("ListExecutionLogs", ExecutionId=execution_id, MaxResults=20)
    assert first["IsTruncated"]


def test_a_template_finds_what_an_earlier_execution_ran_on(it: Cloud, oos: Oos) -> None:
    """As templates do that undo what another one did."""
    ids = it.instances(12)
    before = oos.start(template(looped(run(instanceId="{{ ACS::TaskLoopItem }}"), ids)))
    oos.until(before, "Success")
    find = api("find", "ListExecutions", ParentExecutionId=before, MaxResults=10)
    find["Properties"]["Service"] = "OOS"
    find["Outputs"] = {
        "ids": {"Type": "List", "ValueSelector": "Executions[].Parameters.instanceId"}
    }
    outputs = {"ids": {"Type": "List", "Value": "{{ find.ids }}"}}
    told = oos.until(oos.start(template(find, Outputs=outputs)), *ENDED)
    assert sorted(json.loads(told["Outputs"])["ids"]) == sorted(ids)


def test_the_log_of_a_task_is_that_of_its_items_too(it: Cloud, oos: Oos, call: Caller) -> None:
    (one,) = it.instances()
    task = looped(run(instanceId="{{ ACS::TaskLoopItem }}"), [one])
    execution_id = oos.start(template(api("find", "DescribeInstances"), task))
    oos.until(execution_id, *ENDED)
    task_id = oos.tasks(execution_id)["run"]["TaskExecutionId"]
    log = call("ListExecutionLogs", ExecutionId=execution_id, TaskExecutionId=task_id)
    assert [entry["Message"] for entry in log["ExecutionLogs"]] == [
        "The task run started.",
        f'The task run for "{one}" started.',
        f'The task run for "{one}" completed.',
        "The task run completed.",
    ]
    none = call("ListExecutionLogs", ExecutionId=execution_id, LogType="Other")
    assert none["ExecutionLogs"] == []
    none = call("ListExecutionLogs", ExecutionId=execution_id, AccountId="2000000000000002")
    assert none["ExecutionLogs"] == []


def test_tasks_are_found_by_what_they_are(it: Cloud, oos: Oos, call: Caller) -> None:
    skipped = {**api("never", "DescribeInstances"), "When": {"Fn::Equals": [1, 2]}}
    wait = {"Name": "wait", "Action": "ACS::Sleep", "Properties": {"Duration": "PT5S"}}
    execution_id = oos.start(template(api("find", "DescribeInstances"), wait, skipped, PAUSE))
    oos.until(execution_id, "Waiting", at_most=60)
    tasks = oos.tasks(execution_id)
    rows: list[tuple[dict[str, Any], set[str]]] = [
        ({}, {"find", "wait", "never", "pause"}),
        ({"TaskName": "find"}, {"find"}),
        ({"TaskAction": "ACS::Sleep"}, {"wait"}),
        ({"Status": "Success"}, {"find", "wait"}),
        ({"Status": "Skipped"}, {"never"}),
        ({"Status": "Waiting"}, {"pause"}),
        ({"Status": "Started"}, set()),
        ({"TaskExecutionId": tasks["pause"]["TaskExecutionId"]}, {"pause"}),
        ({"StartDateAfter": tasks["pause"]["StartDate"]}, {"pause"}),
        ({"StartDateBefore": tasks["wait"]["StartDate"]}, {"find", "wait"}),
        ({"EndDateAfter": tasks["wait"]["EndDate"]}, {"wait", "never"}),
        ({"EndDateBefore": tasks["find"]["EndDate"]}, {"find"}),
        ({"AccountId": KEY.account_id}, {"find", "wait", "never", "pause"}),
        ({"AccountId": "2000000000000002"}, set()),
    ]
    for wanted, names in rows:
        assert set(oos.tasks(execution_id, **wanted)) == names, wanted
    up = list(oos.tasks(execution_id, SortOrder="Ascending", SortField="EndDate"))
    assert (up[0], up[1]) == ("pause", "find")
    assert list(oos.tasks(execution_id, SortField="EndDate")) == up[::-1]
    assert next(iter(oos.tasks(execution_id, SortField="Status"))) == "pause"


def test_executions_are_found_by_the_instances_that_they_loop_over(it: Cloud, oos: Oos) -> None:
    (one,) = it.instances(tags={"role": "rare"})
    targets = {"Type": "Tags", "Tags": [{"Key": "role", "Value": "rare"}]}
    execution_id = oos.start(BULK, Parameters={"targets": targets})
    oos.until(execution_id, *ENDED)
    found = oos.call("ListExecutions", ResourceId=one)["Executions"]
    assert [one["ExecutionId"] for one in found] == [execution_id]


@pytest.mark.parametrize(
    ("action", "key", "wanted"),
    [
        ("ListExecutions", "Executions", {"ExecutionId": "exec-none"}),
        ("ListExecutions", "Executions", {"ParentExecutionId": "exec-none"}),
        ("ListTaskExecutions", "TaskExecutions", {"ExecutionId": "exec-none"}),
        ("ListTaskExecutions", "TaskExecutions", {"TaskExecutionId": "exec-none.t0001"}),
        ("ListExecutionLogs", "ExecutionLogs", {"ExecutionId": "exec-none"}),
        (
            "ListResourceExecutionStatus",
            "ResourceExecutionStatus",
            {"ExecutionId": "exec-none"},
        ),
        (
            "ListTaskExecutionInvocations",
            "TaskExecutionInvocations",
            {"TaskExecutionId": "exec-none.t0001"},
        ),
        ("ListTaskExecutionInvocations", "TaskExecutionInvocations", {}),
    ],
)
def test_what_is_not_known_is_an_empty_list(
    call: Caller, action: str, key: str, wanted: dict[str, Any]
) -> None:
    assert call(action, **wanted)[key] == []


def test_output_of_the_command_is_what_the_machine_said(it: Cloud, oos: Oos) -> None:
    (one,) = it.instances()
    said = "h\u00e9llo\n"

    def behave(machine: Machine, task: wire.Task) -> wire.Report:
        return finish(task, 0, said.encode())

    with behaving(it, behave):
        execution_id = oos.start(BULK, Parameters=by_ids(one))
        told = oos.until(execution_id, *ENDED)
    assert json.loads(told["Outputs"])["said"] == [said]
    task_id = oos.tasks(execution_id)["runCommand"]["TaskExecutionId"]
    found = oos.call("ListTaskExecutionInvocations", TaskExecutionId=task_id)
    invoke_id = found["TaskExecutionInvocations"][0]["InvocationId"]
    results = tea(it.endpoint)("DescribeInvocationResults", InvokeId=invoke_id)
    (result,) = results["Invocation"]["InvocationResults"]["InvocationResult"]
    assert base64.b64decode(result["Output"]).decode() == said
