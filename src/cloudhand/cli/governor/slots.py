"""Who restarts under the governor, and who waits, as commands read it from the API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cloudhand.cli.client import Client

_PAGE = 1000


@dataclass(frozen=True, kw_only=True)
class Slot:
    id: str
    group: str
    holder: str
    status: str
    reason: str
    waits_for: str
    held_at: str
    deadline_at: str
    ended_at: str

    @property
    def does(self) -> str:
        ours = self.holder.startswith(("i-", "mi-"))
        return "restarts" if ours else "holds a slot"

    @property
    def told(self) -> str:
        """What becomes of it, as words of its holder."""
        words = {
            "Waiting": self.waits_for,
            "Held": f"{self.does}, until {_clock(self.deadline_at)} at most",
            "Returned": f"restarted at {_clock(self.held_at)}, was back at {_clock(self.ended_at)}",
            "Expired": f"was not back at {_clock(self.ended_at)}, when its lease ended",
            "Released": f"was released at {_clock(self.ended_at)}",
            "Gone": f"was gone at {_clock(self.ended_at)}",
            "Withdrawn": f"waited no longer at {_clock(self.ended_at)}",
        }
        return words.get(self.status, self.status)


def slots(client: Client, group: str = "", *, ended: bool = False) -> list[Slot]:
    """Who asked last comes first; ``group``: empty for all."""
    wanted: dict[str, Any] = {"MaxResults": _PAGE, "Ended": ended}
    if group:
        wanted["GroupName"] = group
    found: list[Slot] = []
    while True:
        answer = client.call("DescribeGovernorSlots", wanted)
        found += [_slot(one) for one in answer["Slots"]]
        if not answer["NextToken"]:
            return found
        wanted["NextToken"] = answer["NextToken"]


def _slot(one: dict[str, str]) -> Slot:
    return Slot(
        id=one["SlotId"],
        group=one["GroupName"],
        holder=one["Holder"],
        status=one["Status"],
        reason=one["Reason"],
        waits_for=one["WaitsFor"],
        held_at=one["HeldTime"],
        deadline_at=one["DeadlineTime"],
        ended_at=one["EndTime"],
    )


def _clock(moment: str) -> str:
    return f"{moment[:10]} {moment[11:19]} UTC"
