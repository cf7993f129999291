"""The operations that are here, in the order of their names."""

from __future__ import annotations

from collections.abc import Mapping

from cloudhand.api.oos.cancel_execution import cancel_execution
from cloudhand.api.oos.change_resource_group import change_resource_group
from cloudhand.api.oos.create_parameter import create_parameter
from cloudhand.api.oos.create_secret_parameter import create_secret_parameter
from cloudhand.api.oos.create_template import create_template
from cloudhand.api.oos.delete_executions import delete_executions
from cloudhand.api.oos.delete_parameter import delete_parameter
from cloudhand.api.oos.delete_secret_parameter import delete_secret_parameter
from cloudhand.api.oos.delete_template import delete_template
from cloudhand.api.oos.delete_templates import delete_templates
from cloudhand.api.oos.describe_regions import describe_regions
from cloudhand.api.oos.explain_execution import explain_execution
from cloudhand.api.oos.finish_execution import finish_execution
from cloudhand.api.oos.get_execution_template import get_execution_template
from cloudhand.api.oos.get_parameter import get_parameter
from cloudhand.api.oos.get_parameters import get_parameters
from cloudhand.api.oos.get_parameters_by_path import get_parameters_by_path
from cloudhand.api.oos.get_secret_parameter import get_secret_parameter
from cloudhand.api.oos.get_secret_parameters import get_secret_parameters
from cloudhand.api.oos.get_secret_parameters_by_path import get_secret_parameters_by_path
from cloudhand.api.oos.get_template import get_template
from cloudhand.api.oos.get_template_parameter_constraints import get_template_parameter_constraints
from cloudhand.api.oos.list_actions import list_actions
from cloudhand.api.oos.list_execution_logs import list_execution_logs
from cloudhand.api.oos.list_execution_risky_tasks import list_execution_risky_tasks
from cloudhand.api.oos.list_executions import list_executions
from cloudhand.api.oos.list_parameter_versions import list_parameter_versions
from cloudhand.api.oos.list_parameters import list_parameters
from cloudhand.api.oos.list_resource_execution_status import list_resource_execution_status
from cloudhand.api.oos.list_secret_parameter_versions import list_secret_parameter_versions
from cloudhand.api.oos.list_secret_parameters import list_secret_parameters
from cloudhand.api.oos.list_tag_keys import list_tag_keys
from cloudhand.api.oos.list_tag_resources import list_tag_resources
from cloudhand.api.oos.list_tag_values import list_tag_values
from cloudhand.api.oos.list_task_execution_invocations import list_task_execution_invocations
from cloudhand.api.oos.list_task_executions import list_task_executions
from cloudhand.api.oos.list_template_versions import list_template_versions
from cloudhand.api.oos.list_templates import list_templates
from cloudhand.api.oos.notify_execution import notify_execution
from cloudhand.api.oos.start_execution import start_execution
from cloudhand.api.oos.tag_resources import tag_resources
from cloudhand.api.oos.trigger_execution import trigger_execution
from cloudhand.api.oos.untag_resources import untag_resources
from cloudhand.api.oos.update_execution import update_execution
from cloudhand.api.oos.update_parameter import update_parameter
from cloudhand.api.oos.update_secret_parameter import update_secret_parameter
from cloudhand.api.oos.update_template import update_template
from cloudhand.api.oos.validate_template_content import validate_template_content
from cloudhand.api.operation import Operation

OPERATIONS: Mapping[str, Operation] = {
    operation.name: operation
    for operation in (
        cancel_execution,
        change_resource_group,
        create_parameter,
        create_secret_parameter,
        create_template,
        delete_executions,
        delete_parameter,
        delete_secret_parameter,
        delete_template,
        delete_templates,
        describe_regions,
        explain_execution,
        finish_execution,
        get_execution_template,
        get_parameter,
        get_parameters,
        get_parameters_by_path,
        get_secret_parameter,
        get_secret_parameters,
        get_secret_parameters_by_path,
        get_template,
        get_template_parameter_constraints,
        list_actions,
        list_execution_logs,
        list_execution_risky_tasks,
        list_executions,
        list_parameter_versions,
        list_parameters,
        list_resource_execution_status,
        list_secret_parameter_versions,
        list_secret_parameters,
        list_tag_keys,
        list_tag_resources,
        list_tag_values,
        list_task_execution_invocations,
        list_task_executions,
        list_template_versions,
        list_templates,
        notify_execution,
        start_execution,
        tag_resources,
        trigger_execution,
        untag_resources,
        update_execution,
        update_parameter,
        update_secret_parameter,
        update_template,
        validate_template_content,
    )
}
