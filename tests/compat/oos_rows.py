"""Requests about templates and executions that cannot be served, and how each is refused."""

from __future__ import annotations

import json
from typing import Any

from tests.api.oos import PAUSE, template

# Stand-ins for what the tests share.
WAITING, ENDED, TRIGGERED, STORED = "<waiting>", "<ended>", "<triggered>", "<stored>"

Row = tuple[str, dict[str, Any], str, int]  # operation, parameters, code, HTTP status

# Operations of our own, for which the newer client has no request.
OWN = ("ExplainExecution", "FinishExecution")

TEXT = template(PAUSE)
WRONG = template({"Name": "one", "Action": "ACS::Nothing"})
NEEDS = template(PAUSE, Parameters={"size": {"Type": "Number"}})
TAGS = {f"k{n}": "" for n in range(21)}
MANY = json.dumps([f"exec-{n}" for n in range(101)])
URL = "https://example.com/template.yml"
TOKEN = "no token"


def invalid(action: str, name: str, value: Any, **more: Any) -> Row:
    return (action, {**more, name: value}, f"InvalidParameter.{name}", 400)


def start(code: str, status: int, **values: Any) -> Row:
    return ("StartExecution", {"TemplateContent": TEXT, **values}, code, status)


def paged(action: str, least: int, **given: Any) -> list[Row]:
    return [
        invalid(action, "MaxResults", least - 1, **given),
        invalid(action, "MaxResults", 101, **given),
        invalid(action, "NextToken", "x" * 513, **given),
        invalid(action, "NextToken", "bm9uc2Vuc2U=", **given),
    ]


def dated(action: str, *names: str) -> list[Row]:
    return [invalid(action, name, "yesterday") for name in names]


TEMPLATES: list[Row] = [
    ("CreateTemplate", {"TemplateName": "x"}, "MissingParameter.Content", 400),
    ("CreateTemplate", {"Content": TEXT}, "MissingParameter.TemplateName", 400),
    *(
        invalid("CreateTemplate", "TemplateName", name, Content=TEXT)
        for name in ("a b", "x" * 201, "acs-mine", "ALIYUN", "Alibaba-1", "alicloud_")
    ),
    invalid("CreateTemplate", "VersionName", "x" * 201, TemplateName="x", Content=TEXT),
    invalid("CreateTemplate", "Tags", TAGS, TemplateName="x", Content=TEXT),
    invalid("CreateTemplate", "Tags", {"a": ["b"]}, TemplateName="x", Content=TEXT),
    ("CreateTemplate", {"TemplateName": "x", "Content": WRONG}, "InvalidTemplate", 400),
    ("CreateTemplate", {"TemplateName": "x", "Content": "{"}, "InvalidTemplate", 400),
    ("CreateTemplate", {"TemplateName": "x", "Content": "#" * 65537}, "InvalidTemplate", 400),
    (
        "CreateTemplate",
        {"TemplateName": STORED, "Content": TEXT},
        "EntityAlreadyExists.Template",
        409,
    ),
    ("UpdateTemplate", {"TemplateName": STORED}, "MissingParameter.Content", 400),
    ("UpdateTemplate", {"Content": TEXT}, "MissingParameter.TemplateName", 400),
    invalid("UpdateTemplate", "VersionName", "x" * 201, TemplateName=STORED, Content=TEXT),
    invalid("UpdateTemplate", "Tags", TAGS, TemplateName=STORED, Content=TEXT),
    ("UpdateTemplate", {"TemplateName": STORED, "Content": WRONG}, "InvalidTemplate", 400),
    (
        "UpdateTemplate",
        {"TemplateName": "none", "Content": TEXT},
        "EntityNotExists.Template",
        404,
    ),
    ("GetTemplate", {"TemplateName": "none"}, "EntityNotExists.Template", 404),
    *(
        (
            "GetTemplate",
            {"TemplateName": STORED, "TemplateVersion": version},
            "EntityNotExists.Template",
            404,
        )
        for version in ("v9", "9", "v0", "first", "v123456789")
    ),
    *(
        invalid("ListTemplates", name, "other")
        for name in (
            "ShareType",
            "TemplateFormat",
            "TemplateType",
            "Category",
            "SortField",
            "SortOrder",
        )
    ),
    invalid("ListTemplates", "Tags", TAGS),
    *dated("ListTemplates", "CreatedDateAfter", "CreatedDateBefore"),
    *paged("ListTemplates", 10),
    invalid("ListTemplateVersions", "ShareType", "other", TemplateName=STORED),
    *paged("ListTemplateVersions", 10, TemplateName=STORED),
    ("ListTemplateVersions", {"TemplateName": "none"}, "EntityNotExists.Template", 404),
    ("DeleteTemplate", {"TemplateName": "none"}, "EntityNotExists.Template", 404),
    ("DeleteTemplates", {}, "MissingParameter.TemplateNames", 400),
    *(
        invalid("DeleteTemplates", "TemplateNames", names)
        for names in (MANY, "[1]", '["one"', '[["one"]]')
    ),
    ("DeleteTemplates", {"TemplateNames": '["none"]'}, "EntityNotExists.Template", 404),
    ("ValidateTemplateContent", {}, "MissingParameter.Content", 400),
    ("ValidateTemplateContent", {"Content": WRONG}, "InvalidTemplate", 400),
    invalid("ValidateTemplateContent", "TemplateURL", URL),
    ("GetTemplateParameterConstraints", {}, "MissingParameter.TemplateName", 400),
    invalid("GetTemplateParameterConstraints", "TemplateURL", URL),
    invalid("GetTemplateParameterConstraints", "Parameters", "[]", TemplateContent=TEXT),
    invalid("GetTemplateParameterConstraints", "Parameters", '{"a": 1}', TemplateContent=TEXT),
    (
        "GetTemplateParameterConstraints",
        {"TemplateName": "none"},
        "EntityNotExists.Template",
        404,
    ),
    ("GetTemplateParameterConstraints", {"TemplateContent": WRONG}, "InvalidTemplate", 400),
    ("ListExecutionRiskyTasks", {"TemplateName": "none"}, "EntityNotExists.Template", 404),
    *paged("ListActions", 20),
    invalid("DescribeRegions", "AcceptLanguage", "la"),
]

EXECUTIONS: list[Row] = [
    start("MissingParameter.TemplateName", 400, TemplateContent=None),
    start("InvalidParameter.TemplateURL", 400, TemplateContent=None, TemplateURL=URL),
    start("EntityNotExists.Template", 404, TemplateContent=None, TemplateName="none"),
    start("EntityNotExist.Role", 404, TemplateContent=template(PAUSE, RamRole="nobody")),
    start("InvalidTemplate", 400, TemplateContent=WRONG),
    start("InvalidParameter.Parameters", 400, Parameters="[]"),
    start("InvalidParameter.Parameters", 400, Parameters="{"),
    start("InvalidParameter.Parameters", 400, Parameters='{"strange": 1}'),
    start("InvalidParameter.Parameters", 400, TemplateContent=NEEDS),
    start("InvalidParameter.Parameters", 400, TemplateContent=NEEDS, Parameters='{"size": "x"}'),
    start("InvalidParameter.Mode", 400, Mode="Slow"),
    start("UnsupportedOperation", 400, Mode="Debug"),
    start("InvalidParameter.LoopMode", 400, LoopMode="Slow"),
    start("InvalidParameter.SafetyCheck", 400, SafetyCheck="None"),
    start("InvalidParameter.SafetyCheck", 400, SafetyCheck="Skip", Mode="FailurePause"),
    start("InvalidParameter.Description", 400, Description="x" * 1025),
    start("InvalidParameter.Tags", 400, Tags=TAGS),
    start("InvalidParameter.ClientToken", 400, ClientToken=TOKEN),
    start("InvalidParameter.ClientToken", 400, ClientToken="x" * 65),
    start("EntityNotExists.Execution", 404, ParentExecutionId="exec-none"),
    *(
        invalid("ListExecutions", name, "other")
        for name in ("Depth", "Status", "Mode", "Category", "SortField", "SortOrder")
    ),
    invalid("ListExecutions", "Depth", "RootDepth", IncludeChildExecution=False),
    invalid("ListExecutions", "Categories", '["Other"]', Category="Other"),
    invalid("ListExecutions", "Categories", '["None"]'),
    invalid("ListExecutions", "Categories", "[1]"),
    invalid("ListExecutions", "Tags", TAGS),
    ("ListExecutions", {"RdFolderIds": ["fd-1"]}, "UnsupportedOperation", 400),
    ("ListExecutions", {"ResourceTemplateName": "x"}, "UnsupportedOperation", 400),
    *dated("ListExecutions", "StartDateAfter", "StartDateBefore", "EndDateAfter", "EndDateBefore"),
    *paged("ListExecutions", 10),
    *(
        invalid("ListTaskExecutions", name, "other")
        for name in ("Status", "SortField", "SortOrder")
    ),
    *dated(
        "ListTaskExecutions",
        "StartDateAfter",
        "StartDateBefore",
        "EndDateAfter",
        "EndDateBefore",
    ),
    *paged("ListTaskExecutions", 20),
    *paged("ListExecutionLogs", 10, ExecutionId=WAITING),
    ("ListExecutionLogs", {}, "MissingParameter.ExecutionId", 400),
    *paged("ListResourceExecutionStatus", 10, ExecutionId=WAITING),
    invalid("ListTaskExecutionInvocations", "Status", "Finished"),
    ("GetExecutionTemplate", {"ExecutionId": "exec-none"}, "EntityNotExists.Execution", 404),
    ("CancelExecution", {"ExecutionId": "exec-none"}, "EntityNotExists.Execution", 404),
    ("CancelExecution", {"ExecutionId": ENDED}, "InvalidStatus.Execution", 400),
    ("DeleteExecutions", {}, "MissingParameter.ExecutionIds", 400),
    invalid("DeleteExecutions", "ExecutionIds", MANY),
    invalid("DeleteExecutions", "ExecutionIds", "[1]"),
    ("DeleteExecutions", {"ExecutionIds": "exec-none"}, "EntityNotExists.Execution", 404),
    ("DeleteExecutions", {"ExecutionIds": WAITING}, "InvalidStatus.Execution", 400),
]

WORDS: list[Row] = [
    ("NotifyExecution", {"ExecutionId": WAITING}, "MissingParameter.NotifyType", 400),
    invalid("NotifyExecution", "NotifyType", "Maybe", ExecutionId=WAITING),
    *(
        (
            "NotifyExecution",
            {"ExecutionId": WAITING, "NotifyType": word, **more},
            "UnsupportedOperation",
            400,
        )
        for word, more in (
            ("ExecuteTask", {"Parameters": "{}"}),
            ("CancelTask", {}),
            ("CompleteExecution", {"ExecutionStatus": "Success"}),
        )
    ),
    invalid("NotifyExecution", "NotifyNote", "x" * 1025, ExecutionId=WAITING, NotifyType="Approve"),
    invalid(
        "NotifyExecution", "TaskExecutionIds", "[1]", ExecutionId=WAITING, NotifyType="Approve"
    ),
    (
        "NotifyExecution",
        {"ExecutionId": "exec-none", "NotifyType": "Approve"},
        "EntityNotExists.Execution",
        404,
    ),
    *(
        (
            "NotifyExecution",
            {"ExecutionId": WAITING, **meant},
            "EntityNotExists.TaskExecution",
            404,
        )
        for meant in (
            {"NotifyType": "RetryTask"},
            {"NotifyType": "Approve", "TaskName": "other"},
            {"NotifyType": "Approve", "TaskExecutionId": "other"},
            {"NotifyType": "Approve", "LoopItem": "other"},
        )
    ),
    (
        "NotifyExecution",
        {"ExecutionId": ENDED, "NotifyType": "Approve"},
        "InvalidStatus.Execution",
        400,
    ),
    ("TriggerExecution", {"ExecutionId": TRIGGERED}, "MissingParameter.Type", 400),
    invalid("TriggerExecution", "Type", "Person", ExecutionId=TRIGGERED),
    invalid("TriggerExecution", "Content", "x" * 65537, ExecutionId=TRIGGERED, Type="Event"),
    invalid("TriggerExecution", "ClientToken", TOKEN, ExecutionId=TRIGGERED, Type="Event"),
    (
        "TriggerExecution",
        {"ExecutionId": "exec-none", "Type": "Event"},
        "EntityNotExists.Execution",
        404,
    ),
    *(
        (
            "TriggerExecution",
            {"ExecutionId": execution_id, "Type": "Timer"},
            "EntityNotExists.TaskExecution",
            404,
        )
        for execution_id in (WAITING, TRIGGERED)
    ),
    (
        "TriggerExecution",
        {"ExecutionId": ENDED, "Type": "Event"},
        "InvalidStatus.Execution",
        400,
    ),
    ("ExplainExecution", {"ExecutionId": "exec-none"}, "EntityNotExists.Execution", 404),
    (
        "FinishExecution",
        {"ExecutionId": "exec-none", "Status": "Failed", "Reason": "I looked"},
        "EntityNotExists.Execution",
        404,
    ),
    (
        "FinishExecution",
        {"ExecutionId": ENDED, "Status": "Failed", "Reason": "I looked"},
        "InvalidStatus.Execution",
        400,
    ),
    invalid("FinishExecution", "Status", "Running", ExecutionId=WAITING, Reason="I looked"),
    invalid("UpdateExecution", "Description", "x" * 1025, ExecutionId=WAITING),
    invalid("UpdateExecution", "Parameters", "[]", ExecutionId=WAITING),
    invalid("UpdateExecution", "Parameters", '{"strange": 1}', ExecutionId=WAITING),
    invalid("UpdateExecution", "Tags", json.dumps(TAGS), ExecutionId=WAITING),
    invalid("UpdateExecution", "ClientToken", TOKEN, ExecutionId=WAITING),
    (
        "UpdateExecution",
        {"ExecutionId": "exec-none", "Description": "x"},
        "EntityNotExists.Execution",
        404,
    ),
    (
        "UpdateExecution",
        {"ExecutionId": ENDED, "Description": "x"},
        "InvalidStatus.Execution",
        400,
    ),
]

ROWS: list[Row] = [*TEMPLATES, *EXECUTIONS, *WORDS]
