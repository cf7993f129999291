"""DescribeActivations: permissions to join, without their codes, newest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api.bind import text
from cloudhand.api.ecs import fields, shapes
from cloudhand.api.ecs.activation_shape import ActivationShape, usage
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.api.paging import Paging, paging
from cloudhand.core.activation import Activation
from cloudhand.core.ids import ActivationId
from cloudhand.core.orders import ActivationFilter


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    activation_id: str = text()
    instance_name: str = text()
    resource_group_id: str = fields.resource_group()
    tags: Mapping[str, str] = fields.labels()
    page: Paging = paging()


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    total_count: int
    page_number: int
    page_size: int
    next_token: str
    activation_list: Sequence[ActivationShape]  # Compat: a bare list, unlike most


@operation(ECS, access="read")
async def describe_activations(call: Call, params: Params) -> Result:
    wanted = ActivationFilter(
        activation_id=ActivationId(params.activation_id) if params.activation_id else None,
        instance_name=params.instance_name,
        resource_group_id=params.resource_group_id,
        tags=params.tags,
    )
    found = await call.control.activations.find(wanted, params.page.window)
    return Result(
        total_count=found.total,
        page_number=params.page.number,
        page_size=params.page.size,
        next_token=params.page.next_token(found),
        activation_list=[_activation(activation) for activation in found.items],
    )


def _activation(activation: Activation) -> ActivationShape:
    return msgspec.structs.replace(
        usage(activation),
        disabled=activation.disabled,
        resource_group_id=activation.resource_group_id,
        tags=shapes.bare_tags(activation.tags),
    )
