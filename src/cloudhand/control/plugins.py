"""Plugins of published agents: what is said of them, and what is told."""

from __future__ import annotations

from collections.abc import Sequence

from cloudhand.control.targeting import present
from cloudhand.core.clock import Clock
from cloudhand.core.errors import ResourceNotFound
from cloudhand.core.ids import InstanceId
from cloudhand.core.plugin import Plugin, PluginsView, Status, status_of
from cloudhand.store.database import Database
from cloudhand.store.transaction import Transaction
from cloudhand.wire.plugin import PluginStatus


class Plugins:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def report(self, instance_id: InstanceId, said: Sequence[PluginStatus]) -> None:
        now = self._clock.now()

        async def work(tx: Transaction) -> None:
            for one in said:
                plugin = Plugin(
                    instance_id=instance_id,
                    name=one.name,
                    version=one.version,
                    status=status_of(one.status),
                )
                await tx.plugins.heard(plugin, at=now)
            await tx.plugins.trim(instance_id)

        await self._database.write(work)

    async def find(self, instance_ids: Sequence[InstanceId], name: str) -> list[PluginsView]:
        """Of these instances, or of all that have the plugin; InstanceNotFound, ResourceNotFound.

        Without a name, all plugins of each.
        """

        async def work(tx: Transaction) -> list[PluginsView]:
            await present(tx, instance_ids)
            having = await tx.plugins.having(name)
            if name and not having:
                raise ResourceNotFound("plugin", [name])
            chosen = instance_ids or having
            found: dict[InstanceId, list[Plugin]] = {one: [] for one in chosen}
            for plugin in await tx.plugins.of(chosen):
                found[plugin.instance_id].append(plugin)
            return [
                PluginsView(instance_id=one, plugins=_named(plugins, one, name))
                for one, plugins in found.items()
            ]

        return await self._database.read(work)


def _named(plugins: Sequence[Plugin], instance_id: InstanceId, name: str) -> Sequence[Plugin]:
    """Those of a name, which is told to be missing where it is."""
    if not name:
        return plugins
    absent = Plugin(instance_id=instance_id, name=name, status=Status.NOT_INSTALLED)
    return [plugin for plugin in plugins if plugin.name == name] or [absent]
