"""Tags in a request: ``Tag.1.Key``, ``Tag.1.Value``, … and their published limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cloudhand.api.bind import Flat, custom
from cloudhand.api.refusal import Refused, WireError
from cloudhand.wire import rpc


@dataclass(frozen=True, kw_only=True)
class TagErrors:
    too_many: WireError
    no_key: WireError
    duplicate: WireError
    bad_key: WireError
    bad_value: WireError


def tags(
    name: str, errors: TagErrors, *, at_most: int = 20, longest: int = 64, note: str = ""
) -> Any:
    """``name.1.Key``, ``name.1.Value``, … as a mapping; a value that is not given is empty.

    ``longest``: characters of a key.
    """

    def read(flat: Flat, wire: str) -> Mapping[str, str]:
        given = rpc.records(flat, wire)
        if len(given) > at_most:
            raise Refused(errors.too_many)
        found: dict[str, str] = {}
        for one in given:
            key, value = one.get("Key", ""), one.get("Value", "")
            _check_tag(key, value, errors, longest)
            if key in found:
                raise Refused(errors.duplicate)
            found[key] = value
        return found

    return custom(
        read,
        kind="Tags",
        names=(name,),
        note=note or f"`{name}.1.Key`, `{name}.1.Value`, … at most {at_most}",
        errors=(
            errors.too_many,
            errors.no_key,
            errors.duplicate,
            errors.bad_key,
            errors.bad_value,
        ),
    )


def _check_tag(key: str, value: str, errors: TagErrors, longest: int) -> None:
    if not key:
        raise Refused(errors.no_key)
    reserved = key.lower().startswith(("aliyun", "acs:"))
    if len(key) > longest or reserved or _linked(key):
        raise Refused(errors.bad_key)
    if len(value) > 128 or _linked(value):
        raise Refused(errors.bad_value)


def _linked(value: str) -> bool:
    return "http://" in value or "https://" in value
