"""DescribeImages: the one image, under its own id or under those that are asked for.

RunInstances takes any id of an image as a label, and so it is told here, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from msgspec import field

from cloudhand.api import bind
from cloudhand.api.bind import flag, text
from cloudhand.api.ecs import errors, fields, machine, shapes
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.api.paging import Paging, cut, numbered
from cloudhand.api.refusal import Refused, invalid

_IDS_LIMIT = 100
TOO_MANY_IDS = invalid("ImageId", f"has more than {_IDS_LIMIT} items")
_KNOWN = {
    "Architecture": machine.ARCHITECTURE,
    "ImageFamily": "",
    "ImageOwnerAlias": "system",
    "ImageOwnerId": "",
    "IsPublic": "false",  # which asks for those of a community
    "IsSupportCloudinit": "false",
    "IsSupportIoOptimized": "true",
    "OSType": "linux",
    "ResourceGroupId": "",
    "SnapshotId": "",
    "Usable": "true",
}


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    image_id: str = text(note=f"at most {_IDS_LIMIT}, with commas between")
    image_name: str = text(note="a part of it")
    status: str = text(default="Available", note="several with commas between, or ALL")
    fits: bool = fields.constants(_KNOWN)
    untagged: bool = fields.no_tags()
    filter: None = bind.not_served("Filter", "the other parameters tell images apart")
    ignored: str = bind.without_effect(
        "InstanceType",
        "the image is for instances of any type, and always there",
        *("ActionType", "ShowExpired", "Usage"),
    )
    dry_run: bool = flag()
    page: Paging = numbered(page_size=100)


class DetectionItems(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    item: Sequence[str] = ()


class DetectionOptions(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    status: str = ""
    items: DetectionItems = DetectionItems()


class DiskDeviceMappings(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    disk_device_mapping: Sequence[str] = ()


class Features(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    cpu_online_downgrade: str = "unsupported"
    cpu_online_upgrade: str = "unsupported"
    memory_online_downgrade: str = "unsupported"
    memory_online_upgrade: str = "unsupported"
    imds_support: str = ""
    nvme_support: str = "unsupported"


class SecureBootOptions(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    secure_boot_support: str = "unsupported"


class Image(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    image_id: str
    image_name: str
    description: str = machine.OS_NAME
    image_family: str = ""
    image_owner_alias: str = _KNOWN["ImageOwnerAlias"]
    image_owner_id: int = 0
    image_version: str = ""
    architecture: str = machine.ARCHITECTURE
    os_name: str = field(default=machine.OS_NAME, name="OSName")
    os_name_en: str = field(default=machine.OS_NAME, name="OSNameEn")
    os_type: str = field(default=_KNOWN["OSType"], name="OSType")
    platform: str = "Others Linux"
    boot_mode: str = ""
    creation_time: str = machine.SINCE
    status: str = "Available"
    usage: str = "instance"
    usable: bool = True
    progress: str = "100%"
    size: int = 0  # GiB: it is the file system of this machine
    product_code: str = ""
    supplier_name: str = ""
    license_type: str = ""
    resource_group_id: str = ""
    is_copied: bool = False
    is_public: bool = True
    is_self_shared: str = ""
    is_subscribed: bool = False
    is_support_cloudinit: bool = False
    is_support_io_optimized: bool = True
    login_as_non_root_supported: bool = False
    detection_options: DetectionOptions = DetectionOptions()
    disk_device_mappings: DiskDeviceMappings = DiskDeviceMappings()
    features: Features = Features()
    secure_boot_options: SecureBootOptions = SecureBootOptions()
    tags: shapes.Tags = shapes.Tags(tag=())


class Images(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    image: Sequence[Image]


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    region_id: str
    total_count: int
    page_number: int
    page_size: int
    images: Images


@operation(ECS, access="read", refuses=(errors.DRY_RUN, TOO_MANY_IDS))
async def describe_images(call: Call, params: Params) -> Result:
    ids = [one.strip() for one in params.image_id.split(",") if one.strip()]
    if len(ids) > _IDS_LIMIT:
        raise Refused(TOO_MANY_IDS)
    if params.dry_run:
        raise Refused(errors.DRY_RUN)
    found = cut(_images(params, ids or [machine.IMAGE_ID]), params.page.window)
    return Result(
        region_id=params.region_id,
        total_count=found.total,
        page_number=params.page.number,
        page_size=params.page.size,
        images=Images(image=found.items),
    )


def _images(params: Params, ids: Sequence[str]) -> list[Image]:
    wanted = {"Available", "ALL"} & {*params.status.split(",")}
    if not (wanted and params.fits and params.untagged):
        return []
    return [Image(image_id=one, image_name=one) for one in ids if params.image_name in one]
