"""RunCommand: run a script on instances, once and now.

All instances are checked before anything is recorded: one that does not exist, does not run or
cannot run the type fails the call. What happens on each is told by DescribeInvocationResults.
KeepCommand is recorded; there are no operations on stored commands yet that could use it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from cloudhand.api.bind import Limit, flag, form, longest, many, number, one_of, text
from cloudhand.api.ecs import custom_parameters, errors, fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.api.refusal import Refused, WireError, unsupported
from cloudhand.api.tags import tags
from cloudhand.core.command import CONTENT_LIMIT, TARGET_LIMIT, CommandType
from cloudhand.core.errors import (
    CommandNotApplicable,
    IncorrectState,
    InstanceNotFound,
    ParameterProblem,
    TokenReused,
    TooMany,
)
from cloudhand.core.ids import InstanceId
from cloudhand.core.invocation import RepeatMode
from cloudhand.core.orders import RunOrder

_SHORTEST, _LONGEST = 10, 86400  # seconds
_LATER = ("Period", "NextRebootOnly", "EveryReboot")
_MODES = (*RepeatMode, *_LATER)
_STORED = re.compile(r"\{\{\s*oos(-secret)?:", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

NO_SCHEDULES = unsupported("RepeatMode or Frequency", "commands run once, when they are asked for")
NO_CONTAINERS = unsupported("ContainerId or ContainerName", "instances have no containers")
NO_BUCKETS = unsupported("OssOutputDelivery", "there is no object storage to deliver to")


def _plain(error: WireError) -> Limit:
    return Limit(fits=lambda value: not _CONTROL.search(value), error=error)


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    type: str = text("Type", one_of(tuple(CommandType), errors.BAD_TYPE), required=True)
    command_content: str = text(required=True)
    content_encoding: str = text(note="PlainText (default) or Base64")
    instance_ids: tuple[str, ...] = many(
        "InstanceId", at_most=TARGET_LIMIT, too_many=errors.TOO_MANY_TARGETS
    )
    resource_tags: Mapping[str, str] = tags("ResourceTag", errors.RESOURCE_TAG_ERRORS)
    name: str = text("Name", longest(128, errors.NAME_TOO_LONG), _plain(errors.BAD_NAME))
    description: str = text(
        "Description", longest(512, errors.DESCRIPTION_TOO_LONG), _plain(errors.BAD_DESCRIPTION)
    )
    working_dir: str = text(
        "WorkingDir", longest(200, errors.WORKING_DIR_TOO_LONG), _plain(errors.BAD_WORKING_DIR)
    )
    timeout: int = number(
        "Timeout",
        default=60,
        at_least=-_LONGEST,
        at_most=_LONGEST,
        error=errors.TIMEOUT_TOO_LONG,
        note="seconds, to 86400; less than 10 counts as 10; default 60",
    )
    enable_parameter: bool = flag()
    parameters: Mapping[str, str] = custom_parameters.parameters()
    repeat_mode: str = text(
        "RepeatMode",
        one_of(_MODES, errors.BAD_REPEAT_MODE),
        default="Once",
        note="Once or DryRun; Period, NextRebootOnly and EveryReboot are refused",
    )
    frequency: str = text(note="not supported; refused")
    timed: str = fields.without_effect("Timed", "the real service ignores it, too")
    keep_command: bool = flag(note="recorded; no operation uses stored commands yet")
    username: str = text("Username", longest(255, errors.USERNAME_TOO_LONG))
    windows_password_name: str = text(
        "WindowsPasswordName", longest(255, errors.PASSWORD_NAME_TOO_LONG)
    )
    container_id: str = text(
        "ContainerId",
        form(r"((docker|containerd|cri-o)://)?[0-9a-f]{64}", errors.BAD_CONTAINER_ID),
    )
    container_name: str = text(
        "ContainerName", form(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}", errors.BAD_CONTAINER_NAME)
    )
    termination_mode: str = text(
        "TerminationMode", one_of(("Process", "ProcessTree"), errors.BAD_TERMINATION_MODE)
    )
    launcher: str = text(
        "Launcher",
        Limit(fits=lambda value: len(value.encode()) <= 1024, error=errors.LAUNCHER_TOO_LONG),
    )
    oss_output_delivery: str = text(note="not supported; refused")
    resource_group_id: str = fields.resource_group()
    tags: Mapping[str, str] = fields.labels()
    client_token: str = fields.client_token()


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    command_id: str
    invoke_id: str


@operation(
    ECS,
    access="write",
    errors={
        InstanceNotFound: errors.of_missing_target,
        CommandNotApplicable: errors.TARGET_NOT_MATCHED,
        IncorrectState: errors.TARGET_NOT_MATCHED,
        ParameterProblem: errors.of_parameter,
        TooMany: errors.TOO_MANY_TARGETS,
        TokenReused: errors.TOKEN_REUSED,
    },
    refuses=(
        errors.NO_INSTANCE_NAMED,
        errors.TAGS_AND_IDS,
        errors.NO_SUCH_TARGET,
        errors.NO_INSTANCE_WITH_TAGS,
        errors.UNDECODABLE,
        errors.CONTENT_TOO_LONG,
        errors.NO_FREQUENCY,
        errors.NO_PARAMETER_STORE,
        *errors.PARAMETER_PROBLEMS.values(),
        NO_SCHEDULES,
        NO_CONTAINERS,
        NO_BUCKETS,
        errors.NOT_LINUX,
    ),
)
async def run_command(call: Call, params: Params) -> Result:
    _refuse_what_is_not_there(params)
    _check_targets(params)
    asked = await call.control.invocations.run(_order(call, params))
    return Result(command_id=asked.command_id, invoke_id=asked.invoke_id)


def _order(call: Call, params: Params) -> RunOrder:
    content = _content(params)
    if params.enable_parameter and _STORED.search(content.decode("utf-8", "replace")):
        raise Refused(errors.NO_PARAMETER_STORE)
    return RunOrder(
        type=CommandType(params.type),
        content=content,
        instance_ids=[InstanceId(instance_id) for instance_id in params.instance_ids],
        instance_tags=params.resource_tags,
        name=params.name,
        description=params.description,
        working_dir=params.working_dir,
        timeout=max(params.timeout, _SHORTEST),
        enable_parameter=params.enable_parameter,
        parameters=params.parameters,
        repeat_mode=RepeatMode(params.repeat_mode),
        username=params.username,
        termination_mode=params.termination_mode,
        launcher=params.launcher,
        keep_command=params.keep_command,
        resource_group_id=params.resource_group_id,
        tags=params.tags,
        once=call.once(params.client_token),
    )


def _content(params: Params) -> bytes:
    """The script; an encoding that nobody knows is plain text."""
    if params.content_encoding.lower() == "base64":
        try:
            content = base64.b64decode("".join(params.command_content.split()), validate=True)
        except (binascii.Error, ValueError):
            raise Refused(errors.UNDECODABLE) from None
    else:
        content = params.command_content.encode()
    filled = sum(len(n.encode()) + len(v.encode()) for n, v in params.parameters.items())
    if (len(content) + 2) // 3 * 4 + filled > CONTENT_LIMIT:
        raise Refused(errors.CONTENT_TOO_LONG)
    return content


def _check_targets(params: Params) -> None:
    if params.instance_ids and params.resource_tags:
        raise Refused(errors.TAGS_AND_IDS)
    if not params.instance_ids and not params.resource_tags:
        raise Refused(errors.NO_INSTANCE_NAMED)


def _refuse_what_is_not_there(params: Params) -> None:
    """Refuse the options that are not carried out, so that none is ignored."""
    if params.repeat_mode == "Period" and not params.frequency:
        raise Refused(errors.NO_FREQUENCY)
    for given, error in (
        # The published rule: with a Frequency the mode is Period, whatever RepeatMode says.
        (params.frequency or params.repeat_mode in _LATER, NO_SCHEDULES),
        (params.container_id or params.container_name, NO_CONTAINERS),
        (params.oss_output_delivery, NO_BUCKETS),
        (params.windows_password_name, errors.NOT_LINUX),
    ):
        if given:
            raise Refused(error)
