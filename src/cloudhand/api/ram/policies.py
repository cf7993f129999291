"""Policies of both types, as they are told."""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.api.operation import Call
from cloudhand.api.ram.shapes import version_id
from cloudhand.core.errors import ResourceNotFound
from cloudhand.core.system_policies import SYSTEM
from cloudhand.wire import times

_SYSTEM_SINCE = "2026-01-01T00:00:00Z"  # they came before any account


@dataclass(frozen=True, kw_only=True)
class Known:
    name: str
    system: bool
    description: str
    document: str
    created_at: str  # as the wire spells moments
    changed_at: str
    version: str


async def known(call: Call) -> list[Known]:
    """All, in the order of their names."""
    own = [
        Known(
            name=one.name,
            system=False,
            description=one.description,
            document=one.document,
            created_at=times.second(one.created_at),
            changed_at=times.second(one.changed_at or one.created_at),
            version=version_id(one.version),
        )
        for one in await call.control.rights.policies(call.caller.account_id)
    ]
    system = [
        Known(
            name=name,
            system=True,
            description=one.description,
            document=one.document,
            created_at=_SYSTEM_SINCE,
            changed_at=_SYSTEM_SINCE,
            version=version_id(1),
        )
        for name, one in SYSTEM.items()
    ]
    return sorted([*own, *system], key=lambda one: one.name)


async def of_name(call: Call, name: str, *, system: bool) -> Known:
    """ResourceNotFound."""
    for one in await known(call):
        if (one.name, one.system) == (name, system):
            return one
    raise ResourceNotFound("policy", [name])
