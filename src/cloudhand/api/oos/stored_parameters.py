"""What the operations of the parameter store declare and tell alike."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from cloudhand.api.bind import Limit, flag, form, longest, number, text
from cloudhand.api.oos import errors, fields
from cloudhand.api.refusal import invalid
from cloudhand.core.stored_parameter import VERSION_LIMIT, StoredParameter, StoredVersion
from cloudhand.wire import times

Shape = TypeVar("Shape", bound=msgspec.Struct)

_RESERVED = ("aliyun", "acs", "alibaba", "alicloud", "oos")
LONGEST, LONGEST_SECRET = 200, 180  # characters of a name
NAMES_LIMIT = 10  # that are asked for at once


def new_name(most: int) -> Any:
    """Of a parameter that is made: those of others are reserved."""

    def fits(name: str) -> bool:
        return len(name) <= most and not name.lower().startswith(_RESERVED)

    return text(
        "Name",
        form(r"/?[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*", errors.BAD_PARAMETER_NAME),
        Limit(fits=fits, error=errors.BAD_PARAMETER_NAME),
        required=True,
        note=f"at most {most} characters",
    )


def name() -> Any:
    return text("Name", required=True)


def value() -> Any:
    return text("Value", longest(4096, errors.BAD_VALUE), required=True)


def description() -> Any:
    return text("Description", longest(200, invalid("Description", "is at most 200 characters")))


def constraints() -> Any:
    return text("Constraints", longest(4096, errors.BAD_CONSTRAINTS), note="JSON")


def resource_group() -> Any:
    return text("ResourceGroupId", note="a label: groups are not managed here")


def version() -> Any:
    return number(
        "ParameterVersion",
        at_least=1,
        at_most=VERSION_LIMIT,
        note=f"1 to {VERSION_LIMIT}; the newest unless given",
    )


def path(*, required: bool = False) -> Any:
    return text(
        "Path", longest(200, invalid("Path", "is at most 200 characters")), required=required
    )


def recursive() -> Any:
    return flag("Recursive", note="what is in folders of the folder, too")


def decryption() -> Any:
    return flag("WithDecryption", note="values are told only if it is true")


def share_type() -> Any:
    return fields.choice(
        "ShareType", ("Public", "Private"), default="Private", note="there are no public ones here"
    )


def shaped(shape: type[Shape], parameter: StoredParameter, **others: Any) -> Shape:
    """The fields of a shape that tell of a parameter; ``others`` are those that are special."""
    known = {**_known(parameter), **others}
    return shape(**{name: known[name] for name in shape.__struct_fields__})


def _known(one: StoredParameter) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "type": one.type.value,
        "description": one.description,
        "constraints": one.constraints,
        "key_id": one.key_id,
        "dkms_instance_id": one.dkms_instance_id,
        "parameter_version": one.version.number,
        "value": one.version.value,
        "share_type": "Private",
        "resource_group_id": one.resource_group_id,
        "tags": one.tags,
        "created_by": one.created_by,
        "created_date": times.second(one.created_at),
        "updated_by": one.version.created_by,
        "updated_date": times.second(one.version.created_at),
    }


class VersionShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    parameter_version: int
    value: str | None  # of a secret one only if it was asked for
    updated_by: str
    updated_date: str


def version_shape(one: StoredVersion) -> VersionShape:
    return VersionShape(
        parameter_version=one.number,
        value=one.value,
        updated_by=one.created_by,
        updated_date=times.second(one.created_at),
    )
