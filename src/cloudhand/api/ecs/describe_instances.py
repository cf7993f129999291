"""DescribeInstances: instances and all that is known of them; unknown ids are left out.

A filter on what is the same for every instance matches all of them or none; one on what no
instance has (public addresses, locks, keys) matches none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from cloudhand.api import bind
from cloudhand.api.bind import flag, json_list, many, one_of, text
from cloudhand.api.ecs import errors, fields, machine
from cloudhand.api.ecs.instance_shape import InstanceShape, instance_shape
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.api.paging import Paging, paging
from cloudhand.api.refusal import Refused, WireError, invalid
from cloudhand.core.ids import InstanceId
from cloudhand.core.orders import InstanceFilter
from cloudhand.core.page import Window
from cloudhand.wire import rpc, times

_STATUSES = ("Pending", "Running", "Starting", "Stopping", "Stopped")
_LOCKS = ("financial", "security", "Recycling", "dedicatedhostfinancial", "refunded")
_EVERY = Window(limit=10**6)

NO_SUCH_FILTER = WireError(
    code="InvalidFilterKey.NotFound", status=404, message="A filter has no such Key."
)
BAD_FILTER_TIME = invalid("Filter", "has a time that is not in the form yyyy-MM-ddTHH:mmZ")
NO_SUCH_CHARGE_TYPE = WireError(
    code="InvalidInstanceChargeType.NotFound",
    status=404,
    message="The specified InstanceChargeType does not exist.",
)
NO_SUCH_INTERNET_CHARGE_TYPE = WireError(
    code="InvalidInternetChargeType.ValueNotSupported",
    status=404,
    message="The specified InternetChargeType does not exist.",
)
NO_SUCH_NETWORK_TYPE = WireError(
    code="InvalidNetworkType.NotFound",
    status=404,
    message="The specified InstanceNetworkType does not exist.",
)
NO_SUCH_LOCK = WireError(
    code="InvalidLockReason.NotFound",
    status=404,
    message="The specified LockReason does not exist.",
)


def _addresses(name: str) -> tuple[str, ...] | None:
    found: tuple[str, ...] | None = json_list(
        name, at_most=100, malformed=invalid(name), too_many=invalid(name, "has too many items")
    )
    return found


def _created_from() -> datetime | None:
    def read(flat: bind.Flat, wire: str) -> datetime | None:
        latest = None
        for one in rpc.records(flat, wire):
            if one.get("Key") != "CreationStartTime":
                raise Refused(NO_SUCH_FILTER)
            try:
                moment = times.parse_minute(one.get("Value", ""))
            except ValueError:
                raise Refused(BAD_FILTER_TIME) from None
            latest = moment if latest is None else max(latest, moment)
        return latest

    found: datetime | None = bind.custom(
        read,
        kind="Filters",
        names=("Filter",),
        note="`Filter.1.Key` is CreationStartTime, `Filter.1.Value` a time",
        errors=(NO_SUCH_FILTER, BAD_FILTER_TIME),
        default=None,
    )
    return found


_KNOWN: Mapping[str, tuple[Sequence[str], WireError]] = {
    "InstanceChargeType": (("PostPaid", "PrePaid"), NO_SUCH_CHARGE_TYPE),
    "InternetChargeType": (
        ("PayByTraffic", "PayByBandwidth"),
        NO_SUCH_INTERNET_CHARGE_TYPE,
    ),
    "InstanceNetworkType": (("vpc", "classic"), NO_SUCH_NETWORK_TYPE),
}


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    instance_ids: tuple[InstanceId, ...] | None = json_list(
        "InstanceIds",
        at_most=100,
        malformed=errors.MALFORMED_ID_LIST,
        too_many=errors.TOO_MANY_INSTANCES,
    )
    instance_name: str = text(note="may have * anywhere")
    status: str = text("Status", one_of(_STATUSES, errors.NO_SUCH_STATUS))
    private_ips: tuple[str, ...] | None = _addresses("PrivateIpAddresses")
    public_ips: tuple[str, ...] | None = _addresses("PublicIpAddresses")
    eips: tuple[str, ...] | None = _addresses("EipAddresses")
    inner_ips: tuple[str, ...] | None = _addresses("InnerIpAddresses")
    rdma_ips: tuple[str, ...] | None = _addresses("RdmaIpAddresses")
    ipv6: tuple[str, ...] = many("Ipv6Address", at_most=100, too_many=invalid("Ipv6Address"))
    zone_id: str = text()
    image_id: str = text()
    instance_type: str = text()
    instance_type_family: str = text()
    resource_group_id: str = fields.resource_group()
    lock_reason: str = text("LockReason", one_of(_LOCKS, NO_SUCH_LOCK))
    constants: bool = fields.constants(machine.CONSTANTS, checked=_KNOWN)
    created_from: datetime | None = _created_from()
    tags: Mapping[str, str] = fields.instance_tags()
    additional_attributes: tuple[str, ...] = many(
        "AdditionalAttributes",
        at_most=20,
        too_many=invalid("AdditionalAttributes"),
        note="META_OPTIONS adds MetadataOptions; others add nothing",
    )
    cycle: str = bind.without_effect("NeedSaleCycle", "nothing is sold")
    hops: str = bind.without_effect("HttpPutResponseHopLimit", "there is no metadata service")
    dry_run: bool = flag()
    page: Paging = paging(page_size=100, max_results=100, least_results=10, clamped=True)


class Instances(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    instance: Sequence[InstanceShape]


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    total_count: int
    page_number: int
    page_size: int
    next_token: str
    instances: Instances


@operation(ECS, access="read", refuses=(errors.DRY_RUN,))
async def describe_instances(call: Call, params: Params) -> Result:
    if params.dry_run:
        raise Refused(errors.DRY_RUN)
    wanted = _filter(params)
    if params.instance_type_family:
        wanted = await _in_family(call, wanted, params.instance_type_family)
    found = await call.control.instances.find(wanted, params.page.window)
    metadata = "META_OPTIONS" in params.additional_attributes
    return Result(
        total_count=found.total,
        page_number=params.page.number,
        page_size=params.page.size,
        next_token=params.page.next_token(found),
        instances=Instances(
            instance=[instance_shape(view, with_metadata=metadata) for view in found.items]
        ),
    )


def _filter(params: Params) -> InstanceFilter:
    ids = None if params.instance_ids is None else frozenset(params.instance_ids)
    absent = (params.public_ips, params.eips, params.inner_ips, params.rdma_ips, params.ipv6)
    if any(absent) or params.lock_reason or not params.constants:
        ids = frozenset()
    return InstanceFilter(
        ids=ids,
        names=frozenset({params.instance_name} if params.instance_name else ()),
        states=frozenset({params.status} if params.status else ()),
        private_ips=frozenset(params.private_ips or ()),
        zone_id=params.zone_id,
        image_id=params.image_id,
        instance_type=params.instance_type,
        resource_group_id=params.resource_group_id,
        tags=params.tags,
        created_from=params.created_from,
    )


async def _in_family(call: Call, wanted: InstanceFilter, family: str) -> InstanceFilter:
    """A family is not kept, it is read from the type; so the instances of it come first."""
    found = await call.control.instances.find(wanted, _EVERY)
    ids = (
        view.instance.id
        for view in found.items
        if machine.family(view.instance.instance_type) == family
    )
    return replace(wanted, ids=frozenset(ids))
