"""The operations of this product, in the order of their names."""

from __future__ import annotations

from collections.abc import Mapping

from cloudhand.api.ecs.create_activation import create_activation
from cloudhand.api.ecs.create_command import create_command
from cloudhand.api.ecs.create_fault import create_fault
from cloudhand.api.ecs.create_instance import create_instance
from cloudhand.api.ecs.create_notification_channel import create_notification_channel
from cloudhand.api.ecs.delete_activation import delete_activation
from cloudhand.api.ecs.delete_command import delete_command
from cloudhand.api.ecs.delete_faults import delete_faults
from cloudhand.api.ecs.delete_governor_group import delete_governor_group
from cloudhand.api.ecs.delete_instance import delete_instance
from cloudhand.api.ecs.delete_instances import delete_instances
from cloudhand.api.ecs.delete_notification_channel import delete_notification_channel
from cloudhand.api.ecs.deregister_managed_instance import deregister_managed_instance
from cloudhand.api.ecs.describe_account_attributes import describe_account_attributes
from cloudhand.api.ecs.describe_activations import describe_activations
from cloudhand.api.ecs.describe_agent_notices import describe_agent_notices
from cloudhand.api.ecs.describe_agent_upgrades import describe_agent_upgrades
from cloudhand.api.ecs.describe_available_resource import describe_available_resource
from cloudhand.api.ecs.describe_cloud_assistant_settings import describe_cloud_assistant_settings
from cloudhand.api.ecs.describe_cloud_assistant_status import describe_cloud_assistant_status
from cloudhand.api.ecs.describe_commands import describe_commands
from cloudhand.api.ecs.describe_disks import describe_disks
from cloudhand.api.ecs.describe_faults import describe_faults
from cloudhand.api.ecs.describe_governor_groups import describe_governor_groups
from cloudhand.api.ecs.describe_governor_slots import describe_governor_slots
from cloudhand.api.ecs.describe_images import describe_images
from cloudhand.api.ecs.describe_instance_attribute import describe_instance_attribute
from cloudhand.api.ecs.describe_instance_status import describe_instance_status
from cloudhand.api.ecs.describe_instance_type_families import describe_instance_type_families
from cloudhand.api.ecs.describe_instance_types import describe_instance_types
from cloudhand.api.ecs.describe_instances import describe_instances
from cloudhand.api.ecs.describe_invocation_output import describe_invocation_output
from cloudhand.api.ecs.describe_invocation_results import describe_invocation_results
from cloudhand.api.ecs.describe_invocations import describe_invocations
from cloudhand.api.ecs.describe_managed_instances import describe_managed_instances
from cloudhand.api.ecs.describe_regions import describe_regions
from cloudhand.api.ecs.describe_security_group_attribute import describe_security_group_attribute
from cloudhand.api.ecs.describe_security_groups import describe_security_groups
from cloudhand.api.ecs.describe_send_file_results import describe_send_file_results
from cloudhand.api.ecs.describe_tags import describe_tags
from cloudhand.api.ecs.describe_terminal_sessions import describe_terminal_sessions
from cloudhand.api.ecs.describe_user_data import describe_user_data
from cloudhand.api.ecs.describe_v_switches import describe_v_switches
from cloudhand.api.ecs.describe_vpcs import describe_vpcs
from cloudhand.api.ecs.describe_zones import describe_zones
from cloudhand.api.ecs.disable_activation import disable_activation
from cloudhand.api.ecs.end_terminal_session import end_terminal_session
from cloudhand.api.ecs.explain_instance import explain_instance
from cloudhand.api.ecs.explain_invocation import explain_invocation
from cloudhand.api.ecs.finish_instance import finish_instance
from cloudhand.api.ecs.finish_invocation import finish_invocation
from cloudhand.api.ecs.install_cloud_assistant import install_cloud_assistant
from cloudhand.api.ecs.invoke_command import invoke_command
from cloudhand.api.ecs.join_resource_group import join_resource_group
from cloudhand.api.ecs.list_audit_records import list_audit_records
from cloudhand.api.ecs.list_notification_channels import list_notification_channels
from cloudhand.api.ecs.list_plugin_status import list_plugin_status
from cloudhand.api.ecs.list_tag_resources import list_tag_resources
from cloudhand.api.ecs.modify_cloud_assistant_settings import modify_cloud_assistant_settings
from cloudhand.api.ecs.modify_command import modify_command
from cloudhand.api.ecs.modify_instance_attribute import modify_instance_attribute
from cloudhand.api.ecs.modify_invocation_attribute import modify_invocation_attribute
from cloudhand.api.ecs.modify_managed_instance import modify_managed_instance
from cloudhand.api.ecs.reboot_instance import reboot_instance
from cloudhand.api.ecs.reboot_instances import reboot_instances
from cloudhand.api.ecs.release_governor_slot import release_governor_slot
from cloudhand.api.ecs.reset_fleet_lock_token import reset_fleet_lock_token
from cloudhand.api.ecs.run_command import run_command
from cloudhand.api.ecs.run_instances import run_instances
from cloudhand.api.ecs.send_file import send_file
from cloudhand.api.ecs.set_governor_group import set_governor_group
from cloudhand.api.ecs.start_instance import start_instance
from cloudhand.api.ecs.start_instances import start_instances
from cloudhand.api.ecs.start_terminal_session import start_terminal_session
from cloudhand.api.ecs.stop_instance import stop_instance
from cloudhand.api.ecs.stop_instances import stop_instances
from cloudhand.api.ecs.stop_invocation import stop_invocation
from cloudhand.api.ecs.tag_resources import tag_resources
from cloudhand.api.ecs.test_notification_channel import test_notification_channel
from cloudhand.api.ecs.untag_resources import untag_resources
from cloudhand.api.ecs.upgrade_agents import upgrade_agents
from cloudhand.api.operation import Operation

OPERATIONS: Mapping[str, Operation] = {
    operation.name: operation
    for operation in (
        create_activation,
        create_command,
        create_fault,
        create_instance,
        create_notification_channel,
        delete_activation,
        delete_command,
        delete_faults,
        delete_governor_group,
        delete_instance,
        delete_instances,
        delete_notification_channel,
        deregister_managed_instance,
        describe_account_attributes,
        describe_activations,
        describe_agent_notices,
        describe_agent_upgrades,
        describe_available_resource,
        describe_cloud_assistant_settings,
        describe_cloud_assistant_status,
        describe_commands,
        describe_disks,
        describe_faults,
        describe_governor_groups,
        describe_governor_slots,
        describe_images,
        describe_instance_attribute,
        describe_instance_status,
        describe_instance_type_families,
        describe_instance_types,
        describe_instances,
        describe_invocation_output,
        describe_invocation_results,
        describe_invocations,
        describe_managed_instances,
        describe_regions,
        describe_security_group_attribute,
        describe_security_groups,
        describe_send_file_results,
        describe_tags,
        describe_terminal_sessions,
        describe_user_data,
        describe_v_switches,
        describe_vpcs,
        describe_zones,
        disable_activation,
        end_terminal_session,
        explain_instance,
        explain_invocation,
        finish_instance,
        finish_invocation,
        install_cloud_assistant,
        invoke_command,
        join_resource_group,
        list_audit_records,
        list_notification_channels,
        list_plugin_status,
        list_tag_resources,
        modify_cloud_assistant_settings,
        modify_command,
        modify_instance_attribute,
        modify_invocation_attribute,
        modify_managed_instance,
        reboot_instance,
        reboot_instances,
        release_governor_slot,
        reset_fleet_lock_token,
        run_command,
        run_instances,
        send_file,
        set_governor_group,
        start_instance,
        start_instances,
        start_terminal_session,
        stop_instance,
        stop_instances,
        stop_invocation,
        tag_resources,
        test_notification_channel,
        untag_resources,
        upgrade_agents,
    )
}
