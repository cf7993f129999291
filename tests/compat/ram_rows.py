"""Requests about users, roles and policies that cannot be served, and how each is refused."""

from __future__ import annotations

from typing import Any

from tests.api.cloud import KEY
from tests.api.policies import document, trust

Row = tuple[str, dict[str, Any], str, int]  # operation, parameters, code, HTTP status

POLICY, TRUST = document("*"), trust("user/ben")
ARN = f"acs:ram::{KEY.account_id}:role/"
OWN = {"PolicyName": "mine", "PolicyType": "Custom"}


def invalid(action: str, name: str, value: Any, **more: Any) -> Row:
    return (action, {**more, name: value}, f"InvalidParameter.{name}", 400)


def refused(action: str, name: str, value: Any, **more: Any) -> Row:
    return (action, {**more, name: value}, "UnsupportedOperation", 400)


def _people() -> list[Row]:
    rows: list[Row] = []
    for action in ("GetUser", "DeleteUser", "CreateUser"):
        rows += [invalid(action, "UserName", name) for name in ("root", "a b", "x" * 65)]
    for action in (
        "CreateAccessKey",
        "ListAccessKeys",
        "UpdateAccessKey",
        "DeleteAccessKey",
    ):
        key = {"UserAccessKeyId": "LTAI-x"} if action[0] in "UD" else {}
        more = {**key, "Status": "Active"} if action[0] == "U" else key
        rows.append(invalid(action, "UserName", "a b", **more))
    for kind, missing in (("User", "EntityNotExist.User"), ("Role", "EntityNotExist.Role")):
        name = f"{kind}Name"
        other = {"User": "a b", "Role": "a_b"}[kind]
        there = {"User": "ann", "Role": "helper"}[kind]
        for action in (f"AttachPolicyTo{kind}", f"DetachPolicyFrom{kind}"):
            rows += [
                invalid(action, name, other, **OWN),
                invalid(action, "PolicyName", "a b", PolicyType="Custom", **{name: there}),
                invalid(action, "PolicyType", "Other", PolicyName="mine", **{name: there}),
                refused(action, "ResourceGroupId", "rg-1", **OWN, **{name: there}),
            ]
        nowhere = {"PolicyName": "none", "PolicyType": "Custom", name: there}
        rows += [
            (f"AttachPolicyTo{kind}", {**OWN, name: "nobody"}, missing, 404),
            (f"AttachPolicyTo{kind}", nowhere, "EntityNotExist.Policy", 404),
            (
                f"AttachPolicyTo{kind}",
                {**OWN, name: there},
                f"EntityAlreadyExists.{kind}.Policy",
                409,
            ),
            (f"DetachPolicyFrom{kind}", nowhere, f"EntityNotExist.{kind}.Policy", 404),
            invalid(f"ListPoliciesFor{kind}", name, other),
            (f"ListPoliciesFor{kind}", {name: "nobody"}, missing, 404),
            (f"Delete{kind}", {name: "nobody"}, missing, 404),
            (f"Delete{kind}", {name: there}, f"DeleteConflict.{kind}.Policy", 409),
            (f"Get{kind}", {name: "nobody"}, missing, 404),
        ]
    return rows


def _paged() -> list[Row]:
    return [
        row
        for action in ("ListAccounts", "ListUsers", "ListRoles", "ListPolicies")
        for row in (
            invalid(action, "MaxItems", 0),
            invalid(action, "MaxItems", 1001),
            invalid(action, "Marker", "x" * 129),
        )
    ]


EXTENSIONS = ("CreateAccount", "DeleteAccount", "ListAccounts")

ACCOUNTS: list[Row] = [
    ("CreateAccount", {}, "MissingParameter.AccountName", 400),
    invalid("CreateAccount", "AccountName", "Other"),
    ("CreateAccount", {"AccountName": "first"}, "EntityAlreadyExists.Account", 409),
    ("DeleteAccount", {}, "MissingParameter.AccountName", 400),
    invalid("DeleteAccount", "AccountName", "x" * 65),
    ("DeleteAccount", {"AccountName": "nobody"}, "EntityNotExist.Account", 404),
    ("DeleteAccount", {"AccountName": "first"}, "DeleteConflict.Account.First", 409),
]

USERS: list[Row] = [
    ("CreateUser", {"UserName": "ann"}, "EntityAlreadyExists.User", 409),
    invalid("CreateUser", "DisplayName", "x" * 129, UserName="x"),
    invalid("CreateUser", "Comments", "x" * 129, UserName="x"),
    refused("CreateUser", "Email", "x@example.com", UserName="x"),
    refused("CreateUser", "MobilePhone", "86-1", UserName="x"),
    ("DeleteUser", {"UserName": "keyed"}, "DeleteConflict.User.AccessKey", 409),
    ("CreateAccessKey", {"UserName": "nobody"}, "EntityNotExist.User", 404),
    ("CreateAccessKey", {"UserName": "keyed"}, "LimitExceeded.User.AccessKey", 409),
    ("ListAccessKeys", {"UserName": "nobody"}, "EntityNotExist.User", 404),
    invalid("UpdateAccessKey", "Status", "On", UserAccessKeyId="LTAI-x"),
    ("UpdateAccessKey", {"UserAccessKeyId": "LTAI-x"}, "MissingParameter.Status", 400),
    (
        "UpdateAccessKey",
        {"UserAccessKeyId": "LTAI-x", "Status": "Active"},
        "EntityNotExist.User.AccessKey",
        404,
    ),
    (
        "UpdateAccessKey",
        {"UserAccessKeyId": KEY.id, "Status": "Inactive"},
        "DeleteConflict.Account.AccessKey",
        409,
    ),
    (
        "UpdateAccessKey",
        {"UserName": "nobody", "UserAccessKeyId": KEY.id, "Status": "Active"},
        "EntityNotExist.User",
        404,
    ),
    (
        "DeleteAccessKey",
        {"UserName": "nobody", "UserAccessKeyId": KEY.id},
        "EntityNotExist.User",
        404,
    ),
    ("DeleteAccessKey", {}, "MissingParameter.UserAccessKeyId", 400),
    ("DeleteAccessKey", {"UserAccessKeyId": "LTAI-x"}, "EntityNotExist.User.AccessKey", 404),
    (
        "DeleteAccessKey",
        {"UserAccessKeyId": KEY.id},
        "DeleteConflict.Account.AccessKey",
        409,
    ),
]
POLICIES: list[Row] = [
    invalid("CreatePolicy", "PolicyName", "a b", PolicyDocument=POLICY),
    invalid("CreatePolicy", "Description", "x" * 1025, PolicyName="x", PolicyDocument=POLICY),
    refused(
        "CreatePolicy", "Tag", [{"Key": "a", "Value": "b"}], PolicyName="x", PolicyDocument=POLICY
    ),
    (
        "CreatePolicy",
        {"PolicyName": "mine", "PolicyDocument": POLICY},
        "EntityAlreadyExists.Policy",
        409,
    ),
    (
        "CreatePolicy",
        {"PolicyName": "ReadOnlyAccess", "PolicyDocument": POLICY},
        "EntityAlreadyExists.Policy",
        409,
    ),
    *(
        ("CreatePolicy", {"PolicyName": "x", "PolicyDocument": one}, "MalformedPolicyDocument", 400)
        for one in ("{}", TRUST)
    ),
    invalid("CreatePolicyVersion", "PolicyName", "a b", PolicyDocument=POLICY),
    *(
        (
            "CreatePolicyVersion",
            {"PolicyName": name, "PolicyDocument": POLICY, "SetAsDefault": True},
            "EntityNotExist.Policy",
            404,
        )
        for name in ("none", "ReadOnlyAccess")
    ),
    (
        "CreatePolicyVersion",
        {"PolicyName": "mine", "PolicyDocument": TRUST, "SetAsDefault": True},
        "MalformedPolicyDocument",
        400,
    ),
    (
        "CreatePolicyVersion",
        {"PolicyName": "mine", "PolicyDocument": POLICY},
        "UnsupportedOperation",
        400,
    ),
    invalid("GetPolicy", "PolicyName", "a b", PolicyType="Custom"),
    invalid("GetPolicy", "PolicyType", "Other", PolicyName="mine"),
    ("GetPolicy", {"PolicyName": "mine"}, "MissingParameter.PolicyType", 400),
    ("GetPolicy", {"PolicyName": "x", "PolicyType": "Custom"}, "EntityNotExist.Policy", 404),
    ("GetPolicy", {"PolicyName": "mine", "PolicyType": "System"}, "EntityNotExist.Policy", 404),
    invalid("ListPolicies", "PolicyType", "Other"),
    refused("ListPolicies", "Tag", [{"Key": "a", "Value": "b"}]),
    invalid("DeletePolicy", "PolicyName", "a b"),
    ("DeletePolicy", {"PolicyName": "none"}, "EntityNotExist.Policy", 404),
    ("DeletePolicy", {"PolicyName": "ReadOnlyAccess"}, "EntityNotExist.Policy", 404),
    ("DeletePolicy", {"PolicyName": "mine"}, "DeleteConflict.Policy.User", 409),
]
ROLES: list[Row] = [
    invalid("CreateRole", "RoleName", "a_b", AssumeRolePolicyDocument=TRUST),
    invalid("CreateRole", "Description", "x" * 1025, RoleName="x", AssumeRolePolicyDocument=TRUST),
    refused(
        "CreateRole",
        "Tag",
        [{"Key": "a", "Value": "b"}],
        RoleName="x",
        AssumeRolePolicyDocument=TRUST,
    ),
    refused("CreateRole", "AllowConsoleLogin", True, RoleName="x", AssumeRolePolicyDocument=TRUST),
    refused("CreateRole", "MaxSessionDuration", 7200, RoleName="x", AssumeRolePolicyDocument=TRUST),
    *(
        invalid("CreateRole", "MaxSessionDuration", n, RoleName="x", AssumeRolePolicyDocument=TRUST)
        for n in ("x", 3599, 43201)
    ),
    (
        "CreateRole",
        {"RoleName": "helper", "AssumeRolePolicyDocument": TRUST},
        "EntityAlreadyExists.Role",
        409,
    ),
    *(
        (
            "CreateRole",
            {"RoleName": "x", "AssumeRolePolicyDocument": one},
            "MalformedPolicyDocument",
            400,
        )
        for one in ("no", POLICY)
    ),
    refused("ListRoles", "Tag", [{"Key": "a", "Value": "b"}]),
    invalid("GetRole", "RoleName", "a_b"),
    invalid("DeleteRole", "RoleName", "a_b"),
    invalid("AssumeRole", "RoleArn", "helper", RoleSessionName="xx"),
    invalid("AssumeRole", "RoleSessionName", "x", RoleArn=f"{ARN}helper"),
    invalid("AssumeRole", "DurationSeconds", 60, RoleArn=f"{ARN}helper", RoleSessionName="xx"),
    invalid("AssumeRole", "ExternalId", "x", RoleArn=f"{ARN}helper", RoleSessionName="xx"),
    *(
        refused("AssumeRole", name, "x", RoleArn=f"{ARN}helper", RoleSessionName="xx")
        for name in ("Policy", "SourceIdentity")
    ),
    (
        "AssumeRole",
        {"RoleArn": f"{ARN}nobody", "RoleSessionName": "xx"},
        "EntityNotExist.Role",
        404,
    ),
    (
        "AssumeRole",
        {"RoleArn": "acs:ram::1:role/helper", "RoleSessionName": "xx"},
        "EntityNotExist.Role",
        404,
    ),
    ("AssumeRole", {"RoleArn": f"{ARN}helper", "RoleSessionName": "xx"}, "NoPermission", 403),
]
ROWS = [*ACCOUNTS, *USERS, *POLICIES, *ROLES, *_people(), *_paged()]
