"""Requests that cannot be served, and the error that each is documented to end with."""

from __future__ import annotations

import base64
from typing import Any

RUN = {"Type": "RunShellScript", "CommandContent": "true"}
CREATE = {"Name": "n", "Type": "RunShellScript", "CommandContent": "dHJ1ZQ=="}
FILLED = {**RUN, "CommandContent": "echo {{name}}", "EnableParameter": True}
MANY = [f"i-{n}" for n in range(101)]
TAGS = [{"Key": f"k{n}", "Value": ""} for n in range(21)]
LARGE = base64.b64encode(b"x" * (32 * 1024 + 1)).decode()
LONG_HEX = "0123456789abcdef" * 4

# Stand-ins for the ids of the instances and stored commands that the tests share.
UP, DOWN, KEPT = "<up>", "<down>", "<kept>"
PLAIN, ASKS, STORED, BATCH = "<plain>", "<asks>", "<stored>", "<batch>"
# And for invocations: one that runs again, one that did, and one that runs after boots.
AGAIN, OVER, BOOTING = "<again>", "<over>", "<booting>"
WINDOWS = "<windows>"


Row = tuple[str, dict[str, Any], str, int]  # operation, parameters, code, HTTP status


def run(code: str, status: int, **values: Any) -> Row:
    return ("RunCommand", {**RUN, "InstanceId": [UP], **values}, code, status)


def filled(code: str, status: int, **values: Any) -> Row:
    return ("RunCommand", {**FILLED, "InstanceId": [UP], **values}, code, status)


def invoke(code: str, status: int, **values: Any) -> Row:
    return ("InvokeCommand", {"CommandId": PLAIN, "InstanceId": [UP], **values}, code, status)


def create(code: str, status: int, **values: Any) -> Row:
    return ("CreateCommand", {**CREATE, **values}, code, status)


def modify(code: str, status: int, **values: Any) -> Row:
    return ("ModifyCommand", {"CommandId": PLAIN, **values}, code, status)


def change(code: str, status: int, **values: Any) -> Row:
    return ("ModifyInvocationAttribute", {"InvokeId": AGAIN, **values}, code, status)


CHANGED = [
    change("MissingParameter.InvokeId", 400, InvokeId=None),
    change("InvalidInvokeId.NotFound", 404, InvokeId="t-nobody"),
    change("InvalidOperation.RepeatModeUnsupported", 403, InvokeId="<invoke>"),
    change("InvalidOperation.InvokeAlreadyFinished", 403, InvokeId=OVER),
    change("InvalidParameter.Frequency", 400, Frequency="every day"),
    change("InvalidParameter.Frequency", 400, Frequency="rate(1h)", InvokeId=BOOTING),
    change("InvalidInstanceId.NotFound", 404, InstanceId=["i-nobody"]),
    change("InvalidInstanceId.CountLimitExceeded", 403, InstanceId=MANY),
    change("InvalidInstanceId.CountLimitExceeded", 403, InstanceId=MANY[:100]),
    change("InvalidInstanceId.OSTypeUnsupported", 403, InstanceId=[WINDOWS]),
    change("IncorrectInstanceStatus", 403, InstanceId=[DOWN]),
    change(
        "InvalidCommandContent.DecodeError", 400, CommandContent="%%%", ContentEncoding="Base64"
    ),
    change(
        "InvalidCommandContent.DecodeError", 400, CommandContent="gA==", ContentEncoding="Base64"
    ),
    change("InvalidCommandContent.LengthLimitExceeded", 403, CommandContent="x" * 18 * 1025),
    change("InvalidParameter.Parameters", 400, Parameters=["x"]),
    change("InvalidParameters.KeyMalformed", 400, Parameters={"é": "x"}),
    change("InvalidParameters.KeyEmpty", 400, Parameters={"": "x"}),
    change("InvalidParameters.KeyDuplicate", 400, Parameters={"name": "x", "NAME": "y"}),
    change("InvalidParameters.KeyLengthLimitExceeded", 403, Parameters={"n" * 65: "x"}),
    change("InvalidParameters.ValueTypeUnsupported", 403, Parameters={"name": ["x"]}),
    change(
        "InvalidParameters.CountLimitExceeded", 403, Parameters={f"n{n}": "" for n in range(11)}
    ),
    change("InvalidParameters.KeyNotMatch", 400, Parameters={"other": "x"}),
    change("Parameter.Disabled", 400, EnableParameter=False, Parameters={"name": "x"}),
    change("ParameterStore.InvalidParameters", 403, CommandContent="{{oos:name}}"),
    change("ParameterStore.InvalidParameters", 403, CommandContent="{{oos:}}"),
    change("CmdParam.EmptyKey", 400, CommandContent="{{}}"),
    change("CmdParam.InvalidParamName", 400, CommandContent="{{a b}}"),
    change("CmdParamName.ExceedLimit", 403, CommandContent="{{%s}}" % ("n" * 65)),
    change(
        "CmdParamCount.ExceedLimit",
        403,
        CommandContent="".join(f"{{{{n{n}}}}}" for n in range(21)),
    ),
    change("InvalidClientToken.Malformed", 400, ClientToken="x" * 65),
]


# Operations of our own, for which the newer client has no request.
EXTENSIONS = (
    "CreateFault",
    "CreateNotificationChannel",
    "DeleteFaults",
    "DeleteGovernorGroup",
    "DeleteNotificationChannel",
    "DescribeAgentNotices",
    "DescribeAgentUpgrades",
    "DescribeFaults",
    "DescribeGovernorGroups",
    "DescribeGovernorSlots",
    "DescribeInvocationOutput",
    "ExplainInstance",
    "ExplainInvocation",
    "FinishInstance",
    "FinishInvocation",
    "ListAuditRecords",
    "ListNotificationChannels",
    "ReleaseGovernorSlot",
    "ResetFleetLockToken",
    "SetGovernorGroup",
    "TestNotificationChannel",
    "UpgradeAgents",
)


# Nobody can cut the power of a machine of one's own.
FORCED: list[Row] = [
    ("RebootInstances", {"InstanceId": ["mi-1"], "ForceReboot": True}, "UnsupportedOperation", 400),
    ("RebootInstance", {"InstanceId": "mi-1", "ForceStop": True}, "UnsupportedOperation", 400),
    ("StopInstances", {"InstanceId": ["mi-1"], "ForceStop": True}, "UnsupportedOperation", 400),
    ("StopInstance", {"InstanceId": "mi-1", "ForceStop": True}, "UnsupportedOperation", 400),
]


RECORDS: list[Row] = [
    ("ListAuditRecords", {"StartTime": "today"}, "InvalidParameter.StartTime", 400),
    ("ListAuditRecords", {"EndTime": "2026-01-02"}, "InvalidParameter.EndTime", 400),
    ("ListAuditRecords", {"MaxResults": 1001}, "InvalidParameter.MaxResults", 400),
    ("ListAuditRecords", {"NextToken": "none"}, "InvalidParameter.NextToken", 400),
]


def ended(code: str, status: int, **values: Any) -> Row:
    given = {"InvokeId": OVER, "Status": "Failed", "Reason": "I looked", **values}
    return ("FinishInvocation", given, code, status)


FINISHED: list[Row] = [
    ended("MissingParameter.InvokeId", 400, InvokeId=None),
    ended("MissingParameter.Status", 400, Status=None),
    ended("MissingParameter.Reason", 400, Reason=None),
    ended("InvalidParameter.Status", 400, Status="Running"),
    ended("InvalidParameter.Reason", 400, Reason="x" * 501),
    ended("InvalidInvokeId.NotFound", 404, InvokeId="t-none"),
    ended("InvalidInstanceId.NotFound", 404, InstanceId=["i-nobody"]),
    ended("InstanceIds.ExceedLimit", 403, InstanceId=MANY[:51]),
    ended("InvalidStatus.Finished", 403),
    ("FinishInstance", {"Reason": "it is gone"}, "MissingParameter.InstanceId", 400),
    ("FinishInstance", {"InstanceId": "i-none"}, "MissingParameter.Reason", 400),
    (
        "FinishInstance",
        {"InstanceId": "i-none", "Reason": "x" * 501},
        "InvalidParameter.Reason",
        400,
    ),
    (
        "FinishInstance",
        {"InstanceId": "i-none", "Reason": "it is gone"},
        "InvalidInstanceId.NotFound",
        404,
    ),
]

EXPLAINED: list[Row] = [
    ("ExplainInvocation", {}, "MissingParameter.InvokeId", 400),
    ("ExplainInvocation", {"InvokeId": "t-none"}, "InvalidInvokeId.NotFound", 404),
    (
        "ExplainInvocation",
        {"InvokeId": OVER, "InstanceId": "i-nobody"},
        "InvalidInstanceId.NotFound",
        404,
    ),
    ("ExplainInstance", {}, "MissingParameter.InstanceId", 400),
    ("ExplainInstance", {"InstanceId": "i-none"}, "InvalidInstanceId.NotFound", 404),
]


def channel(code: str, status: int, **values: Any) -> Row:
    given = {"ChannelName": "ops", "Kind": "slack", "Address": "https://a.example/x", **values}
    return ("CreateNotificationChannel", given, code, status)


CHANNELS: list[Row] = [
    channel("MissingParameter.ChannelName", 400, ChannelName=None),
    channel("MissingParameter.Kind", 400, Kind=None),
    channel("MissingParameter.Address", 400, Address=None),
    channel("InvalidParameter.ChannelName", 400, ChannelName="two words"),
    channel("InvalidParameter.ChannelName", 400, ChannelName="n" * 65),
    channel("InvalidParameter.Kind", 400, Kind="pigeon"),
    channel("InvalidParameter.Address", 400, Address="ftp://a.example/"),
    channel("InvalidParameter.Address", 400, Address="https://who@a.example/"),
    channel("InvalidParameter.Address", 400, Address="https://a.example/two words"),
    channel("InvalidParameter.Address", 400, Address="https://a.example:99999/"),
    channel("InvalidParameter.Address", 400, Address="https:///x"),
    channel("InvalidParameter.Address", 400, Address="https://a.example/" + "x" * 2048),
    channel("InvalidParameter.Secret", 400, Secret="s"),
    channel("InvalidParameter.Secret", 400, Kind="webhook", Secret="whsec_c2hvcnQ="),
    channel("InvalidParameter.Secret", 400, Kind="webhook", Secret="whsec_%"),
    channel("InvalidParameter.Secret", 400, Kind="webhook", Secret="c2hvcnQ=" * 4),
    channel("InvalidParameter.Event", 400, Event=["failed", "lunch"]),
    channel("InvalidParameter.Event", 400, Event=["1", "2", "3", "4", "5"]),
    channel("InvalidParameter.Language", 400, Language="la"),
    ("DeleteNotificationChannel", {}, "MissingParameter.ChannelName", 400),
    (
        "DeleteNotificationChannel",
        {"ChannelName": "two words"},
        "InvalidParameter.ChannelName",
        400,
    ),
    ("TestNotificationChannel", {"ChannelName": "two words"}, "InvalidParameter.ChannelName", 400),
    ("DeleteNotificationChannel", {"ChannelName": "x"}, "InvalidChannelName.NotFound", 404),
    ("TestNotificationChannel", {}, "MissingParameter.ChannelName", 400),
    ("TestNotificationChannel", {"ChannelName": "x"}, "InvalidChannelName.NotFound", 404),
]


def output(code: str, status: int, **values: Any) -> Row:
    given = {"InvokeId": "<invoke>", "InstanceId": UP, **values}
    return ("DescribeInvocationOutput", given, code, status)


OUTPUTS = [
    output("MissingParameter.InvokeId", 400, InvokeId=None),
    output("MissingParameter.InstanceId", 400, InstanceId=None),
    output("InvalidInvokeId.NotFound", 404, InvokeId="t-nobody"),
    output("InvalidInvokeId.NotFound", 404, InstanceId=DOWN),
    output("InvalidInvokeId.NotFound", 404, Run=7),
    output("InvalidParameter.Run", 400, Run=-1),
    output("InvalidParameter.Offset", 400, Offset="x"),
    output("InvalidParameter.MaxBytes", 400, MaxBytes=0),
]

NOTICES: list[Row] = [
    ("DescribeAgentNotices", {}, "MissingParameter.InstanceId", 400),
    ("DescribeAgentNotices", {"InstanceId": "i-nobody"}, "InvalidInstanceId.NotFound", 404),
]

FAULTS: list[Row] = [
    ("CreateFault", {}, "MissingParameter.Kind", 400),
    ("CreateFault", {"Kind": "luck"}, "InvalidParameter.Kind", 400),
    ("CreateFault", {"Kind": "exit", "Value": 256}, "InvalidParameter.Value", 400),
    ("CreateFault", {"Kind": "no-boot", "Times": 2}, "InvalidParameter.Times", 400),
    ("CreateFault", {"Kind": "exit", "InstanceId": MANY}, "InstanceIds.ExceedLimit", 403),
    ("CreateFault", {"Kind": "exit", "InstanceId": ["i-x"]}, "InvalidInstanceId.NotFound", 404),
    ("DeleteFaults", {"FaultId": ["fault-x"]}, "InvalidFaultId.NotFound", 404),
    ("DeleteFaults", {"FaultId": MANY}, "InvalidParameter.FaultId", 400),
]


def govern(code: str, status: int, **values: Any) -> Row:
    return ("SetGovernorGroup", {"GroupName": "db", **values}, code, status)


GOVERNOR: list[Row] = [
    govern("MissingParameter.GroupName", 400, GroupName=None),
    govern("InvalidParameter.GroupName", 400, GroupName="a b"),
    govern("InvalidParameter.Budget", 400, Budget="0"),
    govern("InvalidParameter.Budget", 400, Budget="101%"),
    govern("InvalidParameter.Lease", 400, Lease=299),
    govern("InvalidParameter.Restarts", 400, Restarts=1001),
    govern("InvalidParameter.RestartsWithin", 400, RestartsWithin=59),
    govern("InvalidParameter.CountsOffline", 400, CountsOffline="maybe"),
    govern("InvalidTagCount", 400, Tag=TAGS),
    govern("InvalidTag.Mismatch", 400, Tag=[{"Value": "v"}]),
    govern("Duplicate.TagKey", 400, Tag=[{"Key": "k"}] * 2),
    govern("InvalidTagKey.Malformed", 400, Tag=[{"Key": "acs:"}]),
    govern("InvalidTagValue.Malformed", 400, Tag=[{"Key": "k", "Value": "v" * 129}]),
    ("DeleteGovernorGroup", {"GroupName": "none"}, "InvalidGroupName.NotFound", 404),
    ("DeleteGovernorGroup", {"GroupName": "/"}, "InvalidParameter.GroupName", 400),
    ("DescribeGovernorSlots", {"GroupName": "none"}, "InvalidGroupName.NotFound", 404),
    ("DescribeGovernorSlots", {"GroupName": "/"}, "InvalidParameter.GroupName", 400),
    ("DescribeGovernorSlots", {"MaxResults": 1001}, "InvalidParameter.MaxResults", 400),
    ("DescribeGovernorSlots", {"NextToken": "none"}, "InvalidParameter.NextToken", 400),
    ("ReleaseGovernorSlot", {}, "MissingParameter.SlotId", 400),
    ("ReleaseGovernorSlot", {"SlotId": "slot-x"}, "InvalidSlotId.NotFound", 404),
    ("ResetFleetLockToken", {"GroupName": "none"}, "InvalidGroupName.NotFound", 404),
    ("ResetFleetLockToken", {"GroupName": "/"}, "InvalidParameter.GroupName", 400),
]

UPGRADES: list[Row] = [
    (operation, values, code, status)
    for operation in ("UpgradeAgents", "DescribeAgentUpgrades")
    for values, code, status in (
        ({}, "MissingParam.InstanceId", 400),
        ({"InstanceId": MANY}, "InstanceIds.ExceedLimit", 403),
        ({"InstanceId": [UP, "i-nobody"]}, "InvalidInstance.NotFound", 404),
        ({"InstanceId": ["mi-nobody"]}, "InvalidInstance.NotFound", 404),
    )
]

# What is wrong with where or how a command shall run.
ASKED = [
    row
    for ask in (run, invoke)
    for row in (
        ask("MissingParam.InstanceId", 400, InstanceId=None),
        ask("InstanceIds.ExceedLimit", 403, InstanceId=MANY),
        ask("InvalidInstance.NotFound", 404, InstanceId=[UP, "i-nobody"]),
        ask("InvalidInstance.NotFound", 404, InstanceId=["mi-nobody"]),
        ask("InvalidInstance.NotMatch", 400, InstanceId=[UP, DOWN]),
        ask("InvalidTimeout.ExceedLimit", 403, Timeout=86401),
        ask("InvalidParameterCharacter.CommandWorkingDir", 403, WorkingDir="/a\x01b"),
        ask("InvalidParameter.WorkingDir", 400, WorkingDir="/" * 201),
        ask("InvalidLauncher.LengthLimitExceeded", 403, Launcher="x" * 1025),
        ask("Username.ExceedLimit", 403, Username="x" * 256),
        ask("WindowsPasswordName.ExceedLimit", 403, WindowsPasswordName="x" * 256),
        ask("InvalidRepeatMode.NotFound", 404, RepeatMode="Sometimes"),
        ask("MissingParam.Frequency", 400, RepeatMode="Period"),
        ask("InvalidParam.Frequency", 400, Frequency="every day"),
        ask("InvalidParam.Frequency", 400, Frequency="rate(59s)"),
        ask("InvalidParam.Frequency", 400, Frequency="at(2020-01-01 00:00:00)"),
        ask("InvalidParam.Frequency", 400, Frequency="0 * * * * ?", Timeout=61),
        ask("InvalidTerminationMode.NotFound", 404, TerminationMode="Some"),
        ask("InvalidContainerId.Malformed", 400, ContainerId="x"),
        ask("InvalidContainerName.Malformed", 400, ContainerName="-x"),
        ask("NumberExceed.ResourceTags", 400, InstanceId=None, ResourceTag=TAGS),
        ask("MissingParameter.ResourceTagKey", 400, InstanceId=None, ResourceTag=[{"Value": "v"}]),
        ask("Duplicate.ResourceTagKey", 400, InstanceId=None, ResourceTag=[{"Key": "k"}] * 2),
        ask("InvalidResourceTagKey.Malformed", 400, InstanceId=None, ResourceTag=[{"Key": "acs:"}]),
        ask(
            "InvalidResourceTagValue.Malformed",
            400,
            InstanceId=None,
            ResourceTag=[{"Key": "k", "Value": "v" * 129}],
        ),
        ask(
            "InvalidResourceTag.InstanceNotFound", 400, InstanceId=None, ResourceTag=[{"Key": "k"}]
        ),
        ask("InvalidResourceTag.ConflictWithInstanceIds", 400, ResourceTag=[{"Key": "k"}]),
        ask("InvalidParameter.Parameters", 400, Parameters=["x"]),
        # What is not carried out is refused, never ignored.
        ask("UnsupportedOperation", 400, ContainerName="web"),
        ask("UnsupportedOperation", 400, ContainerId=f"docker://{LONG_HEX}"),
        ask("UnsupportedOperation", 400, OssOutputDelivery="oss://bucket/prefix"),
        ask("UnsupportedOperation", 400, Username="bob", WindowsPasswordName="secret"),
        ask("Parameter.Disabled", 400, Parameters={"name": "x"}),
    )
]
ASKED += [
    run("WindowsPasswordName.Missed", 403, Type="RunBatScript", Username="bob"),
    invoke("WindowsPasswordName.Missed", 403, CommandId=BATCH, Username="bob"),
]


def invoke_filled(code: str, status: int, **values: Any) -> Row:
    return invoke(code, status, CommandId=ASKS, **values)


# What is wrong with the values for placeholders.
VALUES = [
    row
    for ask in (filled, invoke_filled)
    for row in (
        ask("Parameter.NotMatched", 403, Parameters={"other": "x"}),
        ask("ParameterKey.Duplicate", 403, Parameters={"name": "x", "NAME": "y"}),
        ask("ParameterKey.ExceedLimit", 403, Parameters={"n" * 65: "x"}),
        ask("ParameterCount.ExceedLimit", 403, Parameters={f"n{n}": "" for n in range(11)}),
        ask("ParameterType.NotSupported", 403, Parameters={"name": ["x"]}),
        ask("InvalidParameterCharset.Parameters", 403, Parameters={"é": "x"}),
        ask("CmdContent.ExceedLimit", 403, Parameters={"name": "x" * 24 * 1024}),
    )
]

# What is wrong with a command itself.
WRITTEN = [
    row
    for ask in (run, create)
    for row in (
        ask("InvalidCmdType.NotFound", 404, Type="RunPerlScript"),
        ask("MissingParameter.Type", 400, Type=None),
        ask("MissingParameter.CommandContent", 400, CommandContent=None),
        ask("CmdContent.DecodeError", 400, CommandContent="%%%", ContentEncoding="Base64"),
        ask("CmdContent.DecodeError", 400, CommandContent="é", ContentEncoding="base64"),
        ask(
            "CmdContent.ExceedLimit",
            403,
            CommandContent="x" * (18 * 1024 + 1),
            ContentEncoding="PlainText",
        ),
        ask(
            "CmdContent.ExceedLimit",
            403,
            CommandContent="é" * (18 * 1024),
            ContentEncoding="PlainText",
        ),
        ask("CmdName.ExceedLimit", 403, Name="x" * 129),
        ask("CmdDesc.ExceedLimit", 403, Description="x" * 513),
        ask("InvalidParameterCharacter.CommandName", 403, Name="a\x01b"),
        ask("InvalidParameterCharacter.CommandDescription", 403, Description="a\x01b"),
        *(
            ask(
                code,
                status,
                EnableParameter=True,
                CommandContent=base64.b64encode(content).decode(),
                ContentEncoding="Base64",
            )
            for code, status, content in (
                ("CmdParam.EmptyKey", 400, b"echo {{ }}"),
                ("CmdParam.InvalidParamName", 400, b"echo {{a.b}}"),
                ("CmdParamName.ExceedLimit", 403, b"echo {{" + b"n" * 65 + b"}}"),
                (
                    "CmdParamCount.ExceedLimit",
                    403,
                    "".join(f"{{{{n{n}}}}}" for n in range(21)).encode(),
                ),
                ("CmdContent.DecodeError", 400, b"\xff{{name}}"),
            )
        ),
    )
]

COMMANDS: list[Row] = [
    *ASKED,
    *VALUES,
    *WRITTEN,
    run("InvalidInstance.NotMatch", 400, Type="RunBatScript"),
    run("InvalidInstance.NotMatch", 400, Type="RunPowerShellScript"),
    invoke("InvalidInstance.NotMatch", 400, CommandId=BATCH),
    invoke("InvalidCmdId.NotFound", 404, CommandId="c-nobody"),
    invoke("MissingParameter.CommandId", 400, CommandId=None),
    invoke("ParameterStore.InvalidParameters", 403, CommandId=STORED),
    filled("ParameterStore.InvalidParameters", 403, CommandContent="echo {{ oos-secret:name }}"),
    create("MissingParameter.Name", 400, Name=None),
    create("InvalidTimeout.ExceedLimit", 403, Timeout=86401),
    create("InvalidParameterCharacter.CommandWorkingDir", 403, WorkingDir="/a\x01b"),
    create("InvalidParameter.WorkingDir", 400, WorkingDir="/" * 201),
    create("InvalidLauncher.LengthLimitExceeded", 403, Launcher="x" * 1025),
    modify("InvalidCmdId.NotFound", 404, CommandId="c-nobody"),
    modify("MissingParameter.CommandId", 400, CommandId=None),
    modify("CmdName.ExceedLimit", 403, Name="x" * 129),
    modify("CmdDesc.ExceedLimit", 403, Description="x" * 513),
    modify("CmdContent.ExceedLimit", 403, CommandContent="x" * (24 * 1024 + 1)),
    modify("InvalidParameterCharacter.CommandName", 403, Name="a\x01b"),
    modify("InvalidParameterCharacter.CommandDescription", 403, Description="a\x01b"),
    modify("InvalidParameterCharacter.CommandWorkingDir", 403, WorkingDir="/a\x01b"),
    modify("InvalidParameter.WorkingDir", 400, WorkingDir="/" * 201),
    modify("InvalidTimeout.ExceedLimit", 403, Timeout=86401),
    modify("InvalidLauncher.LengthLimitExceeded", 403, Launcher="x" * 1025),
    ("DeleteCommand", {"CommandId": "c-nobody"}, "InvalidCmdId.NotFound", 404),
    ("DeleteCommand", {}, "MissingParameter.CommandId", 400),
    ("DescribeCommands", {"Name": "x" * 129}, "InvalidName.LengthLimitExceeded", 403),
    ("DescribeCommands", {"Description": "x" * 513}, "InvalidDescription.LengthLimitExceeded", 403),
    ("DescribeCommands", {"Type": "RunPerlScript"}, "InvalidCommandType.NotFound", 404),
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

SEND = {"Name": "n", "TargetDir": "/d", "Content": "x", "InstanceId": [UP]}
FILES: list[Row] = [
    *(
        ("SendFile", {**SEND, name: value}, code, status)
        for name, value, code, status in (
            ("Name", None, "MissingParameter.Name", 400),
            ("TargetDir", None, "MissingParameter.TargetDir", 400),
            ("Content", None, "MissingParameter.Content", 400),
            ("InstanceId", None, "MissingParam.InstanceId", 400),
            ("InstanceId", MANY[:51], "InstanceIds.ExceedLimit", 403),
            ("InstanceId", [UP, "i-nobody"], "InvalidInstance.NotFound", 404),
            ("InstanceId", ["mi-nobody"], "InvalidInstance.NotFound", 404),
            ("Name", "x" * 256, "FileName.ExceedLimit", 403),
            ("Name", "../x", "InvalidParameter.Name", 400),
            ("Name", "..", "InvalidParameter.Name", 400),
            ("TargetDir", "etc", "FileTargetDir.Invalid", 400),
            ("TargetDir", "/" * 256, "FileTargetDir.Invalid", 400),
            ("TargetDir", "/a\x01b", "FileTargetDir.Invalid", 400),
            ("FileMode", "888", "FileMode.Invalid", 400),
            ("FileMode", "u+x", "FileMode.Invalid", 400),
            ("FileOwner", "a:b", "InvalidParameter.FileOwner", 400),
            ("FileOwner", "x" * 65, "InvalidParameter.FileOwner", 400),
            ("FileGroup", "a b", "InvalidParameter.FileGroup", 400),
            ("ContentType", "Hex", "FileContentType.Invalid", 400),
            ("Content", "x" * (24 * 1024 + 1), "FileSize.ExceedLimit", 403),
            ("Description", "x" * 513, "FileDesc.ExceedLimit", 403),
            ("Timeout", 86401, "InvalidTimeout.ExceedLimit", 403),
        )
    ),
    (
        "SendFile",
        {**SEND, "ContentType": "Base64", "Content": "%%%"},
        "FileContent.DecodeError",
        400,
    ),
    (
        "DescribeSendFileResults",
        {"InvocationStatus": "Lost"},
        "InvalidParameter.InvocationStatus",
        400,
    ),
]

OPEN = {"InstanceId": [UP]}
KMS = {"Enabled": True, "Mode": "Kms", "KMSKeyId": "key"}
SESSIONS: list[Row] = [
    *(
        ("StartTerminalSession", {**OPEN, **values}, code, status)
        for values, code, status in (
            ({"InstanceId": None}, "MissingParameter.InstanceId", 400),
            ({"InstanceId": MANY[:11]}, "InstanceIds.ExceedLimit", 403),
            ({"InstanceId": [UP, "i-nobody"]}, "InvalidInstance.NotFound", 404),
            ({"InstanceId": ["mi-nobody"]}, "InvalidInstance.NotFound", 404),
            ({"CommandLine": "x" * 513}, "InvalidCommandLine.LengthLimitExceeded", 403),
            ({"CommandLine": "top", "PortNumber": 22}, "InvalidCommandLine.Conflict", 403),
            ({"CommandLine": "top", "TargetServer": "db"}, "InvalidCommandLine.Conflict", 403),
            ({"PortNumber": 0}, "PortNumber.Invalid", 400),
            ({"PortNumber": 65536}, "PortNumber.Invalid", 400),
            ({"TargetServer": "db"}, "InvalidTargetServer.MissingPortNumber", 403),
            (
                {"TargetServer": "x" * 129, "PortNumber": 22},
                "InvalidTargetServer.LengthLimitExceeded",
                403,
            ),
            (
                {"InstanceId": [UP, DOWN], "CommandLine": "top"},
                "InvalidInstanceIds.CountLimitExceeded",
                403,
            ),
            (
                {"InstanceId": [UP, DOWN], "TargetServer": "db", "PortNumber": 22},
                "InvalidInstanceIds.CountLimitExceeded",
                403,
            ),
            ({"Username": "x" * 256}, "Username.ExceedLimit", 403),
            ({"PasswordName": "x" * 256}, "InvalidPasswordName.LengthLimitExceeded", 403),
            ({"ConnectionType": "Carrier"}, "InvalidParameter.ConnectionType", 400),
            ({"EncryptionOptions": KMS}, "UnsupportedOperation", 400),
            ({"EncryptionOptions": {"Enabled": True}}, "UnsupportedOperation", 400),
            ({"EncryptionOptions": {"Mode": "Auto"}}, "InvalidParameter.EncryptionOptions", 400),
            (
                {"EncryptionOptions": {**KMS, "Mode": "Auto"}},
                "InvalidParameter.EncryptionOptions",
                400,
            ),
            (
                {"EncryptionOptions": {**KMS, "Mode": "Rot13"}},
                "InvalidParameter.EncryptionOptions",
                400,
            ),
            ({"ClientToken": "x" * 65}, "InvalidClientToken.Malformed", 400),
        )
    ),
    ("EndTerminalSession", {}, "MissingParameter.SessionId", 400),
    ("EndTerminalSession", {"SessionId": "s-nobody"}, "InvalidSessionId.NotFound", 404),
    ("DescribeTerminalSessions", {"MaxResults": 101}, "InvalidParameter.MaxResults", 400),
    ("DescribeTerminalSessions", {"NextToken": "nonsense"}, "InvalidParameter.NextToken", 400),
]

JOIN = {"ResourceType": "command", "ResourceId": PLAIN, "ResourceGroupId": "rg-1"}
TYPED = {"ResourceType": "command", "ResourceId": [PLAIN]}
TAG = {"Tag": [{"Key": "k", "Value": "v"}]}
RESOURCES: list[Row] = [
    *(
        row
        for action, values in (
            ("TagResources", {**TYPED, **TAG}),
            ("UntagResources", {**TYPED, "All": True}),
            ("ListTagResources", TYPED),
        )
        for row in (
            (action, {**values, "ResourceType": None}, "MissingParameter.ResourceType", 404),
            (action, {**values, "ResourceType": "car"}, "InvalidResourceType.NotFound", 404),
            (action, {**values, "ResourceId": None}, "MissingParameter.ResourceIds", 404),
            (action, {**values, "ResourceId": MANY[:51]}, "NumberExceed.ResourceIds", 400),
        )
    ),
    *(
        (action, {**values, **other}, "InvalidResourceId.NotFound", 404)
        for action, values in (
            ("TagResources", {**TYPED, **TAG}),
            ("UntagResources", {**TYPED, "All": True}),
        )
        for other in ({"ResourceId": [PLAIN, "c-nobody"]}, {"ResourceType": "disk"})
    ),
    ("TagResources", TYPED, "MissingParameter.Tags", 404),
    ("TagResources", {**TYPED, "Tag": TAGS}, "NumberExceed.Tags", 400),
    ("TagResources", {**TYPED, "Tag": [{"Value": "v"}]}, "MissingParameter.TagKey", 400),
    ("TagResources", {**TYPED, "Tag": [{"Key": "k"}] * 2}, "Duplicate.TagKey", 400),
    ("TagResources", {**TYPED, "Tag": [{"Key": "acs:k"}]}, "InvalidTagKey.Malformed", 400),
    ("TagResources", {**TYPED, "Tag": [{"Key": "k" * 129}]}, "InvalidTagKey.Malformed", 400),
    (
        "TagResources",
        {**TYPED, "Tag": [{"Key": "k", "Value": "v" * 129}]},
        "InvalidTagValue.Malformed",
        400,
    ),
    ("UntagResources", TYPED, "MissingParameter.TagKey", 400),
    ("UntagResources", {**TYPED, "TagKey": MANY[:21]}, "NumberExceed.Tags", 400),
    ("ListTagResources", {**TYPED, "Tag": TAGS}, "NumberExceed.Tags", 400),
    ("ListTagResources", {**TYPED, "Tag": [{"Value": "v"}]}, "InvalidParameter.TagValue", 400),
    ("ListTagResources", {**TYPED, "NextToken": "nonsense"}, "InvalidParameter.NextToken", 400),
    (
        "ListTagResources",
        {**TYPED, "Tag": [{"Key": "acs:rm:rgId", "Value": "rg-1"}, {"Key": "k"}]},
        "InvalidParameter.Tag",
        400,
    ),
    ("ListTagResources", {**TYPED, "Tag": [{"Key": "acs:rm:rgId"}]}, "InvalidParameter.Tag", 400),
    ("DescribeTags", {"ResourceType": "car"}, "InvalidResourceType.NotFound", 404),
    ("DescribeTags", {"PageSize": 101}, "InvalidParam.PageSize", 400),
    ("DescribeTags", {"PageNumber": 0}, "InvalidParam.PageNumber", 400),
    run("InvalidTagKey.Malformed", 400, Tag=[{"Key": "k" * 65}]),
    *(
        ("JoinResourceGroup", {**JOIN, **other}, code, status)
        for other, code, status in (
            ({"ResourceType": None}, "MissingParameter.ResourceType", 404),
            ({"ResourceId": None}, "MissingParameter.ResourceId", 400),
            ({"ResourceGroupId": None}, "MissingParameter.ResourceGroupId", 400),
            ({"ResourceType": "Command"}, "InvalidResourceType.NotFound", 404),
            ({"ResourceType": "invocation"}, "InvalidResourceType.NotFound", 404),
            ({"ResourceType": "disk"}, "InvalidResourceId.NotFound", 404),
            ({"ResourceId": "c-nobody"}, "InvalidResourceId.NotFound", 404),
        )
    ),
    ("InstallCloudAssistant", {}, "MissingParam.InstanceId", 400),
    ("InstallCloudAssistant", {"InstanceId": MANY[:51]}, "InstanceIds.ExceedLimit", 403),
    ("InstallCloudAssistant", {"InstanceId": [UP, "i-nobody"]}, "InvalidInstance.NotFound", 404),
]

LABELLED: dict[str, dict[str, Any]] = {
    "CreateActivation": {},
    "CreateCommand": CREATE,
    "CreateInstance": {},
    "DescribeActivations": {},
    "DescribeCommands": {},
    "DescribeInvocationResults": {},
    "DescribeInvocations": {},
    "DescribeManagedInstances": {},
    "DescribeSendFileResults": {},
    "DescribeTags": {},
    "InvokeCommand": {"CommandId": PLAIN, "InstanceId": [UP]},
    "RunCommand": {**RUN, "InstanceId": [UP]},
    "RunInstances": {},
    "SendFile": SEND,
}
LABELS = [
    (action, {**values, "Tag": tag}, code, 400)
    for action, values in LABELLED.items()
    for tag, code in (
        (TAGS, "NumberExceed.Tags"),
        ([{"Value": "v"}], "MissingParameter.TagKey"),
        ([{"Key": "k"}] * 2, "Duplicate.TagKey"),
        ([{"Key": "acs:k"}], "InvalidTagKey.Malformed"),
        ([{"Key": "http://k"}], "InvalidTagKey.Malformed"),
        ([{"Key": "k" * 129}], "InvalidTagKey.Malformed"),
        ([{"Key": "k", "Value": "v" * 129}], "InvalidTagValue.Malformed"),
    )
]
REPEATABLE: dict[str, dict[str, Any]] = {
    "CreateActivation": {},
    "CreateCommand": CREATE,
    "CreateInstance": {},
    "DeleteInstances": {"InstanceId": [KEPT]},
    "DeregisterManagedInstance": {"InstanceId": "mi-nobody"},
    "InvokeCommand": {"CommandId": PLAIN, "InstanceId": [UP]},
    "RunCommand": {**RUN, "InstanceId": [UP]},
    "RunInstances": {},
    "SendFile": SEND,
}
TOKENS = [
    (action, {**values, "ClientToken": token}, "InvalidClientToken.Malformed", 400)
    for action, values in REPEATABLE.items()
    for token in ("x" * 65, "é")
]

PAGED = [
    "DescribeActivations",
    "DescribeCloudAssistantStatus",
    "DescribeCommands",
    "DescribeDisks",
    "DescribeInstances",
    "DescribeInvocationResults",
    "DescribeInvocations",
    "DescribeManagedInstances",
    "DescribeSecurityGroups",
    "DescribeSendFileResults",
]
NUMBERED = ["DescribeImages", "DescribeInstanceStatus", "DescribeVSwitches", "DescribeVpcs"]
PAGES = [
    row
    for action in PAGED
    for row in (
        (action, {"PageNumber": 0}, "InvalidParam.PageNumber", 400),
        (action, {"PageSize": 101}, "InvalidParam.PageSize", 400),
        (action, {"NextToken": "nonsense"}, "InvalidParameter.NextToken", 400),
        (action, {"MaxResults": "x"}, "InvalidParameter.MaxResults", 400),
    )
]
PAGES += [
    row
    for action in NUMBERED
    for row in (
        (action, {"PageSize": 101}, "InvalidParam.PageSize", 400),
        (action, {"PageNumber": -1}, "InvalidParam.PageNumber", 400),
    )
]

POWER: list[Row] = [
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
    (
        "DeleteInstances",
        {"InstanceId": [UP], "Force": True, "ForceStop": False},
        "UnsupportedOperation",
        400,
    ),
    ("StopInstance", {"InstanceId": UP, "Hibernate": True}, "UnsupportedOperation", 400),
    (
        "StopInstance",
        {"InstanceId": UP, "StoppedMode": "Sleep"},
        "InvalidParameter.StoppedMode",
        400,
    ),
    (
        "StopInstances",
        {"InstanceId": [UP], "StoppedMode": "Sleep"},
        "InvalidParameter.StoppedMode",
        400,
    ),
    *(
        (
            action,
            {"InstanceId": [UP], "BatchOptimization": "Any"},
            "InvalidParameter.BatchOptimization",
            400,
        )
        for action in ("RebootInstances", "StartInstances", "StopInstances")
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

INSTANCES: list[Row] = [
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
    *(
        ("DescribeInstances", {name: addresses}, f"InvalidParameter.{name}", 400)
        for name in (
            "EipAddresses",
            "InnerIpAddresses",
            "PrivateIpAddresses",
            "PublicIpAddresses",
            "RdmaIpAddresses",
        )
        for addresses in ("x", str(MANY))
    ),
    ("DescribeInstances", {"Ipv6Address": MANY}, "InvalidParameter.Ipv6Address", 400),
    (
        "DescribeInstances",
        {"AdditionalAttributes": MANY},
        "InvalidParameter.AdditionalAttributes",
        400,
    ),
    (
        "DescribeInstances",
        {"Filter": [{"Key": "Mood", "Value": "good"}]},
        "InvalidFilterKey.NotFound",
        404,
    ),
    (
        "DescribeInstances",
        {"Filter": [{"Key": "CreationStartTime", "Value": "now"}]},
        "InvalidParameter.Filter",
        400,
    ),
    ("DescribeInstances", {"Tag": [{"Key": "k"}] * 2}, "Duplicate.TagKey", 400),
    ("DescribeInstances", {"Tag": [{"Key": "acs:k"}]}, "InvalidTagKey.Malformed", 400),
    (
        "DescribeInstances",
        {"Tag": [{"Key": "k", "Value": "v" * 129}]},
        "InvalidTagValue.Malformed",
        400,
    ),
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
    (
        "DescribeZones",
        {"InstanceChargeType": "Free"},
        "InvalidParameter.InstanceChargeType",
        400,
    ),
    ("DescribeZones", {"SpotStrategy": "Luck"}, "InvalidParameter.SpotStrategy", 400),
    *(
        row
        for action in ("CreateInstance", "RunInstances")
        for row in (
            (action, {"DryRun": True}, "DryRunOperation", 400),
            (action, {"ZoneId": "moon"}, "InvalidZoneId.NotFound", 404),
        )
    ),
    ("RunInstances", {"Amount": 101}, "InvalidParameter.Amount", 400),
    ("RunInstances", {"Amount": 100}, "QuotaExceed.ElasticQuota", 403),
    ("RunInstances", {"Amount": 1, "MinAmount": 2}, "InvalidParameter.MinAmount", 400),
    ("RunInstances", {"InstanceName": "a[1,999999]"}, "InvalidInstanceName.Malformed", 400),
    ("CreateInstance", {"InstanceName": "a[1,2]"}, "InvalidInstanceName.Malformed", 400),
    ("CreateInstance", {"HostName": "a[1,2]"}, "InvalidHostName.Malformed", 400),
    *(
        row
        for action, named in (
            ("CreateInstance", {}),
            ("RunInstances", {}),
            ("ModifyInstanceAttribute", {"InstanceId": DOWN}),
        )
        for row in (
            (action, {**named, "InstanceName": "1"}, "InvalidInstanceName.Malformed", 400),
            (action, {**named, "InstanceName": "a" * 129}, "InvalidInstanceName.Malformed", 400),
            (action, {**named, "HostName": "a_b"}, "InvalidHostName.Malformed", 400),
            (action, {**named, "HostName": "a--b"}, "InvalidHostName.Malformed", 400),
            (action, {**named, "HostName": ".a"}, "InvalidHostName.Malformed", 400),
            (action, {**named, "HostName": "a"}, "InvalidHostName.Malformed", 400),
            (action, {**named, "Description": "http://x"}, "InvalidDescription.Malformed", 400),
            (action, {**named, "UserData": "%"}, "InvalidUserData.Base64FormatInvalid", 400),
            (action, {**named, "UserData": LARGE}, "InvalidUserData.SizeExceeded", 400),
        )
    ),
    *(
        ("ModifyInstanceAttribute", {"InstanceId": UP, **values}, code, status)
        for values, code, status in (
            ({"InstanceId": "i-nobody"}, "InvalidInstanceId.NotFound", 404),
            ({"InstanceId": None}, "MissingParameter.InstanceId", 400),
            ({"UserData": "aGk="}, "IncorrectInstanceStatus", 403),
            ({"Password": "Short1!"}, "InvalidPassword.Malformed", 400),
            ({"Password": "long-and-lower"}, "InvalidPassword.Malformed", 400),
            ({"EnableJumboFrame": True}, "UnsupportedOperation", 400),
            ({"EnableNetworkEncryption": True}, "UnsupportedOperation", 400),
            ({"NetworkInterfaceQueueNumber": 2}, "UnsupportedOperation", 400),
            ({"PrivateDnsNameOptions": {"HostnameType": "x"}}, "UnsupportedOperation", 400),
            ({"CpuOptions": {"Core": 2}}, "UnsupportedOperation", 400),
            ({"RemoteConnectionOptions": {"Type": "x"}}, "UnsupportedOperation", 400),
        )
    ),
    *(
        row
        for action in ("DescribeInstanceAttribute", "DescribeUserData")
        for row in (
            (action, {"InstanceId": "i-nobody"}, "InvalidInstanceId.NotFound", 404),
            (action, {}, "MissingParameter.InstanceId", 400),
        )
    ),
    (
        "DescribeAccountAttributes",
        {"AttributeName": MANY[:9]},
        "InvalidParameter.AttributeName",
        400,
    ),
    (
        "DescribeAccountAttributes",
        {"AttributeName": ["max-cars"]},
        "InvalidParameter.AttributeName",
        400,
    ),
    ("DescribeAccountAttributes", {"ZoneId": "moon"}, "InvalidZoneId.NotFound", 404),
    ("RunInstances", {"LaunchTemplateId": "lt-1"}, "UnsupportedOperation", 400),
    ("RunInstances", {"LaunchTemplateName": "web"}, "UnsupportedOperation", 400),
    ("RunInstances", {"LaunchTemplateVersion": 2}, "UnsupportedOperation", 400),
    ("RunInstances", {"HostName": "a[1,2]b[1,2]"}, "InvalidHostName.Malformed", 400),
    (
        "ListTagResources",
        {"ResourceType": "instance", "TagFilter": [{"TagKey": "env*"}]},
        "UnsupportedOperation",
        400,
    ),
    ("RunInstances", {"HostNames": ["a1", "a2"]}, "UnsupportedOperation", 400),
    ("RunInstances", {"AutoReleaseTime": "2030-01-01T00:00:00Z"}, "UnsupportedOperation", 400),
]

DEFAULTS: list[Row] = [
    *(
        (action, {"DryRun": True}, "DryRunOperation", 400)
        for action in ("DescribeDisks", "DescribeImages", "DescribeSecurityGroups")
    ),
    ("DescribeImages", {"ImageId": ",".join(MANY)}, "InvalidParameter.ImageId", 400),
    (
        "DescribeImages",
        {"Filter": [{"Key": "NetworkType", "Value": "vpc"}]},
        "UnsupportedOperation",
        400,
    ),
    *(
        (
            "DescribeSecurityGroups",
            {"SecurityGroupIds": ids},
            "InvalidParameter.SecurityGroupIds",
            400,
        )
        for ids in ("sg-1", str(MANY))
    ),
    (
        "DescribeSecurityGroupAttribute",
        {"SecurityGroupId": "sg-1"},
        "InvalidSecurityGroupId.NotFound",
        404,
    ),
    ("DescribeSecurityGroupAttribute", {}, "MissingParameter.SecurityGroupId", 400),
    (
        "DescribeSecurityGroupAttribute",
        {"SecurityGroupId": "sg-cloudhand", "Direction": "up"},
        "InvalidParameter.Direction",
        400,
    ),
    ("DescribeInstanceTypes", {"InstanceTypes": MANY}, "InvalidParameter.InstanceTypes", 400),
    ("DescribeInstanceTypes", {"NextToken": "nonsense"}, "InvalidParameter.NextToken", 400),
    ("DescribeInstanceTypes", {"MaxResults": 1601}, "InvalidParameter.MaxResults", 400),
    (
        "DescribeInstanceTypes",
        {"MinimumCpuCoreCount": "x"},
        "InvalidParameter.MinimumCpuCoreCount",
        400,
    ),
    (
        "DescribeAvailableResource",
        {"DestinationResource": "Luck"},
        "InvalidParameter.DestinationResource",
        400,
    ),
    ("DescribeAvailableResource", {}, "MissingParameter.DestinationResource", 400),
    (
        "DescribeAvailableResource",
        {"DestinationResource": "Zone", "ZoneId": "moon"},
        "InvalidZoneId.NotFound",
        404,
    ),
]

ACTIVATIONS: list[Row] = [
    ("CreateActivation", {"InstanceName": "a"}, "InstanceName.ExceedLimit", 400),
    ("CreateActivation", {"InstanceName": "a" * 51}, "InstanceName.ExceedLimit", 400),
    ("CreateActivation", {"InstanceName": "1a"}, "InstanceName.InvalidPattern", 400),
    ("CreateActivation", {"Description": "x" * 101}, "ActivationDesc.ExceedLimit", 400),
    ("CreateActivation", {"InstanceCount": 0}, "ActivationLimitation.Invalid", 400),
    ("CreateActivation", {"InstanceCount": 1001}, "ActivationLimitation.Invalid", 400),
    ("CreateActivation", {"TimeToLiveInHours": 5}, "ActivationTTL.ExceedLimit", 400),
    ("CreateActivation", {"IpAddressRange": "home"}, "AddressRange.InvalidPattern", 400),
    ("CreateActivation", {"IpAddressRange": "10.0.0.0/33"}, "AddressRange.InvalidPattern", 400),
    *(
        row
        for action in ("DeleteActivation", "DisableActivation")
        for row in (
            (action, {"ActivationId": "NOBODY"}, "ActivationId.NotFound", 404),
            (action, {}, "MissingParameter.ActivationId", 400),
        )
    ),
    *(
        ("ModifyManagedInstance", {"InstanceId": "mi-nobody", **other}, code, status)
        for other, code, status in (
            ({"InstanceName": "office"}, "InvalidInstance.NotFound", 404),
            ({"InstanceName": "a"}, "InstanceName.ExceedLimit", 400),
            ({"InstanceName": "a" * 129}, "InstanceName.ExceedLimit", 400),
            ({"InstanceName": "http://a"}, "InstanceName.InvalidPattern", 400),
            ({}, "MissingParameter.InstanceName", 400),
            ({"InstanceId": None, "InstanceName": "ab"}, "MissingParameter.InstanceId", 400),
        )
    ),
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

PLUGINS: list[Row] = [
    ("ListPluginStatus", {}, "PluginName.MissingValue", 400),
    ("ListPluginStatus", {"InstanceId": [UP, DOWN]}, "PluginName.MissingValue", 400),
    ("ListPluginStatus", {"InstanceId": MANY[:51]}, "InstanceIds.ExceedLimit", 400),
    ("ListPluginStatus", {"InstanceId": [UP], "Name": "p" * 256}, "InvalidParameter.Name", 400),
    ("ListPluginStatus", {"InstanceId": ["i-nobody"]}, "InvalidInstance.NotFound", 404),
    ("ListPluginStatus", {"Name": "nothing"}, "InvalidPluginName.NotFound", 404),
    *(
        ("ListPluginStatus", {"InstanceId": [UP], **page}, code, 400)
        for page, code in (
            ({"PageNumber": 0}, "InvalidParam.PageNumber"),
            ({"PageSize": 51}, "InvalidParam.PageSize"),
            ({"MaxResults": 51}, "InvalidParameter.MaxResults"),
            ({"NextToken": "nonsense"}, "InvalidParameter.NextToken"),
        )
    ),
]

_SETTINGS: dict[str, tuple[str, list[tuple[dict[str, Any], str, int]]]] = {
    "AgentUpgradeConfig": (
        "AgentUpgradeConfig",
        [
            ({"AllowedUpgradeWindow": ["2-3"]}, "InvalidParameter.AllowedUpgradeWindow", 400),
            (
                {"AllowedUpgradeWindow": ["24:00-01:00"]},
                "InvalidParameter.AllowedUpgradeWindow",
                400,
            ),
            (
                {"AllowedUpgradeWindow": ["02:00-02:59"]},
                "InvalidAllowedUpgradeWindow.DurationTooShort",
                400,
            ),
            (
                {"AllowedUpgradeWindow": ["02:00-03:00"] * 6},
                "InvalidAllowedUpgradeWindow.CountLimitExceeded",
                403,
            ),
            ({"Enabled": True}, "InvalidAllowedUpgradeWindow.Required", 400),
            ({"TimeZone": "Mars/Olympus"}, "InvalidParameter.TimeZone", 400),
            ({"TimeZone": "GMT+08:00"}, "InvalidParameter.TimeZone", 400),
        ],
    ),
    "ResourceUsageConfig": (
        "ResourceUsageConfig",
        [
            ({"CpuLimit": 9}, "InvalidParameter.CpuLimit", 400),
            ({"CpuLimit": 96}, "InvalidParameter.CpuLimit", 400),
            ({"MemoryLimit": "34MB"}, "InvalidParameter.MemoryLimit", 400),
            ({"MemoryLimit": "50"}, "InvalidParameter.MemoryLimit", 400),
            ({"OverloadLimit": 2}, "InvalidParameter.OverloadLimit", 400),
            ({"LogFileCountLimit": 366}, "InvalidParameter.LogFileCountLimit", 400),
            ({"LogSizeLimit": "1025MB"}, "InvalidParameter.LogSizeLimit", 400),
        ],
    ),
    "InvocationDelivery": (
        "OssDeliveryConfig",
        [
            ({"Enabled": True, "BucketName": "bucket"}, "InvalidOssBucketName.NotFound", 404),
            ({"Enabled": True}, "InvalidParameter.OssBucketName", 400),
            ({"BucketName": "A"}, "InvalidParameter.OssBucketName", 400),
            ({"Prefix": "/a"}, "InvalidParameter.OssPrefix", 400),
            ({"Prefix": "a" * 255}, "InvalidParameter.OssPrefix", 400),
            ({"EncryptionType": "None"}, "InvalidParameter.OssEncryptionType", 400),
            ({"EncryptionAlgorithm": "DES"}, "InvalidParameter.OssEncryptionAlgorithm", 400),
            ({"EncryptionKeyId": "key"}, "InvalidParameter.OssEncryptionKeyId", 400),
        ],
    ),
    "SessionManagerDelivery": (
        "SlsDeliveryConfig",
        [
            (
                {"Enabled": True, "ProjectName": "project", "LogstoreName": "logs"},
                "InvalidSlsProjectName.NotFound",
                404,
            ),
            ({"Enabled": True}, "InvalidParameter.SlsProjectName", 400),
            ({"ProjectName": "P"}, "InvalidParameter.SlsProjectName", 400),
            (
                {"Enabled": True, "ProjectName": "project"},
                "InvalidParameter.SlsLogstoreName",
                400,
            ),
        ],
    ),
}
SETTINGS: list[Row] = [
    *(
        ("ModifyCloudAssistantSettings", {"SettingType": kind, name: config}, code, status)
        for kind, (name, broken) in _SETTINGS.items()
        for config, code, status in broken
    ),
    *(
        ("ModifyCloudAssistantSettings", values, code, 400)
        for values, code in (
            ({}, "MissingParameter.SettingType"),
            ({"SettingType": "Nothing"}, "InvalidParameter.SettingType"),
            ({"SettingType": "AgentUpgradeConfig"}, "MissingParameter.AgentUpgradeConfig"),
            (
                {"SettingType": "AgentUpgradeConfig", "SessionManagerConfig": {}},
                "InvalidParameter.SessionManagerConfig",
            ),
        )
    ),
    ("DescribeCloudAssistantSettings", {}, "MissingParameter.SettingType", 400),
    (
        "DescribeCloudAssistantSettings",
        {"SettingType": ["Nothing"]},
        "InvalidParameter.SettingType",
        400,
    ),
]

ROWS: list[Row] = [
    *COMMANDS,
    *CHANGED,
    *OUTPUTS,
    *RECORDS,
    *EXPLAINED,
    *FINISHED,
    *CHANNELS,
    *FORCED,
    *FAULTS,
    *GOVERNOR,
    *UPGRADES,
    *NOTICES,
    *LABELS,
    *FILES,
    *SESSIONS,
    *RESOURCES,
    *TOKENS,
    *PAGES,
    *POWER,
    *INSTANCES,
    *DEFAULTS,
    *ACTIVATIONS,
    *PLUGINS,
    *SETTINGS,
]
