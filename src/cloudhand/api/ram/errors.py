"""Errors that several operations answer with, in the spelling of the real service."""

from __future__ import annotations

from cloudhand.api.refusal import WireError, invalid


def _error(code: str, status: int, message: str) -> WireError:
    return WireError(code=code, status=status, message=message)


NO_SUCH_USER = _error("EntityNotExist.User", 404, "The user does not exist.")
NO_SUCH_ROLE = _error("EntityNotExist.Role", 404, "The role does not exist.")
NO_SUCH_POLICY = _error("EntityNotExist.Policy", 404, "The policy does not exist.")
NO_SUCH_KEY = _error("EntityNotExist.User.AccessKey", 404, "The access key does not exist.")
NOT_ATTACHED_TO_USER = _error(
    "EntityNotExist.User.Policy", 404, "The policy is not attached to the user."
)
NOT_ATTACHED_TO_ROLE = _error(
    "EntityNotExist.Role.Policy", 404, "The policy is not attached to the role."
)
USER_EXISTS = _error("EntityAlreadyExists.User", 409, "The user exists already.")
ROLE_EXISTS = _error("EntityAlreadyExists.Role", 409, "The role exists already.")
POLICY_EXISTS = _error("EntityAlreadyExists.Policy", 409, "The policy exists already.")
ATTACHED_TO_USER = _error(
    "EntityAlreadyExists.User.Policy", 409, "The policy is attached to the user already."
)
ATTACHED_TO_ROLE = _error(
    "EntityAlreadyExists.Role.Policy", 409, "The policy is attached to the role already."
)
USER_HAS_KEYS = _error(
    "DeleteConflict.User.AccessKey", 409, "The user has access keys; delete them first."
)
USER_HAS_POLICIES = _error(
    "DeleteConflict.User.Policy", 409, "The user has policies; detach them first."
)
ROLE_HAS_POLICIES = _error(
    "DeleteConflict.Role.Policy", 409, "The role has policies; detach them first."
)
POLICY_IS_ATTACHED = _error(
    "DeleteConflict.Policy.User", 409, "The policy is attached; detach it first."
)
BAD_DOCUMENT = _error("MalformedPolicyDocument", 400, "The policy document is not valid.")
TOO_MANY_KEYS = _error(
    "LimitExceeded.User.AccessKey", 409, "The user has as many access keys as there may be."
)
LAST_KEY = _error(
    "DeleteConflict.Account.AccessKey",
    409,
    "This is the last active access key of the owner, without which nobody could give another.",
)
NO_OWN_KEYS = _error(
    "EntityNotExist.User", 404, "A role has no access keys of its own: name a user by UserName."
)
NO_SUCH_ACCOUNT = _error("EntityNotExist.Account", 404, "The account does not exist.")
ACCOUNT_EXISTS = _error("EntityAlreadyExists.Account", 409, "The account exists already.")
ACCOUNT_HAS_INSTANCES = _error(
    "DeleteConflict.Account.Instance",
    409,
    "The account has instances; release them, and deregister those that are managed, first.",
)
FIRST_ACCOUNT_STAYS = _error(
    "DeleteConflict.Account.First", 409, "The first account of a control plane cannot be closed."
)
TOO_MANY_ACCOUNTS = _error(
    "LimitExceeded.Account", 409, "The control plane has as many accounts as there may be."
)
NOT_THE_FIRST = _error(
    "NoPermission", 403, "Only the first account of a control plane opens and closes others."
)
BAD_ACCOUNT = invalid("AccountName", "must be 1 to 64 lower-case letters, digits and -")
BAD_USER = invalid("UserName", "must be 1 to 64 letters, digits and .-_@, and is not root")
BAD_ROLE = invalid("RoleName", "must be 1 to 64 letters, digits, . and -")
BAD_POLICY = invalid("PolicyName", "must be 1 to 128 letters, digits and -")
BAD_MARKER = invalid("Marker", "is not one that an earlier answer gave")
BAD_MAX_ITEMS = invalid("MaxItems", "must be from 1 to 1000")
