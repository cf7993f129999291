"""The operations that are here, in the order of their names."""

from __future__ import annotations

from collections.abc import Mapping

from cloudhand.api.oos.change_resource_group import change_resource_group
from cloudhand.api.oos.create_parameter import create_parameter
from cloudhand.api.oos.create_secret_parameter import create_secret_parameter
from cloudhand.api.oos.create_template import create_template
from cloudhand.api.oos.delete_parameter import delete_parameter
from cloudhand.api.oos.delete_secret_parameter import delete_secret_parameter
from cloudhand.api.oos.get_parameter import get_parameter
from cloudhand.api.oos.get_parameters import get_parameters
from cloudhand.api.oos.get_parameters_by_path import get_parameters_by_path
from cloudhand.api.oos.get_secret_parameter import get_secret_parameter
from cloudhand.api.oos.get_secret_parameters import get_secret_parameters
from cloudhand.api.oos.get_secret_parameters_by_path import get_secret_parameters_by_path
from cloudhand.api.oos.list_executions import list_executions
from cloudhand.api.oos.list_parameter_versions import list_parameter_versions
from cloudhand.api.oos.list_parameters import list_parameters
from cloudhand.api.oos.list_secret_parameter_versions import list_secret_parameter_versions
from cloudhand.api.oos.list_secret_parameters import list_secret_parameters
from cloudhand.api.oos.list_tag_keys import list_tag_keys
from cloudhand.api.oos.list_tag_resources import list_tag_resources
from cloudhand.api.oos.list_tag_values import list_tag_values
from cloudhand.api.oos.list_task_executions import list_task_executions
from cloudhand.api.oos.start_execution import start_execution
from cloudhand.api.oos.tag_resources import tag_resources
from cloudhand.api.oos.untag_resources import untag_resources
from cloudhand.api.oos.update_parameter import update_parameter
from cloudhand.api.oos.update_secret_parameter import update_secret_parameter
from cloudhand.api.operation import Operation

OPERATIONS: Mapping[str, Operation] = {
    operation.name: operation
    for operation in (
        change_resource_group,
        create_parameter,
        create_secret_parameter,
        create_template,
        delete_parameter,
        delete_secret_parameter,
        get_parameter,
        get_parameters,
        get_parameters_by_path,
        get_secret_parameter,
        get_secret_parameters,
        get_secret_parameters_by_path,
        list_executions,
        list_parameter_versions,
        list_parameters,
        list_secret_parameter_versions,
        list_secret_parameters,
        list_tag_keys,
        list_tag_resources,
        list_tag_values,
        list_task_executions,
        start_execution,
        tag_resources,
        untag_resources,
        update_parameter,
        update_secret_parameter,
    )
}
