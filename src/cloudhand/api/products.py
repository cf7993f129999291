"""The products that are served, each with its operations."""

from __future__ import annotations

from collections.abc import Mapping

from cloudhand.api.ecs.operations import OPERATIONS as ECS_OPERATIONS
from cloudhand.api.ecs.product import ECS
from cloudhand.api.location.operations import OPERATIONS as LOCATION_OPERATIONS
from cloudhand.api.location.product import LOCATION
from cloudhand.api.oos.operations import OPERATIONS as OOS_OPERATIONS
from cloudhand.api.oos.product import OOS
from cloudhand.api.operation import Operation
from cloudhand.api.ram.operations import OPERATIONS as RAM_OPERATIONS
from cloudhand.api.ram.product import RAM
from cloudhand.api.sts.operations import OPERATIONS as STS_OPERATIONS
from cloudhand.api.sts.product import STS
from cloudhand.api.vpc.operations import OPERATIONS as VPC_OPERATIONS
from cloudhand.api.vpc.product import VPC

BY_VERSION: Mapping[str, Mapping[str, Operation]] = {
    ECS.version: ECS_OPERATIONS,
    LOCATION.version: LOCATION_OPERATIONS,
    OOS.version: OOS_OPERATIONS,
    RAM.version: RAM_OPERATIONS,
    STS.version: STS_OPERATIONS,
    VPC.version: VPC_OPERATIONS,
}
BY_PRODUCT: Mapping[str, Mapping[str, Operation]] = {
    ECS.name.lower(): ECS_OPERATIONS,
    LOCATION.name.lower(): LOCATION_OPERATIONS,
    OOS.name.lower(): OOS_OPERATIONS,
    RAM.name.lower(): RAM_OPERATIONS,
    STS.name.lower(): STS_OPERATIONS,
    VPC.name.lower(): VPC_OPERATIONS,
}


def _reading(operations: Mapping[str, Operation]) -> dict[str, Operation]:
    return {name: one for name, one in operations.items() if one.access == "read"}


# A terminal is for people, and its token would stand among the outputs.
_FOR_PEOPLE = ("StartTerminalSession",)

# What executions may call. Who may do what is changed by people: what RAM and STS make is not made
# once under an effect, and would stand with its secret among the outputs. Where products are served
# is nothing to ask from inside.
OF_TEMPLATES: Mapping[str, Mapping[str, Operation]] = {
    ECS.name.lower(): {
        name: one for name, one in ECS_OPERATIONS.items() if name not in _FOR_PEOPLE
    },
    OOS.name.lower(): OOS_OPERATIONS,
    RAM.name.lower(): _reading(RAM_OPERATIONS),
    STS.name.lower(): _reading(STS_OPERATIONS),
    VPC.name.lower(): VPC_OPERATIONS,
}
