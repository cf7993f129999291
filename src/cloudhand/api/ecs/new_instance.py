"""What the operations that make instances have in common.

Any image and any type are taken as labels: every instance is a sandbox of this machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cloudhand.api import bind
from cloudhand.api.bind import flag, text
from cloudhand.api.ecs import errors, fields, instance_fields, machine
from cloudhand.api.operation import Call, Errors
from cloudhand.api.refusal import Refused
from cloudhand.core.errors import TokenReused, TooMany
from cloudhand.core.ids import InstanceId
from cloudhand.core.orders import NewInstances

REFUSALS: Errors = {TooMany: errors.QUOTA, TokenReused: errors.TOKEN_REUSED_INSTANCES}
DECLARED = (errors.NO_SUCH_ZONE, errors.DRY_RUN)


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What an instance is made of, as far as it matters here."""

    zone_id: str = text(note="default: the first zone")
    image_id: str = text(default=machine.IMAGE_ID, note="a label")
    image_family: str = bind.without_effect("ImageFamily", "every instance has the same image")
    instance_type: str = text(default=machine.INSTANCE_TYPE, note="a label")
    description: str = instance_fields.description()
    user_data: bytes = instance_fields.user_data()
    deletion_protection: bool = flag()
    resource_group_id: str = fields.resource_group()
    tags: Mapping[str, str] = fields.labels()
    client_token: str = fields.client_token()
    dry_run: bool = flag()


@dataclass(frozen=True, kw_only=True)
class Ignored:
    """What means nothing for a sandbox of this machine."""

    disks: str = bind.without_effect(
        "SystemDisk",
        "disks are directories of this machine",
        *("DataDisk", "StorageSetId", "StorageSetPartitionNumber", "IoOptimized"),
    )
    network: str = bind.without_effect(
        "VSwitchId",
        "instances share the machine's network, and their addresses are given in turn",
        *("PrivateIpAddress", "InternetMaxBandwidthIn", "InternetMaxBandwidthOut"),
    )
    group: str = bind.without_effect("SecurityGroupId", "nothing is filtered")
    payment: str = bind.without_effect(
        "InstanceChargeType",
        "nothing is charged",
        *("InternetChargeType", "Period", "PeriodUnit", "AutoRenew", "AutoRenewPeriod"),
        *("SpotStrategy", "SpotDuration", "SpotPriceLimit", "SpotInterruptionBehavior"),
    )
    log_in: str = bind.without_effect(
        "Password", "there is no log-in", "PasswordInherit", "KeyPairName"
    )
    hosts: str = bind.without_effect(
        "DedicatedHostId",
        "all instances are on this machine",
        *("ManagedHostId", "Affinity", "Tenancy", "PrivatePoolOptions", "HpcClusterId"),
        *("DeploymentSetId", "DeploymentSetGroupNo", "CreditSpecification", "HibernationOptions"),
    )
    metadata: str = bind.without_effect(
        "HttpEndpoint",
        "there is no metadata service, and so no role of an instance",
        *("HttpTokens", "HttpPutResponseHopLimit", "RamRoleName", "Arn"),
    )
    security: str = bind.without_effect(
        "SecurityEnhancementStrategy", "nothing is installed beside the agent"
    )


@dataclass(frozen=True, kw_only=True)
class Named:
    """How many instances there are to be, and what they are called."""

    name: str
    hostname: str
    amount: int = 1
    unique_suffix: bool = False


async def make(
    call: Call, region_id: str, given: Machine, named: Named, *, starts: bool
) -> list[InstanceId]:
    """Record instances, which then start by themselves or do not."""
    zone_ids = call.control.settings.zone_ids
    if given.zone_id and given.zone_id not in zone_ids:
        raise Refused(errors.NO_SUCH_ZONE)
    order = NewInstances(
        amount=named.amount,
        region_id=region_id,
        zone_id=given.zone_id or zone_ids[0],
        image_id=given.image_id,
        instance_type=given.instance_type,
        instance_name=named.name,
        hostname=named.hostname,
        unique_suffix=named.unique_suffix,
        description=given.description,
        user_data=given.user_data,
        tags=given.tags,
        resource_group_id=given.resource_group_id,
        deletion_protection=given.deletion_protection,
        starts=starts,
        once=call.once(given.client_token),
    )
    made = await call.control.instances.create(order, dry_run=given.dry_run)
    if given.dry_run:
        raise Refused(errors.DRY_RUN)
    return made
