"""One request from bytes to bytes, step by step, in the order in which callers expect errors."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from cloudhand.api import authenticate, authorize, bind, records, render, request
from cloudhand.api import gateway_errors as wrong
from cloudhand.api.operation import Call, Operation
from cloudhand.api.paging import BAD_NEXT_TOKEN
from cloudhand.api.refusal import Refused
from cloudhand.api.render import Format
from cloudhand.api.request import RawAnswer, RawRequest
from cloudhand.api.throttle import Throttle
from cloudhand.control.control import Control
from cloudhand.control.pace import Strangers
from cloudhand.control.tenancy import Tenancy
from cloudhand.core import ids
from cloudhand.core.audit import Kind, Record
from cloudhand.core.errors import (
    BadCursor,
    CloudhandError,
    CommandNotApplicable,
    ConstraintsInvalid,
    DeletionProtected,
    ExecutionEnded,
    ExecutionNotFound,
    IncorrectState,
    InstanceNotFound,
    InstanceNotTargeted,
    LastKey,
    NameTaken,
    NotAuthorized,
    NotEmpty,
    NotTrusted,
    ParametersInvalid,
    PolicyInvalid,
    ResourceNotFound,
    RestartLimit,
    StoredParameterNotFound,
    TaskNotFound,
    TemplateInvalid,
    TemplateNotFound,
    TooMany,
    ValueInvalid,
)
from cloudhand.store.database import StoreError

log = logging.getLogger(__name__)

# Which of a hundred instances it was, or what is wrong with a template, is told with the message.
_TOLD = (
    CommandNotApplicable,
    ConstraintsInvalid,
    DeletionProtected,
    ExecutionEnded,
    ExecutionNotFound,
    IncorrectState,
    InstanceNotFound,
    InstanceNotTargeted,
    LastKey,
    NameTaken,
    NotAuthorized,
    NotEmpty,
    NotTrusted,
    ParametersInvalid,
    PolicyInvalid,
    ResourceNotFound,
    RestartLimit,
    StoredParameterNotFound,
    TaskNotFound,
    TemplateInvalid,
    TemplateNotFound,
    TooMany,
    ValueInvalid,
)

_SHOWN = 100  # characters of what anybody may send

Operations = Mapping[str, Mapping[str, Operation]]  # by version, then by name


class Gate:
    """What remembers earlier requests: those that must not come again, and how many came."""

    def __init__(self, *, since: datetime) -> None:
        self.replays = authenticate.ReplayGuard(since)
        self.throttle = Throttle()
        self.strangers = Strangers()

    def clock_set(self, by: timedelta) -> None:
        self.replays.clock_set(by)
        self.throttle.clock_set(by)
        self.strangers.clock_set(by)


async def answer(
    raw: RawRequest, operations: Operations, tenancy: Tenancy, gate: Gate
) -> RawAnswer:
    call = _Answering(raw, tenancy.first)
    try:
        body = await _handled(call, operations, tenancy, gate)
        return call.answer(200, body)
    except Refused as refused:
        if not call.who and not gate.strangers.allow(raw.source_ip, call.now):
            return replace(call.told(Refused(wrong.STRANGER_THROTTLED)), close=True)
        return call.refuse(refused)
    except StoreError as error:
        log.error("store failed: %s: request %s", error, call.request_id)
        return call.refuse(Refused(wrong.UNAVAILABLE))
    except Exception:  # an outermost loop: one request must not end the API
        log.exception("cannot answer %r: request %s", call.action, call.request_id)
        return call.refuse(Refused(wrong.INTERNAL))


class _Answering:
    """What is known so far of the request, so that an error at any step is told in full."""

    def __init__(self, raw: RawRequest, first: Control) -> None:
        """``first``: the account that records what is of nobody."""
        self.raw = raw
        self.request_id = ids.request_id(first.random)
        self.now = first.clock.now()
        self.audit = first.audit
        self.form = Format.JSON
        self.action = ""
        self.product = "Ecs"
        self.handed_on = False  # to what records it itself
        self.who = ""
        self.key_id = ""

    def answer(self, status: int, body: bytes) -> RawAnswer:
        return RawAnswer(
            status=status,
            content_type=render.CONTENT_TYPES[self.form],
            request_id=self.request_id,
            body=body,
        )

    def refuse(self, refused: Refused) -> RawAnswer:
        first = refused.errors[0]
        log.info("refused %r: %s: request %s", self.action, first.code, self.request_id)
        if not self.handed_on:
            self.audit.note(self._record(first.code))
        return self.told(refused)

    def told(self, refused: Refused) -> RawAnswer:
        body = render.error(
            refused,
            product=self.product,
            request_id=self.request_id,
            host=self.raw.host,
            form=self.form,
        )
        status = refused.errors[0].status
        return replace(self.answer(status, body), retry_after=refused.retry_after)

    def _record(self, outcome: str) -> Record:
        return Record(
            kind=Kind.CALL,
            at=self.now,
            action=f"{self.product.lower()}:{self.action[:_SHOWN]}",
            who=self.who,
            outcome=outcome,
            origin=records.origin(self.raw, self.key_id),
            request_id=self.request_id,
        )


async def _handled(step: _Answering, operations: Operations, tenancy: Tenancy, gate: Gate) -> bytes:
    raw = step.raw
    asked = request.read(raw)
    step.form = request.wanted_format(raw, asked.flat)
    if raw.method not in ("GET", "POST"):
        raise Refused(wrong.HTTP_METHOD)
    operation = _find(step, asked.flat, operations)
    now = step.now
    step.key_id = authenticate.named_key(raw, asked)[:_SHOWN]
    key = await authenticate.authenticate(raw, asked, tenancy, gate.replays, now)
    control = tenancy.of(key.account_id)
    if control is None:  # closed meanwhile
        raise Refused(wrong.NO_SUCH_KEY)
    step.who, step.audit = str(key.identity), control.audit
    gate.throttle.check(control, operation, now)
    call = Call(
        caller=key.identity,
        action=operation.name,
        flat=asked.flat,
        request_id=step.request_id,
        host=raw.host,
        now=now,
        control=control,
        tenancy=tenancy,
        context=authorize.context(raw),
        origin=records.origin(raw, key.id),
    )
    step.handed_on = True
    result = await handled(operation, call)
    return render.result(operation.name, result, request_id=step.request_id, form=step.form)


async def handled(operation: Operation, call: Call) -> msgspec.Struct:
    """What the operation gives, recorded. Refused; a refusal that it does not expect is raised."""
    params = None
    try:
        _check_region(operation, call.flat, call.control.settings.region_id)
        params = bind.bind(operation.params, operation.parameters, call.flat)
        result = await _carried_out(operation, call, params)
    except Exception as error:
        call.control.audit.note(records.of_call(operation, call, params, error=error))
        raise
    record = records.of_call(operation, call, params, result=result)
    if operation.access == "read":
        call.control.audit.note(record)
    else:
        await call.control.audit.add(record)
    return result


async def _carried_out(operation: Operation, call: Call, params: Any) -> msgspec.Struct:
    try:
        await authorize.authorize(operation, call, params)
        return await operation.handle(call, params)
    except CloudhandError as refusal:
        raise _translated(operation, refusal) from refusal


def _find(step: _Answering, flat: Mapping[str, str], operations: Operations) -> Operation:
    # Only the header signature covers headers.
    headers = step.raw.headers if "authorization" in step.raw.headers else {}
    step.action = flat.get("Action") or headers.get("x-acs-action", "")
    version = flat.get("Version") or headers.get("x-acs-version", "")
    for name, given in (("Action", step.action), ("Version", version)):
        if not given:
            raise Refused(wrong.missing_common(name))
    if version not in operations:
        raise Refused(wrong.NO_SUCH_VERSION)
    if step.action not in operations[version]:
        raise Refused(wrong.NO_SUCH_ACTION)
    operation = operations[version][step.action]
    step.product = operation.product.name
    return operation


def _check_region(operation: Operation, flat: Mapping[str, str], region_id: str) -> None:
    """The region is looked at before any other parameter."""
    given = flat.get("RegionId", "")
    declared = operation.parameters.get("region_id")
    if declared is not None:
        declared.read(flat, "RegionId")
    if given and given != region_id:
        raise Refused(wrong.NO_SUCH_REGION)


def _translated(operation: Operation, refusal: CloudhandError) -> Exception:
    """The refusal as the caller knows it; as it is when the operation does not expect it."""
    if isinstance(refusal, BadCursor):
        return Refused(BAD_NEXT_TOKEN)
    error = operation.wire_error(refusal)
    if error is None and isinstance(refusal, NotAuthorized):
        error = wrong.FORBIDDEN
    if error is None:
        return refusal
    return Refused(error, because=str(refusal) if isinstance(refusal, _TOLD) else "")
