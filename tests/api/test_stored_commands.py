"""Operations on stored commands: kept, told, changed, run and let go."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from cloudhand.core.ids import InvokeId
from tests.api.clients import Caller, classic, tea
from tests.api.cloud import Cloud
from tests.machines import run_on, succeed
from tests.world import World

CREATE = {"Name": "greet", "Type": "RunShellScript", "CommandContent": "echo hello"}


@pytest.fixture
def call(it: Cloud) -> Caller:
    it.world.machines.behave = succeed
    return tea(it.endpoint)


def create(call: Caller, **values: Any) -> str:
    made: str = call("CreateCommand", **{**CREATE, "ContentEncoding": "PlainText", **values})[
        "CommandId"
    ]
    return made


def commands(call: Caller, **wanted: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = call("DescribeCommands", **wanted)["Commands"]["Command"]
    return found


def invocation(call: Caller, invoke_id: str) -> dict[str, Any]:
    told = call("DescribeInvocations", InvokeId=invoke_id, ContentEncoding="PlainText")
    (one,) = told["Invocations"]["Invocation"]
    found: dict[str, Any] = one
    return found


def ended(it: Cloud, invoke_id: str) -> None:
    it.do(lambda world: world.until(lambda: world.ended(InvokeId(invoke_id))))


def test_a_stored_command_has_every_published_field(it: Cloud) -> None:
    # The newer client drops fields that it does not know.
    call = classic(it.endpoint)
    command_id = create(
        call,
        CommandContent="echo {{ Name }} {{ACS::InstanceId}}",
        Description="says it",
        WorkingDir="/tmp",
        Timeout=600,
        EnableParameter=True,
        Launcher="bash -x",
        ResourceGroupId="rg-1",
        Tag=[{"Key": "k", "Value": "v"}],
    )
    (one,) = commands(call, CommandId=command_id)
    assert one.pop("CreationTime").endswith("Z")
    assert one == {
        "CommandId": command_id,
        "Name": "greet",
        "Description": "says it",
        "Type": "RunShellScript",
        "CommandContent": base64.b64encode(b"echo {{ Name }} {{ACS::InstanceId}}").decode(),
        "WorkingDir": "/tmp",
        "Timeout": 600,
        "EnableParameter": True,
        "ParameterNames": {"ParameterName": ["Name"]},
        "Launcher": "bash -x",
        "InvokeTimes": 0,
        "ResourceGroupId": "rg-1",
        "Tags": {"Tag": [{"TagKey": "k", "TagValue": "v"}]},
    }


def test_content_comes_as_base64_unless_it_says_otherwise(call: Caller) -> None:
    encoded = base64.b64encode("echo h\u00e9".encode()).decode()
    for encoding in ({}, {"ContentEncoding": "Base64"}, {"ContentEncoding": "gzip"}):
        made = call("CreateCommand", **{**CREATE, "CommandContent": encoded}, **encoding)
        (one,) = commands(call, CommandId=made["CommandId"], ContentEncoding="PlainText")
        assert one["CommandContent"] == "echo h\u00e9"


def test_what_is_not_said_has_its_default(call: Caller) -> None:
    (one,) = commands(call, CommandId=create(call, CommandContent="echo {{a}}"))
    assert (one["Timeout"], one["WorkingDir"], one["EnableParameter"]) == (60, "", False)
    assert one["ParameterNames"] == {"ParameterName": []}


def test_a_timeout_below_the_shortest_counts_as_the_shortest(call: Caller) -> None:
    (one,) = commands(call, CommandId=create(call, Timeout=1))
    assert one["Timeout"] == 10


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, True),
        ({"Name": "find me"}, True),
        ({"Name": "find*"}, True),
        ({"Name": "*me"}, True),
        ({"Name": "*nd m*"}, True),
        ({"Name": "find"}, False),
        ({"Description": "some*"}, True),
        ({"Description": "some"}, False),
        ({"Type": "RunShellScript"}, True),
        ({"Type": "RunBatScript"}, False),
        ({"ResourceGroupId": "rg-2"}, True),
        ({"ResourceGroupId": "rg-3"}, False),
        ({"Tag": [{"Key": "k", "Value": "v"}]}, True),
        ({"Tag": [{"Key": "k", "Value": "w"}]}, False),
        ({"Latest": True}, True),
        # There are no public commands here.
        ({"Provider": "AlibabaCloud"}, False),
        ({"Provider": "AlibabaCloud.ECS.GuestOS"}, False),
    ],
)
def test_commands_are_filtered(call: Caller, wanted: dict[str, Any], found: bool) -> None:
    command_id = create(
        call,
        Name="find me",
        Description="something",
        ResourceGroupId="rg-2",
        Tag=[{"Key": "k", "Value": "v"}],
    )
    assert bool(commands(call, CommandId=command_id, **wanted)) is found


def test_pages_show_each_command_once_and_the_newest_first(call: Caller) -> None:
    made = [create(call, Name="paged") for _ in range(5)]
    told = call("DescribeCommands", Name="paged", PageSize=2, PageNumber=3)
    assert (told["TotalCount"], told["PageNumber"], told["PageSize"]) == (5, 3, 2)
    assert len(told["Commands"]["Command"]) == 1
    seen: list[str] = []
    token = ""
    for _ in range(3):
        told = call("DescribeCommands", Name="paged", MaxResults=2, NextToken=token)
        seen += [one["CommandId"] for one in told["Commands"]["Command"]]
        token = told["NextToken"]
    assert (sorted(seen), token) == (sorted(made), "")


def test_what_runs_is_what_is_stored_filled_with_the_values_of_the_call(
    it: Cloud, call: Caller
) -> None:
    (instance_id,) = it.instances()
    command_id = create(
        call,
        CommandContent="echo {{who}}",
        Description="says it",
        EnableParameter=True,
        WorkingDir="/tmp",
        Timeout=70,
        Launcher="bash -x",
    )
    it.world.machines.behave = run_on
    asked = call(
        "InvokeCommand", CommandId=command_id, InstanceId=[instance_id], Parameters={"WHO": "you"}
    )
    it.do(lambda world: world.until(lambda: world.machine(instance_id).running))
    task = it.world.machine(instance_id).running[asked["InvokeId"]]
    assert (task.content, task.command_id) == (b"echo you", command_id)
    assert (task.working_directory, task.timeout, task.launcher) == ("/tmp", 70, "bash -x")
    one = invocation(call, asked["InvokeId"])
    assert (one["CommandId"], one["CommandName"]) == (command_id, "greet")
    assert (one["CommandDescription"], one["CommandContent"]) == ("says it", "echo {{who}}")


def test_what_is_said_with_an_invocation_holds_for_it_alone(it: Cloud, call: Caller) -> None:
    command_id = create(call, WorkingDir="/tmp", Timeout=70)
    asked = call(
        "InvokeCommand",
        CommandId=command_id,
        InstanceId=it.instances(),
        WorkingDir="/var",
        Timeout=1,
        Launcher="bash",
        Username="bob",
        Tag=[{"Key": "k", "Value": "v"}],
    )
    one = invocation(call, asked["InvokeId"])
    assert (one["WorkingDir"], one["Timeout"], one["Launcher"]) == ("/var", 10, "bash")
    assert (one["Username"], one["Tags"]["Tag"][0]["TagKey"]) == ("bob", "k")
    (kept,) = commands(call, CommandId=command_id)
    assert (kept["WorkingDir"], kept["Timeout"], kept["Launcher"]) == ("/tmp", 70, "")
    assert kept["Tags"] == {"Tag": []}


def test_a_change_holds_for_what_is_asked_for_later(it: Cloud, call: Caller) -> None:
    (instance_id,) = it.instances()
    command_id = create(call, Description="old", WorkingDir="/old", Timeout=70, Launcher="old")
    before = call("InvokeCommand", CommandId=command_id, InstanceId=[instance_id])["InvokeId"]
    call(
        "ModifyCommand",
        CommandId=command_id,
        Name="new name",
        Description="new",
        WorkingDir="/new",
        Timeout=80,
        Launcher="new",
        CommandContent="bmV3",  # ignored
    )
    after = call("InvokeCommand", CommandId=command_id, InstanceId=[instance_id])["InvokeId"]
    for invoke_id, name, word, timeout in (
        (before, "greet", "old", 70),
        (after, "new name", "new", 80),
    ):
        one = invocation(call, invoke_id)
        assert (one["CommandName"], one["CommandDescription"]) == (name, word)
        assert (one["WorkingDir"], one["Launcher"]) == (f"/{word}", word)
        assert (one["Timeout"], one["CommandContent"]) == (timeout, "echo hello")


def test_what_is_not_changed_stays(call: Caller) -> None:
    command_id = create(call, Description="words", WorkingDir="/tmp", Timeout=70)
    call("ModifyCommand", CommandId=command_id, Name="another")
    (one,) = commands(call, CommandId=command_id)
    assert (one["Name"], one["Description"], one["WorkingDir"]) == ("another", "words", "/tmp")
    assert one["Timeout"] == 70


def test_a_deleted_command_is_told_with_its_invocations(it: Cloud, call: Caller) -> None:
    command_id = create(call)
    asked = call("InvokeCommand", CommandId=command_id, InstanceId=it.instances())
    call("DeleteCommand", CommandId=command_id)
    ended(it, asked["InvokeId"])
    assert commands(call, CommandId=command_id) == []
    one = invocation(call, asked["InvokeId"])
    assert (one["CommandName"], one["CommandContent"]) == ("greet", "echo hello")
    told = call("DescribeInvocationResults", CommandId=command_id)["Invocation"]
    (result,) = told["InvocationResults"]["InvocationResult"]
    assert (result["CommandId"], result["InvocationStatus"]) == (command_id, "Success")


def test_its_invocations_are_counted_even_when_they_are_forgotten(it: Cloud, call: Caller) -> None:
    command_id = create(call)
    asked = call("InvokeCommand", CommandId=command_id, InstanceId=it.instances(2))
    ended(it, asked["InvokeId"])
    call("InvokeCommand", CommandId=command_id, InstanceId=it.instances())

    async def forget(world: World) -> None:
        await world.database.write(lambda tx: tx.invocations.forget(before=world.clock.now()))

    it.do(forget)
    (one,) = commands(call, CommandId=command_id)
    assert one["InvokeTimes"] == 2


def test_what_is_run_once_is_kept_only_when_that_is_asked_for(it: Cloud, call: Caller) -> None:
    (instance_id,) = it.instances()
    run = {**CREATE, "InstanceId": [instance_id], "Tag": [{"Key": "k", "Value": "v"}]}
    lost = call("RunCommand", **run)["CommandId"]
    kept = call("RunCommand", **run, KeepCommand=True, ResourceGroupId="rg-4")["CommandId"]
    assert commands(call, CommandId=lost) == []
    (one,) = commands(call, CommandId=kept)
    assert (one["Name"], one["InvokeTimes"], one["ResourceGroupId"]) == ("greet", 1, "rg-4")
    assert one["Tags"]["Tag"][0]["TagKey"] == "k"
    asked = call("InvokeCommand", CommandId=kept, InstanceId=[instance_id])
    ended(it, asked["InvokeId"])
    assert invocation(call, asked["InvokeId"])["InvocationStatus"] == "Success"


def test_a_command_that_cannot_run_is_not_kept_either(it: Cloud, call: Caller) -> None:
    with pytest.raises(Exception, match="InvalidInstance"):
        call("RunCommand", **{**CREATE, "Name": "lost"}, InstanceId=["i-nobody"], KeepCommand=True)
    assert commands(call, Name="lost") == []


def test_targets_of_a_stored_command_are_named_by_tags_too(it: Cloud, call: Caller) -> None:
    ids = it.instances(2, tags={"role": "db"})
    asked = call(
        "InvokeCommand",
        CommandId=create(call),
        ResourceTag=[{"Key": "role", "Value": "db"}],
        RepeatMode="DryRun",
    )
    ended(it, asked["InvokeId"])
    targets = invocation(call, asked["InvokeId"])["InvokeInstances"]["InvokeInstance"]
    assert sorted(one["InstanceId"] for one in targets) == sorted(ids)
    assert {one["Repeats"] for one in targets} == {0}


def test_an_invocation_is_found_by_its_group(it: Cloud, call: Caller) -> None:
    stored = call("CreateCommand", Name="n", Type="RunShellScript", CommandContent="dHJ1ZQ==")
    given = {"CommandId": stored["CommandId"], "InstanceId": it.instances(), "Timed": False}
    asked = call("InvokeCommand", **given, ResourceGroupId="rg-invoked")["InvokeId"]
    call("InvokeCommand", **given)
    for action, within in (
        ("DescribeInvocations", ("Invocations", "Invocation")),
        ("DescribeInvocationResults", ("Invocation", "InvocationResults", "InvocationResult")),
    ):
        found: Any = call(action, ResourceGroupId="rg-invoked")
        for name in within:
            found = found[name]
        assert [one["InvokeId"] for one in found] == [asked]
