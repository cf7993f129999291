"""The operations that are here, in the order of their names."""

from __future__ import annotations

from collections.abc import Mapping

from cloudhand.api.oos.create_template import create_template
from cloudhand.api.oos.list_executions import list_executions
from cloudhand.api.oos.list_task_executions import list_task_executions
from cloudhand.api.oos.start_execution import start_execution
from cloudhand.api.operation import Operation

OPERATIONS: Mapping[str, Operation] = {
    operation.name: operation
    for operation in (
        create_template,
        list_executions,
        list_task_executions,
        start_execution,
    )
}
