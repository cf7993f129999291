"""Errors of terminal sessions, in the cloud's exact spelling."""

from __future__ import annotations

from dataclasses import replace

from cloudhand.api.refusal import WireError, invalid, unsupported
from cloudhand.core.errors import TooMany

TOO_MANY_SESSIONS = WireError(
    code="SessionCount.ExceedLimit",
    status=403,
    message="The control plane, or an instance, has no room for another session.",
)
DISABLED = WireError(
    code="UserBehavior.SessionManagerDisabled",
    status=403,
    message="Sessions are switched off: see ModifyCloudAssistantSettings.",
)
NO_SUCH_SESSION = WireError(
    code="InvalidSessionId.NotFound",
    status=404,
    message="The specified SessionId does not exist.",
)
ONE_INSTANCE = WireError(
    code="InvalidInstanceIds.CountLimitExceeded",
    status=403,
    message="With CommandLine or TargetServer a session has one instance.",
)
COMMAND_LINE_TOO_LONG = WireError(
    code="InvalidCommandLine.LengthLimitExceeded",
    status=403,
    message="CommandLine is longer than 512 characters.",
)
COMMAND_LINE_CONFLICT = WireError(
    code="InvalidCommandLine.Conflict",
    status=403,
    message="CommandLine goes with neither PortNumber nor TargetServer.",
)
BAD_PORT = WireError(
    code="PortNumber.Invalid", status=400, message="PortNumber is not from 1 to 65535."
)
TARGET_SERVER_TOO_LONG = WireError(
    code="InvalidTargetServer.LengthLimitExceeded",
    status=403,
    message="TargetServer is longer than 128 characters.",
)
PORT_MISSING = WireError(
    code="InvalidTargetServer.MissingPortNumber",
    status=403,
    message="TargetServer asks for the parameter PortNumber.",
)
PASSWORD_NAME_TOO_LONG = WireError(
    code="InvalidPasswordName.LengthLimitExceeded",
    status=403,
    message="PasswordName is longer than 255 characters.",
)
BAD_CONNECTION_TYPE = invalid("ConnectionType", "must be Internet or Intranet")
BAD_ENCRYPTION = invalid(
    "EncryptionOptions",
    "must be a JSON object of Enabled, Mode (Auto or Kms) and KMSKeyId; the last two belong to an"
    " encryption that is enabled, and KMSKeyId to Kms",
)
NOT_ENCRYPTED = unsupported(
    "EncryptionOptions", "sessions are not encrypted from end to end, but by TLS alone"
)


def of_room(refusal: TooMany) -> WireError:
    """With which instance it is."""
    return replace(TOO_MANY_SESSIONS, message=f"{refusal}.")
