"""The products that are served, each with its operations."""

from __future__ import annotations

from collections.abc import Mapping

from cloudhand.api.ecs.operations import OPERATIONS as ECS_OPERATIONS
from cloudhand.api.ecs.product import ECS
from cloudhand.api.oos.operations import OPERATIONS as OOS_OPERATIONS
from cloudhand.api.oos.product import OOS
from cloudhand.api.operation import Operation

BY_VERSION: Mapping[str, Mapping[str, Operation]] = {
    ECS.version: ECS_OPERATIONS,
    OOS.version: OOS_OPERATIONS,
}
# As executions name them.
BY_PRODUCT: Mapping[str, Mapping[str, Operation]] = {
    ECS.name.lower(): ECS_OPERATIONS,
    OOS.name.lower(): OOS_OPERATIONS,
}
