"""The operations of this product, in the order of their names."""

from __future__ import annotations

from collections.abc import Mapping

from cloudhand.api.ecs.describe_instances import describe_instances
from cloudhand.api.ecs.describe_invocation_results import describe_invocation_results
from cloudhand.api.ecs.product import ECS
from cloudhand.api.ecs.reboot_instances import reboot_instances
from cloudhand.api.ecs.run_command import run_command
from cloudhand.api.operation import Operation

OPERATIONS: Mapping[str, Operation] = {
    operation.name: operation
    for operation in (
        describe_instances,
        describe_invocation_results,
        reboot_instances,
        run_command,
    )
}
BY_VERSION: Mapping[str, Mapping[str, Operation]] = {ECS.version: OPERATIONS}
