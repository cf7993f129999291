"""Every documented error that can be caused is caused, and an official client raises it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.client import AcsClient
from aliyunsdkecs.request.v20140526.DescribeRegionsRequest import DescribeRegionsRequest

from cloudhand.api.ecs.operations import OPERATIONS
from cloudhand.api.operation import Operation
from cloudhand.core.ids import InstanceId
from tests.api.clients import CALLERS, ClientError, classic, tea
from tests.api.cloud import INACTIVE, KEY, REGION, Cloud
from tests.world import World

RUN = {"Type": "RunShellScript", "CommandContent": "true"}
FILLED = {**RUN, "CommandContent": "echo {{name}}", "EnableParameter": True}
MANY = [f"i-{n}" for n in range(101)]
TAGS = [{"Key": f"k{n}", "Value": ""} for n in range(21)]
LONG_HEX = "0123456789abcdef" * 4

# Stand-ins for the ids of the instances that the tests share.
UP, DOWN, KEPT = "<up>", "<down>", "<kept>"


@dataclass(frozen=True)
class Shared:
    """Instances that no test changes, and a command that was sent to one."""

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
    return Shared({UP: up, DOWN: down, KEPT: kept}, invoke_id)


def run(code: str, status: int, **values: Any) -> tuple[str, dict[str, Any], str, int]:
    return ("RunCommand", {**RUN, "InstanceId": [UP], **values}, code, status)


def filled(code: str, status: int, **values: Any) -> tuple[str, dict[str, Any], str, int]:
    return ("RunCommand", {**FILLED, "InstanceId": [UP], **values}, code, status)


COMMANDS = [
    run("MissingParam.InstanceId", 400, InstanceId=None),
    run("InstanceIds.ExceedLimit", 403, InstanceId=MANY),
    run("InvalidInstance.NotFound", 404, InstanceId=[UP, "i-nobody"]),
    run("InvalidInstance.NotFound", 404, InstanceId=["mi-nobody"]),
    run("InvalidInstance.NotMatch", 400, InstanceId=[UP, DOWN]),
    run("InvalidInstance.NotMatch", 400, Type="RunBatScript"),
    run("InvalidInstance.NotMatch", 400, Type="RunPowerShellScript"),
    run("InvalidCmdType.NotFound", 404, Type="RunPerlScript"),
    run("MissingParameter.Type", 400, Type=None),
    run("MissingParameter.CommandContent", 400, CommandContent=None),
    run("CmdContent.DecodeError", 400, CommandContent="%%%", ContentEncoding="Base64"),
    run("CmdContent.DecodeError", 400, CommandContent="é", ContentEncoding="base64"),
    run("CmdContent.ExceedLimit", 403, CommandContent="x" * (18 * 1024 + 1)),
    run("CmdContent.ExceedLimit", 403, CommandContent="é" * (18 * 1024)),
    run("CmdName.ExceedLimit", 403, Name="x" * 129),
    run("CmdDesc.ExceedLimit", 403, Description="x" * 513),
    run("InvalidParameterCharacter.CommandName", 403, Name="a\x01b"),
    run("InvalidParameterCharacter.CommandDescription", 403, Description="a\x01b"),
    run("InvalidParameterCharacter.CommandWorkingDir", 403, WorkingDir="/a\x01b"),
    run("InvalidParameter.WorkingDir", 400, WorkingDir="/" * 201),
    run("InvalidTimeout.ExceedLimit", 403, Timeout=86401),
    run("InvalidLauncher.LengthLimitExceeded", 403, Launcher="x" * 1025),
    run("Username.ExceedLimit", 403, Username="x" * 256),
    run("WindowsPasswordName.ExceedLimit", 403, WindowsPasswordName="x" * 256),
    run("InvalidRepeatMode.NotFound", 404, RepeatMode="Sometimes"),
    run("MissingParam.Frequency", 400, RepeatMode="Period"),
    run("InvalidTerminationMode.NotFound", 404, TerminationMode="Some"),
    run("InvalidContainerId.Malformed", 400, ContainerId="x"),
    run("InvalidContainerName.Malformed", 400, ContainerName="-x"),
    run("InvalidClientToken.Malformed", 400, ClientToken="x" * 65),
    run("InvalidClientToken.Malformed", 400, ClientToken="é"),
    run("NumberExceed.Tags", 400, Tag=TAGS),
    run("MissingParameter.TagKey", 400, Tag=[{"Value": "v"}]),
    run("Duplicate.TagKey", 400, Tag=[{"Key": "k"}, {"Key": "k"}]),
    run("InvalidTagKey.Malformed", 400, Tag=[{"Key": "acs:k"}]),
    run("InvalidTagValue.Malformed", 400, Tag=[{"Key": "k", "Value": "v" * 129}]),
    run("NumberExceed.ResourceTags", 400, InstanceId=None, ResourceTag=TAGS),
    run("MissingParameter.ResourceTagKey", 400, InstanceId=None, ResourceTag=[{"Value": "v"}]),
    run("Duplicate.ResourceTagKey", 400, InstanceId=None, ResourceTag=[{"Key": "k"}] * 2),
    run("InvalidResourceTagKey.Malformed", 400, InstanceId=None, ResourceTag=[{"Key": "acs:"}]),
    run(
        "InvalidResourceTagValue.Malformed",
        400,
        InstanceId=None,
        ResourceTag=[{"Key": "k", "Value": "v" * 129}],
    ),
    run("InvalidResourceTag.InstanceNotFound", 400, InstanceId=None, ResourceTag=[{"Key": "k"}]),
    run("InvalidResourceTag.ConflictWithInstanceIds", 400, ResourceTag=[{"Key": "k"}]),
    # What is not carried out is refused, never ignored.
    run("UnsupportedOperation", 400, Frequency="rate(5m)"),
    run("UnsupportedOperation", 400, RepeatMode="EveryReboot"),
    run("UnsupportedOperation", 400, RepeatMode="NextRebootOnly"),
    run("UnsupportedOperation", 400, ContainerName="web"),
    run("UnsupportedOperation", 400, ContainerId=f"docker://{LONG_HEX}"),
    run("UnsupportedOperation", 400, OssOutputDelivery="oss://bucket/prefix"),
    run("UnsupportedOperation", 400, Username="bob", WindowsPasswordName="secret"),
    # Custom parameters.
    run("Parameter.Disabled", 400, Parameters={"name": "x"}),
    filled("Parameter.NotMatched", 403, Parameters={"other": "x"}),
    filled("ParameterKey.Duplicate", 403, Parameters={"name": "x", "NAME": "y"}),
    filled("ParameterKey.ExceedLimit", 403, Parameters={"n" * 65: "x"}),
    filled("ParameterCount.ExceedLimit", 403, Parameters={f"n{n}": "" for n in range(11)}),
    filled("ParameterType.NotSupported", 403, Parameters={"name": ["x"]}),
    filled("InvalidParameterCharset.Parameters", 403, Parameters={"é": "x"}),
    filled("CmdContent.ExceedLimit", 403, Parameters={"name": "x" * 24 * 1024}),
    filled("CmdParam.EmptyKey", 400, CommandContent="echo {{ }}"),
    filled("CmdParam.InvalidParamName", 400, CommandContent="echo {{a.b}}"),
    filled("CmdParamName.ExceedLimit", 403, CommandContent="echo {{" + "n" * 65 + "}}"),
    filled(
        "CmdParamCount.ExceedLimit",
        403,
        CommandContent="".join(f"{{{{n{n}}}}}" for n in range(21)),
    ),
    filled("ParameterStore.NotSupported", 403, CommandContent="echo {{ oos-secret:name }}"),
    filled(
        "CmdContent.DecodeError",
        400,
        CommandContent=base64.b64encode(b"\xff{{name}}").decode(),
        ContentEncoding="Base64",
    ),
    ("StopInvocation", {"InvokeId": "t-nobody"}, "InvalidInvokeId.NotFound", 404),
    ("StopInvocation", {}, "MissingParameter.InvokeId", 400),
    (
        "StopInvocation",
        {"InvokeId": "<invoke>", "InstanceId": ["i-nobody"]},
        "InvalidInstanceId.NotFound",
        404,
    ),
    (
        "StopInvocation",
        {"InvokeId": "<invoke>", "InstanceId": MANY[:51]},
        "InstanceIds.ExceedLimit",
        403,
    ),
    ("DescribeInvocations", {"IncludeOutput": True}, "MissingParameter.InvokeId", 400),
    ("DescribeInvocations", {"InvokeStatus": "Lost"}, "InvalidParameter.InvokeStatus", 400),
    ("DescribeInvocations", {"CommandType": "Perl"}, "InvalidCmdType.NotFound", 404),
    ("DescribeInvocations", {"RepeatMode": "Rarely"}, "InvalidRepeatMode.NotFound", 404),
    (
        "DescribeInvocationResults",
        {"InvokeRecordStatus": "Lost"},
        "InvalidParameter.InvokeRecordStatus",
        400,
    ),
    (
        "DescribeCloudAssistantStatus",
        {"InstanceId": ["i-nobody"]},
        "InvalidInstance.NotFound",
        404,
    ),
    ("DescribeCloudAssistantStatus", {"InstanceId": MANY}, "InstanceIds.ExceedLimit", 403),
    ("DescribeCloudAssistantStatus", {"OSType": "BeOS"}, "InvalidParameter.OSType", 400),
]

PAGED = [
    "DescribeActivations",
    "DescribeCloudAssistantStatus",
    "DescribeInstances",
    "DescribeInvocationResults",
    "DescribeInvocations",
    "DescribeManagedInstances",
]
PAGES = [
    row
    for action in PAGED
    for row in (
        (action, {"PageNumber": 0}, "InvalidParam.PageNumber", 400),
        (action, {"PageSize": 101}, "InvalidParam.PageSize", 400),
        (action, {"NextToken": "nonsense"}, "InvalidParameter.NextToken", 400),
        (action, {"MaxResults": "x"}, "InvalidParameter.MaxResults", 400),
    )
] + [
    ("DescribeInstanceStatus", {"PageSize": 51}, "InvalidParam.PageSize", 400),
    ("DescribeInstanceStatus", {"PageNumber": -1}, "InvalidParam.PageNumber", 400),
]

POWER = [
    row
    for action, wrong in (
        ("StartInstance", UP),
        ("StopInstance", DOWN),
        ("RebootInstance", DOWN),
        ("DeleteInstance", UP),
    )
    for row in (
        (action, {"InstanceId": "i-nobody"}, "InvalidInstanceId.NotFound", 404),
        (action, {"InstanceId": wrong}, "IncorrectInstanceStatus", 403),
        (action, {}, "MissingParameter.InstanceId", 400),
        (
            action,
            {"InstanceId": UP if wrong is DOWN else DOWN, "DryRun": True},
            "DryRunOperation",
            400,
        ),
        (f"{action}s", {"InstanceId": [UP, "i-nobody"]}, "InvalidInstanceId.NotFound", 404),
        (f"{action}s", {"InstanceId": [UP, DOWN]}, "IncorrectInstanceStatus", 403),
        (f"{action}s", {"InstanceId": MANY}, "InvalidParameter.TooManyInstanceIds", 403),
        (f"{action}s", {"InstanceId": ["i 1"]}, "Abs.InvalidInstanceIds.MalFormed", 403),
        (f"{action}s", {}, "MissingParameter.InstanceId", 400),
        (
            f"{action}s",
            {"InstanceId": [UP if wrong is DOWN else DOWN], "DryRun": True},
            "DRYRUN.SUCCESS",
            400,
        ),
    )
] + [
    (
        "DeleteInstance",
        {"InstanceId": KEPT, "Force": True},
        "InvalidOperation.DeletionProtection",
        403,
    ),
    (
        "DeleteInstances",
        {"InstanceId": [KEPT], "Force": True},
        "InvalidOperation.DeletionProtection",
        403,
    ),
    (
        "DeleteInstance",
        {"InstanceId": UP, "Force": True, "ForceStop": False},
        "UnsupportedOperation",
        400,
    ),
    ("StopInstance", {"InstanceId": UP, "Hibernate": True}, "UnsupportedOperation", 400),
    (
        "StopInstances",
        {"InstanceId": [UP], "StoppedMode": "Sleep"},
        "InvalidParameter.StoppedMode",
        400,
    ),
    (
        "RebootInstances",
        {"InstanceId": [UP], "BatchOptimization": "Any"},
        "InvalidParameter.BatchOptimization",
        400,
    ),
    (
        "RebootInstances",
        {
            "InstanceId": ["i-nobody"],
            "BatchOptimization": "SuccessFirst",
            "DryRun": True,
        },
        "DRYRUN.SUCCESS",
        400,
    ),
]

INSTANCES = [
    ("DescribeInstances", {"InstanceIds": "i-1"}, "InvalidInstanceIds.Malformed", 400),
    (
        "DescribeInstances",
        {"InstanceIds": str(MANY)},
        "InvalidParameter.TooManyInstanceIds",
        403,
    ),
    ("DescribeInstances", {"Status": "Lost"}, "InvalidStatus.NotFound", 404),
    (
        "DescribeInstances",
        {"InstanceChargeType": "Free"},
        "InvalidInstanceChargeType.NotFound",
        404,
    ),
    (
        "DescribeInstances",
        {"InternetChargeType": "Free"},
        "InvalidInternetChargeType.ValueNotSupported",
        404,
    ),
    ("DescribeInstances", {"LockReason": "mood"}, "InvalidLockReason.NotFound", 404),
    ("DescribeInstances", {"InstanceNetworkType": "lan"}, "InvalidNetworkType.NotFound", 404),
    ("DescribeInstances", {"Tag": [{"Value": "v"}]}, "InvalidTag.Mismatch", 400),
    ("DescribeInstances", {"Tag": TAGS}, "InvalidTagCount", 400),
    ("DescribeInstances", {"DryRun": True}, "DryRunOperation", 400),
    ("DescribeInstances", {"PrivateIpAddresses": "x"}, "InvalidParameter.PrivateIpAddresses", 400),
    ("DescribeInstanceStatus", {"ZoneId": "moon"}, "InvalidZoneId.NotFound", 404),
    (
        "DescribeInstanceStatus",
        {"InstanceId": MANY},
        "InvalidParameter.TooManyInstanceIds",
        403,
    ),
    (
        "DescribeInstanceStatus",
        {"InstanceId": ["i 1"]},
        "Abs.InvalidInstanceIds.MalFormed",
        403,
    ),
    ("DescribeRegions", {"AcceptLanguage": "la"}, "InvalidAcceptLanguage.NotFound", 404),
    ("DescribeRegions", {"InstanceChargeType": "Free"}, "Invalid.InstanceChargeType", 403),
    ("DescribeRegions", {"ResourceType": "x"}, "InvalidResourceType.NotFound", 404),
    ("DescribeZones", {"AcceptLanguage": "la"}, "InvalidAcceptLanguage.NotFound", 404),
    ("RunInstances", {"DryRun": True}, "DryRunOperation", 400),
    ("RunInstances", {"ZoneId": "moon"}, "InvalidZoneId.NotFound", 404),
    ("RunInstances", {"Amount": 101}, "InvalidParameter.Amount", 400),
    ("RunInstances", {"Amount": 100}, "QuotaExceed.ElasticQuota", 403),
    ("RunInstances", {"Amount": 1, "MinAmount": 2}, "InvalidParameter.MinAmount", 400),
    ("RunInstances", {"InstanceName": "1"}, "InvalidInstanceName.Malformed", 400),
    ("RunInstances", {"InstanceName": "a[1,999999]"}, "InvalidInstanceName.Malformed", 400),
    ("RunInstances", {"HostName": "a_b"}, "InvalidHostName.Malformed", 400),
    ("RunInstances", {"Description": "http://x"}, "InvalidDescription.Malformed", 400),
    ("RunInstances", {"UserData": "%"}, "InvalidUserData.Base64FormatInvalid", 400),
    (
        "RunInstances",
        {"UserData": base64.b64encode(b"x" * 32769).decode()},
        "InvalidUserData.SizeExceeded",
        400,
    ),
    ("RunInstances", {"AutoReleaseTime": "2030-01-01T00:00:00Z"}, "UnsupportedOperation", 400),
]

ACTIVATIONS = [
    ("CreateActivation", {"InstanceName": "a"}, "InstanceName.ExceedLimit", 400),
    ("CreateActivation", {"InstanceName": "a" * 51}, "InstanceName.ExceedLimit", 400),
    ("CreateActivation", {"InstanceName": "1a"}, "InstanceName.InvalidPattern", 400),
    ("CreateActivation", {"Description": "x" * 101}, "ActivationDesc.ExceedLimit", 400),
    ("CreateActivation", {"InstanceCount": 0}, "ActivationCount.ExceedLimit", 400),
    ("CreateActivation", {"InstanceCount": 1001}, "ActivationCount.ExceedLimit", 400),
    ("CreateActivation", {"TimeToLiveInHours": 5}, "ActivationTTL.ExceedLimit", 400),
    ("CreateActivation", {"IpAddressRange": "home"}, "AddressRange.InvalidPattern", 400),
    ("CreateActivation", {"ClientToken": "x" * 65}, "InvalidClientToken.Malformed", 400),
    ("CreateActivation", {"Tag": TAGS}, "NumberExceed.Tags", 400),
    ("DescribeManagedInstances", {"InstanceId": MANY[:51]}, "InstanceIds.ExceedLimit", 403),
    ("DescribeManagedInstances", {"OsType": "BeOS"}, "InvalidParameter.OsType", 400),
    (
        "DescribeManagedInstances",
        {"Connected": "maybe"},
        "InvalidParameter.Connected",
        400,
    ),
    ("DeregisterManagedInstance", {"InstanceId": "mi-nobody"}, "InvalidInstance.NotFound", 404),
    ("DeregisterManagedInstance", {}, "MissingParameter.InstanceId", 400),
]

ROWS = [*COMMANDS, *PAGES, *POWER, *INSTANCES, *ACTIVATIONS]


def _asks_for_region(operation: Operation) -> bool:
    declared = operation.parameters.get("region_id")
    return declared is not None and declared.required


def _name(row: tuple[str, dict[str, Any], str, int]) -> str:
    return f"{row[0]} {row[2]}"


@pytest.mark.parametrize("row", ROWS, ids=_name)
def test_the_operation_declares_the_error(row: tuple[str, dict[str, Any], str, int]) -> None:
    action, _, code, status = row
    declared = {(error.code, error.status) for error in OPERATIONS[action].declared}
    general = code.startswith(("MissingParameter.", "InvalidParameter.")) and status == 400
    assert (code, status) in declared or general


@pytest.mark.parametrize("client", ["tea", "classic"])
@pytest.mark.parametrize("row", ROWS, ids=_name)
def test_an_official_client_raises_the_documented_error(
    it: Cloud, shared: Shared, row: tuple[str, dict[str, Any], str, int], client: str
) -> None:
    action, values, code, status = row
    given = {name: shared.fill(value) for name, value in values.items() if value is not None}
    if given.get("InvokeId") == "<invoke>":
        given["InvokeId"] = shared.invoke_id
    with pytest.raises(ClientError) as caught:
        CALLERS[client](it.endpoint)(action, **given)
    assert (caught.value.code, caught.value.status) == (code, status)


@pytest.mark.parametrize(
    "action", sorted(name for name, one in OPERATIONS.items() if _asks_for_region(one))
)
def test_every_operation_asks_for_a_region_it_knows(it: Cloud, action: str) -> None:
    with pytest.raises(ClientError) as caught:
        tea(it.endpoint)(action, RegionId="cn-atlantis")
    assert (caught.value.code, caught.value.status) == ("InvalidRegionId.NotFound", 404)


def test_a_missing_region_is_told(it: Cloud) -> None:
    with pytest.raises(ClientError) as caught:
        tea(it.endpoint)("DescribeInstances", RegionId=None)
    assert (caught.value.code, caught.value.status) == ("MissingParameter.RegionId", 400)


@pytest.mark.parametrize("client", sorted(CALLERS))
def test_an_operation_that_is_not_there_is_said_not_to_be(it: Cloud, client: str) -> None:
    with pytest.raises(ClientError) as caught:
        CALLERS[client](it.endpoint)("DescribeVpcs" if "classic" in client else "DescribeDisks")
    assert (caught.value.code, caught.value.status) == ("InvalidAction.NotFound", 404)


@pytest.mark.parametrize(
    ("action", "first", "other", "status"),
    [
        ("RunCommand", {**RUN, "InstanceId": [UP]}, {"CommandContent": "false"}, 403),
        ("CreateActivation", {"InstanceCount": 2}, {"InstanceCount": 3}, 403),
        ("RunInstances", {"Description": "this one"}, {"Description": "that one"}, 400),
    ],
)
def test_a_token_answers_alike_and_fits_one_request_only(
    it: Cloud,
    shared: Shared,
    action: str,
    first: dict[str, Any],
    other: dict[str, Any],
    status: int,
) -> None:
    given = {name: shared.fill(value) for name, value in first.items()}
    call = tea(it.endpoint)
    answers = [call(action, ClientToken="token-1", **given) for _ in range(2)]
    for answer in answers:
        del answer["RequestId"]
    assert answers[0] == answers[1]
    with pytest.raises(ClientError) as caught:
        call(action, ClientToken="token-1", **{**given, **other})
    assert (caught.value.code, caught.value.status) == ("IdempotentParameterMismatch", status)


@pytest.mark.parametrize("options", [{}, {"signature_algorithm": "v2"}], ids=["v3", "v2"])
@pytest.mark.parametrize(
    ("key_id", "secret", "code", "status"),
    [
        ("nobody", "x", "InvalidAccessKeyId.NotFound", 404),
        (INACTIVE.id, INACTIVE.secret, "InvalidAccessKeyId.Inactive", 400),
        ("LTAI-test", "wrong", "SignatureDoesNotMatch", 400),
    ],
)
def test_the_newer_client_hears_why_it_is_not_believed(
    it: Cloud, options: dict[str, str], key_id: str, secret: str, code: str, status: int
) -> None:
    call = tea(it.endpoint, access_key_id=key_id, access_key_secret=secret, **options)
    with pytest.raises(ClientError) as caught:
        call("DescribeRegions")
    assert (caught.value.code, caught.value.status) == (code, status)


@pytest.mark.parametrize(
    ("key_id", "secret", "code", "status"),
    [
        ("nobody", "x", "InvalidAccessKeyId.NotFound", 404),
        (INACTIVE.id, INACTIVE.secret, "InvalidAccessKeyId.Inactive", 400),
        ("LTAI-test", "wrong", "SignatureDoesNotMatch", 400),
    ],
)
def test_the_older_client_hears_why_it_is_not_believed(
    it: Cloud, key_id: str, secret: str, code: str, status: int
) -> None:
    with pytest.raises(ClientError) as caught:
        classic(it.endpoint, key_id=key_id, secret=secret)("DescribeRegions")
    assert (caught.value.code, caught.value.status) == (code, status)


def test_the_older_client_finds_out_that_its_secret_is_wrong(it: Cloud) -> None:
    """It compares what was signed with what it finds behind the colon of the message."""
    request = DescribeRegionsRequest()
    request.set_endpoint(it.endpoint)
    client = AcsClient(KEY.id, "wrong", REGION, auto_retry=False)
    with pytest.raises(ServerException) as caught:
        client.do_action_with_exception(request)
    assert caught.value.get_error_code() == "InvalidAccessKeySecret"


def test_a_temporary_key_is_refused(it: Cloud) -> None:
    call = tea(it.endpoint, security_token="token", type="sts")
    with pytest.raises(ClientError) as caught:
        call("DescribeRegions")
    assert caught.value.code == "InvalidSecurityToken.Malformed"


def test_an_instance_that_still_starts_cannot_be_released_without_force(it: Cloud) -> None:
    it.do(_failing("start"))
    try:
        made = tea(it.endpoint)("RunInstances")["InstanceIdSets"]["InstanceIdSet"]
        it.do(lambda world: world.until(lambda: world._all_in(made, "Starting")))
        with pytest.raises(ClientError) as caught:
            tea(it.endpoint)("DeleteInstance", InstanceId=made[0])
        assert caught.value.code == "IncorrectInstanceStatus.Initializing"
        assert list(tea(it.endpoint)("DeleteInstance", InstanceId=made[0], Force=True)) == [
            "RequestId"
        ]
    finally:
        it.do(_failing())


def _failing(*calls: str) -> Any:
    async def fail(world: World) -> None:
        world.machines.failing = set(calls)

    return fail
