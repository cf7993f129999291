"""SetGovernorGroup: how many machines of a group may restart at once.

An extension that makes the group, or changes it. A machine belongs to every group whose tags it
has, and restarts when each of them has room: by an exit code, by RebootInstances, or by a template.
What runs ``reboot`` by itself asks nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from cloudhand.api.bind import flag, form, number, text
from cloudhand.api.ecs import errors, fields, governor_fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.ecs.shapes import Done
from cloudhand.api.operation import Call, operation
from cloudhand.api.refusal import invalid
from cloudhand.core import governor
from cloudhand.core.errors import TooMany
from cloudhand.core.governor import Budget, Group

_BAD_BUDGET = invalid("Budget", "is neither a number from 1 to 99999 nor a share like 10%")
_LEASE = (int(governor.LEASE_AT_LEAST.total_seconds()), int(governor.LEASE_AT_MOST.total_seconds()))


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    group_name: str = governor_fields.group_name()
    tags: Mapping[str, str] = fields.instance_tags()
    budget: str = text(
        "Budget",
        form(r"[1-9][0-9]{0,4}|[1-9][0-9]?%|100%", _BAD_BUDGET),
        default="1",
        note="machines that may be down at once, 1 to 99999, or a share like 10%, of at least one",
    )
    lease: int = number(
        default=int(governor.USUAL_LEASE.total_seconds()),
        at_least=_LEASE[0],
        at_most=_LEASE[1],
        note="seconds after which a machine that did not come back has its slot no longer; 3600",
    )
    restarts: int = number(
        default=governor.USUAL_RESTARTS,
        at_least=1,
        at_most=1000,
        note="of one machine within RestartsWithin; more are refused; 5",
    )
    restarts_within: int = number(
        default=int(governor.USUAL_WITHIN.total_seconds()),
        at_least=60,
        at_most=86_400 * 7,
        note="seconds; 3600",
    )
    counts_offline: bool = flag(
        "CountsOffline",
        default=True,
        note="machines whose agents are not online take from the budget; true",
    )


@operation(ECS, access="write", errors={TooMany: errors.TOO_MANY_GROUPS})
async def set_governor_group(call: Call, params: Params) -> Done:
    await call.control.governor.set_group(
        Group(
            name=params.group_name,
            tags=params.tags,
            budget=Budget(
                number=int(params.budget.rstrip("%")), percent=params.budget.endswith("%")
            ),
            lease=timedelta(seconds=params.lease),
            restarts=params.restarts,
            within=timedelta(seconds=params.restarts_within),
            counts_offline=params.counts_offline,
            created_at=call.now,
        )
    )
    return Done()
