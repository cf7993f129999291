"""RunInstances: new instances, which then start by themselves.

Any image and any type are taken as labels: every instance is a sandbox of this machine.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api.bind import Limit, flag, form, number, text
from cloudhand.api.ecs import errors, fields, machine
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.api.refusal import Refused, WireError, invalid, unsupported
from cloudhand.core.errors import TokenReused, TooMany
from cloudhand.core.orders import NewInstances

_USER_DATA_LIMIT = 32 * 1024  # bytes, decoded

BAD_NAME = WireError(
    code="InvalidInstanceName.Malformed",
    status=400,
    message="InstanceName is of 2 to 128 characters, starts with a letter"
    " and may hold one [begin,bits] pattern of at most 6 digits.",
)
BAD_HOST_NAME = WireError(
    code="InvalidHostName.Malformed",
    status=400,
    message="HostName is of 2 to 64 letters, digits, points and hyphens.",
)
BAD_DESCRIPTION = WireError(
    code="InvalidDescription.Malformed",
    status=400,
    message="Description is of 2 to 256 characters and no address of the web.",
)
USER_DATA_TOO_LONG = WireError(
    code="InvalidUserData.SizeExceeded", status=400, message="UserData is larger than 32 KB."
)
BAD_USER_DATA = WireError(
    code="InvalidUserData.Base64FormatInvalid", status=400, message="UserData is not valid Base64."
)
BAD_AMOUNT = invalid("Amount", "must be from 1 to 100")
BAD_MIN_AMOUNT = invalid("MinAmount", "must be from 1 to Amount")
NO_RELEASE_TIME = unsupported("AutoReleaseTime", "nothing here releases instances by itself")

# One pattern at most, so that no name grows beyond reason; bits say how many digits it has.
_SEQUENCE = r"\[\d{1,6},[0-6]?\]"
_NAME = rf"(?u:[^\W\d_])[^\[\]\x00-\x1f]*(?:{_SEQUENCE})?[^\[\]\x00-\x1f]*"
_HOST = rf"[A-Za-z0-9](?:[A-Za-z0-9.-]|{_SEQUENCE})*"


def _readable(value: str) -> bool:
    linked = value.startswith(("http://", "https://"))
    return 2 <= len(value) <= 256 and not linked


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    amount: int = number(default=1, at_least=1, at_most=100, error=BAD_AMOUNT)
    min_amount: int = number(default=1, at_least=1, at_most=100, error=BAD_MIN_AMOUNT)
    zone_id: str = text(note="default: the first zone")
    image_id: str = text(default=machine.IMAGE_ID, note="a label")
    image_family: str = fields.without_effect("ImageFamily", "every instance has the same image")
    instance_type: str = text(default=machine.INSTANCE_TYPE, note="a label")
    instance_name: str = text(
        "InstanceName",
        Limit(fits=lambda name: 2 <= len(name) <= 128, error=BAD_NAME),
        form(_NAME, BAD_NAME),
    )
    host_name: str = text(
        "HostName",
        Limit(fits=lambda name: 2 <= len(name) <= 64, error=BAD_HOST_NAME),
        form(_HOST, BAD_HOST_NAME),
    )
    unique_suffix: bool = flag()
    description: str = text("Description", Limit(fits=_readable, error=BAD_DESCRIPTION))
    user_data: str = text(note="Base64, at most 32 KB decoded")
    deletion_protection: bool = flag()
    auto_release_time: str = text()
    resource_group_id: str = fields.resource_group()
    tags: Mapping[str, str] = fields.labels()
    client_token: str = fields.client_token()
    dry_run: bool = flag()
    disks: str = fields.without_effect("SystemDisk", "disks are directories of this machine")
    data_disks: str = fields.without_effect("DataDisk", "disks are directories of this machine")
    vswitch: str = fields.without_effect("VSwitchId", "instances share the machine's network")
    group: str = fields.without_effect("SecurityGroupId", "nothing is filtered")
    groups: str = fields.without_effect("SecurityGroupIds", "nothing is filtered")
    bandwidth: str = fields.without_effect("InternetMaxBandwidthOut", "nothing is limited")
    charge_type: str = fields.without_effect("InstanceChargeType", "nothing is charged")
    internet_charge: str = fields.without_effect("InternetChargeType", "nothing is charged")
    spot: str = fields.without_effect("SpotStrategy", "nothing is charged")
    password: str = fields.without_effect("Password", "there is no log-in")
    key_pair: str = fields.without_effect("KeyPairName", "there is no log-in")


class InstanceIdSets(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    instance_id_set: Sequence[str]


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    instance_id_sets: InstanceIdSets
    order_id: str = ""
    trade_price: float = 0.0


@operation(
    ECS,
    access="write",
    errors={TooMany: errors.QUOTA, TokenReused: errors.TOKEN_REUSED_INSTANCES},
    refuses=(
        errors.NO_SUCH_ZONE,
        errors.DRY_RUN,
        USER_DATA_TOO_LONG,
        BAD_USER_DATA,
        NO_RELEASE_TIME,
    ),
)
async def run_instances(call: Call, params: Params) -> Result:
    zone_ids = call.control.settings.zone_ids
    if params.zone_id and params.zone_id not in zone_ids:
        raise Refused(errors.NO_SUCH_ZONE)
    if params.min_amount > params.amount:
        raise Refused(BAD_MIN_AMOUNT)
    if params.auto_release_time:
        raise Refused(NO_RELEASE_TIME)
    order = _order(call, params, params.zone_id or zone_ids[0])
    made = await call.control.instances.create(order, dry_run=params.dry_run)
    if params.dry_run:
        raise Refused(errors.DRY_RUN)
    return Result(instance_id_sets=InstanceIdSets(instance_id_set=made))


def _order(call: Call, params: Params, zone_id: str) -> NewInstances:
    return NewInstances(
        amount=params.amount,
        region_id=params.region_id,
        zone_id=zone_id,
        image_id=params.image_id,
        instance_type=params.instance_type,
        instance_name=params.instance_name,
        hostname=params.host_name,
        unique_suffix=params.unique_suffix,
        description=params.description,
        user_data=_user_data(params.user_data),
        tags=params.tags,
        resource_group_id=params.resource_group_id,
        deletion_protection=params.deletion_protection,
        once=call.once(params.client_token),
    )


def _user_data(text_given: str) -> bytes:
    try:
        user_data = base64.b64decode("".join(text_given.split()), validate=True)
    except (binascii.Error, ValueError):
        raise Refused(BAD_USER_DATA) from None
    if len(user_data) > _USER_DATA_LIMIT:
        raise Refused(USER_DATA_TOO_LONG)
    return user_data
