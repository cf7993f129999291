"""What is recorded of a call: who, from where, on what, and what came of it; no value it gave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from cloudhand.api import authorize
from cloudhand.api.operation import Call, Operation
from cloudhand.api.refusal import Refused
from cloudhand.api.request import RawRequest
from cloudhand.core.audit import OK, Kind, Origin, Record

_PROGRAM_LIMIT = 200  # characters of how a program calls itself


def origin(raw: RawRequest, key_id: str) -> Origin:
    program = raw.headers.get("user-agent", "")[:_PROGRAM_LIMIT]
    return Origin(address=raw.source_ip, program=program, key_id=key_id)


def of_call(
    operation: Operation,
    call: Call,
    params: Any,
    *,
    result: msgspec.Struct | None = None,
    error: Exception | None = None,
) -> Record:
    """``params``: None where they could not be read."""
    touched = authorize.resources(operation, call, params) if params is not None else []
    things = [one.split(":", 4)[-1] for one in touched]
    if call.asked is not None:
        # A template has put a secret into what it asks: what it named itself is told, and no more.
        named = " ".join(call.asked.values())
        things = [one for one in things if one.rpartition("/")[2] in named]
    return Record(
        kind=Kind.CALL,
        at=call.now,
        action=authorize.action(operation),
        who=str(call.caller),
        outcome=_outcome(error) if error else OK,
        reads=operation.access == "read",
        origin=call.origin,
        things=things,
        facts=_made(result) if result is not None else {},
        request_id=call.request_id,
    )


def _outcome(error: Exception) -> str:
    return error.errors[0].code if isinstance(error, Refused) else type(error).__name__


def _made(result: msgspec.Struct) -> Mapping[str, str]:
    """The ids that an answer begins with, such as that of an invocation."""
    found: dict[str, str] = {}
    for name, wire in zip(result.__struct_fields__, result.__struct_encode_fields__, strict=True):
        value, told = getattr(result, name), wire[0].lower() + wire[1:]
        if name.endswith("_id") and isinstance(value, str):
            found[told] = value
        elif isinstance(getattr(value, f"{name}_id", None), str):  # of a thing that is told whole
            found[f"{told}Id"] = getattr(value, f"{name}_id")
        elif name.endswith("_id_sets") and isinstance(value, msgspec.Struct):
            (inner,) = value.__struct_fields__
            found[told] = ",".join(getattr(value, inner))
    return found
