"""SetGovernorGroup: how many machines of a group may restart at once.

An extension that makes the group, or changes what is said of it; the rest stays as it is. A machine
belongs to every group whose tags it has, and restarts when each of them has room: by an exit code,
by RebootInstances, or by a template. What runs ``reboot`` by itself asks nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cloudhand.api.bind import flag, form, number, text
from cloudhand.api.ecs import errors, fields, governor_fields
from cloudhand.api.ecs.governor_shape import GroupShape, group_shape
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.api.refusal import invalid
from cloudhand.core import governor
from cloudhand.core.errors import TooMany
from cloudhand.core.governor import Budget

_BAD_BUDGET = invalid("Budget", "is neither a number from 1 to 99999 nor a share like 10%")
_LEASE = (int(governor.LEASE_AT_LEAST.total_seconds()), int(governor.LEASE_AT_MOST.total_seconds()))


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    group_name: str = governor_fields.group_name()
    tags: Mapping[str, str] = fields.instance_tags()
    all_machines: bool = flag("AllMachines", note="whatever tags they have; of a new group: usual")
    budget: str = text(
        "Budget",
        form(r"[1-9][0-9]{0,4}|[1-9][0-9]?%|100%", _BAD_BUDGET),
        note="machines that may be down at once, 1 to 99999, or a share like 10%, of at least one;"
        " usual 1",
    )
    lease: int = number(
        at_least=_LEASE[0],
        at_most=_LEASE[1],
        note="seconds after which a machine that did not come back has its slot no longer;"
        " usual 3600",
    )
    restarts: int = number(
        at_least=1,
        at_most=1000,
        note="of one machine within RestartsWithin; more are refused; usual 5",
    )
    restarts_within: int = number(at_least=60, at_most=86_400 * 7, note="seconds; usual 3600")
    counts_offline: bool | None = flag(
        "CountsOffline",
        default=None,
        note="machines whose agents are not online take from the budget; usual true",
    )


@operation(ECS, access="write", errors={TooMany: errors.TOO_MANY_GROUPS})
async def set_governor_group(call: Call, params: Params) -> GroupShape:
    return group_shape(
        await call.control.governor.set_group(params.group_name, **dict(_change(params)))
    )


def _change(params: Params) -> Iterator[tuple[str, Any]]:
    """What is said."""
    if params.tags or params.all_machines:
        yield "tags", params.tags
    if params.budget:
        share = params.budget.endswith("%")
        yield "budget", Budget(number=int(params.budget.rstrip("%")), percent=share)
    if params.lease:
        yield "lease", timedelta(seconds=params.lease)
    if params.restarts:
        yield "restarts", params.restarts
    if params.restarts_within:
        yield "within", timedelta(seconds=params.restarts_within)
    if params.counts_offline is not None:
        yield "counts_offline", params.counts_offline
