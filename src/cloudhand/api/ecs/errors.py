"""Errors in the cloud's exact spelling, and which refusals of ours become which of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cloudhand.api.refusal import WireError, invalid, unsupported
from cloudhand.api.tags import TagErrors
from cloudhand.core.errors import (
    FrequencyProblem,
    IncorrectState,
    InstanceNotFound,
    ParameterProblem,
    TooMany,
)


def _error(code: str, status: int, message: str) -> WireError:
    return WireError(code=code, status=status, message=message)


# Tags

TAG_ERRORS = TagErrors(
    too_many=_error("NumberExceed.Tags", 400, "A request has at most 20 tags."),
    no_key=_error("MissingParameter.TagKey", 400, "A tag has no key."),
    duplicate=_error("Duplicate.TagKey", 400, "A tag key is given twice."),
    bad_key=_error("InvalidTagKey.Malformed", 400, "A tag key is malformed."),
    bad_value=_error("InvalidTagValue.Malformed", 400, "A tag value is malformed."),
)
RESOURCE_TAG_ERRORS = TagErrors(
    too_many=_error("NumberExceed.ResourceTags", 400, "A request has at most 20 resource tags."),
    no_key=_error("MissingParameter.ResourceTagKey", 400, "A resource tag has no key."),
    duplicate=_error("Duplicate.ResourceTagKey", 400, "A resource tag key is given twice."),
    bad_key=_error("InvalidResourceTagKey.Malformed", 400, "A resource tag key is malformed."),
    bad_value=_error(
        "InvalidResourceTagValue.Malformed", 400, "A resource tag value is malformed."
    ),
)
INSTANCE_TAG_ERRORS = TagErrors(
    too_many=_error("InvalidTagCount", 400, "A filter has at most 20 tags."),
    no_key=_error("InvalidTag.Mismatch", 400, "A tag of the filter has no key."),
    duplicate=TAG_ERRORS.duplicate,
    bad_key=TAG_ERRORS.bad_key,
    bad_value=TAG_ERRORS.bad_value,
)
NO_INSTANCE_WITH_TAGS = _error(
    "InvalidResourceTag.InstanceNotFound", 400, "No instance has all of the resource tags."
)
TAGS_AND_IDS = _error(
    "InvalidResourceTag.ConflictWithInstanceIds",
    400,
    "Instances are named either by InstanceId or by ResourceTag.",
)

# Tags and groups of things of any kind

NO_RESOURCE_REGION = _error("MissingParameter.RegionId", 404, "The parameter RegionId is missing.")
NO_RESOURCE_TYPE = _error(
    "MissingParameter.ResourceType", 404, "The parameter ResourceType is missing."
)
NO_RESOURCE_IDS = _error(
    "MissingParameter.ResourceIds", 404, "The parameter ResourceId.N is missing."
)
NO_TAGS = _error("MissingParameter.Tags", 404, "The parameter Tag.N is missing.")
NO_TAG_KEYS = _error("MissingParameter.TagKey", 400, "Neither TagKey.N nor All is given.")
TOO_MANY_RESOURCES = _error(
    "NumberExceed.ResourceIds", 400, "A request has at most 50 resource ids."
)
NO_SUCH_RESOURCE = _error(
    "InvalidResourceId.NotFound", 404, "The specified ResourceId is not there."
)
NO_SUCH_RESOURCE_TYPE = _error(
    "InvalidResourceType.NotFound", 404, "The specified ResourceType does not exist."
)
TOO_MANY_TAGS_ON_ONE = _error("QuotaExceed.Tags", 403, "A resource has at most 20 tags.")
VALUE_WITHOUT_KEY = _error("InvalidParameter.TagValue", 400, "A tag has a value but no key.")

# Tokens and dry runs

BAD_CLIENT_TOKEN = _error(
    "InvalidClientToken.Malformed", 400, "ClientToken is at most 64 ASCII characters."
)
TOKEN_REUSED = _error(
    "IdempotentParameterMismatch",
    403,
    "The ClientToken was used before with other parameters.",
)
TOKEN_REUSED_INSTANCES = _error(
    "IdempotentParameterMismatch",
    400,
    "The ClientToken was used before with other parameters.",
)
DRY_RUN = _error("DryRunOperation", 400, "Request validation has been passed with DryRun flag set.")
DRY_RUN_MANY = _error(
    "DRYRUN.SUCCESS", 400, "Request validation has been passed with DryRun flag set."
)

# Instances named by a Cloud Assistant operation

NO_INSTANCE_NAMED = _error(
    "MissingParam.InstanceId", 400, "Neither InstanceId nor ResourceTag is given."
)
NO_INSTANCE_ID = _error("MissingParam.InstanceId", 400, "InstanceId.N is not given.")
TOO_MANY_TARGETS = _error("InstanceIds.ExceedLimit", 403, "Too many instances are named.")
NO_SUCH_TARGET = _error("InvalidInstance.NotFound", 404, "The specified instance does not exist.")
TARGET_NOT_MATCHED = _error(
    "InvalidInstance.NotMatch",
    400,
    "The type of the command does not fit an instance, or an instance is not Running;"
    " reselect the instances.",
)
NO_SUCH_INVOCATION = _error(
    "InvalidInvokeId.NotFound", 404, "The specified InvokeId does not exist."
)

# Instances named by an operation on instances

NO_SUCH_INSTANCE = _error(
    "InvalidInstanceId.NotFound", 404, "The specified InstanceId does not exist."
)
TOO_MANY_INSTANCES = _error(
    "InvalidParameter.TooManyInstanceIds", 403, "At most 100 instances can be named."
)
MALFORMED_IDS = _error(
    "Abs.InvalidInstanceIds.MalFormed", 403, "The specified instance ids are malformed."
)
MALFORMED_ID_LIST = _error(
    "InvalidInstanceIds.Malformed", 400, "InstanceIds is not a JSON list of strings."
)
WRONG_STATUS = _error(
    "IncorrectInstanceStatus",
    403,
    "The current status of the resource does not support this operation.",
)
INITIALIZING = _error(
    "IncorrectInstanceStatus.Initializing", 403, "The specified instance is being created."
)
PROTECTED = _error(
    "InvalidOperation.DeletionProtection",
    403,
    "The specified instance is protected from deletion.",
)
NO_SUCH_STATUS = _error("InvalidStatus.NotFound", 404, "The specified Status does not exist.")
NO_SUCH_ZONE = _error("InvalidZoneId.NotFound", 404, "The specified ZoneId does not exist.")
QUOTA = _error(
    "QuotaExceed.ElasticQuota", 403, "This control plane keeps no more instances at a time."
)

# Commands

BAD_TYPE = _error("InvalidCmdType.NotFound", 404, "The specified Type does not exist.")
UNDECODABLE = _error("CmdContent.DecodeError", 400, "CommandContent is not valid Base64.")
CONTENT_TOO_LONG = _error(
    "CmdContent.ExceedLimit", 403, "CommandContent and Parameters exceed 24 KB after Base64."
)
NAME_TOO_LONG = _error("CmdName.ExceedLimit", 403, "Name is longer than 128 characters.")
DESCRIPTION_TOO_LONG = _error(
    "CmdDesc.ExceedLimit", 403, "Description is longer than 512 characters."
)
BAD_NAME = _error("InvalidParameterCharacter.CommandName", 403, "Name has an illegal character.")
BAD_DESCRIPTION = _error(
    "InvalidParameterCharacter.CommandDescription", 403, "Description has an illegal character."
)
BAD_WORKING_DIR = _error(
    "InvalidParameterCharacter.CommandWorkingDir", 403, "WorkingDir has an illegal character."
)
WORKING_DIR_TOO_LONG = _error(
    "InvalidParameter.WorkingDir", 400, "WorkingDir is longer than 200 characters."
)
TIMEOUT_TOO_LONG = _error(
    "InvalidTimeout.ExceedLimit", 403, "Timeout is longer than 86400 seconds."
)
LAUNCHER_TOO_LONG = _error(
    "InvalidLauncher.LengthLimitExceeded", 403, "Launcher is longer than 1 KB."
)
USERNAME_TOO_LONG = _error("Username.ExceedLimit", 403, "Username is longer than 255 characters.")
PASSWORD_NAME_TOO_LONG = _error(
    "WindowsPasswordName.ExceedLimit", 403, "WindowsPasswordName is longer than 255 characters."
)
NO_SUCH_COMMAND = _error("InvalidCmdId.NotFound", 404, "The specified CommandId does not exist.")
NO_SUCH_COMMAND_TYPE = _error(
    "InvalidCommandType.NotFound", 404, "The specified Type does not exist."
)
TOO_MANY_INVOCATIONS = _error(
    "Invocation.ExceedQuota", 403, "This control plane runs no more commands in a day."
)
TOO_MANY_COMMANDS = _error(
    "CmdCount.ExceedQuota", 403, "This control plane keeps no more commands."
)
NAME_FILTER_TOO_LONG = _error(
    "InvalidName.LengthLimitExceeded", 403, "Name is longer than 128 characters."
)
DESCRIPTION_FILTER_TOO_LONG = _error(
    "InvalidDescription.LengthLimitExceeded", 403, "Description is longer than 512 characters."
)
BAD_REPEAT_MODE = _error(
    "InvalidRepeatMode.NotFound", 404, "The specified RepeatMode does not exist."
)
BAD_TERMINATION_MODE = _error(
    "InvalidTerminationMode.NotFound", 404, "The specified TerminationMode does not exist."
)
NO_FREQUENCY = _error(
    "MissingParam.Frequency", 400, "RepeatMode Period asks for the parameter Frequency."
)
BAD_FREQUENCY = _error("InvalidParam.Frequency", 400, "Frequency cannot be followed.")
BAD_CONTAINER_ID = _error(
    "InvalidContainerId.Malformed", 400, "The specified ContainerId is malformed."
)
BAD_CONTAINER_NAME = _error(
    "InvalidContainerName.Malformed", 400, "The specified ContainerName is malformed."
)
NOT_STORED = _error(
    "ParameterStore.InvalidParameters",
    403,
    "CommandContent names a parameter that is not in the parameter store.",
)
NOT_READABLE = _error(
    "ParameterStore.NoPermission",
    403,
    "CommandContent names a parameter of the parameter store that the caller may not read.",
)

# Custom parameters of a command


@dataclass(frozen=True, kw_only=True)
class ParameterErrors:
    """What can be wrong with Parameters, whatever the command."""

    malformed: WireError
    bad_name: WireError  # or a value that is no text
    no_name: WireError
    too_long_name: WireError
    bad_value: WireError
    too_many: WireError
    twice: WireError


BAD_PARAMETERS = _error("InvalidParameter.Parameters", 400, "Parameters is not a JSON object.")
BAD_PARAMETER_CHARSET = _error(
    "InvalidParameterCharset.Parameters", 403, "Parameters has an illegal character."
)
PARAMETER_TYPE = _error(
    "ParameterType.NotSupported", 403, "A value in Parameters is neither text, number nor boolean."
)
TOO_MANY_PARAMETERS = _error(
    "ParameterCount.ExceedLimit", 403, "Parameters has more than 10 entries."
)
PARAMETER_NAME_TOO_LONG = _error(
    "ParameterKey.ExceedLimit", 403, "A name in Parameters is not of 1 to 64 characters."
)
PARAMETER_TWICE = _error(
    "ParameterKey.Duplicate", 403, "A name is given twice in Parameters, whatever its case."
)
PARAMETER_NOT_MATCHED = _error(
    "Parameter.NotMatched", 403, "A name in Parameters is not in CommandContent."
)
PARAMETERS_DISABLED = _error(
    "Parameter.Disabled", 400, "Parameters is given, but EnableParameter is not true."
)
EMPTY_PLACEHOLDER = _error(
    "CmdParam.EmptyKey", 400, "CommandContent has a placeholder without a name."
)
BAD_PLACEHOLDER = _error(
    "CmdParam.InvalidParamName",
    400,
    "The name of a placeholder has a character other than a-z A-Z 0-9 - _.",
)
PLACEHOLDER_TOO_LONG = _error(
    "CmdParamName.ExceedLimit", 403, "The name of a placeholder is longer than 64 bytes."
)
TOO_MANY_PLACEHOLDERS = _error(
    "CmdParamCount.ExceedLimit", 403, "CommandContent has more than 20 custom parameters."
)
NOT_TEXT = _error(
    "CmdContent.DecodeError", 400, "CommandContent with parameters must be UTF-8 text."
)

PARAMETER_ERRORS = ParameterErrors(
    malformed=BAD_PARAMETERS,
    bad_name=BAD_PARAMETER_CHARSET,
    no_name=PARAMETER_NAME_TOO_LONG,
    too_long_name=PARAMETER_NAME_TOO_LONG,
    bad_value=PARAMETER_TYPE,
    too_many=TOO_MANY_PARAMETERS,
    twice=PARAMETER_TWICE,
)

# What can be wrong with the content alone, and what with values for its placeholders.
CONTENT_PROBLEMS = {
    "EmptyKey": EMPTY_PLACEHOLDER,
    "InvalidParamName": BAD_PLACEHOLDER,
    "ParamNameTooLong": PLACEHOLDER_TOO_LONG,
    "TooMany": TOO_MANY_PLACEHOLDERS,
    "NotText": NOT_TEXT,
    "TooLong": CONTENT_TOO_LONG,
}
VALUE_PROBLEMS = {
    "NotMatched": PARAMETER_NOT_MATCHED,
    "Duplicate": PARAMETER_TWICE,
    "Disabled": PARAMETERS_DISABLED,
    "NotStored": NOT_STORED,
    "NotReadable": NOT_READABLE,
    "TooLong": CONTENT_TOO_LONG,
}


def of_parameter(problem: ParameterProblem) -> WireError:
    error = {**CONTENT_PROBLEMS, **VALUE_PROBLEMS}[problem.kind]
    if error in (NOT_STORED, NOT_READABLE, PARAMETER_NOT_MATCHED):
        return replace(error, message=f"{error.message.removesuffix('.')}: {problem.name}.")
    return error


def of_frequency(problem: FrequencyProblem) -> WireError:
    return replace(BAD_FREQUENCY, message=f"{problem}.")


_QUOTAS = {"commands": TOO_MANY_COMMANDS, "invocations": TOO_MANY_INVOCATIONS}


def of_quota(refusal: TooMany) -> WireError:
    return _QUOTAS.get(refusal.what, TOO_MANY_TARGETS)


def of_missing_target(refusal: InstanceNotFound) -> WireError:
    """Without any id it was tags that named no instance."""
    return NO_SUCH_TARGET if refusal.instance_ids else NO_INSTANCE_WITH_TAGS


def of_deletion(refusal: IncorrectState) -> WireError:
    return INITIALIZING if refusal.state in ("Pending", "Starting") else WRONG_STATUS


# Faults

NO_SUCH_FAULT = _error("InvalidFaultId.NotFound", 404, "The specified FaultId does not exist.")
TOO_MANY_FAULTS = invalid("FaultId", "has more than 100 items")

# Changes of what runs again, which answer in a style of their own

NEW_PARAMETER_ERRORS = ParameterErrors(
    malformed=BAD_PARAMETERS,
    bad_name=_error("InvalidParameters.KeyMalformed", 400, "Parameters has an illegal character."),
    no_name=_error("InvalidParameters.KeyEmpty", 400, "A name in Parameters is empty."),
    too_long_name=_error(
        "InvalidParameters.KeyLengthLimitExceeded",
        403,
        "A name in Parameters is longer than 64 characters.",
    ),
    bad_value=_error(
        "InvalidParameters.ValueTypeUnsupported",
        403,
        "A value in Parameters is neither text, number nor boolean.",
    ),
    too_many=_error(
        "InvalidParameters.CountLimitExceeded", 403, "Parameters has more than 10 entries."
    ),
    twice=_error(
        "InvalidParameters.KeyDuplicate",
        400,
        "A name is given twice in Parameters, whatever its case.",
    ),
)
NEW_BAD_FREQUENCY = invalid("Frequency", "cannot be followed")
NEW_UNDECODABLE = _error(
    "InvalidCommandContent.DecodeError", 400, "CommandContent is not valid Base64."
)
NEW_CONTENT_TOO_LONG = _error(
    "InvalidCommandContent.LengthLimitExceeded",
    403,
    "CommandContent and Parameters exceed 24 KB after Base64.",
)
RUNS_ONCE = _error(
    "InvalidOperation.RepeatModeUnsupported", 403, "The invocation runs once and cannot be changed."
)
RUNS_NO_MORE = _error("InvalidOperation.InvokeAlreadyFinished", 403, "The invocation runs no more.")
NEW_TOO_MANY_TARGETS = _error(
    "InvalidInstanceId.CountLimitExceeded", 403, "An invocation has at most 100 instances."
)
NEW_NOT_MATCHED = _error(
    "InvalidInstanceId.OSTypeUnsupported", 403, "The type of the command does not fit an instance."
)
NEW_TOO_MANY_COMMANDS = _error(
    "CommandLimitExceeded", 403, "This control plane keeps no more commands."
)
NEW_PROBLEMS = {
    **CONTENT_PROBLEMS,
    **VALUE_PROBLEMS,
    "NotMatched": _error(
        "InvalidParameters.KeyNotMatch", 400, "A name in Parameters is not in CommandContent."
    ),
    "Duplicate": NEW_PARAMETER_ERRORS.twice,
    "NotText": NEW_UNDECODABLE,
    "TooLong": NEW_CONTENT_TOO_LONG,
}


def of_new_parameter(problem: ParameterProblem) -> WireError:
    return NEW_PROBLEMS[problem.kind]


def of_new_frequency(problem: FrequencyProblem) -> WireError:
    return replace(NEW_BAD_FREQUENCY, message=f"{problem}.")


def of_new_quota(refusal: TooMany) -> WireError:
    return NEW_TOO_MANY_COMMANDS if refusal.what == "commands" else NEW_TOO_MANY_TARGETS


PASSWORD_NAME_MISSED = _error(
    "WindowsPasswordName.Missed", 403, "Username on Windows, unless System, needs its password."
)
NO_PASSWORD_NEEDED = unsupported(
    "WindowsPasswordName", "commands of the type RunShellScript need no password"
)
NO_SUCH_LANGUAGE = WireError(
    code="InvalidAcceptLanguage.NotFound",
    status=404,
    message="The specified AcceptLanguage does not exist.",
)


# The governor

BAD_GROUP_NAME = invalid("GroupName", "is not 1 to 64 letters, digits, dots, hyphens and _")
NO_SUCH_GROUP = _error(
    "InvalidGroupName.NotFound", 404, "The governor has no group of the specified GroupName."
)
TOO_MANY_GROUPS = _error("QuotaExceed.GovernorGroup", 403, "The governor has 100 groups already.")
BAD_REASON = invalid("Reason", "is longer than 500 characters")
CANNOT_FINISH = _error(
    "InvalidStatus.Finished", 403, "It has ended, or cannot end with the specified Status."
)
NO_SUCH_SLOT = _error(
    "InvalidSlotId.NotFound", 404, "The specified slot is neither held nor waited for."
)
RESTART_ORDERED = _error(
    "OperationDenied.RestartOrdered",
    403,
    "The restart was ordered by RebootInstances, and stands.",
)
LOOPING = _error(
    "OperationDenied.RestartLimit",
    403,
    "The governor lets the machine restart no more for now: it has restarted too often.",
)
