"""Parameters that say where, when and how a command runs, as RunCommand and InvokeCommand share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from cloudhand.api import bind
from cloudhand.api.bind import form, longest, many, number, one_of, refused, text
from cloudhand.api.ecs import custom_parameters, errors, fields
from cloudhand.api.operation import Call, Errors
from cloudhand.api.refusal import Refused, unsupported
from cloudhand.api.tags import tags
from cloudhand.core.command import LARGEST_TARGET_LIMIT, TARGET_LIMIT
from cloudhand.core.errors import (
    CommandNotApplicable,
    FrequencyProblem,
    IncorrectState,
    InstanceNotFound,
    ParameterProblem,
    PasswordMissing,
    PasswordNotNeeded,
    TokenReused,
)
from cloudhand.core.ids import InstanceId
from cloudhand.core.invocation import RepeatMode
from cloudhand.core.orders import NewInvocation

NO_CONTAINERS = unsupported("ContainerId or ContainerName", "instances have no containers")
NO_BUCKETS = unsupported("OssOutputDelivery", "there is no object storage to deliver to")

WAITS_ONCE = unsupported("WaitOnline", "what runs again waits for its next moment")
_LONGEST_WAIT = 30 * 24 * 60 * 60  # seconds

ERRORS: Errors = {
    InstanceNotFound: errors.of_missing_target,
    CommandNotApplicable: errors.TARGET_NOT_MATCHED,
    FrequencyProblem: errors.of_frequency,
    IncorrectState: errors.TARGET_NOT_MATCHED,
    ParameterProblem: errors.of_parameter,
    PasswordMissing: errors.PASSWORD_NAME_MISSED,
    PasswordNotNeeded: errors.NO_PASSWORD_NEEDED,
    TokenReused: errors.TOKEN_REUSED,
}
REFUSES = (
    errors.NO_INSTANCE_NAMED,
    errors.TAGS_AND_IDS,
    errors.TOO_MANY_TARGETS,
    errors.NO_SUCH_TARGET,
    errors.NO_INSTANCE_WITH_TAGS,
    errors.NO_FREQUENCY,
    errors.BAD_FREQUENCY,
    *errors.VALUE_PROBLEMS.values(),
    NO_CONTAINERS,
    NO_BUCKETS,
    WAITS_ONCE,
)


@dataclass(frozen=True, kw_only=True)
class InvocationParams:
    instance_ids: tuple[str, ...] = many(
        "InstanceId",
        at_most=LARGEST_TARGET_LIMIT,
        too_many=errors.TOO_MANY_TARGETS,
        note=f"at most {TARGET_LIMIT}, unless `cloudhand serve` was told another number",
    )
    resource_tags: Mapping[str, str] = tags("ResourceTag", errors.RESOURCE_TAG_ERRORS)
    parameters: Mapping[str, str] = custom_parameters.parameters()
    repeat_mode: str = text(
        "RepeatMode",
        one_of(tuple(RepeatMode), errors.BAD_REPEAT_MODE),
        default="Once",
        note=f"one of {', '.join(RepeatMode)}; Period wherever Frequency is given",
    )
    frequency: str = text(
        note="`rate(5m)`, `at(2026-12-01 03:00:00 Asia/Shanghai)`, or a cron expression like"
        " `0 0 3 ? * MON-FRI`, which a year and a time zone may follow; else the instance's zone"
    )
    timed: str = bind.without_effect("Timed", "the real service ignores it, too")
    username: str = text("Username", longest(255, errors.USERNAME_TOO_LONG))
    windows_password_name: str = text(
        "WindowsPasswordName",
        longest(255, errors.PASSWORD_NAME_TOO_LONG),
        note="of a secret that the agent of a Windows machine reads itself, in the role of that"
        " machine; refused with RunShellScript",
    )
    container_id: str = refused(
        "ContainerId",
        form(r"((docker|containerd|cri-o)://)?[0-9a-f]{64}", errors.BAD_CONTAINER_ID),
    )
    container_name: str = refused(
        "ContainerName",
        form(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}", errors.BAD_CONTAINER_NAME),
    )
    termination_mode: str = text(
        "TerminationMode", one_of(("Process", "ProcessTree"), errors.BAD_TERMINATION_MODE)
    )
    oss_output_delivery: str = refused("OssOutputDelivery")
    wait_online: int = number(
        "WaitOnline",
        at_least=60,
        at_most=_LONGEST_WAIT,
        note="an extension: seconds for which it waits for a machine that does not run, or whose"
        f" agent is away; 60 to {_LONGEST_WAIT}, once. Without it 60, and a machine that does not"
        " run is refused",
    )
    resource_group_id: str = fields.resource_group()
    tags: Mapping[str, str] = fields.labels()
    client_token: str = fields.client_token()


def invocation(call: Call, params: InvocationParams) -> NewInvocation:
    """Refused for what is not there, so that none of it is ignored."""
    _check_what_is_not_there(params)
    _check_schedule(params)
    _check_targets(params)
    return NewInvocation(
        instance_ids=[InstanceId(instance_id) for instance_id in params.instance_ids],
        instance_tags=params.resource_tags,
        parameters=params.parameters,
        # The published rule: with a Frequency the mode is Period, whatever RepeatMode says.
        repeat_mode=RepeatMode.PERIOD if params.frequency else RepeatMode(params.repeat_mode),
        frequency=params.frequency,
        username=params.username,
        password_name=params.windows_password_name,
        by=str(call.caller),
        wait_online=timedelta(seconds=params.wait_online) if params.wait_online else None,
        termination_mode=params.termination_mode,
        resource_group_id=params.resource_group_id,
        tags=params.tags,
        once=call.once(params.client_token),
    )


def _check_schedule(params: InvocationParams) -> None:
    if params.wait_online and (params.frequency or params.repeat_mode != RepeatMode.ONCE):
        raise Refused(WAITS_ONCE)
    if params.repeat_mode == RepeatMode.PERIOD and not params.frequency:
        raise Refused(errors.NO_FREQUENCY)


def _check_targets(params: InvocationParams) -> None:
    if params.instance_ids and params.resource_tags:
        raise Refused(errors.TAGS_AND_IDS)
    if not params.instance_ids and not params.resource_tags:
        raise Refused(errors.NO_INSTANCE_NAMED)


def _check_what_is_not_there(params: InvocationParams) -> None:
    for given, error in (
        (params.container_id or params.container_name, NO_CONTAINERS),
        (params.oss_output_delivery, NO_BUCKETS),
    ):
        if given:
            raise Refused(error)
