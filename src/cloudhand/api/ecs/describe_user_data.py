"""DescribeUserData: the user data of an instance, in Base64."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import msgspec

from cloudhand.api.ecs import errors, fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.core.errors import InstanceNotFound
from cloudhand.core.ids import InstanceId


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    instance_id: InstanceId = fields.instance_id()


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    instance_id: str
    region_id: str
    user_data: str  # empty: it was made without


@operation(ECS, access="read", errors={InstanceNotFound: errors.NO_SUCH_INSTANCE})
async def describe_user_data(call: Call, params: Params) -> Result:
    instance = (await call.control.instances.get(params.instance_id)).instance
    return Result(
        instance_id=instance.id,
        region_id=instance.region_id,
        user_data=base64.b64encode(instance.user_data).decode(),
    )
