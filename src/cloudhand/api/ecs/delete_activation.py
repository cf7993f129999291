"""DeleteActivation: forget an activation with which no machine is registered."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from cloudhand.api.ecs import fields, managed_fields
from cloudhand.api.ecs.activation_shape import ActivationShape, usage
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.core.errors import ActivationNotFound, NotEmpty
from cloudhand.core.ids import ActivationId


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    activation_id: ActivationId = managed_fields.activation_id()


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    activation: ActivationShape


@operation(
    ECS,
    access="write",
    errors={
        ActivationNotFound: managed_fields.NO_SUCH_ACTIVATION,
        NotEmpty: managed_fields.IN_USE,
    },
)
async def delete_activation(call: Call, params: Params) -> Result:
    deleted = await call.control.activations.delete(params.activation_id, once=call.once())
    return Result(activation=usage(deleted))
