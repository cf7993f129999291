"""DescribeAccountAttributes: what this control plane lets an account have.

Of the published attributes that mean nothing here no value is told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api.bind import many, text
from cloudhand.api.ecs import errors, fields, machine
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.api.refusal import Refused, invalid
from cloudhand.control.settings import ControlSettings

TOO_MANY_NAMES = invalid("AttributeName", "has more than 8 items")
NO_SUCH_NAME = invalid("AttributeName", "has an item that is no attribute of accounts")

_PUBLISHED = (
    "instance-network-type",
    "max-axt-command-count",
    "max-axt-invocation-daily",
    "max-cloud-assistant-activation-count",
    "max-dedicated-hosts",
    "max-elastic-network-interfaces",
    "max-postpaid-instance-vcpu-count",
    "max-postpaid-yundisk-capacity",
    "max-security-groups",
    "max-spot-instance-vcpu-count",
    "real-name-authentication",
    "supported-postpaid-instance-types",
    "used-postpaid-instance-vcpu-count",
    "used-postpaid-yundisk-capacity",
    "used-spot-instance-vcpu-count",
)


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    names: tuple[str, ...] = many(
        "AttributeName",
        at_most=8,
        too_many=TOO_MANY_NAMES,
        note="`AttributeName.1` to `AttributeName.8`; none: all that have a value",
    )
    zone_id: str = text(note="an attribute that zones have is told of this one alone")


class ValueItem(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    value: str
    zone_id: str = ""
    instance_type: str = ""
    instance_charge_type: str = ""
    disk_category: str = ""
    expired_time: str = ""
    count: int = 0


class AttributeValues(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    value_item: Sequence[ValueItem]


class AccountAttributeItem(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    attribute_name: str
    attribute_values: AttributeValues


class AccountAttributeItems(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    account_attribute_item: Sequence[AccountAttributeItem]


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    account_attribute_items: AccountAttributeItems


@operation(ECS, access="read", refuses=(NO_SUCH_NAME, errors.NO_SUCH_ZONE))
async def describe_account_attributes(call: Call, params: Params) -> Result:
    settings = call.control.settings
    if params.zone_id and params.zone_id not in settings.zone_ids:
        raise Refused(errors.NO_SUCH_ZONE)
    known = _values(settings, [params.zone_id] if params.zone_id else settings.zone_ids)
    if not {*params.names} <= {*_PUBLISHED}:
        raise Refused(NO_SUCH_NAME)
    items = [
        AccountAttributeItem(
            attribute_name=name,
            attribute_values=AttributeValues(value_item=known.get(name, [])),
        )
        for name in params.names or known
    ]
    return Result(account_attribute_items=AccountAttributeItems(account_attribute_item=items))


def _values(settings: ControlSettings, zone_ids: Sequence[str]) -> Mapping[str, list[ValueItem]]:
    quotas = {
        "max-axt-command-count": settings.commands_limit,
        "max-cloud-assistant-activation-count": settings.activations_limit,
    }
    # Without a quota there is no number to tell.
    if settings.invocations_per_day:
        quotas["max-axt-invocation-daily"] = settings.invocations_per_day
    return {
        "instance-network-type": [ValueItem(value=machine.CONSTANTS["InstanceNetworkType"])],
        "supported-postpaid-instance-types": [
            ValueItem(value=machine.INSTANCE_TYPE, zone_id=zone_id) for zone_id in zone_ids
        ],
        **{name: [ValueItem(value=str(quota))] for name, quota in quotas.items()},
    }
