"""Parameters that many operations declare alike."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING
from typing import Any

from cloudhand.api import bind
from cloudhand.api.bind import Limit, form, longest, one_of, refused, text
from cloudhand.api.oos import errors
from cloudhand.api.paging import BAD_MAX_RESULTS, BAD_NEXT_TOKEN
from cloudhand.api.refusal import Refused, WireError, invalid, missing
from cloudhand.core.label import TAG_LIMIT
from cloudhand.core.page import Window

_RESERVED = ("aliyun", "acs", "alibaba", "alicloud")


def region(*, required: bool = False) -> Any:
    return text("RegionId", required=required, note="must be the region of this control plane")


def client_token() -> Any:
    error = invalid("ClientToken", "must be at most 64 letters, digits, - and _")
    return text("ClientToken", form(r"[A-Za-z0-9_-]{1,64}", error))


def too_long(name: str, length: int) -> WireError:
    return invalid(name, f"must be at most {length} characters")


def template_name(*, required: bool = False) -> Any:
    """Of a template that is made: those of others are reserved."""

    def fits(name: str) -> bool:
        return not name.lower().startswith(_RESERVED)

    return text(
        "TemplateName",
        form(r"[A-Za-z0-9_-]{1,200}", errors.BAD_TEMPLATE_NAME),
        Limit(fits=fits, error=errors.BAD_TEMPLATE_NAME),
        required=required,
    )


def template_meant() -> Any:
    """The name of a template that is there."""
    return text("TemplateName", required=True)


def template_version() -> Any:
    return text("TemplateVersion", note="v1, v2 …; the newest unless given")


def template_url() -> Any:
    return refused("TemplateURL")


def version_name() -> Any:
    return text("VersionName", longest(200, too_long("VersionName", 200)))


def resource_group() -> Any:
    return text("ResourceGroupId", note="a label: groups are not managed here")


def account() -> Any:
    return text("AccountId", note="another account than one's own has nothing here")


def execution() -> Any:
    return text("ExecutionId", required=True)


def description() -> Any:
    return text("Description", longest(1024, too_long("Description", 1024)))


def choice(
    name: str,
    values: tuple[str, ...],
    *,
    default: str = "",
    required: bool = False,
    note: str = "",
) -> Any:
    listing = f"one of {', '.join(values)}"
    return text(
        name,
        one_of(values, invalid(name, f"must be {listing}")),
        default=default,
        required=required,
        note=f"{listing}; {note}" if note else listing,
    )


def _read(value: str, error: WireError) -> Any:
    """What JSON text says. It can spell half of a pair of surrogates, which is no text."""
    try:
        found = json.loads(value)
        json.dumps(found, ensure_ascii=False).encode()
    except bind.UNREADABLE:
        raise Refused(error) from None
    return found


def json_object(name: str, error: WireError, *, note: str = "") -> Any:
    """A JSON object in one parameter; None when it is not given."""

    def read(flat: bind.Flat, wire: str) -> dict[str, Any] | None:
        value = flat.get(wire, "").strip()
        if not value:
            return None
        found = _read(value, error)
        if not isinstance(found, dict):
            raise Refused(error)
        return found

    return bind.custom(
        read, kind="JSON object", names=(name,), note=note, errors=(error,), default=None
    )


def tags(*, required: bool = False) -> Any:
    """A JSON object of texts; None when it is not given."""

    def read(flat: bind.Flat, wire: str) -> Mapping[str, str] | None:
        value = flat.get(wire, "").strip()
        if not value:
            if required:
                raise Refused(missing(wire))
            return None
        found = _read(value, errors.BAD_TAGS)
        if not isinstance(found, dict) or len(found) > TAG_LIMIT:
            raise Refused(errors.BAD_TAGS)
        if not all(isinstance(one, str | int | float | bool) for one in found.values()):
            raise Refused(errors.BAD_TAGS)
        if required and not found:
            raise Refused(errors.BAD_TAGS)
        return {key: one if isinstance(one, str) else json.dumps(one) for key, one in found.items()}

    return bind.custom(
        read,
        kind="JSON object",
        names=("Tags",),
        required=required,
        note=f"at most {TAG_LIMIT}",
        errors=(errors.BAD_TAGS,),
        default=MISSING if required else None,
    )


def json_list(name: str, *, at_most: int, required: bool = False) -> Any:
    """A JSON list of texts in one parameter, or such texts with commas between them."""
    error = invalid(name, f"must be a JSON list of at most {at_most} texts")

    def read(flat: bind.Flat, wire: str) -> tuple[str, ...]:
        value = flat.get(wire, "").strip()
        if not value:
            if required:
                raise Refused(missing(wire))
            return ()
        found = _read(value, error) if value.startswith("[") else value.split(",")
        if not all(isinstance(one, str) for one in found) or len(found) > at_most:
            raise Refused(error)
        texts = tuple(dict.fromkeys(one.strip() for one in found if one.strip()))
        if required and not texts:
            raise Refused(error)
        return texts

    return bind.custom(
        read,
        kind="JSON list",
        names=(name,),
        required=required,
        note=f"at most {at_most}",
        errors=(error,),
        default=MISSING if required else (),
    )


def page(*, least: int = 10, most: int = 100, default: int = 50) -> Any:
    """Pages that follow each other."""

    def read(flat: bind.Flat, wire: str) -> Window:
        allowed = range(least, most + 1)
        limit = bind.whole(flat, "MaxResults", default, allowed, BAD_MAX_RESULTS)
        after = flat.get("NextToken", "")
        if len(after) > 512 or not after.isascii():
            raise Refused(BAD_NEXT_TOKEN)
        return Window(limit=limit, after=after)

    return bind.custom(
        read,
        kind="Page",
        names=("MaxResults", "NextToken"),
        note=f"MaxResults {least} to {most}, default {default}",
        errors=(BAD_MAX_RESULTS, BAD_NEXT_TOKEN),
        most=most,
        default=Window(limit=default),
    )


def sorting(values: tuple[str, ...]) -> Any:
    return choice("SortField", values, default=values[0], note=f"default {values[0]}")


def order() -> Any:
    return choice("SortOrder", ("Ascending", "Descending"), default="Descending")
