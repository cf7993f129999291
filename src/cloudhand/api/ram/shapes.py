"""Shapes that several answers share, and how what we know is told in them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from cloudhand.control.rights import role_arn
from cloudhand.core.account import AccessKey, Attachment, Policy, Role, User
from cloudhand.core.system_policies import SYSTEM
from cloudhand.wire import times

SESSION_SECONDS = 3600  # that a role is taken for, at most


def version_id(number: int) -> str:
    return f"v{number}"


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing but that it is done."""


class UserShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    user_id: str
    user_name: str
    display_name: str
    mobile_phone: str
    email: str
    comments: str
    create_date: str


class ListedUserShape(UserShape, frozen=True, kw_only=True, rename="pascal"):
    update_date: str


def thing_id(account_id: str, name: str, created_at: datetime) -> str:
    """A number of 18 digits that stays, and is another for who comes later by the same name."""
    moment = created_at.isoformat(timespec="milliseconds")  # as it is kept
    digest = hashlib.sha256(f"{account_id}/{name}/{moment}".encode()).hexdigest()
    return f"3{int(digest, 16) % 10**17:017}"


def user_id(user: User) -> str:
    return thing_id(user.account_id, f"user/{user.name}", user.created_at)


def role_id(role: Role) -> str:
    return thing_id(role.account_id, f"role/{role.name}", role.created_at)


def user_shape(user: User) -> UserShape:
    return UserShape(**_user(user))


def listed_user_shape(user: User) -> ListedUserShape:
    return ListedUserShape(**_user(user), update_date=times.second(user.created_at))


def _user(user: User) -> dict[str, str]:
    return {
        "user_id": user_id(user),
        "user_name": user.name,
        "display_name": user.display_name,
        "mobile_phone": "",
        "email": "",
        "comments": user.comments,
        "create_date": times.second(user.created_at),
    }


class KeyShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    access_key_id: str
    status: str
    create_date: str


def key_shape(key: AccessKey) -> KeyShape:
    return KeyShape(
        access_key_id=key.id,
        status="Active" if key.active else "Inactive",
        create_date=times.second(key.created_at),
    )


class NewKeyShape(KeyShape, frozen=True, kw_only=True, rename="pascal"):
    access_key_secret: str


def new_key_shape(key: AccessKey) -> NewKeyShape:
    """What is told once."""
    return NewKeyShape(**msgspec.structs.asdict(key_shape(key)), access_key_secret=key.secret)


class RoleShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    role_id: str
    role_name: str
    arn: str
    description: str
    create_date: str
    max_session_duration: int = SESSION_SECONDS
    allow_console_login: bool = False


class WholeRoleShape(RoleShape, frozen=True, kw_only=True, rename="pascal"):
    assume_role_policy_document: str


def role_fields(role: Role) -> dict[str, Any]:
    """Of RoleShape."""
    return {
        "role_id": role_id(role),
        "role_name": role.name,
        "arn": role_arn(role.account_id, role.name),
        "description": role.description,
        "create_date": times.second(role.created_at),
    }


class NoTags(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """Neither roles nor policies have any."""

    tag: Sequence[str] = ()


class AttachedShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    policy_name: str
    policy_type: str
    description: str
    attach_date: str
    default_version: str


class AttachedPolicies(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    policy: Sequence[AttachedShape]


def attached_shapes(attached: Sequence[Attachment], own: Sequence[Policy]) -> AttachedPolicies:
    """``own``: the account's policies, as far as they are still there."""
    told = {policy.name: policy for policy in own}
    return AttachedPolicies(
        policy=[
            AttachedShape(
                policy_name=one.policy,
                policy_type=policy_type(system=one.system),
                description=SYSTEM[one.policy].description
                if one.system
                else told[one.policy].description,
                attach_date=times.second(one.attached_at),
                default_version=version_id(1 if one.system else told[one.policy].version),
            )
            for one in attached
            if one.system or one.policy in told
        ]
    )


def policy_type(*, system: bool) -> str:
    return "System" if system else "Custom"
