"""The policies that come with every account, by their names, as documented for the real service."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class SystemPolicy:
    description: str
    document: str  # JSON


def _allow(description: str, *actions: str) -> SystemPolicy:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    document = json.dumps({"Version": "1", "Statement": [statement]})
    return SystemPolicy(description=description, document=document)


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


SYSTEM: Mapping[str, SystemPolicy] = {
    "AdministratorAccess": _allow("Everything.", "*"),
    "ReadOnlyAccess": _allow(
        "Look at everything, but not at what secrets hold.", *(f"*:{name}" for name in _READING)
    ),
    "AliyunECSFullAccess": _allow("All of ECS and Cloud Assistant.", "ecs:*"),
    "AliyunECSReadOnlyAccess": _allow("Look at ECS and Cloud Assistant.", *_of("ecs", *_READING)),
    "AliyunECSAssistantFullAccess": _allow(
        "All of Cloud Assistant.", *_of("ecs", *_ASSISTANT, *_ASSISTANT_READING)
    ),
    "AliyunECSAssistantReadonlyAccess": _allow(
        "Look at Cloud Assistant.", *_of("ecs", *_ASSISTANT_READING)
    ),
    "AliyunOOSFullAccess": _allow(
        "Templates, executions, parameters and secrets.", "oos:*", "kms:Decrypt"
    ),
    "AliyunOOSReadOnlyAccess": _allow(
        "Look at templates, executions and parameters, but not at what secrets hold.",
        *_of("oos", *_READING, "ValidateTemplateContent"),
    ),
    "AliyunRAMFullAccess": _allow("Users, roles and policies.", "ram:*"),
    "AliyunRAMReadOnlyAccess": _allow("Look at users, roles and policies.", *_of("ram", *_READING)),
    "AliyunSTSAssumeRoleAccess": _allow("Take roles.", "sts:AssumeRole"),
}
