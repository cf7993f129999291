"""ListPluginStatus: plugins of published agents, as those agents report them.

An agent that has not spoken of a plugin for 35 minutes leaves its status Unknown. Agents of ours
have no plugins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from cloudhand.api.bind import longest, many, text
from cloudhand.api.ecs import errors, fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.api.paging import Paging, cut, paging
from cloudhand.api.refusal import Refused, WireError, invalid
from cloudhand.core.errors import InstanceNotFound, ResourceNotFound
from cloudhand.core.ids import InstanceId
from cloudhand.core.plugin import Plugin
from cloudhand.wire import times

TOO_MANY_INSTANCES = WireError(
    code="InstanceIds.ExceedLimit", status=400, message="Too many instances are named."
)
NO_NAME = WireError(
    code="PluginName.MissingValue",
    status=400,
    message="Without Name exactly one InstanceId is to be given.",
)
NO_SUCH_PLUGIN = WireError(
    code="InvalidPluginName.NotFound",
    status=404,
    message="No instance has ever reported a plugin of this Name.",
)


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    instance_ids: tuple[InstanceId, ...] = many(
        "InstanceId",
        at_most=50,
        too_many=TOO_MANY_INSTANCES,
        note="at most 50; none: every instance that has the plugin; without Name exactly one",
    )
    name: str = text(
        "Name",
        longest(255, invalid("Name", "has at most 255 characters")),
        note="none: all plugins of the instance",
    )
    page: Paging = paging(note="pages have instances")


class PluginStatusShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    plugin_name: str
    plugin_version: str
    plugin_status: str
    first_heartbeat_time: str
    last_heartbeat_time: str


class PluginStatusSet(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    plugin_status: Sequence[PluginStatusShape]


class InstancePluginStatus(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    instance_id: str
    plugin_status_set: PluginStatusSet


class InstancePluginStatusSet(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    instance_plugin_status: Sequence[InstancePluginStatus]


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    total_count: int
    page_number: int
    page_size: int
    next_token: str
    instance_plugin_status_set: InstancePluginStatusSet


@operation(
    ECS,
    access="read",
    errors={InstanceNotFound: errors.NO_SUCH_TARGET, ResourceNotFound: NO_SUCH_PLUGIN},
    refuses=(NO_NAME,),
)
async def list_plugin_status(call: Call, params: Params) -> Result:
    if not params.name and len(params.instance_ids) != 1:
        raise Refused(NO_NAME)
    views = await call.control.plugins.find(params.instance_ids, params.name)
    found = cut(views, params.page.window)
    return Result(
        total_count=found.total,
        page_number=params.page.number,
        page_size=params.page.size,
        next_token=params.page.next_token(found),
        instance_plugin_status_set=InstancePluginStatusSet(
            instance_plugin_status=[
                InstancePluginStatus(
                    instance_id=view.instance_id,
                    plugin_status_set=PluginStatusSet(
                        plugin_status=[_told(plugin, call.now) for plugin in view.plugins]
                    ),
                )
                for view in found.items
            ]
        ),
    )


def _told(plugin: Plugin, now: datetime) -> PluginStatusShape:
    return PluginStatusShape(
        plugin_name=plugin.name,
        plugin_version=plugin.version,
        plugin_status=plugin.shown(now),
        first_heartbeat_time=times.second(plugin.first_heard_at),
        last_heartbeat_time=times.second(plugin.last_heard_at),
    )
