"""The policies that come with every account, by their names, as documented for the real service."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass


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


@dataclass(frozen=True)
class SystemPolicy:
    description: str
    document: str  # JSON


SYSTEM: Mapping[str, SystemPolicy] = {
    "AdministratorAccess": SystemPolicy("Everything.", _allow("*")),
    "ReadOnlyAccess": SystemPolicy(
        "Look at everything.", _allow(*(f"*:{name}" for name in _READING))
    ),
    "AliyunECSFullAccess": SystemPolicy("All of ECS and Cloud Assistant.", _allow("ecs:*")),
    "AliyunECSReadOnlyAccess": SystemPolicy(
        "Look at ECS and Cloud Assistant.", _allow(*_of("ecs", *_READING))
    ),
    "AliyunECSAssistantFullAccess": SystemPolicy(
        "All of Cloud Assistant.", _allow(*_of("ecs", *_ASSISTANT, *_ASSISTANT_READING))
    ),
    "AliyunECSAssistantReadonlyAccess": SystemPolicy(
        "Look at Cloud Assistant.", _allow(*_of("ecs", *_ASSISTANT_READING))
    ),
    "AliyunOOSFullAccess": SystemPolicy("Templates, executions and parameters.", _allow("oos:*")),
    "AliyunOOSReadOnlyAccess": SystemPolicy(
        "Look at templates, executions and parameters.",
        _allow(*_of("oos", *_READING, "ValidateTemplateContent")),
    ),
    "AliyunRAMFullAccess": SystemPolicy("Users, roles and policies.", _allow("ram:*")),
    "AliyunRAMReadOnlyAccess": SystemPolicy(
        "Look at users, roles and policies.", _allow(*_of("ram", *_READING))
    ),
    "AliyunSTSAssumeRoleAccess": SystemPolicy("Take roles.", _allow("sts:AssumeRole")),
}
