"""DescribeSecurityGroupAttribute: the rules of the one group, which let everything through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api import bind
from cloudhand.api.bind import text
from cloudhand.api.ecs import fields, machine
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.api.refusal import Refused, WireError

NO_SUCH_GROUP = WireError(
    code="InvalidSecurityGroupId.NotFound",
    status=404,
    message="The specified SecurityGroupId does not exist.",
)


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    security_group_id: str = text(required=True)
    direction: str = fields.choice("Direction", ("ingress", "egress", "all"), default="all")
    nic_type: str = bind.without_effect("NicType", "in a VPC it is always intranet")
    attribute: str = bind.without_effect("Attribute", "there are no snapshots")
    pages: str = bind.without_effect("MaxResults", "there are two rules", "NextToken")


class Permission(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    security_group_rule_id: str
    direction: str
    policy: str = "Accept"
    priority: str = "1"
    ip_protocol: str = "ALL"
    port_range: str = "-1/-1"
    nic_type: str = "intranet"
    description: str = "Nothing is filtered"
    create_time: str = machine.SINCE
    source_cidr_ip: str = ""
    source_port_range: str = ""
    source_group_id: str = ""
    source_group_name: str = ""
    source_group_owner_account: str = ""
    source_prefix_list_id: str = ""
    source_prefix_list_name: str = ""
    dest_cidr_ip: str = ""
    dest_group_id: str = ""
    dest_group_name: str = ""
    dest_group_owner_account: str = ""
    dest_prefix_list_id: str = ""
    dest_prefix_list_name: str = ""
    ipv6_source_cidr_ip: str = ""
    ipv6_dest_cidr_ip: str = ""
    port_range_list_id: str = ""
    port_range_list_name: str = ""


class Permissions(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    permission: Sequence[Permission]


class SnapshotPolicyIds(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    snapshot_policy_id: Sequence[str] = ()


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    region_id: str
    security_group_id: str = machine.SECURITY_GROUP_ID
    security_group_name: str = machine.NAME
    description: str = "Nothing is filtered"
    vpc_id: str = machine.VPC_ID
    inner_access_policy: str = "Accept"
    permissions: Permissions
    snapshot_policy_ids: SnapshotPolicyIds = SnapshotPolicyIds()
    next_token: str = ""


_EVERYWHERE = "0.0.0.0/0"
_RULES = (
    Permission(
        security_group_rule_id="sgr-cloudhand-in", direction="ingress", source_cidr_ip=_EVERYWHERE
    ),
    Permission(
        security_group_rule_id="sgr-cloudhand-out", direction="egress", dest_cidr_ip=_EVERYWHERE
    ),
)


@operation(ECS, access="read", refuses=(NO_SUCH_GROUP,))
async def describe_security_group_attribute(call: Call, params: Params) -> Result:
    if params.security_group_id != machine.SECURITY_GROUP_ID:
        raise Refused(NO_SUCH_GROUP)
    rules = [rule for rule in _RULES if params.direction in ("all", rule.direction)]
    return Result(region_id=params.region_id, permissions=Permissions(permission=rules))
