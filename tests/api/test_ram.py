"""Users, roles and policies as their own operations make them, and roles that are taken."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.clients import (
    ECS,
    OOS,
    RAM,
    STS,
    Caller,
    classic,
    code_of,
    hang_up,
    tea,
    tea_client,
)
from tests.api.cloud import KEY, Cloud, cloud
from tests.api.oos import PAUSE, Oos, template
from tests.api.policies import ACCOUNT, document, trust
from tests.sessions import join

ARN = f"acs:ram::{ACCOUNT}:role/helper"


@pytest.fixture
def it(tmp_path: Path) -> Iterator[Cloud]:
    """A cloud of one's own: accounts outlive a test."""
    with cloud(tmp_path) as it:
        yield it
        hang_up()


@pytest.fixture
def ram(it: Cloud) -> Caller:
    return tea(it.endpoint, sdk=RAM)


class User:
    """Somebody with a key."""

    def __init__(self, it: Cloud, ram: Caller, name: str, *actions: str) -> None:
        self._it = it
        ram("CreateUser", UserName=name)
        key = ram("CreateAccessKey", UserName=name)["AccessKey"]
        self.key: dict[str, str] = {
            "access_key_id": key["AccessKeyId"],
            "access_key_secret": key["AccessKeySecret"],
        }
        if actions:
            ram("CreatePolicy", PolicyName=f"of-{name}", PolicyDocument=document(*actions))
            ram(
                "AttachPolicyToUser",
                UserName=name,
                PolicyName=f"of-{name}",
                PolicyType="Custom",
            )

    def calls(self, sdk: Any = ECS) -> Caller:
        return tea(self._it.endpoint, sdk=sdk, **self.key)


def test_a_user_is_told_as_it_was_made(it: Cloud, ram: Caller) -> None:
    made = ram("CreateUser", UserName="ann", DisplayName="Ann", Comments="web")["User"]
    found = ram("GetUser", UserName="ann")["User"]
    assert {name: found[name] for name in made} == made
    assert (found["UserName"], found["DisplayName"], found["Comments"]) == ("ann", "Ann", "web")
    ram("DeleteUser", UserName="ann")
    it.advance(seconds=1)
    again = ram("CreateUser", UserName="ann")["User"]
    assert again["UserId"] != made["UserId"]
    assert again["DisplayName"] == "ann"


def test_lists_come_in_parts(ram: Caller) -> None:
    for name in ("cid", "ann", "ben"):
        ram("CreateUser", UserName=name)
    names, marker = [], ""
    for _ in range(3):
        page = ram("ListUsers", MaxItems=1, Marker=marker)
        names += [one["UserName"] for one in page["Users"]["User"]]
        marker = page["Marker"]
        assert page["IsTruncated"] == (len(names) < 3)
    assert (names, marker) == (["ann", "ben", "cid"], "")


def test_policies_of_both_types_are_listed(ram: Caller) -> None:
    ram("CreatePolicy", PolicyName="Mine", PolicyDocument=document("*"), Description="all")
    ram("AttachPolicyToRole", RoleName="OOSServiceRole", PolicyName="Mine", PolicyType="Custom")
    every = ram("ListPolicies")["Policies"]["Policy"]
    (mine,) = ram("ListPolicies", PolicyType="Custom")["Policies"]["Policy"]
    system = ram("ListPolicies", PolicyType="System")["Policies"]["Policy"]
    assert sorted([mine, *system], key=lambda one: str(one["PolicyName"])) == every
    assert (mine["PolicyName"], mine["Description"], mine["AttachmentCount"]) == ("Mine", "all", 1)
    counts = {one["PolicyName"]: one["AttachmentCount"] for one in system}
    assert (counts["AliyunECSFullAccess"], counts["AdministratorAccess"]) == (1, 0)
    told = ram("GetPolicy", PolicyName="ReadOnlyAccess", PolicyType="System")["Policy"]
    assert json.loads(told["PolicyDocument"])["Statement"][0]["Action"] == [
        "*:Describe*",
        "*:List*",
        "*:Get*",
    ]
    ram("DeletePolicy", PolicyName="Mine", CascadingDelete=True)
    attached = ram("ListPoliciesForRole", RoleName="OOSServiceRole")["Policies"]["Policy"]
    assert [one["PolicyName"] for one in attached] == ["AliyunECSFullAccess", "AliyunOOSFullAccess"]


def test_a_policy_that_is_changed_holds_at_once_for_all_who_have_it(it: Cloud, ram: Caller) -> None:
    ann = User(it, ram, "ann", "ecs:Describe*")
    (instance_id,) = it.instances()
    assert code_of(ann.calls(), "StopInstance", InstanceId=instance_id) == "Forbidden.RAM"
    changed = document("ecs:Stop*")
    made = ram(
        "CreatePolicyVersion",
        PolicyName="of-ann",
        PolicyDocument=changed,
        SetAsDefault=True,
        RotateStrategy="None",
    )["PolicyVersion"]
    told = ram("GetPolicy", PolicyName="of-ann", PolicyType="Custom")
    assert (made["VersionId"], made["IsDefaultVersion"]) == ("v2", True)
    assert told["DefaultPolicyVersion"]["VersionId"] == told["Policy"]["DefaultVersion"] == "v2"
    assert told["Policy"]["PolicyDocument"] == changed
    (held,) = ram("ListPoliciesForUser", UserName="ann")["Policies"]["Policy"]
    (listed,) = ram("ListPolicies", PolicyType="Custom")["Policies"]["Policy"]
    assert held["DefaultVersion"] == listed["DefaultVersion"] == "v2"
    assert code_of(ann.calls(), "DescribeInstances") == "Forbidden.RAM"
    ann.calls()("StopInstance", InstanceId=instance_id)


def test_what_is_taken_off_a_user_is_gone_at_once(it: Cloud, ram: Caller) -> None:
    ann = User(it, ram, "ann", "ecs:Describe*")
    of_ann = {"UserName": "ann", "PolicyName": "of-ann", "PolicyType": "Custom"}
    assert ann.calls()("DescribeInstances")["TotalCount"] == 0
    (held,) = ram("ListPoliciesForUser", UserName="ann")["Policies"]["Policy"]
    ram("DetachPolicyFromUser", **of_ann)
    assert held["PolicyName"] == "of-ann"
    assert code_of(ann.calls(), "DescribeInstances") == "Forbidden.RAM"


def test_a_user_changes_their_own_keys_if_they_may(it: Cloud, ram: Caller) -> None:
    ann = User(it, ram, "ann", "ecs:Describe*")
    ben = User(it, ram, "ben")
    assert code_of(ann.calls(RAM), "CreateAccessKey") == "Forbidden.RAM"
    own = document("ram:*AccessKey*", resource=f"acs:ram:*:{ACCOUNT}:user/ann")
    ram("CreatePolicy", PolicyName="own-keys", PolicyDocument=own)
    ram("AttachPolicyToUser", UserName="ann", PolicyName="own-keys", PolicyType="Custom")

    call = ann.calls(RAM)
    second = call("CreateAccessKey")["AccessKey"]
    listed = call("ListAccessKeys")["AccessKeys"]["AccessKey"]
    call("DeleteAccessKey", UserAccessKeyId=ann.key["access_key_id"])

    assert [one["Status"] for one in listed] == ["Active", "Active"]
    assert second["AccessKeyId"] in [one["AccessKeyId"] for one in listed]
    assert code_of(call, "ListAccessKeys") == "InvalidAccessKeyId.NotFound"
    ann.key = {
        "access_key_id": second["AccessKeyId"],
        "access_key_secret": second["AccessKeySecret"],
    }
    assert ann.calls()("DescribeInstances")["TotalCount"] == 0
    assert code_of(ann.calls(RAM), "ListAccessKeys", UserName="ben") == "Forbidden.RAM"
    assert code_of(ben.calls(RAM), "ListAccessKeys") == "Forbidden.RAM"


def test_the_owner_has_keys_and_never_loses_the_last(it: Cloud, ram: Caller) -> None:
    second = ram("CreateAccessKey")["AccessKey"]
    ram("UpdateAccessKey", UserAccessKeyId=KEY.id, Status="Inactive")
    other = tea(
        it.endpoint,
        sdk=RAM,
        access_key_id=second["AccessKeyId"],
        access_key_secret=second["AccessKeySecret"],
    )
    assert code_of(ram, "ListUsers") == "InvalidAccessKeyId.Inactive"
    for action, more in (("UpdateAccessKey", {"Status": "Inactive"}), ("DeleteAccessKey", {})):
        code = code_of(other, action, UserAccessKeyId=second["AccessKeyId"], **more)
        assert code == "DeleteConflict.Account.AccessKey"
    other("UpdateAccessKey", UserAccessKeyId=KEY.id, Status="Active")
    assert ram("ListUsers")["Users"]["User"] == []


def identity(it: Cloud, **key: str) -> dict[str, Any]:
    """The client has no class for a request without parameters."""
    client = tea_client(it.endpoint, sdk=STS, **key)
    return dict(client.get_caller_identity().body.to_map())


def test_everybody_may_ask_who_they_are(it: Cloud, ram: Caller) -> None:
    ann = User(it, ram, "ann")
    owner = identity(it, access_key_id=KEY.id, access_key_secret=KEY.secret)
    told = identity(it, **ann.key)
    user_id = ram("GetUser", UserName="ann")["User"]["UserId"]
    assert (owner["IdentityType"], owner["Arn"]) == ("Account", f"acs:ram::{ACCOUNT}:root")
    assert owner["UserId"] == owner["AccountId"] == ACCOUNT
    assert (told["IdentityType"], told["Arn"]) == ("RAMUser", f"acs:ram::{ACCOUNT}:user/ann")
    assert told["UserId"] == told["PrincipalId"] == user_id


def test_what_is_here_anyway_may_be_asked_for(ram: Caller) -> None:
    told = ram(
        "CreateRole",
        RoleName="helper",
        AssumeRolePolicyDocument=trust(f"acs:ram::{ACCOUNT}:root"),
        AllowConsoleLogin=False,
        MaxSessionDuration=3600,
    )["Role"]
    assert (told["AllowConsoleLogin"], told["MaxSessionDuration"]) == (False, 3600)


# Roles that are taken


@pytest.fixture
def helper(it: Cloud, ram: Caller) -> User:
    """Ann, who may take the role of a helper, which may look at instances."""
    ann = User(it, ram, "ann", "sts:AssumeRole")
    who = f"acs:ram::{ACCOUNT}:user/ann"
    ram("CreateRole", RoleName="helper", AssumeRolePolicyDocument=trust(who))
    ram("CreatePolicy", PolicyName="looks", PolicyDocument=document("ecs:Describe*"))
    ram("AttachPolicyToRole", RoleName="helper", PolicyName="looks", PolicyType="Custom")
    return ann


def take(user: User, **more: Any) -> dict[str, Any]:
    """What a client takes as the key of a role."""
    given = {"RoleArn": ARN, "RoleSessionName": "night", **more}
    taken = user.calls(STS)("AssumeRole", **given)
    assert taken["AssumedRoleUser"]["Arn"] == f"acs:ram::{ACCOUNT}:assumed-role/helper/night"
    return {
        "access_key_id": taken["Credentials"]["AccessKeyId"],
        "access_key_secret": taken["Credentials"]["AccessKeySecret"],
        "security_token": taken["Credentials"]["SecurityToken"],
    }


def test_a_role_has_its_own_rights_for_a_while(it: Cloud, helper: User) -> None:
    key = take(helper, DurationSeconds=900)
    call = tea(it.endpoint, **key)

    assert call("DescribeInstances")["TotalCount"] == 0
    assert code_of(call, "RunInstances") == "Forbidden.RAM"
    assert code_of(helper.calls(), "DescribeInstances") == "Forbidden.RAM"
    told = identity(it, **key)
    assert (told["IdentityType"], told["UserId"]) == ("AssumedRoleUser", "")
    assert told["PrincipalId"] == f"{told['RoleId']}:night"
    assert told["Arn"] == f"acs:ram::{ACCOUNT}:assumed-role/helper/night"


def test_a_session_that_was_opened_in_a_role_says_so(it: Cloud, ram: Caller, helper: User) -> None:
    policy = {"PolicyName": "AliyunECSFullAccess", "PolicyType": "System"}
    ram("AttachPolicyToRole", RoleName="helper", **policy)
    key = take(helper)
    call = tea(it.endpoint, **key)
    started = call("StartTerminalSession", InstanceId=[it.do(join)])
    (told,) = call("DescribeTerminalSessions", SessionId=started["SessionId"])["Sessions"][
        "Session"
    ]
    assert told["IdentityType"] == "AssumedRoleUser"
    assert told["PrincipalId"] == identity(it, **key)["PrincipalId"]


@pytest.mark.parametrize("token", ["", "another"])
def test_the_key_of_a_role_comes_with_its_token(it: Cloud, helper: User, token: str) -> None:
    key = take(helper)
    older = classic(it.endpoint, key_id=key["access_key_id"], secret=key["access_key_secret"])
    more = {"SecurityToken": token} if token else {}
    assert code_of(older, "DescribeInstances", **more) == "InvalidSecurityToken.Malformed"
    assert older("DescribeInstances", SecurityToken=key["security_token"])["TotalCount"] == 0


def test_a_role_is_taken_by_those_whom_it_trusts(it: Cloud, ram: Caller, helper: User) -> None:
    ben = User(it, ram, "ben", "sts:AssumeRole")
    cid = User(it, ram, "cid")
    given = {"RoleArn": ARN, "RoleSessionName": "night"}
    for user in (ben, cid):
        assert code_of(user.calls(STS), "AssumeRole", **given) == "NoPermission"
    owner = tea(it.endpoint, sdk=STS)
    assert code_of(owner, "AssumeRole", **given) == "NoPermission"


@pytest.mark.parametrize("here", [True, False])
def test_a_role_is_taken_only_as_its_trust_says(
    it: Cloud, ram: Caller, helper: User, here: bool
) -> None:
    where = {"IpAddress": {"acs:SourceIp": "127.0.0.0/8" if here else "203.0.113.0/24"}}
    document = trust(f"acs:ram::{ACCOUNT}:user/ann", Condition=where)
    ram("CreateRole", RoleName="there", AssumeRolePolicyDocument=document)
    given = {"RoleArn": f"acs:ram::{ACCOUNT}:role/there", "RoleSessionName": "night"}
    if here:
        assert helper.calls(STS)("AssumeRole", **given)["Credentials"]["AccessKeyId"]
    else:
        assert code_of(helper.calls(STS), "AssumeRole", **given) == "NoPermission"


def test_a_role_takes_another_that_trusts_it(it: Cloud, ram: Caller, helper: User) -> None:
    for name, trusted in (("next", "helper"), ("other", "next")):
        document = trust(f"acs:ram::{ACCOUNT}:role/{trusted}")
        ram("CreateRole", RoleName=name, AssumeRolePolicyDocument=document)
    policy = {"PolicyName": "AliyunSTSAssumeRoleAccess", "PolicyType": "System"}
    ram("AttachPolicyToRole", RoleName="helper", **policy)
    call = tea(it.endpoint, sdk=STS, **take(helper))
    arn = f"acs:ram::{ACCOUNT}:role/"
    taken = call("AssumeRole", RoleArn=f"{arn}next", RoleSessionName="night")
    assert taken["AssumedRoleUser"]["Arn"].endswith(":assumed-role/next/night")
    given = {"RoleArn": f"{arn}other", "RoleSessionName": "night"}
    assert code_of(call, "AssumeRole", **given) == "NoPermission"


def test_who_took_a_role_that_is_gone_may_do_nothing(it: Cloud, ram: Caller, helper: User) -> None:
    """Not even when there is another by the same name."""
    key = take(helper)
    document = trust(f"acs:ram::{ACCOUNT}:root")
    ram("CreateRole", RoleName="Helper", AssumeRolePolicyDocument=document)  # is another
    stays = helper.calls(STS)(
        "AssumeRole", RoleArn=f"acs:ram::{ACCOUNT}:role/Helper", RoleSessionName="night"
    )["Credentials"]
    ram("DetachPolicyFromRole", RoleName="helper", PolicyName="looks", PolicyType="Custom")
    ram("DeleteRole", RoleName="helper")
    assert code_of(tea(it.endpoint, **key), "DescribeInstances") == "InvalidAccessKeyId.NotFound"

    ram("CreateRole", RoleName="helper", AssumeRolePolicyDocument=document)
    ram("AttachPolicyToRole", RoleName="helper", PolicyName="looks", PolicyType="Custom")
    assert code_of(tea(it.endpoint, **key), "DescribeInstances") == "InvalidAccessKeyId.NotFound"
    told = identity(
        it,
        access_key_id=stays["AccessKeyId"],
        access_key_secret=stays["AccessKeySecret"],
        security_token=stays["SecurityToken"],
    )
    assert told["Arn"].endswith(":assumed-role/Helper/night")


@pytest.mark.parametrize(
    ("more", "code"), [({"RamRole": "helper"}, "Role"), ({}, "User")], ids=["role", "user"]
)
def test_an_execution_of_somebody_who_is_gone_is_told_so(
    it: Cloud, ram: Caller, more: dict[str, str], code: str
) -> None:
    ask = {"Service": "STS", "API": "GetCallerIdentity"}
    asks = {"Name": "ask", "Action": "ACS::ExecuteAPI", "Properties": ask}
    ann = User(it, ram, "ann", "oos:*", "ram:PassRole")
    document = trust(f"acs:ram::{ACCOUNT}:root")
    ram("CreateRole", RoleName="helper", AssumeRolePolicyDocument=document)
    execution_id = Oos(it, ann.calls(OOS)).start(template(PAUSE, asks, **more))
    oos = Oos(it, tea(it.endpoint, sdk=OOS))
    oos.until(execution_id, "Waiting")
    ram("DeleteRole", RoleName="helper")
    ram("DeleteAccessKey", UserName="ann", UserAccessKeyId=ann.key["access_key_id"])
    ram("DeletePolicy", PolicyName="of-ann", CascadingDelete=True)
    ram("DeleteUser", UserName="ann")
    oos.notify(execution_id, "Approve")
    ended = oos.until(execution_id, "Failed")
    assert f"EntityNotExist.{code}" in ended["StatusMessage"]


@pytest.mark.parametrize(("service", "action"), [("RAM", "CreateUser"), ("STS", "AssumeRole")])
def test_a_template_does_not_change_who_may_do_what(it: Cloud, service: str, action: str) -> None:
    properties = {"Service": service, "API": action, "Parameters": {"UserName": "ann"}}
    asks = {"Name": "ask", "Action": "ACS::ExecuteAPI", "Properties": properties}
    oos = Oos(it, tea(it.endpoint, sdk=OOS))
    ended = oos.until(oos.start(template(asks)), "Failed")
    assert "UnsupportedOperation" in ended["StatusMessage"]


def test_a_role_has_no_keys_of_its_own(it: Cloud, ram: Caller, helper: User) -> None:
    ram("CreatePolicy", PolicyName="keys", PolicyDocument=document("ram:*"))
    ram("AttachPolicyToRole", RoleName="helper", PolicyName="keys", PolicyType="Custom")
    call = tea(it.endpoint, sdk=RAM, **take(helper))
    mine = {"UserAccessKeyId": "LTAI-x"}
    assert call("ListUsers")["Users"]["User"]
    for action, more in (
        ("CreateAccessKey", {}),
        ("ListAccessKeys", {}),
        ("UpdateAccessKey", {**mine, "Status": "Active"}),
        ("DeleteAccessKey", mine),
    ):
        assert code_of(call, action, **more) == "EntityNotExist.User"
