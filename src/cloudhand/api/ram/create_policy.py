"""CreatePolicy: make a policy of the account."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from cloudhand.api.bind import text
from cloudhand.api.operation import Call, operation
from cloudhand.api.ram import errors, fields
from cloudhand.api.ram.product import RAM
from cloudhand.api.ram.shapes import policy_type, version_id
from cloudhand.core.account import Policy
from cloudhand.core.errors import NameTaken, PolicyInvalid
from cloudhand.wire import times


@dataclass(frozen=True, kw_only=True)
class Params:
    policy_name: str = fields.policy()
    policy_document: str = text(
        "PolicyDocument", required=True, note="JSON, at most 6144 characters"
    )
    description: str = fields.remark("Description", 1024)
    tag: None = fields.tags()


class PolicyShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    policy_name: str
    policy_type: str
    description: str
    default_version: str
    create_date: str


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    policy: PolicyShape


@operation(
    RAM,
    access="write",
    errors={NameTaken: errors.POLICY_EXISTS, PolicyInvalid: errors.BAD_DOCUMENT},
)
async def create_policy(call: Call, params: Params) -> Result:
    await call.control.rights.add_policy(
        Policy(
            name=params.policy_name,
            account_id=call.caller.account_id,
            created_at=call.now,
            document=params.policy_document,
            description=params.description,
        )
    )
    return Result(
        policy=PolicyShape(
            policy_name=params.policy_name,
            policy_type=policy_type(system=False),
            description=params.description,
            default_version=version_id(1),
            create_date=times.second(call.now),
        )
    )
