"""Whether a caller may do what it asks, and to what.

What an operation touches is read off its parameters. One that changes something touches everything
of each type that it could name and does not, such as ``instance/*``; one that only reads, if it
names nothing at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any

from cloudhand.api.operation import Call, Operation
from cloudhand.api.request import RawRequest
from cloudhand.control.rights import DECRYPT, keys_arn
from cloudhand.core.account import Kind
from cloudhand.core.ids import InvokeId

# The type of what a parameter names, by product.
_TYPES: Mapping[str, Mapping[str, str]] = {
    "ecs": {
        "InstanceId": "instance",
        "InstanceIds": "instance",
        "CommandId": "command",
        "InvokeId": "invocation",
        "ActivationId": "activation",
        "SessionId": "session",
        "GroupName": "governorgroup",
        "SlotId": "governorslot",
        "ChannelName": "notificationchannel",
    },
    "oos": {
        "ExecutionId": "execution",
        "ExecutionIds": "execution",
        "TemplateName": "template",
        "TemplateNames": "template",
    },
    "ram": {
        "AccountName": "account",
        "UserName": "user",
        "RoleName": "role",
        "PolicyName": "policy",
    },
    "sts": {},
    "location": {},
    "vpc": {"VpcId": "vpc", "VSwitchId": "vswitch"},
}
# What operations are about that name nothing.
_MADE = {"CreateInstance": "instance", "RunInstances": "instance",
         "CreateCommand": "command", "CreateActivation": "activation",
         "ListNotificationChannels": "notificationchannel",
         "ListAccounts": "account", "ListUsers": "user",
         "ListRoles": "role", "ListPolicies": "policy"}  # fmt: skip
_EVERYBODY = ("GetCallerIdentity", "DescribeEndpoints")
_STORED = ("Name", "Names", "Path")  # parameters that name those of the store


def context(request: RawRequest) -> dict[str, str]:
    """What conditions of policies may ask of a request."""
    known = {"acs:securetransport": str(request.secure).lower(), "acs:mfapresent": "false"}
    return known | ({"acs:sourceip": request.source_ip} if request.source_ip else {})


def conditions(call: Call) -> dict[str, str]:
    """What conditions of policies may ask of a call."""
    return {**call.context, "acs:currenttime": call.now.isoformat()}


async def authorize(operation: Operation, call: Call, params: Any) -> None:
    """NotAuthorized unless the caller may do this; the owner of the account always may."""
    if call.caller.kind is Kind.OWNER or operation.name in _EVERYBODY:
        return
    known = conditions(call)
    touched = resources(operation, call, params)
    if operation.name == "StopInvocation" and not params.instance_ids:
        touched = await _where_it_runs(call, params.invoke_id) or touched
    await call.control.rights.check(call.caller, action(operation), touched, known)
    if "with_decryption" in operation.parameters and params.with_decryption:
        keys = keys_arn(call.caller.account_id, call.control.settings.region_id)
        await call.control.rights.check(call.caller, DECRYPT, [keys], known)


async def _where_it_runs(call: Call, invoke_id: InvokeId) -> list[str]:
    """Who may stop everything on a machine may stop this on it, whoever asked for it."""
    before = f"acs:ecs:{call.control.settings.region_id}:{call.caller.account_id}"
    machines = await call.control.invocations.machines(invoke_id)
    return [f"{before}:instance/{one}" for one in machines]


def action(operation: Operation) -> str:
    return f"{operation.product.name.lower()}:{operation.name}"


def resources(operation: Operation, call: Call, params: Any) -> list[str]:
    """What the operation touches."""
    return list(dict.fromkeys(_resources(operation, call, params)))


def _resources(operation: Operation, call: Call, params: Any) -> Iterator[str]:
    product = operation.product.name.lower()
    region = "" if product in ("ram", "sts") else call.control.settings.region_id
    before = f"acs:{product}:{region}:{call.caller.account_id}:"
    if operation.name == "AssumeRole":
        yield params.role_arn
        return
    named = list(_named(operation, call, params))
    if not named:
        named = [(_MADE.get(operation.name, ""), [])]
    elif operation.access == "read":
        named = [one for one in named if one[1]] or named[:1]
    for kind, names in named:
        for name in names or "*":
            yield f"{before}{kind}/{name}" if kind else f"{before}{name}"


def _named(operation: Operation, call: Call, params: Any) -> Iterator[tuple[str, Sequence[str]]]:
    """The types of what the operation may touch, each with what it names."""
    types = _TYPES[operation.product.name.lower()]
    for field, parameter in operation.parameters.items():
        value = attrgetter(field)(params)
        many = [value] if isinstance(value, str) else value
        names = [one for one in many if one] if isinstance(many, list | tuple) else []
        kind = next((types[one] for one in parameter.names if one in types), "")
        if kind == "user" and not names and "AccessKey" in operation.name:
            names = [call.caller.name]  # whoever asks
        if kind:
            yield kind, names
        elif "ResourceId" in parameter.names or "ResourceIds" in parameter.names:
            if "resource_type" in operation.parameters:
                yield str(params.resource_type).lower(), names
        elif parameter.names[0] in _STORED and "Parameter" in operation.name:
            secret = "Secret" in operation.name
            found = [one.lstrip("/") for one in names]
            yield "secretparameter" if secret else "parameter", found
