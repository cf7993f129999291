"""Permission to join: a code that so many machines may use until it expires."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network

from cloudhand.core.ids import ActivationId, InstanceId


@dataclass(frozen=True, kw_only=True)
class Activation:
    id: ActivationId
    code_hash: bytes  # SHA-256 of the code, which nobody keeps
    created_at: datetime
    time_to_live: timedelta = timedelta(hours=4)
    instance_count: int = 10  # how many machines may use it
    registered_count: int = 0
    deregistered_count: int = 0
    disabled: bool = False
    instance_name: str = ""  # prefix of the names of machines that give none
    description: str = ""
    ip_address_range: str = ""  # address or network; empty: any
    resource_group_id: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    # An instance of ours joins with an activation of its own, as often as it must, for as long
    # as it exists; such an activation is never listed.
    instance_id: InstanceId | None = None


def refusal(activation: Activation, *, now: datetime, address: str) -> str | None:
    """Why the activation cannot be used from ``address`` now; None if it can."""
    if activation.instance_id is not None:
        return None
    if activation.disabled:
        return "the activation is disabled"
    if now >= activation.created_at + activation.time_to_live:
        return "the activation has expired"
    if activation.registered_count >= activation.instance_count:
        return "the activation is used up"
    if activation.ip_address_range and not _within(address, activation.ip_address_range):
        return f"the activation is not for {address}"
    return None


def _within(address: str, allowed: str) -> bool:
    try:
        asking = ip_address(address)
    except ValueError:
        return False
    # So a socket for both kinds of addresses spells those of version 4.
    mapped = asking.ipv4_mapped if asking.version == 6 else None
    return (mapped or asking) in ip_network(allowed, strict=False)


def numbered_name(activation: Activation) -> str:
    """The name of the next machine that gives none: prefix and number, as wide as the count."""
    width = max(len(str(activation.instance_count)), 3)
    return f"{activation.instance_name}-{activation.registered_count + 1:0{width}d}"
