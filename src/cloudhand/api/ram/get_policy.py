"""GetPolicy: tell of a policy, with its document."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from cloudhand.api.operation import Call, operation
from cloudhand.api.ram import errors, fields, policies
from cloudhand.api.ram.product import RAM
from cloudhand.api.ram.shapes import policy_type
from cloudhand.core.errors import ResourceNotFound


@dataclass(frozen=True, kw_only=True)
class Params:
    policy_name: str = fields.policy()
    policy_type: str = fields.policy_type()


class PolicyShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    policy_name: str
    policy_type: str
    description: str
    policy_document: str
    attachment_count: int
    create_date: str
    update_date: str
    default_version: str


class VersionShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    policy_document: str
    create_date: str
    is_default_version: bool = True
    version_id: str


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    policy: PolicyShape
    default_policy_version: VersionShape


@operation(RAM, access="read", errors={ResourceNotFound: errors.NO_SUCH_POLICY})
async def get_policy(call: Call, params: Params) -> Result:
    system = params.policy_type == policy_type(system=True)
    found = await policies.of_name(call, params.policy_name, system=system)
    counts = await call.control.rights.attachment_counts(call.caller.account_id)
    return Result(
        policy=PolicyShape(
            policy_name=found.name,
            policy_type=params.policy_type,
            description=found.description,
            policy_document=found.document,
            attachment_count=counts.get(found.name, 0),
            create_date=found.created_at,
            update_date=found.changed_at,
            default_version=found.version,
        ),
        default_policy_version=VersionShape(
            policy_document=found.document,
            create_date=found.changed_at,
            version_id=found.version,
        ),
    )
