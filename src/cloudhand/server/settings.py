"""Everything that an operator can set, each with its sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cloudhand.core.command import LARGEST_TARGET_LIMIT, TARGET_LIMIT
from cloudhand.core.power import ExitCodePolicy
from cloudhand.server.outward import Network

USUAL_PORT = 8650
LIMITED = ("instances", "commands", "activations", "sessions", "accounts")


@dataclass(frozen=True, kw_only=True)
class Settings:
    state: Path  # the directory that holds all that outlives the process
    temporary: bool = False  # remove the state directory at the end, whatever that end is
    ends_instances: bool = False  # end the instances, too, when the control plane ends
    listen_host: str = "127.0.0.1"  # the address to listen on; nothing beyond loopback unless asked
    listen_port: int = 0  # 0: the one this state had last, else any that is free
    region_id: str = "cn-hangzhou"  # the region that this control plane is
    plain_processes: bool = False  # make instances of plain processes, without namespaces
    power_exit_codes: ExitCodePolicy = ExitCodePolicy.SUCCESS  # what 193 and 194 make of a target
    power_wait: int = 60  # seconds that an agent waits for its acknowledgement before it goes down
    instances_per_call: int = TARGET_LIMIT  # that one RunCommand or InvokeCommand may name
    invocations_per_day: int = 0  # of RunCommand and InvokeCommand; 0: as many as come
    # How many there may be of what is LIMITED; of the others as many as is documented.
    limits: Mapping[str, int] = field(default_factory=dict)
    requests_per_second: int = 0  # of an account; 0: as many as come
    output_limit: int = 10 * 1024**2  # bytes of the output of one run that are kept
    outputs_quota: int = 10 * 1024**3  # bytes of all outputs; beyond it the oldest are cut
    audit_days: int = 180  # for which it is kept who did what
    agent_gone_after: int = 5  # minutes of silence, then notification channels are told
    metrics_to: tuple[Network, ...] = ()  # who may read metrics, beside this machine
    # Networks near this machine that messages of executions and channels may go to, all the same.
    outward: tuple[Network, ...] = ()
    names: tuple[str, ...] = ()  # by which agents and callers reach us, or addresses
    tls: bool = False  # serve https with a certificate of an authority of our own
    plain_http: bool = False  # listen beyond this machine without that, all the same


__all__ = [
    "LARGEST_TARGET_LIMIT",
    "LIMITED",
    "TARGET_LIMIT",
    "USUAL_PORT",
    "ExitCodePolicy",
    "Network",
    "Settings",
]
