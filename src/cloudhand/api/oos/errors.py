"""Errors that several operations answer with.

Of these codes only EntityNotExists.Template and its like are published; the others follow their
style.
"""

from __future__ import annotations

from cloudhand.api.refusal import WireError, invalid


def _error(code: str, status: int, message: str) -> WireError:
    return WireError(code=code, status=status, message=message)


NO_SUCH_TEMPLATE = _error("EntityNotExists.Template", 404, "The specified template does not exist.")
TEMPLATE_EXISTS = _error(
    "EntityAlreadyExists.Template", 409, "A template of this name exists already."
)
BAD_TEMPLATE = _error("InvalidTemplate", 400, "The template is not valid.")
BAD_TEMPLATE_NAME = invalid(
    "TemplateName",
    "must be 1 to 200 letters, digits, - and _, and not begin with ALIYUN, ACS, ALIBABA, ALICLOUD",
)
NO_SUCH_ROLE = _error("EntityNotExist.Role", 404, "The specified role does not exist.")
NO_TEMPLATE = _error(
    "MissingParameter.TemplateName", 400, "TemplateName or TemplateContent must be given."
)
NO_CONTENT = _error("MissingParameter.Content", 400, "The parameter Content must be given.")
NO_URLS = _error(
    "InvalidParameter.TemplateURL", 400, "TemplateURL is not supported here: give the content."
)
BAD_PARAMETERS = invalid("Parameters", "does not fit the template")
BAD_JSON_PARAMETERS = invalid("Parameters", "must be a JSON object")
NO_SUCH_EXECUTION = _error(
    "EntityNotExists.Execution", 404, "The specified execution does not exist."
)
NO_SUCH_TASK = _error(
    "EntityNotExists.TaskExecution", 404, "No task of the execution waits for this."
)
WRONG_STATUS = _error(
    "InvalidStatus.Execution", 400, "The status of the execution does not allow this."
)
TOKEN_REUSED = _error(
    "IdempotentParameterMismatch", 400, "ClientToken was used before with other parameters."
)
BAD_TAGS = invalid("Tags", "must be a JSON object of at most 20 texts")
TOO_MANY_TAGS = _error("QuotaExceeded.Tags", 400, "A resource has at most 20 tags.")

NO_SUCH_PARAMETER = _error(
    "EntityNotExists.Parameter", 404, "The specified parameter does not exist."
)
PARAMETER_EXISTS = _error(
    "EntityAlreadyExists.Parameter", 409, "A parameter of this name exists already."
)
VERSIONS_USED_UP = _error(
    "QuotaExceeded.ParameterVersion", 400, "A parameter has at most 100 versions."
)
BAD_PARAMETER_NAME = invalid(
    "Name",
    "must be letters, digits, - and _ in up to 200 characters (180 for a secret parameter), with a"
    " / between folders, and not begin with ALIYUN, ACS, ALIBABA, ALICLOUD, OOS",
)
BAD_CONSTRAINTS = invalid(
    "Constraints",
    "must be a JSON object of AllowedValues, AllowedPattern, MinLength and MaxLength",
)
BAD_VALUE = invalid("Value", "must be 1 to 4096 characters")
VALUE_REFUSED = invalid("Value", "does not keep the constraints of the parameter")
