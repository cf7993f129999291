"""Accounts, and who may ask: the owner of one, its users and its roles, by their access keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

OWNER = "root"  # the name of the owner of an account
FIRST_ID = "1000000000000001"  # of the account that every control plane has
SERVICE_ROLE = "OOSServiceRole"  # that every account has


@dataclass(frozen=True, kw_only=True)
class Account:
    """What has instances, commands, users and everything else of its own."""

    id: str  # 16 digits
    name: str
    created_at: datetime


class Kind(StrEnum):
    """The values are those of GetCallerIdentity."""

    OWNER = "Account"
    USER = "RAMUser"
    ROLE = "AssumedRoleUser"


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who asks. ``str`` gives ``root``, ``ann``, or ``role/session``; ``identity`` reads it."""

    account_id: str
    kind: Kind
    name: str  # of the user or the role
    session: str = ""  # what a role was taken for

    def __str__(self) -> str:
        return f"{self.name}/{self.session}" if self.kind is Kind.ROLE else self.name


def identity(account_id: str, told: str) -> Identity:
    name, slash, session = told.partition("/")
    if slash:
        return Identity(account_id=account_id, kind=Kind.ROLE, name=name, session=session)
    kind = Kind.OWNER if told == OWNER else Kind.USER
    return Identity(account_id=account_id, kind=kind, name=told)


def owner(account_id: str) -> Identity:
    return identity(account_id, OWNER)


@dataclass(frozen=True, kw_only=True)
class AccessKey:
    """That of a role comes with a token, and expires."""

    id: str
    secret: str
    account_id: str
    active: bool = True
    of: str = OWNER  # whose it is, as Identity tells it
    created_at: datetime | None = None  # None: not stored yet
    token_digest: str = ""
    expires_at: datetime | None = None

    @property
    def identity(self) -> Identity:
        return identity(self.account_id, self.of)


@dataclass(frozen=True, kw_only=True)
class User:
    name: str
    account_id: str
    created_at: datetime
    display_name: str = ""
    comments: str = ""


@dataclass(frozen=True, kw_only=True)
class Role:
    name: str
    account_id: str
    created_at: datetime
    trust: str  # the policy that says who may take it, as JSON
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """One of the account's own making."""

    name: str
    account_id: str
    created_at: datetime
    document: str  # JSON
    description: str = ""
    version: int = 1
    changed_at: datetime | None = None  # None: as it was made


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """A policy and the user or role that it is attached to."""

    account_id: str
    kind: Kind
    name: str  # of the user or role
    policy: str
    system: bool  # whether the policy comes with Cloudhand
    attached_at: datetime
