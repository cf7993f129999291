"""CreatePolicyVersion: what a policy of the account says from now on, to all who have it."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from cloudhand.api.bind import flag, text, without_effect
from cloudhand.api.operation import Call, operation
from cloudhand.api.ram import errors, fields
from cloudhand.api.ram.product import RAM
from cloudhand.api.ram.shapes import version_id
from cloudhand.api.refusal import Refused, unsupported
from cloudhand.core.errors import PolicyInvalid, ResourceNotFound
from cloudhand.wire import times

ONE_VERSION = unsupported("SetAsDefault=false", "a policy has one version, the one that holds")


@dataclass(frozen=True, kw_only=True)
class Params:
    policy_name: str = fields.policy()
    policy_document: str = text(
        "PolicyDocument", required=True, note="JSON, at most 6144 characters"
    )
    set_as_default: bool = flag(note="refused unless it is true: there is one version at a time")
    rotate_strategy: str = without_effect("RotateStrategy", "earlier versions are not kept")


class VersionShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    version_id: str
    is_default_version: bool = True
    create_date: str
    policy_document: str


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    policy_version: VersionShape


@operation(
    RAM,
    access="write",
    errors={ResourceNotFound: errors.NO_SUCH_POLICY, PolicyInvalid: errors.BAD_DOCUMENT},
    refuses=(ONE_VERSION,),
)
async def create_policy_version(call: Call, params: Params) -> Result:
    if not params.set_as_default:
        raise Refused(ONE_VERSION)
    changed = await call.control.rights.change_policy(
        call.caller.account_id, params.policy_name, params.policy_document
    )
    return Result(
        policy_version=VersionShape(
            version_id=version_id(changed.version),
            create_date=times.second(call.now),
            policy_document=changed.document,
        )
    )
