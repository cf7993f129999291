"""DisableActivation: no more machines join with it. Those that have joined stay."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from cloudhand.api.ecs import fields, managed_fields
from cloudhand.api.ecs.activation_shape import ActivationShape, usage
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.core.errors import ActivationNotFound
from cloudhand.core.ids import ActivationId


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    activation_id: ActivationId = managed_fields.activation_id()


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    activation: ActivationShape


@operation(ECS, access="write", errors={ActivationNotFound: managed_fields.NO_SUCH_ACTIVATION})
async def disable_activation(call: Call, params: Params) -> Result:
    disabled = await call.control.activations.disable(params.activation_id, once=call.once())
    return Result(activation=msgspec.structs.replace(usage(disabled), disabled=disabled.disabled))
