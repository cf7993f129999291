"""Whether a request is one too many: of its account in this second, or because of a fault."""

from __future__ import annotations

from datetime import datetime, timedelta

from cloudhand.api import gateway_errors as wrong
from cloudhand.api.operation import Operation
from cloudhand.api.refusal import Refused
from cloudhand.control.control import Control

_MS = timedelta(milliseconds=1)
# By these a fault is looked at and taken away, whatever it strikes.
_NEVER = ("CreateFault", "DescribeFaults", "DeleteFaults")


class Throttle:
    """A bucket per account: full, it has the requests of a second, and it fills up evenly."""

    def __init__(self) -> None:
        self._free_at: dict[str, datetime] = {}  # when the bucket of an account is full again

    def clock_set(self, by: timedelta) -> None:
        self._free_at = {account: moment + by for account, moment in self._free_at.items()}

    def check(self, control: Control, operation: Operation, now: datetime) -> None:
        """Refused. ``control``: of the account that asks."""
        if operation.name in _NEVER:
            return
        fault = control.faults.of_request()
        if fault is not None:
            raise Refused(wrong.THROTTLED, retry_after=fault.value)
        rate = control.settings.requests_per_second
        if rate:
            self._take(control.settings.account_id, timedelta(seconds=1) / rate, now)

    def _take(self, account_id: str, one: timedelta, now: datetime) -> None:
        free_at = max(self._free_at.get(account_id, now), now) + one
        late = free_at - now - timedelta(seconds=1)
        if late > timedelta():
            raise Refused(wrong.THROTTLED, retry_after=-(-late // _MS))
        self._free_at[account_id] = free_at
