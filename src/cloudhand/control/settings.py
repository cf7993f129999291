"""What an operator can set that changes what the verbs answer or decide."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from cloudhand.core.account import FIRST_ID
from cloudhand.core.command import TARGET_LIMIT
from cloudhand.core.power import ExitCodePolicy


@dataclass(frozen=True, kw_only=True)
class ControlSettings:
    region_id: str = "cn-hangzhou"
    account_id: str = FIRST_ID
    power_exit_codes: ExitCodePolicy = ExitCodePolicy.SUCCESS
    power_wait: timedelta = timedelta(seconds=60)  # how long an agent waits for an acknowledgement
    delivery_window: timedelta = timedelta(seconds=60)  # then a command that nobody fetched ends
    power_bound: timedelta = timedelta(minutes=10)  # then a power action is overdue
    # Instances that act on an exit code do so themselves; only then does the provider help.
    own_doing: timedelta = timedelta(seconds=15)
    output_limit: int = 10 * 1024 * 1024  # bytes of the output of one run that are kept
    outputs_quota: int = 10 * 1024**3  # bytes of all outputs; beyond it the oldest are cut
    agent_gone_after: timedelta = timedelta(minutes=5)  # then who wants to is told
    retention: timedelta = timedelta(weeks=4)
    files_kept: timedelta = timedelta(weeks=6)  # that were sent
    audit_kept: timedelta = timedelta(days=180)  # who did what
    executions_kept: timedelta = timedelta(days=90)  # after their end
    requests_per_second: int = 0  # of an account; 0: as many as come
    instances_limit: int = 100  # per region
    accounts_limit: int = 100  # beside the first; each has a store, and loops, of its own
    activations_limit: int = 5000
    targets_limit: int = TARGET_LIMIT  # instances that one call runs on
    # From so many activations on there are more only while more than half of them are used.
    activations_unused: int = 1000
    commands_limit: int = 500  # stored ones, per region
    sessions_limit: int = 1000  # that are open, per region
    connections_limit: int = 20  # of sessions, to one instance
    invocations_per_day: int = 0  # that are asked for; 0: as many as are

    @property
    def zone_ids(self) -> tuple[str, ...]:
        return tuple(f"{self.region_id}-{letter}" for letter in "hij")
