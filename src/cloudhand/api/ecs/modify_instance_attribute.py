"""ModifyInstanceAttribute: change what an instance is called, or is told when it boots.

What is empty or not given stays as it is. A new host name is that of the boot that StartInstance or
RebootInstance asks for next. User data is a script for the first boot: what is changed later is
told again, and is not run.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cloudhand.api import bind
from cloudhand.api.bind import Coverage, Limit, flag, text
from cloudhand.api.ecs import fields, instance_fields, power
from cloudhand.api.ecs.product import ECS
from cloudhand.api.ecs.shapes import Done
from cloudhand.api.operation import Call, operation
from cloudhand.api.refusal import WireError
from cloudhand.core.ids import InstanceId
from cloudhand.core.orders import InstanceChange

BAD_PASSWORD = WireError(
    code="InvalidPassword.Malformed",
    status=400,
    message="Password is of 8 to 30 characters, of three of the kinds A-Z, a-z, 0-9 and others.",
)


_KINDS = ("[a-z]", "[A-Z]", "[0-9]", "[^A-Za-z0-9]")


def _strong(password: str) -> bool:
    kinds = sum(re.search(kind, password) is not None for kind in _KINDS)
    return 8 <= len(password) <= 30 and kinds >= 3


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.optional_region()
    instance_id: InstanceId = fields.instance_id()
    instance_name: str = instance_fields.name()
    description: str = instance_fields.description()
    host_name: str = instance_fields.host_name()
    user_data: bytes = instance_fields.user_data()
    deletion_protection: bool | None = flag(default=None)
    password: str = text(
        "Password",
        Limit(fits=_strong, error=BAD_PASSWORD),
        note="without effect: there is no log-in",
        coverage=Coverage.WITHOUT_EFFECT,
    )
    groups: str = bind.without_effect("SecurityGroupIds", "nothing is filtered")
    credit: str = bind.without_effect("CreditSpecification", "instances have no credits")
    recyclable: str = bind.without_effect("Recyclable", "there is no bin of instances")
    network: None = bind.not_served(
        "EnableJumboFrame",
        "instances share the machine's network",
        *("EnableNetworkEncryption", "NetworkInterfaceQueueNumber", "PrivateDnsNameOptions"),
    )
    cpu: None = bind.not_served("CpuOptions", "instances share the machine's processors")
    remote: None = bind.not_served("RemoteConnectionOptions", "there is no log-in")


@operation(ECS, access="write", errors=power.REFUSALS)
async def modify_instance_attribute(call: Call, params: Params) -> Done:
    change = InstanceChange(
        name=params.instance_name or None,
        hostname=params.host_name or None,
        description=params.description or None,
        user_data=params.user_data or None,
        deletion_protection=params.deletion_protection,
    )
    await call.control.instances.modify(params.instance_id, change, once=call.once())
    return Done()
