"""What an operation is: parameters, answer, errors and handler, declared together."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_type_hints

import msgspec

from cloudhand.api import bind
from cloudhand.api.refusal import WireError
from cloudhand.control.control import Control
from cloudhand.control.tenancy import Tenancy
from cloudhand.core.account import Identity
from cloudhand.core.audit import Origin
from cloudhand.core.errors import CloudhandError
from cloudhand.core.ids import TaskExecutionId
from cloudhand.core.orders import Once

Access = Literal["read", "write"]
# A refusal of ours becomes this error of theirs; a function where it depends on its values.
Mapped = WireError | Callable[[Any], WireError]
Errors = Mapping[type[CloudhandError], Mapped]
Handler = Callable[["Call", Any], Awaitable[msgspec.Struct]]

# Parameters that say who asks and how, but not what.
COMMON = frozenset(
    {
        "Action", "Version", "Format", "AccessKeyId", "Signature", "SignatureMethod",
        "SignatureVersion", "SignatureNonce", "SignatureType", "Timestamp", "SecurityToken",
        "OwnerId", "OwnerAccount", "ResourceOwnerId", "ResourceOwnerAccount",
    }
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Product:
    """A family of operations with a version."""

    name: str
    version: str


@dataclass(frozen=True, kw_only=True)
class Call:
    """One asking: who, what, when, and of whom."""

    caller: Identity
    action: str
    flat: Mapping[str, str]
    request_id: str
    host: str  # as the caller spells our address
    now: datetime
    control: Control  # of the caller's account
    tenancy: Tenancy
    context: Mapping[str, str] = field(default_factory=dict)  # of policies, see core.policy.Wish
    origin: Origin = field(default_factory=Origin)
    effect: str = ""  # of an execution, under which this is carried out once
    task_id: TaskExecutionId | None = None  # of an execution that asks
    asked: Mapping[str, str] | None = None  # what tells it from another; None: ``flat``

    def once(self, token: str = "") -> Once | None:
        """The client token, which belongs to this account and this action; or the effect."""
        if not token and not self.effect:
            return None
        asked = {
            name: value
            for name, value in (self.flat if self.asked is None else self.asked).items()
            if name not in COMMON and name != "ClientToken"
        }
        fingerprint = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
        by = f"{self.caller.account_id}/{self.action}/{token}" if token else self.effect
        return Once(token=by, fingerprint=fingerprint, task_id=self.task_id)


@dataclass(frozen=True, kw_only=True)
class Operation:
    name: str
    product: Product
    access: Access
    summary: str
    params: type[Any]
    parameters: Mapping[str, bind.Parameter]
    result: type[msgspec.Struct]
    handle: Handler
    errors: Errors
    declared: tuple[WireError, ...]  # every error that is this operation's own

    def wire_error(self, refusal: CloudhandError) -> WireError | None:
        """How the refusal reads here; None when this operation does not expect it."""
        mapped = self.errors.get(type(refusal))
        return mapped if mapped is None or isinstance(mapped, WireError) else mapped(refusal)


def operation(
    product: Product,
    *,
    access: Access,
    errors: Errors | None = None,
    refuses: Sequence[WireError] = (),
) -> Callable[[Callable[[Call, Any], Awaitable[Any]]], Operation]:
    """Make an operation of its handler, whose name and annotations say the rest.

    ``refuses`` are the errors that come neither from a parameter nor from one of ``errors``.
    """

    def declare(handle: Callable[[Call, Any], Awaitable[Any]]) -> Operation:
        hints = get_type_hints(handle)
        parameters = bind.parameters(hints["params"])
        mapped = errors or {}
        own = [error for parameter in parameters.values() for error in parameter.errors]
        own += [error for error in mapped.values() if isinstance(error, WireError)]
        module = inspect.getmodule(handle)
        return Operation(
            name=bind.wire_name(handle.__name__),
            product=product,
            access=access,
            summary=inspect.getdoc(module) or "",
            params=hints["params"],
            parameters=parameters,
            result=hints["return"],
            handle=handle,
            errors=mapped,
            declared=tuple(dict.fromkeys([*own, *refuses])),
        )

    return declare
