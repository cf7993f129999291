"""AssumeRole: take a role for a while, with a key and a token of its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import msgspec

from cloudhand.api import bind
from cloudhand.api.authorize import conditions
from cloudhand.api.bind import form, number, text
from cloudhand.api.operation import Call, operation
from cloudhand.api.ram.errors import NO_SUCH_ROLE
from cloudhand.api.ram.shapes import SESSION_SECONDS, role_id
from cloudhand.api.refusal import Refused, WireError, invalid
from cloudhand.api.sts.product import STS
from cloudhand.control.rights import arn
from cloudhand.core.account import Identity, Kind
from cloudhand.core.errors import NotAuthorized, NotTrusted, ResourceNotFound
from cloudhand.wire import times

_BAD_ARN = invalid("RoleArn", "must have the form acs:ram::ACCOUNT:role/NAME")
_BAD_SESSION = invalid("RoleSessionName", "must be 2 to 64 letters, digits and .@_-")
_BAD_EXTERNAL_ID = invalid("ExternalId", "must be 2 to 1224 letters, digits and =,.@:/_-")
_BAD_DURATION = invalid("DurationSeconds", f"must be from 900 to {SESSION_SECONDS}")
_NOT_TRUSTED = WireError(
    code="NoPermission",
    status=403,
    message="You are not authorized to do this action. You should be authorized by RAM.",
)


@dataclass(frozen=True, kw_only=True)
class Params:
    role_arn: str = text(
        "RoleArn", form(r"acs:ram::[0-9]+:role/[A-Za-z0-9.-]{1,64}", _BAD_ARN), required=True
    )
    role_session_name: str = text(
        "RoleSessionName", form(r"[A-Za-z0-9.@_-]{2,64}", _BAD_SESSION), required=True
    )
    duration_seconds: int = number(
        "DurationSeconds",
        default=SESSION_SECONDS,
        at_least=900,
        at_most=SESSION_SECONDS,
        error=_BAD_DURATION,
    )
    policy: None = bind.not_served("Policy", "a role is taken with all its rights")
    external_id: str = text(
        "ExternalId",
        form(r"[A-Za-z0-9=,.@:/_-]{2,1224}", _BAD_EXTERNAL_ID),
        note="what a role of another account may ask for, as `sts:ExternalId`",
    )
    source_identity: None = bind.not_served("SourceIdentity", "nothing is kept of it")


class Credentials(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    access_key_id: str
    access_key_secret: str
    security_token: str
    expiration: str


class AssumedRole(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    arn: str
    assumed_role_id: str


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    credentials: Credentials
    assumed_role_user: AssumedRole
    source_identity: str = ""


@operation(
    STS,
    access="write",
    errors={ResourceNotFound: NO_SUCH_ROLE, NotAuthorized: _NOT_TRUSTED, NotTrusted: _NOT_TRUSTED},
)
async def assume_role(call: Call, params: Params) -> Result:
    account, name = params.role_arn.removeprefix("acs:ram::").split(":role/")
    control = call.tenancy.of(account)
    if control is None:
        raise Refused(NO_SUCH_ROLE)
    asked = {"sts:externalid": params.external_id} if params.external_id else {}
    role = await control.rights.trusting_role(
        call.caller, account, name, {**conditions(call), **asked}
    )
    taken = Identity(
        account_id=account, kind=Kind.ROLE, name=name, session=params.role_session_name
    )
    key, token = await control.accounts.assume(taken, timedelta(seconds=params.duration_seconds))
    return Result(
        credentials=Credentials(
            access_key_id=key.id,
            access_key_secret=key.secret,
            security_token=token,
            expiration=times.second(key.expires_at),
        ),
        assumed_role_user=AssumedRole(
            arn=arn(taken), assumed_role_id=f"{role_id(role)}:{taken.session}"
        ),
    )
