"""Operations called from inside, by executions: as on the wire, but for the signature.

Templates spell parameters more loosely than the wire: ``InstanceIds`` for what goes as
``InstanceId.1``, ``InstanceId.2`` …, lists for what is a text of JSON, any case. The declarations
of the operations say what is meant.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from cloudhand.api import gateway_errors as wrong
from cloudhand.api.answer import handled
from cloudhand.api.bind import Parameter
from cloudhand.api.operation import Call, Operation
from cloudhand.api.refusal import Refused
from cloudhand.control.control import Control
from cloudhand.control.rights import read_stored
from cloudhand.control.tenancy import Tenancy
from cloudhand.core import ids
from cloudhand.core.account import Identity, Kind, identity
from cloudhand.core.audit import Origin
from cloudhand.core.errors import NotAuthorized
from cloudhand.core.execution import Execution
from cloudhand.core.task import TaskExecution
from cloudhand.orchestration import secrets
from cloudhand.orchestration.action import Caller, Reply
from cloudhand.orchestration.evaluation import NotReadable, NotStored
from cloudhand.orchestration.values import text
from cloudhand.store.database import StoreError
from cloudhand.wire import rpc

_TRANSIENT = ("Throttling", "ServiceUnavailable")
_PAGE_LIMIT = 1000  # pages that one call joins

Products = Mapping[str, Mapping[str, Operation]]  # by product in lower case, then by name
NO_SUCH_PRODUCT = "UnsupportedProduct"
NO_SUCH_API = "UnsupportedOperation"


def served(products: Products) -> dict[str, frozenset[str]]:
    """The names of all operations in lower case, by product."""
    return {name: frozenset(one.lower() for one in found) for name, found in products.items()}


class Inside:
    """Makes the callers of executions."""

    def __init__(self, control: Control, tenancy: Tenancy, products: Products) -> None:
        self._control = control
        self._tenancy = tenancy
        self._products = {
            name: {one.lower(): operation for one, operation in found.items()}
            for name, found in products.items()
        }

    def caller_of(self, execution: Execution, task: TaskExecution) -> Caller:
        """``reconcilers.means.CallerOf``"""
        return _Caller(self._control, self._tenancy, self._products, self, execution, task)

    async def check_read(
        self, execution: Execution, names: Collection[str], *, secret: bool
    ) -> None:
        """``reconcilers.means.CheckRead``"""
        who = actor(execution)
        reading = read_stored(who, execution.region_id, names, secret=secret)
        try:
            for action, things in reading.items():
                await self._control.rights.check(who, action, things, {})
        except NotAuthorized as refusal:
            raise NotReadable(str(refusal)) from None


class _Caller:
    """orchestration.action.Caller for one attempt at a task."""

    def __init__(
        self,
        control: Control,
        tenancy: Tenancy,
        products: Products,
        inside: Inside,
        execution: Execution,
        task: TaskExecution,
    ) -> None:
        self._control = control
        self._tenancy = tenancy
        self._inside = inside
        self._products = products
        self._execution = execution
        self._task = task

    async def __call__(
        self, service: str, api: str, given: Mapping[str, Any], *, effect: str, pages: bool = True
    ) -> Reply:
        request_id = ids.request_id(self._control.random)
        found = self._products.get(service.lower())
        if found is None:
            return _refusal(request_id, NO_SUCH_PRODUCT, f"{service} is not served here")
        operation = found.get(api.lower())
        if operation is None:
            return _refusal(request_id, NO_SUCH_API, f"{service} {api} is not served here")
        names = secrets.names(given, self._execution.mark)
        try:
            known = await self._secrets(names) if names else {}
            call = self._call(operation, given, known, request_id, effect)
            return Reply(body=await self._answered(call, operation, pages=pages))
        except Refused as refused:
            message = secrets.scrubbed(refused.bare, known.values()) if known else refused.message
            return _refusal(request_id, refused.errors[0].code, message)
        except StoreError as error:
            return _refusal(request_id, wrong.UNAVAILABLE.code, str(error))
        except NotStored:
            raise
        except Exception as error:
            if not names:
                raise
            # Its words, and those of what led to it, may be the secret.
            raise RuntimeError(f"{operation.name} raised {type(error).__name__}") from None

    async def _secrets(self, names: set[str]) -> dict[str, str]:
        await self._inside.check_read(self._execution, names, secret=True)
        found = await self._control.stored_parameters.secrets(names)
        missing = names - found.keys()
        if missing:
            raise NotStored(missing, secret=True)
        return found

    def _call(
        self,
        operation: Operation,
        given: Mapping[str, Any],
        known: Mapping[str, str],
        request_id: str,
        effect: str,
    ) -> Call:
        execution = self._execution
        region = {"RegionId": execution.region_id}
        clear = secrets.revealed(given, execution.mark, known)
        return Call(
            caller=actor(execution),
            action=operation.name,
            flat={**region, **flattened(operation, clear)},
            request_id=request_id,
            host="",
            now=self._control.clock.now(),
            control=self._control,
            tenancy=self._tenancy,
            effect=f"effect/{self._task.id}/{self._task.attempt}/{effect}",
            task_id=self._task.id,
            origin=Origin(address=f"execution/{execution.id}"),
            # A secret that was changed meanwhile makes no other effect of it.
            asked={**region, **flattened(operation, given)} if known else None,
        )

    async def _answered(self, call: Call, operation: Operation, *, pages: bool) -> dict[str, Any]:
        page = _page(operation)
        if not pages or page is None or "PageNumber" in call.flat:
            return await _one(call, operation, {})
        if "NextToken" not in page.names:
            return await _numbered(call, operation, page)
        sized = "MaxResults" in page.names and "MaxResults" not in call.flat
        size = {"MaxResults": str(page.most)} if sized else {}
        joined = body = await _one(call, operation, size)
        for _ in range(_PAGE_LIMIT):
            token = _found(body, "NextToken")
            if not token:
                break
            body = await _one(call, operation, {**size, "NextToken": str(token)})
            joined = _joined(joined, body)
        return joined


def actor(execution: Execution) -> Identity:
    """With whose rights an execution acts: those of its role, or else of who started it."""
    if execution.ram_role:
        return Identity(
            account_id=execution.account_id,
            kind=Kind.ROLE,
            name=execution.ram_role,
            session=execution.id,
        )
    return identity(execution.account_id, execution.executed_by)


def _refusal(request_id: str, code: str, message: str) -> Reply:
    return Reply(
        body={"RequestId": request_id, "HostId": "", "Code": code, "Message": message},
        refused=True,
        transient=code.startswith(_TRANSIENT),
    )


async def _one(call: Call, operation: Operation, more: Mapping[str, str]) -> dict[str, Any]:
    result = await handled(operation, replace(call, flat={**call.flat, **more}))
    return {"RequestId": call.request_id, **msgspec.to_builtins(result)}


async def _numbered(call: Call, operation: Operation, page: Parameter) -> dict[str, Any]:
    """All pages of an operation that knows them by number only."""
    size = int(call.flat.get("PageSize") or page.most)
    joined = await _one(call, operation, {"PageSize": str(size), "PageNumber": "1"})
    total = int(_found(joined, "TotalCount") or 0)
    for number in range(2, min(-(-total // size), _PAGE_LIMIT) + 1):
        more = {"PageSize": str(size), "PageNumber": str(number)}
        joined = _joined(joined, await _one(call, operation, more))
    return joined


def _page(operation: Operation) -> Parameter | None:
    return next((one for one in operation.parameters.values() if one.most), None)


def _found(body: Mapping[str, Any], name: str) -> Any:
    """A field of an answer, which may be within the only object of it."""
    if name in body:
        return body[name]
    inner = [one for one in body.values() if isinstance(one, Mapping)]
    return next((one[name] for one in inner if name in one), None)


def _joined(first: Any, more: Any) -> Any:
    """Two pages of an answer as one: lists go on, everything else is as it was told last."""
    if isinstance(first, dict) and isinstance(more, dict):
        return {key: _joined(first.get(key), one) for key, one in more.items()}
    if isinstance(first, list) and isinstance(more, list):
        return [*first, *more]
    return more


# Parameters


def flattened(operation: Operation, given: Mapping[str, Any]) -> dict[str, str]:
    """The parameters of a call as the wire has them. Nothing, and an empty text, is left out."""
    meant = {
        _loose(name): (name, parameter)
        for parameter in operation.parameters.values()
        for name in parameter.names
    }
    flat: dict[str, Any] = {}
    for name, value in given.items():
        if value is None or value == "":
            continue
        loose = _loose(name)
        found = meant.get(loose) or meant.get(f"{loose}s") or meant.get(loose.removesuffix("s"))
        wire, parameter = found or (name, None)
        flat[wire] = _spelled(value, parameter.kind if parameter else "")
    return rpc.flatten(flat)


def _loose(name: str) -> str:
    return name.lower().replace(".", "")


def _spelled(value: Any, kind: str) -> Any:
    """A value as a parameter of this kind takes it."""
    if kind == "Tags":
        return _tags(value)
    if kind == "Strings":
        return [text(one) for one in (value if isinstance(value, list) else [value])]
    if kind == "JSON list" and not isinstance(value, list | str):
        value = [value]
    return value if isinstance(value, bool) else text(value)


def _tags(value: Any) -> Any:
    if isinstance(value, Mapping):
        return [{"Key": key, "Value": text(one)} for key, one in value.items()]
    if not isinstance(value, Sequence) or isinstance(value, str):
        return value
    return [
        {key[:1].upper() + key[1:]: text(one) for key, one in tag.items()}
        if isinstance(tag, Mapping)
        else tag
        for tag in value
    ]
