"""The gateway's errors: what is wrong with a request before any operation looks at it."""

from __future__ import annotations

from cloudhand.api.refusal import WireError

V1_NEEDS = (
    "AccessKeyId",
    "Signature",
    "SignatureMethod",
    "SignatureVersion",
    "SignatureNonce",
    "Timestamp",
)


def missing_common(name: str) -> WireError:
    return WireError(
        code="MissingParameter",
        status=400,
        message=f"The parameter {name} is mandatory for this request and was not given.",
    )


HTTP_METHOD = WireError(
    code="UnsupportedHTTPMethod", status=403, message="The HTTP method must be GET or POST."
)
NO_SUCH_ACTION = WireError(
    code="InvalidAction.NotFound",
    status=404,
    message="The specified action is not found, please check it and its version.",
)
NO_SUCH_VERSION = WireError(
    code="InvalidVersion", status=404, message="The specified parameter Version is not valid."
)
NO_SUCH_KEY = WireError(
    code="InvalidAccessKeyId.NotFound", status=404, message="Specified access key is not found."
)
KEY_INACTIVE = WireError(
    code="InvalidAccessKeyId.Inactive", status=400, message="Specified access key is disabled."
)
TIME_FORMAT = WireError(
    code="InvalidTimeStamp.Format",
    status=400,
    message="Specified time stamp is not in the form yyyy-MM-ddTHH:mm:ssZ.",
)
TIME_EXPIRED = WireError(
    code="InvalidTimeStamp.Expired",
    status=400,
    message="Specified time stamp is outside the 15 minutes around the server's time"
    " or before the server's start.",
)
NONCE_USED = WireError(
    code="SignatureNonceUsed", status=400, message="Specified signature nonce was used already."
)
METHOD_UNKNOWN = WireError(
    code="InvalidSignatureMethod",
    status=400,
    message="The signature method is not supported; use HMAC-SHA1 or ACS3-HMAC-SHA256.",
)
VERSION_UNKNOWN = WireError(
    code="InvalidSignatureVersion", status=400, message="The signature version must be 1.0."
)
INCOMPLETE = WireError(
    code="IncompleteSignature",
    status=400,
    message="The signature is malformed, or leaves out a header that must be signed.",
)
TOKEN_MALFORMED = WireError(
    code="InvalidSecurityToken.Malformed",
    status=400,
    message="Specified SecurityToken is malformed.",
)
TOKEN_EXPIRED = WireError(
    code="InvalidSecurityToken.Expired",
    status=400,
    message="Specified SecurityToken is expired.",
)
FORBIDDEN = WireError(
    code="Forbidden.RAM",
    status=403,
    message="User not authorized to operate on the specified resource.",
)
NO_SUCH_REGION = WireError(
    code="InvalidRegionId.NotFound",
    status=404,
    message="The specified RegionId does not exist.",
)
INTERNAL = WireError(
    code="InternalError",
    status=500,
    message="The request processing has failed due to some unknown error.",
)
UNAVAILABLE = WireError(
    code="ServiceUnavailable",
    status=503,
    message="The store of this control plane cannot be written or read now, most likely because"
    " its disk is full. Nothing was changed; try again later.",
)
MALFORMED_REQUEST = WireError(
    code="InvalidParameter", status=400, message="The request is not valid HTTP."
)
LINE_TOO_LONG = WireError(
    code="RequestURITooLong", status=414, message="The request line is longer than 256 KiB."
)
HEADERS_TOO_LARGE = WireError(
    code="RequestHeaderFieldsTooLarge",
    status=431,
    message="The request headers are larger than 64 KiB.",
)
BODY_TOO_LARGE = WireError(
    code="RequestEntityTooLarge", status=413, message="The request body is larger than 1 MiB."
)

TOO_SLOW = WireError(
    code="RequestTimeout", status=408, message="The request was not whole within two minutes."
)


def v1_mismatch(string_to_sign: str) -> WireError:
    # Compat: one client splits this text at its colon and compares what follows.
    return WireError(
        code="SignatureDoesNotMatch",
        status=400,
        message="Specified signature is not matched with our calculation."
        f" server string to sign is:{string_to_sign}",
    )


def v3_mismatch(string_to_sign: str, canonical_request: str) -> WireError:
    return WireError(
        code="SignatureDoesNotMatch",
        status=400,
        message="Specified signature is not matched with our calculation."
        f" server StringToSign is [{string_to_sign}]"
        f" server CanonicalRequest is [{canonical_request}]",
    )


THROTTLED = WireError(
    code="Throttling.User", status=400, message="Request was denied due to user flow control."
)
STRANGER_THROTTLED = WireError(
    code="Throttling",
    status=429,
    message="Too many requests from this address were refused; those that are signed are answered.",
)

GATEWAY = (
    HTTP_METHOD,
    NO_SUCH_ACTION,
    NO_SUCH_VERSION,
    missing_common("Action"),
    NO_SUCH_KEY,
    KEY_INACTIVE,
    TIME_FORMAT,
    TIME_EXPIRED,
    NONCE_USED,
    METHOD_UNKNOWN,
    VERSION_UNKNOWN,
    INCOMPLETE,
    v1_mismatch("…"),
    TOKEN_MALFORMED,
    TOKEN_EXPIRED,
    THROTTLED,
    STRANGER_THROTTLED,
    FORBIDDEN,
    NO_SUCH_REGION,
    MALFORMED_REQUEST,
    BODY_TOO_LARGE,
    LINE_TOO_LONG,
    HEADERS_TOO_LARGE,
    TOO_SLOW,
    INTERNAL,
    UNAVAILABLE,
)
