"""ListAuditRecords: who did what, from where, on what, and what came of it, newest first.

An extension. Every call of an operation is there, those that were refused as well, machines that
joined and left, and what machines did with their power; and no value that was given. The text of a
record names the digest of the one before it, so that none can be changed or taken out unseen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from cloudhand.api import bind, paging
from cloudhand.api.ecs import fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.core.audit import RecordFilter


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    start_time: datetime | None = bind.moment("StartTime", note="not before it")
    end_time: datetime | None = bind.moment("EndTime", note="before it")
    who: str = bind.text("Who", note="as records tell it: root, the user, role/session, mi-…")
    operation: str = bind.text("Operation", note="ecs:RunCommand; * stands for anything")
    resource_id: str = bind.text("ResourceId", note="the id of something that it was about")
    changes: bool = bind.flag(
        "Changes", note="without calls that only look, unless they were refused"
    )
    failed: bool = bind.flag("Failed", note="those alone that were refused or failed")
    oldest_first: bool = bind.flag("OldestFirst")
    page: paging.Paging = paging.following(size=1000, usual=50, or_less=True)


class RecordShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    number: int
    text: str  # JSON: number, at, kind, action, who, from, on, outcome, facts, ..., previous
    digest: str  # SHA-256 of the text


class Records(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    record: Sequence[RecordShape]


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    records: Records
    next_token: str


@operation(ECS, access="read")
async def list_audit_records(call: Call, params: Params) -> Result:
    found, after = await call.control.audit.find(
        RecordFilter(
            since=params.start_time,
            until=params.end_time,
            who=params.who,
            action=params.operation,
            thing=params.resource_id,
            changes=params.changes,
            failed=params.failed,
        ),
        limit=params.page.size,
        cursor=params.page.window.after,
        oldest_first=params.oldest_first,
    )
    return Result(
        records=Records(
            record=[
                RecordShape(number=one.number, text=one.text, digest=one.digest) for one in found
            ]
        ),
        next_token=after,
    )
