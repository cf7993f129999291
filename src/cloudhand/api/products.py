"""The products that are served, each with its operations."""

from __future__ import annotations

from collections.abc import Mapping

from cloudhand.api.ecs.operations import OPERATIONS as ECS_OPERATIONS
from cloudhand.api.ecs.product import ECS
from cloudhand.api.oos.operations import OPERATIONS as OOS_OPERATIONS
from cloudhand.api.oos.product import OOS
from cloudhand.api.operation import Operation
from cloudhand.api.ram.operations import OPERATIONS as RAM_OPERATIONS
from cloudhand.api.ram.product import RAM
from cloudhand.api.sts.operations import OPERATIONS as STS_OPERATIONS
from cloudhand.api.sts.product import STS

BY_VERSION: Mapping[str, Mapping[str, Operation]] = {
    ECS.version: ECS_OPERATIONS,
    OOS.version: OOS_OPERATIONS,
    RAM.version: RAM_OPERATIONS,
    STS.version: STS_OPERATIONS,
}
# As executions name them.
BY_PRODUCT: Mapping[str, Mapping[str, Operation]] = {
    ECS.name.lower(): ECS_OPERATIONS,
    OOS.name.lower(): OOS_OPERATIONS,
    RAM.name.lower(): RAM_OPERATIONS,
    STS.name.lower(): STS_OPERATIONS,
}
