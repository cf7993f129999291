"""DescribeCloudAssistantStatus: whether the agents of instances of both kinds are online."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api.bind import many
from cloudhand.api.ecs import errors, fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.api.paging import Paging, cut, paging
from cloudhand.core.agent_version import lacks_sessions
from cloudhand.core.errors import InstanceNotFound
from cloudhand.core.ids import InstanceId
from cloudhand.core.orders import AgentView
from cloudhand.core.page import Page, Window
from cloudhand.wire import times

_SYSTEMS = ("Windows", "Linux", "FreeBSD")
_TOLD = {name.lower(): name for name in _SYSTEMS}
_EVERY = Window(limit=10**6)


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    instance_ids: tuple[InstanceId, ...] = many(
        "InstanceId", at_most=100, too_many=errors.TOO_MANY_TARGETS, note="none: every instance"
    )
    os_type: str = fields.choice("OSType", _SYSTEMS)
    page: Paging = paging(note="with InstanceId all are told at once")


class RefusalShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    what: str  # commands, files, sessions, stop or restart
    why: str


class Refusals(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    refusal: Sequence[RefusalShape]


class InstanceCloudAssistantStatus(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    instance_id: str
    cloud_assistant_status: str  # true or false, as text
    cloud_assistant_version: str
    last_heartbeat_time: str
    os_type: str = msgspec.field(name="OSType")
    active_task_count: int
    invocation_count: int
    last_invoked_time: str
    support_session_manager: bool
    # Extension: two agents speak as this one; see how to join a machine.
    cloned: bool
    boot_id: str  # Extension: of the boot in which the agent spoke last; published agents tell none
    # Extension: what the machine refused at its last heart-beat, by rules of its own.
    refusals: Refusals


class StatusSet(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    instance_cloud_assistant_status: Sequence[InstanceCloudAssistantStatus]


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    total_count: int
    page_number: int
    page_size: int
    next_token: str
    instance_cloud_assistant_status_set: StatusSet


@operation(ECS, access="read", errors={InstanceNotFound: errors.NO_SUCH_TARGET})
async def describe_cloud_assistant_status(call: Call, params: Params) -> Result:
    found = await _found(call, params)
    return Result(
        total_count=found.total,
        page_number=params.page.number,
        page_size=params.page.size,
        next_token=params.page.next_token(found),
        instance_cloud_assistant_status_set=StatusSet(
            instance_cloud_assistant_status=[_status(view) for view in found.items]
        ),
    )


async def _found(call: Call, params: Params) -> Page[AgentView]:
    agents = call.control.agents
    window = params.page.window
    if params.instance_ids and params.page.by_token:
        window = Window(limit=len(params.instance_ids))
    if not params.os_type:
        return await agents.statuses(params.instance_ids, window)
    found = await agents.statuses(params.instance_ids, _EVERY)
    wanted = [view for view in found.items if _system(view) == params.os_type]
    return cut(wanted, window)


def _system(view: AgentView) -> str:
    """Of an agent that never came, our own instances' system."""
    told = view.agent.os_type if view.agent else "linux"
    return _TOLD.get(told.lower(), told)


def _status(view: AgentView) -> InstanceCloudAssistantStatus:
    agent = view.agent
    return InstanceCloudAssistantStatus(
        instance_id=view.instance_id,
        cloud_assistant_status="true" if view.online else "false",
        cloud_assistant_version=agent.version if agent else "",
        last_heartbeat_time=times.second(agent.last_seen_at) if agent else "",
        os_type=_system(view),
        active_task_count=view.running_count,
        invocation_count=agent.invocation_count if agent else 0,
        last_invoked_time=times.second(agent.last_invoked_at) if agent else "",
        support_session_manager=agent is not None and not lacks_sessions(agent),
        cloned=view.cloned,
        boot_id=(agent.boot_id or "") if agent else "",
        refusals=Refusals(refusal=_refusals(agent.refusals) if agent else ()),
    )


def _refusals(said: Mapping[str, str]) -> list[RefusalShape]:
    return [RefusalShape(what=what, why=why) for what, why in said.items()]
