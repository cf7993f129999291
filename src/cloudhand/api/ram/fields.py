"""Parameters that several operations have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from cloudhand.api import bind
from cloudhand.api.bind import form, longest, one_of, text
from cloudhand.api.ram import errors
from cloudhand.api.refusal import Refused, invalid

Item = TypeVar("Item")

_TYPES = ("Custom", "System")
_PAGE = range(1, 1001)


def account() -> Any:
    return text("AccountName", form(r"[a-z0-9-]{1,64}", errors.BAD_ACCOUNT), required=True)


def user(*, required: bool = True, note: str = "") -> Any:
    limits = (form(r"(?!root$)[A-Za-z0-9.@_-]{1,64}", errors.BAD_USER),)
    return text("UserName", *limits, required=required, note=note)


def role() -> Any:
    return text("RoleName", form(r"[A-Za-z0-9.-]{1,64}", errors.BAD_ROLE), required=True)


def policy() -> Any:
    return text("PolicyName", form(r"[A-Za-z0-9-]{1,128}", errors.BAD_POLICY), required=True)


def policy_type(*, required: bool = True) -> Any:
    error = invalid("PolicyType", f"must be one of {', '.join(_TYPES)}")
    note = "Custom: of the account's own making; System: those that come with it"
    return text("PolicyType", one_of(_TYPES, error), required=required, note=note)


def key() -> Any:
    return text("UserAccessKeyId", required=True)


def remark(name: str, most: int) -> Any:
    return text(name, longest(most, invalid(name, f"must be at most {most} characters")))


def tags() -> Any:
    return bind.not_served("Tag", "users, roles and policies have no tags")


def group() -> Any:
    return bind.not_served("ResourceGroupId", "a policy holds for the whole account")


@dataclass(frozen=True, kw_only=True)
class Part:
    """Of a list in the order of its names: what comes behind a name."""

    behind: str
    most: int

    def cut(self, items: Sequence[Item], name: Callable[[Item], str]) -> tuple[list[Item], str]:
        """What is in it, and the marker of the next one; empty where there is no more."""
        left = [one for one in items if name(one) > self.behind]
        found = left[: self.most]
        return found, name(found[-1]) if len(left) > self.most else ""


def part() -> Any:
    def read(flat: bind.Flat, wire: str) -> Part:
        most = bind.whole(flat, "MaxItems", 100, _PAGE, errors.BAD_MAX_ITEMS)
        behind = flat.get(wire, "")
        if len(behind) > 128:
            raise Refused(errors.BAD_MARKER)
        return Part(behind=behind, most=most)

    return bind.custom(
        read,
        kind="Page",
        names=("Marker", "MaxItems"),
        note="MaxItems 1 to 1000, default 100",
        errors=(errors.BAD_MAX_ITEMS, errors.BAD_MARKER),
        default=Part(behind="", most=100),
    )
