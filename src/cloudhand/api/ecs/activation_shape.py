"""How an activation is told: without its code, and by most operations without its labels."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import msgspec

from cloudhand.api.ecs import shapes
from cloudhand.core.activation import Activation
from cloudhand.wire import times


class ActivationShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    activation_id: str
    instance_name: str
    description: str
    instance_count: int
    registered_count: int
    deregistered_count: int
    ip_address_range: str
    time_to_live_in_hours: int
    creation_time: str
    disabled: bool | msgspec.UnsetType = msgspec.UNSET
    resource_group_id: str | msgspec.UnsetType = msgspec.UNSET
    tags: Sequence[shapes.Tag] | msgspec.UnsetType = msgspec.UNSET  # Compat: a bare list


def usage(activation: Activation) -> ActivationShape:
    """What every operation tells of it."""
    return ActivationShape(
        activation_id=activation.id,
        instance_name=activation.instance_name,
        description=activation.description,
        instance_count=activation.instance_count,
        registered_count=activation.registered_count,
        deregistered_count=activation.deregistered_count,
        ip_address_range=activation.ip_address_range,
        time_to_live_in_hours=activation.time_to_live // timedelta(hours=1),
        creation_time=times.second(activation.created_at),
    )
