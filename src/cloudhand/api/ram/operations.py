"""The operations that are here, in the order of their names."""

from __future__ import annotations

from collections.abc import Mapping

from cloudhand.api.operation import Operation
from cloudhand.api.ram.attach_policy_to_role import attach_policy_to_role
from cloudhand.api.ram.attach_policy_to_user import attach_policy_to_user
from cloudhand.api.ram.create_access_key import create_access_key
from cloudhand.api.ram.create_account import create_account
from cloudhand.api.ram.create_policy import create_policy
from cloudhand.api.ram.create_policy_version import create_policy_version
from cloudhand.api.ram.create_role import create_role
from cloudhand.api.ram.create_user import create_user
from cloudhand.api.ram.delete_access_key import delete_access_key
from cloudhand.api.ram.delete_account import delete_account
from cloudhand.api.ram.delete_policy import delete_policy
from cloudhand.api.ram.delete_role import delete_role
from cloudhand.api.ram.delete_user import delete_user
from cloudhand.api.ram.detach_policy_from_role import detach_policy_from_role
from cloudhand.api.ram.detach_policy_from_user import detach_policy_from_user
from cloudhand.api.ram.get_policy import get_policy
from cloudhand.api.ram.get_role import get_role
from cloudhand.api.ram.get_user import get_user
from cloudhand.api.ram.list_access_keys import list_access_keys
from cloudhand.api.ram.list_accounts import list_accounts
from cloudhand.api.ram.list_policies import list_policies
from cloudhand.api.ram.list_policies_for_role import list_policies_for_role
from cloudhand.api.ram.list_policies_for_user import list_policies_for_user
from cloudhand.api.ram.list_roles import list_roles
from cloudhand.api.ram.list_users import list_users
from cloudhand.api.ram.update_access_key import update_access_key

OPERATIONS: Mapping[str, Operation] = {
    operation.name: operation
    for operation in (
        attach_policy_to_role,
        attach_policy_to_user,
        create_access_key,
        create_account,
        create_policy,
        create_policy_version,
        create_role,
        create_user,
        delete_access_key,
        delete_account,
        delete_policy,
        delete_role,
        delete_user,
        detach_policy_from_role,
        detach_policy_from_user,
        get_policy,
        get_role,
        get_user,
        list_access_keys,
        list_accounts,
        list_policies,
        list_policies_for_role,
        list_policies_for_user,
        list_roles,
        list_users,
        update_access_key,
    )
}
