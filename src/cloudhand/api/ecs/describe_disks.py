"""DescribeDisks: no disk: what an instance keeps is in directories of this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api import bind
from cloudhand.api.bind import flag
from cloudhand.api.ecs import errors, fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.api.paging import Paging, cut, paging
from cloudhand.api.refusal import Refused


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    instance_id: str = bind.without_effect("InstanceId", "no instance has a disk")
    wanted: str = bind.without_effect(
        "DiskIds",
        "there are no disks",
        *("DiskName", "DiskType", "DiskChargeType", "Category", "Status", "Portable"),
        *("PerformanceLevel", "Encrypted", "KMSKeyId", "MultiAttach", "EnableShared", "LockReason"),
        *("SnapshotId", "AutoSnapshotPolicyId", "EnableAutoSnapshot", "DeleteAutoSnapshot"),
        *("EnableAutomatedSnapshotPolicy", "DeleteWithInstance", "ZoneId", "ResourceGroupId"),
        *("Tag", "Filter", "AdditionalAttributes"),
    )
    dry_run: bool = flag()
    page: Paging = paging(page_size=100, max_results=500)


class Disk(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    disk_id: str


class Disks(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    disk: Sequence[Disk]


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    total_count: int
    page_number: int
    page_size: int
    next_token: str
    disks: Disks


@operation(ECS, access="read", refuses=(errors.DRY_RUN,))
async def describe_disks(call: Call, params: Params) -> Result:
    if params.dry_run:
        raise Refused(errors.DRY_RUN)
    none = cut(list[Disk](), params.page.window)
    return Result(
        total_count=none.total,
        page_number=params.page.number,
        page_size=params.page.size,
        next_token=params.page.next_token(none),
        disks=Disks(disk=none.items),
    )
