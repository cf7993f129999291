"""Whose access keys an operation is about."""

from __future__ import annotations

from cloudhand.api.operation import Call
from cloudhand.api.ram import errors
from cloudhand.api.refusal import Refused, WireError
from cloudhand.core.account import Identity, Kind
from cloudhand.core.errors import ResourceNotFound


def missing(refusal: ResourceNotFound) -> WireError:
    return errors.NO_SUCH_USER if refusal.kind == "user" else errors.NO_SUCH_KEY


def whose(call: Call, user_name: str) -> Identity:
    """The user of that name, or else whoever asks; Refused for a role, which has none."""
    if user_name:
        return Identity(account_id=call.caller.account_id, kind=Kind.USER, name=user_name)
    if call.caller.kind is Kind.ROLE:
        raise Refused(errors.NO_OWN_KEYS)
    return call.caller
