"""CreateActivation: permission for machines from outside to join. Its code is told only here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_network

import msgspec

from cloudhand.api.bind import Limit, longest, number, text
from cloudhand.api.ecs import errors, fields, managed_fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.core.errors import TokenReused, TooMany
from cloudhand.core.orders import NewActivation


def _is_network(value: str) -> bool:
    try:
        ip_network(value, strict=False)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    instance_name: str = managed_fields.name(50, managed_fields.PREFIX_LENGTH)
    description: str = text("Description", longest(100, managed_fields.DESCRIPTION_TOO_LONG))
    instance_count: int = number(
        default=10, at_least=1, at_most=1000, error=managed_fields.BAD_COUNT
    )
    time_to_live_in_hours: int = number(
        default=4, at_least=1, at_most=4, error=managed_fields.BAD_TTL
    )
    ip_address_range: str = text(
        "IpAddressRange",
        Limit(fits=_is_network, error=managed_fields.BAD_RANGE),
        note="address or network; none: any",
    )
    resource_group_id: str = fields.resource_group()
    tags: Mapping[str, str] = fields.labels()
    client_token: str = fields.client_token()


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    activation_id: str
    activation_code: str


@operation(
    ECS,
    access="write",
    errors={TooMany: managed_fields.TOO_MANY_ACTIVATIONS, TokenReused: errors.TOKEN_REUSED},
)
async def create_activation(call: Call, params: Params) -> Result:
    activation, code = await call.control.activations.create(
        NewActivation(
            instance_count=params.instance_count,
            time_to_live=timedelta(hours=params.time_to_live_in_hours),
            instance_name=params.instance_name,
            description=params.description,
            ip_address_range=params.ip_address_range,
            resource_group_id=params.resource_group_id,
            tags=params.tags,
            once=call.once(params.client_token),
        )
    )
    return Result(activation_id=activation.id, activation_code=code)
