"""ListPolicies: the policies that there are, in the order of their names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api.operation import Call, operation
from cloudhand.api.ram import fields, policies
from cloudhand.api.ram.fields import Part
from cloudhand.api.ram.product import RAM
from cloudhand.api.ram.shapes import NoTags, policy_type


@dataclass(frozen=True, kw_only=True)
class Params:
    policy_type: str = fields.policy_type(required=False)
    part: Part = fields.part()
    tag: None = fields.tags()


class PolicyShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    policy_name: str
    policy_type: str
    description: str
    attachment_count: int
    create_date: str
    update_date: str
    default_version: str
    tags: NoTags = NoTags()


class Policies(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    policy: Sequence[PolicyShape]


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    is_truncated: bool
    marker: str
    policies: Policies


@operation(RAM, access="read")
async def list_policies(call: Call, params: Params) -> Result:
    wanted = [
        one
        for one in await policies.known(call)
        if params.policy_type in ("", policy_type(system=one.system))
    ]
    found, marker = params.part.cut(wanted, lambda one: one.name)
    counts = await call.control.rights.attachment_counts(call.caller.account_id)
    return Result(
        is_truncated=bool(marker),
        marker=marker,
        policies=Policies(
            policy=[
                PolicyShape(
                    policy_name=one.name,
                    policy_type=policy_type(system=one.system),
                    description=one.description,
                    attachment_count=counts.get(one.name, 0),
                    create_date=one.created_at,
                    update_date=one.changed_at,
                    default_version=one.version,
                )
                for one in found
            ]
        ),
    )
