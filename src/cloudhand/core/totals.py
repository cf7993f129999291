"""How many there are of everything, for who watches a control plane."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

# What is not final so long after its deadline should not be: whoever decides has not looked.
OVERDUE_AFTER = timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True)
class Totals:
    """Of one account, as far as they are kept."""

    instances: Mapping[str, int]  # by state
    managed: int
    agents_online: int
    targets: Mapping[str, int]  # by state
    executions: Mapping[str, int]  # by state
    news_waiting: int  # that notification channels are still to be told
    channels_failing: int  # whose last message was not taken
    power_overdue: int  # power actions that were not seen to be done in time
    overdue: Mapping[str, int]  # what is not final and past its deadline, by noun
