"""Errors of what is sent as a file, in the cloud's exact spelling."""

from __future__ import annotations

from cloudhand.api.refusal import WireError, invalid

FILE_NAME_TOO_LONG = WireError(
    code="FileName.ExceedLimit", status=403, message="Name is longer than 255 characters."
)
BAD_FILE_NAME = invalid("Name", "must be a name within TargetDir, without a slash")
BAD_TARGET_DIR = WireError(
    code="FileTargetDir.Invalid",
    status=400,
    message="TargetDir is no absolute path of at most 255 characters.",
)
BAD_FILE_TYPE = WireError(
    code="FileContentType.Invalid",
    status=400,
    message="ContentType is neither PlainText nor Base64.",
)
BAD_FILE_MODE = WireError(
    code="FileMode.Invalid", status=400, message="FileMode is not of three or four octal digits."
)
BAD_FILE_OWNER = invalid("FileOwner", "is no name of a user of at most 64 characters")
BAD_FILE_GROUP = invalid("FileGroup", "is no name of a group of at most 64 characters")
FILE_DESCRIPTION_TOO_LONG = WireError(
    code="FileDesc.ExceedLimit", status=403, message="Description is longer than 512 characters."
)
UNDECODABLE_FILE = WireError(
    code="FileContent.DecodeError", status=400, message="Content is not valid Base64."
)
FILE_TOO_LONG = WireError(
    code="FileSize.ExceedLimit", status=403, message="Content exceeds 32 KB after Base64."
)
