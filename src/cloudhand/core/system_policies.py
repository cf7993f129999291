"""The policies that come with every account, by their names, as documented for the real service."""

from __future__ import annotations

import json
from collections.abc import Mapping


def _allow(*actions: str) -> str:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    return json.dumps({"Version": "1", "Statement": [statement]})


_READING = ("Describe*", "List*", "Get*")
_ASSISTANT = ("RunCommand", "InvokeCommand", "CreateCommand", "ModifyCommand", "DeleteCommand",
              "StopInvocation", "SendFile", "InstallCloudAssistant", "CreateActivation",
              "DisableActivation", "DeleteActivation", "ModifyManagedInstance",
              "DeregisterManagedInstance", "TagResources", "UntagResources")  # fmt: skip
_ASSISTANT_READING = ("DescribeInstances", "DescribeTags", "DescribeCommands",
                      "DescribeInvocations", "DescribeInvocationResults",
                      "DescribeCloudAssistantStatus", "DescribeSendFileResults",
                      "DescribeActivations", "DescribeManagedInstances",
                      "ListTagResources")  # fmt: skip


def _of(product: str, *names: str) -> list[str]:
    return [f"{product}:{name}" for name in names]


SYSTEM: Mapping[str, str] = {
    "AdministratorAccess": _allow("*"),
    "ReadOnlyAccess": _allow(*(f"*:{name}" for name in _READING)),
    "AliyunECSFullAccess": _allow("ecs:*"),
    "AliyunECSReadOnlyAccess": _allow(*_of("ecs", *_READING)),
    "AliyunECSAssistantFullAccess": _allow(*_of("ecs", *_ASSISTANT, *_ASSISTANT_READING)),
    "AliyunECSAssistantReadonlyAccess": _allow(*_of("ecs", *_ASSISTANT_READING)),
    "AliyunOOSFullAccess": _allow("oos:*"),
    "AliyunOOSReadOnlyAccess": _allow(*_of("oos", *_READING, "ValidateTemplateContent")),
    "AliyunRAMFullAccess": _allow("ram:*"),
    "AliyunRAMReadOnlyAccess": _allow(*_of("ram", *_READING)),
    "AliyunSTSAssumeRoleAccess": _allow("sts:AssumeRole"),
}
