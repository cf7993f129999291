"""Every documented error that can be caused is caused, and an official client raises it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cloudhand.api.ecs.operations import OPERATIONS
from cloudhand.api.operation import Operation
from cloudhand.control.settings import ControlSettings
from cloudhand.core.ids import InstanceId
from tests.api.clients import CALLERS, ClientError, hang_up, tea
from tests.api.cloud import Cloud, cloud
from tests.compat.rows import (
    AGAIN,
    ASKS,
    BATCH,
    BOOTING,
    CREATE,
    DOWN,
    EXTENSIONS,
    FILLED,
    KEPT,
    OPEN,
    OVER,
    PLAIN,
    ROWS,
    RUN,
    SEND,
    STORED,
    UP,
    WINDOWS,
    Row,
)
from tests.sessions import join
from tests.world import World

# Errors that a test below causes with more than one request.
BY_A_STORY = {
    ("RebootInstance", "OperationDenied.RestartLimit"),
    ("RebootInstances", "OperationDenied.RestartLimit"),
    ("ReleaseGovernorSlot", "OperationDenied.RestartOrdered"),
    ("SetGovernorGroup", "QuotaExceed.GovernorGroup"),
    ("CreateActivation", "ActivationCount.ExceedLimit"),
    ("CreateActivation", "IdempotentParameterMismatch"),
    ("CreateCommand", "CmdCount.ExceedQuota"),
    ("CreateCommand", "IdempotentParameterMismatch"),
    ("CreateNotificationChannel", "InvalidChannelName.Duplicate"),
    ("CreateNotificationChannel", "QuotaExceed.NotificationChannels"),
    ("DeleteActivation", "ActivationId.InUse"),
    ("CreateInstance", "IdempotentParameterMismatch"),
    ("CreateInstance", "QuotaExceed.ElasticQuota"),
    ("DeleteInstance", "IncorrectInstanceStatus.Initializing"),
    ("DeleteInstances", "IdempotentParameterMismatch"),
    ("DeleteInstances", "IncorrectInstanceStatus.Initializing"),
    ("DeregisterManagedInstance", "IdempotentParameterMismatch"),
    ("InvokeCommand", "IdempotentParameterMismatch"),
    ("InvokeCommand", "Invocation.ExceedQuota"),
    ("InvokeCommand", "ParameterStore.NoPermission"),
    ("ListTagResources", "MissingParameter.RegionId"),
    ("ModifyInvocationAttribute", "CommandLimitExceeded"),
    ("ModifyInvocationAttribute", "IdempotentParameterMismatch"),
    ("ModifyInvocationAttribute", "ParameterStore.NoPermission"),
    ("RunCommand", "CmdCount.ExceedQuota"),
    ("RunCommand", "IdempotentParameterMismatch"),
    ("RunCommand", "Invocation.ExceedQuota"),
    ("RunCommand", "ParameterStore.NoPermission"),
    ("RunInstances", "IdempotentParameterMismatch"),
    ("SendFile", "IdempotentParameterMismatch"),
    ("StartTerminalSession", "IdempotentParameterMismatch"),
    ("StartTerminalSession", "SessionCount.ExceedLimit"),
    ("StartTerminalSession", "UserBehavior.SessionManagerDisabled"),
    ("TagResources", "MissingParameter.RegionId"),
    ("TagResources", "QuotaExceed.Tags"),
    ("UntagResources", "MissingParameter.RegionId"),
}


@dataclass(frozen=True)
class Shared:
    """Instances and stored commands that no test changes, and what was sent to one of them."""

    ids: Mapping[str, str]
    invoke_id: str

    def fill(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.fill(one) for one in value]
        return self.ids.get(value, value) if isinstance(value, str) else value


@pytest.fixture(scope="module")
def shared(it: Cloud) -> Shared:
    up, down = it.instances(2)
    (kept,) = it.instances(1, deletion_protection=True)

    async def stop_and_make(world: World) -> InstanceId:
        await world.control.instances.stop([down], force=True, together=True)
        await world.until(lambda: world._all_in([down], "Stopped"))
        invoke_id = await world.run(up)
        await world.until(lambda: world.ended(invoke_id))
        return InstanceId(invoke_id)

    invoke_id = it.do(stop_and_make)
    known = {
        UP: up,
        DOWN: down,
        KEPT: kept,
        **_stored_commands(it),
        **_invocations(it, up),
        WINDOWS: _of_windows(it),
    }
    return Shared(known, invoke_id)


_STORED_COMMANDS: dict[str, dict[str, Any]] = {
    PLAIN: RUN,
    ASKS: FILLED,
    STORED: {**FILLED, "CommandContent": "echo {{ oos-secret:name }}"},
    BATCH: {**RUN, "Type": "RunBatScript"},
}


def _stored_commands(it: Cloud) -> dict[str, str]:
    call = tea(it.endpoint)
    return {
        name: call("CreateCommand", Name=name, ContentEncoding="PlainText", **values)["CommandId"]
        for name, values in _STORED_COMMANDS.items()
    }


def _invocations(it: Cloud, instance_id: str) -> dict[str, str]:
    call = tea(it.endpoint)
    found = {
        name: call("RunCommand", **FILLED, InstanceId=[instance_id], **when)["InvokeId"]
        for name, when in (
            (AGAIN, {"Frequency": "rate(7d)"}),
            (OVER, {"Frequency": "rate(7d)"}),
            (BOOTING, {"RepeatMode": "EveryReboot"}),
        )
    }
    call("StopInvocation", InvokeId=found[OVER])
    return found


def _of_windows(it: Cloud) -> str:
    activation = tea(it.endpoint)("CreateActivation")
    return it.join(activation["ActivationId"], activation["ActivationCode"], os_type="windows")


def _asks_for_region(operation: Operation) -> bool:
    declared = operation.parameters.get("region_id")
    return declared is not None and declared.required


def _clients(action: str) -> tuple[str, ...]:
    return ("classic",) if action in EXTENSIONS else ("classic", "tea")


def _name(row: Row) -> str:
    return f"{row[0]} {row[2]}"


@pytest.mark.parametrize("row", ROWS, ids=_name)
def test_the_operation_declares_the_error(row: Row) -> None:
    action, _, code, status = row
    declared = {(error.code, error.status) for error in OPERATIONS[action].declared}
    general = code.startswith(("MissingParameter.", "InvalidParameter.")) and status == 400
    assert (code, status) in declared or general


def test_every_declared_error_is_caused_here() -> None:
    by_a_row = {(action, code) for action, _, code, _ in ROWS}
    declared = {(o.name, error.code) for o in OPERATIONS.values() for error in o.declared}
    assert declared <= by_a_row | BY_A_STORY
    assert declared >= BY_A_STORY
    assert not by_a_row & BY_A_STORY


@pytest.mark.parametrize(
    ("row", "client"),
    [(row, client) for row in ROWS for client in _clients(row[0])],
    ids=lambda one: one if isinstance(one, str) else _name(one),
)
def test_an_official_client_raises_the_documented_error(
    it: Cloud, shared: Shared, row: Row, client: str
) -> None:
    action, values, code, status = row
    given = {name: shared.fill(value) for name, value in values.items() if value is not None}
    if given.get("InvokeId") == "<invoke>":
        given["InvokeId"] = shared.invoke_id
    with pytest.raises(ClientError) as caught:
        CALLERS[client](it.endpoint)(action, **given)
    assert (caught.value.code, caught.value.status) == (code, status)


@pytest.mark.parametrize(
    ("action", "values", "which"),
    [
        (
            "RunCommand",
            {**RUN, "InstanceId": [UP, DOWN]},
            "(cannot run a command on {DOWN}: it is Stopped).",
        ),
        ("RunCommand", {**RUN, "InstanceId": [UP, "i-a", "i-b"]}, "(cannot find i-a, i-b)."),
        ("RebootInstances", {"InstanceId": [UP, DOWN]}, "(cannot restart {DOWN}: it is Stopped)."),
        ("DeleteInstance", {"InstanceId": KEPT, "Force": True}, "{KEPT}"),
    ],
)
def test_the_message_says_which_instance_it_is(
    it: Cloud, shared: Shared, action: str, values: dict[str, Any], which: str
) -> None:
    given = {name: shared.fill(value) for name, value in values.items()}
    with pytest.raises(ClientError) as caught:
        tea(it.endpoint)(action, **given)
    assert which.format(DOWN=shared.ids[DOWN], KEPT=shared.ids[KEPT]) in caught.value.message


@pytest.mark.parametrize(
    "action", sorted(name for name, one in OPERATIONS.items() if _asks_for_region(one))
)
def test_every_operation_asks_for_a_region_it_knows(it: Cloud, action: str) -> None:
    with pytest.raises(ClientError) as caught:
        CALLERS[_clients(action)[-1]](it.endpoint)(action, RegionId="cn-atlantis")
    assert (caught.value.code, caught.value.status) == ("InvalidRegionId.NotFound", 404)


@pytest.mark.parametrize("action", ["ListTagResources", "TagResources", "UntagResources"])
def test_a_missing_region_is_told_in_another_way_where_tags_are(it: Cloud, action: str) -> None:
    with pytest.raises(ClientError) as caught:
        tea(it.endpoint)(action, RegionId=None)
    assert (caught.value.code, caught.value.status) == ("MissingParameter.RegionId", 404)


@pytest.mark.parametrize("client", ["tea", "classic"])
def test_tags_beyond_the_quota_are_refused(it: Cloud, client: str) -> None:
    call = CALLERS[client](it.endpoint)
    given = {
        "ResourceType": "command",
        "ResourceId": [call("CreateCommand", **CREATE)["CommandId"]],
    }
    call("TagResources", **given, Tag=[{"Key": f"k{n}", "Value": ""} for n in range(20)])
    with pytest.raises(ClientError) as caught:
        call("TagResources", **given, Tag=[{"Key": "one more", "Value": ""}])
    assert (caught.value.code, caught.value.status) == ("QuotaExceed.Tags", 403)


def test_a_missing_region_is_told(it: Cloud) -> None:
    with pytest.raises(ClientError) as caught:
        tea(it.endpoint)("DescribeInstances", RegionId=None)
    assert (caught.value.code, caught.value.status) == ("MissingParameter.RegionId", 400)


@pytest.mark.parametrize("client", sorted(CALLERS))
def test_an_operation_that_is_not_there_is_said_not_to_be(it: Cloud, client: str) -> None:
    with pytest.raises(ClientError) as caught:
        CALLERS[client](it.endpoint)(
            "DescribeSnapshots" if "classic" in client else "DescribeKeyPairs"
        )
    assert (caught.value.code, caught.value.status) == ("InvalidAction.NotFound", 404)


@pytest.mark.parametrize(
    ("action", "first", "other", "status"),
    [
        ("RunCommand", {**RUN, "InstanceId": [UP]}, {"CommandContent": "false"}, 403),
        ("CreateCommand", CREATE, {"Name": "another"}, 403),
        ("InvokeCommand", {"CommandId": PLAIN, "InstanceId": [UP]}, {"Timeout": 99}, 403),
        ("SendFile", SEND, {"Name": "another"}, 403),
        ("StartTerminalSession", OPEN, {"PortNumber": 22}, 403),
        (
            "ModifyInvocationAttribute",
            {"InvokeId": AGAIN, "Frequency": "rate(2d)"},
            {"Frequency": "rate(3d)"},
            403,
        ),
        ("CreateActivation", {"InstanceCount": 2}, {"InstanceCount": 3}, 403),
        ("CreateInstance", {"Description": "this one"}, {"Description": "that one"}, 400),
        ("RunInstances", {"Description": "this one"}, {"Description": "that one"}, 400),
        ("DeleteInstances", {"InstanceId": ["<new>"]}, {"InstanceId": [UP]}, 400),
    ],
)
@pytest.mark.parametrize("client", ["tea", "classic"])
def test_a_token_answers_alike_and_fits_one_request_only(
    it: Cloud,
    shared: Shared,
    action: str,
    first: dict[str, Any],
    other: dict[str, Any],
    status: int,
    client: str,
) -> None:
    call = CALLERS[client](it.endpoint)
    ids = {"<new>": _stopped(it)} if "<new>" in str(first) else {}
    given = {name: Shared({**shared.ids, **ids}, "").fill(v) for name, v in first.items()}
    token = f"token-{client}"
    answers = [call(action, ClientToken=token, **given) for _ in range(2)]
    for answer in answers:
        del answer["RequestId"]
    assert answers[0] == answers[1]
    changed = {name: shared.fill(value) for name, value in other.items()}
    with pytest.raises(ClientError) as caught:
        call(action, ClientToken=token, **{**given, **changed})
    assert (caught.value.code, caught.value.status) == ("IdempotentParameterMismatch", status)


def _stopped(it: Cloud) -> str:
    (made,) = it.instances(1)

    async def stop(world: World) -> None:
        await world.control.instances.stop([made], force=True, together=True)
        await world.until(lambda: world._all_in([made], "Stopped"))

    it.do(stop)
    return made


@pytest.mark.parametrize("client", ["tea", "classic"])
def test_a_token_of_a_deregistration_fits_it_only(it: Cloud, client: str) -> None:
    call = CALLERS[client](it.endpoint)
    activation = call("CreateActivation")
    joined = it.join(activation["ActivationId"], activation["ActivationCode"])
    token = f"end-{client}"
    call("DeregisterManagedInstance", InstanceId=joined, ClientToken=token)
    with pytest.raises(ClientError) as caught:
        call("DeregisterManagedInstance", InstanceId="mi-another", ClientToken=token)
    assert (caught.value.code, caught.value.status) == ("IdempotentParameterMismatch", 403)


@pytest.mark.parametrize("client", ["tea", "classic"])
def test_activations_beyond_the_limit_are_refused(tmp_path: Path, client: str) -> None:
    with cloud(tmp_path, ControlSettings(activations_limit=1)) as small:
        call = CALLERS[client](small.endpoint)
        call("CreateActivation")
        with pytest.raises(ClientError) as caught:
            call("CreateActivation")
        assert (caught.value.code, caught.value.status) == ("ActivationCount.ExceedLimit", 400)
        hang_up()


def test_of_many_activations_more_than_half_are_used_before_there_are_more(tmp_path: Path) -> None:
    with cloud(tmp_path, ControlSettings(activations_unused=2)) as small:
        call = tea(small.endpoint)
        made = [call("CreateActivation") for _ in range(3)]
        for one in made[:2]:
            with pytest.raises(ClientError) as caught:
                call("CreateActivation")
            assert caught.value.code == "ActivationCount.ExceedLimit"
            small.join(one["ActivationId"], one["ActivationCode"])
        call("CreateActivation")
        hang_up()


@pytest.mark.parametrize("client", ["tea", "classic"])
def test_an_activation_is_kept_while_a_machine_is_registered_with_it(
    it: Cloud, client: str
) -> None:
    call = CALLERS[client](it.endpoint)
    activation = call("CreateActivation")
    joined = it.join(activation["ActivationId"], activation["ActivationCode"])
    with pytest.raises(ClientError) as caught:
        call("DeleteActivation", ActivationId=activation["ActivationId"])
    assert (caught.value.code, caught.value.status) == ("ActivationId.InUse", 403)
    call("DeregisterManagedInstance", InstanceId=joined)
    call("DeleteActivation", ActivationId=activation["ActivationId"])


@pytest.mark.parametrize("client", ["tea", "classic"])
def test_commands_beyond_the_quota_are_not_kept(tmp_path: Path, client: str) -> None:
    with cloud(tmp_path, ControlSettings(commands_limit=1)) as small:
        call = CALLERS[client](small.endpoint)
        (instance_id,) = small.instances()
        call("CreateCommand", **CREATE)
        ask = {**RUN, "InstanceId": [instance_id]}
        call("RunCommand", **ask)
        for action, values in (
            ("CreateCommand", CREATE),
            ("RunCommand", {**ask, "KeepCommand": True}),
        ):
            with pytest.raises(ClientError) as caught:
                call(action, **values)
            assert (caught.value.code, caught.value.status) == ("CmdCount.ExceedQuota", 403)
            assert "(the limit is 1 commands)" in caught.value.message
        (stored,) = call("DescribeCommands")["Commands"]["Command"]
        again = {"CommandId": stored["CommandId"], "Frequency": "rate(1h)"}
        invoke_id = call("InvokeCommand", **again, InstanceId=[instance_id])["InvokeId"]
        with pytest.raises(ClientError) as caught:
            call("ModifyInvocationAttribute", InvokeId=invoke_id, CommandContent="false")
        assert (caught.value.code, caught.value.status) == ("CommandLimitExceeded", 403)
        hang_up()


@pytest.mark.parametrize("client", ["tea", "classic"])
def test_commands_beyond_the_quota_of_a_day_are_not_run(tmp_path: Path, client: str) -> None:
    with cloud(tmp_path, ControlSettings(invocations_per_day=2)) as small:
        call = CALLERS[client](small.endpoint)
        kept = call("CreateCommand", **CREATE)["CommandId"]
        named = {"InstanceId": small.instances()}
        call("RunCommand", **RUN, **named, ClientToken="first")
        call("InvokeCommand", CommandId=kept, **named)
        for action, values in (("RunCommand", RUN), ("InvokeCommand", {"CommandId": kept})):
            with pytest.raises(ClientError) as caught:
                call(action, **values, **named)
            assert (caught.value.code, caught.value.status) == ("Invocation.ExceedQuota", 403)
            assert "(the limit is 2 invocations since 00:00 UTC)" in caught.value.message
        call("RunCommand", **RUN, **named, ClientToken="first")  # it has run
        hang_up()


@pytest.mark.parametrize("client", ["tea", "classic"])
def test_sessions_beyond_the_limit_are_not_started(tmp_path: Path, client: str) -> None:
    with cloud(tmp_path, ControlSettings(connections_limit=1)) as small:
        call = CALLERS[client](small.endpoint)
        named = {"InstanceId": [small.do(join)]}
        call("StartTerminalSession", **named)
        with pytest.raises(ClientError) as caught:
            call("StartTerminalSession", **named)
        assert (caught.value.code, caught.value.status) == ("SessionCount.ExceedLimit", 403)
        hang_up()


@pytest.mark.parametrize("client", ["tea", "classic"])
def test_no_session_is_started_where_they_are_switched_off(tmp_path: Path, client: str) -> None:
    with cloud(tmp_path) as it:
        call = CALLERS[client](it.endpoint)
        off = {"SessionManagerConfig": {"SessionManagerEnabled": False}}
        call("ModifyCloudAssistantSettings", SettingType="SessionManagerConfig", **off)
        with pytest.raises(ClientError) as caught:
            call("StartTerminalSession", InstanceId=it.instances())
        assert caught.value.code == "UserBehavior.SessionManagerDisabled"
        assert caught.value.status == 403
        hang_up()


@pytest.mark.parametrize("client", ["tea", "classic"])
def test_instances_beyond_the_quota_are_not_made(tmp_path: Path, client: str) -> None:
    with cloud(tmp_path, ControlSettings(instances_limit=1)) as small:
        call = CALLERS[client](small.endpoint)
        call("CreateInstance")
        with pytest.raises(ClientError) as caught:
            call("CreateInstance")
        assert (caught.value.code, caught.value.status) == ("QuotaExceed.ElasticQuota", 403)
        hang_up()


@pytest.mark.parametrize("client", ["tea", "classic"])
def test_an_instance_that_still_starts_cannot_be_released_without_force(
    it: Cloud, client: str
) -> None:
    call = CALLERS[client](it.endpoint)
    it.do(_failing("start"))
    try:
        (made,) = call("RunInstances")["InstanceIdSets"]["InstanceIdSet"]
        it.do(lambda world: world.until(lambda: world._all_in([made], "Starting")))
        for action, named in (("DeleteInstance", made), ("DeleteInstances", [made])):
            with pytest.raises(ClientError) as caught:
                call(action, InstanceId=named)
            assert caught.value.code == "IncorrectInstanceStatus.Initializing"
            assert caught.value.status == 403
        assert list(call("DeleteInstance", InstanceId=made, Force=True)) == ["RequestId"]
    finally:
        it.do(_failing())


def _failing(*calls: str) -> Any:
    async def fail(world: World) -> None:
        world.machines.failing = set(calls)

    return fail
