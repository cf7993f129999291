"""SendFile: write a file on instances, each once. DescribeSendFileResults tells what became of it.

Whether an instance runs is no matter of the call: where one does not, its result says so.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from cloudhand.api.bind import Limit, flag, form, longest, many, one_of, text
from cloudhand.api.ecs import command_fields, errors, fields, file_errors
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.api.refusal import Refused
from cloudhand.core.command import base64_size
from cloudhand.core.errors import InstanceNotFound, TokenReused
from cloudhand.core.file import CONTENT_LIMIT, TARGET_LIMIT, File, SendOrder
from cloudhand.core.ids import InstanceId

# From the root of a machine of either system.
_ABSOLUTE = re.compile(r"(/|[A-Za-z]:[\\/])[^\x00-\x1f\x7f]*")
_NAMED = r"[^\s:/\x00-\x1f\x7f]{1,64}"  # of a user or a group


def _names_a_file(name: str) -> bool:
    return name not in (".", "..") and not {"/", "\0"} & set(name)


def _names_a_directory(path: str) -> bool:
    return len(path) <= 255 and _ABSOLUTE.fullmatch(path) is not None


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    name: str = text(
        "Name",
        longest(255, file_errors.FILE_NAME_TOO_LONG),
        Limit(fits=_names_a_file, error=file_errors.BAD_FILE_NAME),
        required=True,
    )
    target_dir: str = text(
        "TargetDir",
        Limit(fits=_names_a_directory, error=file_errors.BAD_TARGET_DIR),
        required=True,
        note="an absolute path; made where it is missing",
    )
    content: str = text(required=True)
    content_type: str = text(
        "ContentType",
        one_of(("PlainText", "Base64"), file_errors.BAD_FILE_TYPE),
        default="PlainText",
        note="PlainText (default) or Base64",
    )
    instance_ids: tuple[str, ...] = many(
        "InstanceId",
        at_most=TARGET_LIMIT,
        too_many=errors.TOO_MANY_TARGETS,
        required=True,
        absent=errors.NO_INSTANCE_ID,
    )
    description: str = text("Description", longest(512, file_errors.FILE_DESCRIPTION_TOO_LONG))
    file_owner: str = text(
        "FileOwner", form(_NAMED, file_errors.BAD_FILE_OWNER), note="default root"
    )
    file_group: str = text(
        "FileGroup", form(_NAMED, file_errors.BAD_FILE_GROUP), note="default root"
    )
    file_mode: str = text(
        "FileMode", form(r"[0-7]{3,4}", file_errors.BAD_FILE_MODE), default="0644"
    )
    overwrite: bool = flag(note="put it in the place of one that has its name")
    timeout: int = command_fields.timeout(default=60, note="default 60")
    resource_group_id: str = fields.resource_group()
    tags: Mapping[str, str] = fields.labels()
    client_token: str = fields.client_token()


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    invoke_id: str


@operation(
    ECS,
    access="write",
    errors={InstanceNotFound: errors.NO_SUCH_TARGET, TokenReused: errors.TOKEN_REUSED},
    refuses=(file_errors.UNDECODABLE_FILE, file_errors.FILE_TOO_LONG),
)
async def send_file(call: Call, params: Params) -> Result:
    order = SendOrder(
        file=_file(params),
        instance_ids=[InstanceId(instance_id) for instance_id in params.instance_ids],
        timeout=params.timeout,
        description=params.description,
        resource_group_id=params.resource_group_id,
        tags=params.tags,
        once=call.once(params.client_token),
    )
    return Result(invoke_id=await call.control.files.send(order))


def _file(params: Params) -> File:
    in_base64 = params.content_type == "Base64"
    content = _decoded(params.content) if in_base64 else params.content.encode()
    if base64_size(content) > CONTENT_LIMIT:
        raise Refused(file_errors.FILE_TOO_LONG)
    return File(
        name=params.name,
        directory=params.target_dir,
        content=content,
        owner=params.file_owner,
        group=params.file_group,
        mode=params.file_mode,
        overwrite=params.overwrite,
        in_base64=in_base64,
    )


def _decoded(content: str) -> bytes:
    try:
        return base64.b64decode("".join(content.split()), validate=True)
    except (binascii.Error, ValueError):
        raise Refused(file_errors.UNDECODABLE_FILE) from None
