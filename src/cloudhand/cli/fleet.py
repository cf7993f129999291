"""The instances of a control plane, as the commands see them: through its public API."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cloudhand.cli.client import Client
from cloudhand.cli.errors import ClientError

_PAGE = 100
_STATUS_PAGE = 50
_NUMBER = re.compile(r"(\d+)")
_OURS = re.compile(r"hand-(\d{1,5})")  # names that a fleet gives


@dataclass(frozen=True, kw_only=True)
class Machine:
    """One instance of either kind, with what is known of its agent."""

    id: str
    name: str
    status: str  # Running, Stopped ...; Managed for a managed instance
    online: bool
    version: str
    tags: dict[str, str]
    boot_id: str  # as its agent told it last; empty for published agents
    heartbeat_at: str  # of the last one
    running_count: int  # scripts that run there
    cloned: bool  # another agent speaks as its own
    # What it refuses by rules of its own, as its agent said last, and why.
    refusals: dict[str, str] = field(default_factory=dict)

    @property
    def able(self) -> bool:
        """Whether a command can be run on it; a managed one is known by its agent alone."""
        return self.online if self.status == "Managed" else self.status == "Running"


def machines(client: Client) -> list[Machine]:
    """All instances of both kinds, in the order of their names, those of one's own last."""
    agents = {item["InstanceId"]: item for item in _statuses(client)}
    found = []
    for item in _pages(client, "DescribeInstances", {"PageSize": _PAGE}, ("Instances", "Instance")):
        tags = {tag["TagKey"]: tag["TagValue"] for tag in item["Tags"]["Tag"]}
        found.append(_machine(item, item["Status"], tags, agents))
    managed = _pages(client, "DescribeManagedInstances", {"PageSize": _STATUS_PAGE}, ("Instances",))
    for item in managed:
        tags = {tag["TagKey"]: tag["TagValue"] for tag in item["Tags"]}
        found.append(_machine(item, "Managed", tags, agents))
    return sorted(found, key=_by_name)


def _by_name(machine: Machine) -> tuple[bool, list[str], str]:
    """hand-2 comes before hand-10."""
    parts = [part.zfill(12) if part.isdigit() else part for part in _NUMBER.split(machine.name)]
    return machine.status == "Managed", parts, machine.id


def _machine(
    item: dict[str, Any], status: str, tags: dict[str, str], agents: dict[str, dict[str, Any]]
) -> Machine:
    agent = agents.get(item["InstanceId"], {})
    return Machine(
        id=item["InstanceId"],
        name=item["InstanceName"],
        status=status,
        online=agent.get("CloudAssistantStatus") == "true",
        version=agent.get("CloudAssistantVersion", ""),
        tags=tags,
        boot_id=agent.get("BootId", ""),
        heartbeat_at=agent.get("LastHeartbeatTime", ""),
        running_count=agent.get("ActiveTaskCount", 0),
        cloned=agent.get("Cloned", False),
        refusals={one["What"]: one["Why"] for one in agent.get("Refusals", {}).get("Refusal", ())},
    )


def _statuses(client: Client) -> list[dict[str, Any]]:
    path = ("InstanceCloudAssistantStatusSet", "InstanceCloudAssistantStatus")
    return _pages(client, "DescribeCloudAssistantStatus", {"PageSize": _STATUS_PAGE}, path)


def _pages(
    client: Client, action: str, parameters: dict[str, object], path: Sequence[str]
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    page = 1
    while True:
        answer: Any = client.call(action, {**parameters, "PageNumber": page})
        total = answer["TotalCount"]
        for name in path:
            answer = answer[name]
        found += answer
        if not answer or len(found) >= total:
            return found
        page += 1


def ensure(client: Client, count: int, tags: Mapping[str, str] | None = None) -> list[str]:
    """At least so many instances, asked for but not waited for; the ids of all of them.

    ``tags``: of those that are made.
    """
    everybody = machines(client)
    present = [m for m in everybody if m.status != "Managed"]
    stopped = [m.id for m in present if m.status == "Stopped"]
    if stopped:
        client.call("StartInstances", {"InstanceId": stopped})
    ids = [m.id for m in present]
    if len(ids) < count:
        taken = [int(found[1]) for m in everybody if (found := _OURS.fullmatch(m.name))]
        name = f"hand-[{max(taken, default=0) + 1},2]"
        order = {
            "Amount": count - len(ids),
            "ClientToken": os.urandom(16).hex(),
            "InstanceName": name,
            "HostName": name,
            "Tag": [{"Key": key, "Value": value} for key, value in (tags or {}).items()],
        }
        answer = client.call("RunInstances", order)
        ids += answer["InstanceIdSets"]["InstanceIdSet"]
    return ids


def wait(
    client: Client,
    ids: Sequence[str],
    status: str,
    *,
    at_most: float,
    tell: Callable[[int], None] = lambda _: None,
) -> list[Machine]:
    """The instances once all are in a status, and online if it is Running; ClientError."""
    deadline = time.monotonic() + at_most
    pause = 0.02
    while True:
        there = [m for m in machines(client) if m.id in ids and _is(m, status)]
        tell(len(there))
        if len(there) == len(ids):
            return there
        if time.monotonic() > deadline:
            late = sorted(set(ids) - {m.id for m in there})
            raise ClientError(f"cannot wait any longer for {', '.join(late)} to be {status}")
        time.sleep(pause)
        pause = min(pause * 1.3, 0.5)


def _is(machine: Machine, status: str) -> bool:
    return machine.status == status and (machine.online or status != "Running")
