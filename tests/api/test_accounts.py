"""Accounts beside the first: what is of one is nobody else's."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cloudhand.control.control import Control
from cloudhand.control.settings import ControlSettings
from cloudhand.control.tenancy import Tenancy
from cloudhand.core.account import Account
from cloudhand.core.errors import NameTaken, ResourceNotFound
from cloudhand.store.database import StoreError
from tests.api.clients import (
    ECS,
    OOS,
    RAM,
    STS,
    Caller,
    ClientError,
    classic,
    code_of,
    hang_up,
    tea,
    tea_client,
)
from tests.api.cloud import Cloud, cloud
from tests.api.oos import PAUSE, template
from tests.api.policies import ACCOUNT, document, trust
from tests.world import World

SCRIPT = {"Type": "RunShellScript", "CommandContent": "true"}


@pytest.fixture
def it(tmp_path: Path) -> Iterator[Cloud]:
    with cloud(tmp_path) as it:
        yield it
        hang_up()


@pytest.fixture
def first(it: Cloud) -> Caller:
    return classic(it.endpoint, sdk=RAM)


class Other:
    """An account beside the first, and its owner."""

    def __init__(self, it: Cloud, first: Caller, name: str = "other") -> None:
        self._it = it
        made = first("CreateAccount", AccountName=name)
        self.id = made["Account"]["AccountId"]
        self.key = made["AccessKey"]

    def calls(self, sdk: Any = ECS) -> Caller:
        return tea(self._it.endpoint, sdk=sdk, **self.options())

    def options(self) -> dict[str, str]:
        return {
            "access_key_id": self.key["AccessKeyId"],
            "access_key_secret": self.key["AccessKeySecret"],
        }

    def old(self, sdk: Any = RAM) -> Caller:
        """The client that can name any operation."""
        key = {"key_id": self.key["AccessKeyId"], "secret": self.key["AccessKeySecret"]}
        return classic(self._it.endpoint, sdk=sdk, **key)

    def join(self) -> str:
        """A managed instance of it."""
        made = self.calls()("CreateActivation")
        return self._it.join(made["ActivationId"], made["ActivationCode"])


def test_what_is_of_one_account_is_nobody_elses(it: Cloud, first: Caller) -> None:
    other = Other(it, first)
    (instance_id,) = it.instances()
    ours = tea(it.endpoint)
    ours("CreateCommand", Name="ours", **SCRIPT)
    invoke_id = ours("RunCommand", InstanceId=[instance_id], **SCRIPT)["InvokeId"]
    tea(it.endpoint, sdk=OOS)("CreateTemplate", TemplateName="ours", Content=template(PAUSE))
    first("CreateUser", UserName="ann")
    theirs = other.calls()

    assert theirs("DescribeInstances")["TotalCount"] == 0
    assert theirs("DescribeCommands")["TotalCount"] == 0
    assert theirs("DescribeInvocations")["TotalCount"] == 0
    found = theirs("DescribeInvocationResults", InvokeId=invoke_id)["Invocation"]
    assert found["InvocationResults"]["InvocationResult"] == []
    assert code_of(theirs, "RunCommand", InstanceId=[instance_id], **SCRIPT) == (
        "InvalidInstance.NotFound"
    )
    assert code_of(theirs, "StopInvocation", InvokeId=invoke_id) == "InvalidInvokeId.NotFound"
    assert code_of(theirs, "DeleteInstance", InstanceId=instance_id) == "InvalidInstanceId.NotFound"
    assert other.calls(OOS)("ListTemplates", ShareType="Private")["Templates"] == []
    assert other.calls(RAM)("ListUsers")["Users"]["User"] == []
    mine = other.calls(OOS)("CreateTemplate", TemplateName="ours", Content=template(PAUSE))
    assert mine["Template"]["TemplateName"] == "ours"
    managed = other.join()
    assert theirs("DescribeManagedInstances")["TotalCount"] == 1
    assert ours("DescribeManagedInstances")["TotalCount"] == 0
    assert code_of(ours, "DeregisterManagedInstance", InstanceId=managed) == (
        "InvalidInstance.NotFound"
    )


def test_an_owner_of_another_account_is_told_which(it: Cloud, first: Caller) -> None:
    other = Other(it, first)
    told = tea_client(it.endpoint, sdk=STS, **other.options()).get_caller_identity().body.to_map()
    assert other.id != ACCOUNT
    assert (told["AccountId"], told["Arn"]) == (other.id, f"acs:ram::{other.id}:root")
    roles = other.calls(RAM)("ListRoles")["Roles"]["Role"]
    assert [one["Arn"] for one in roles] == [f"acs:ram::{other.id}:role/OOSServiceRole"]


def test_accounts_are_listed_in_parts(it: Cloud, first: Caller) -> None:
    for name in ("cid", "ann", "ben"):
        first("CreateAccount", AccountName=name)
    page = first("ListAccounts", MaxItems=2)
    rest = first("ListAccounts", MaxItems=2, Marker=page["Marker"])
    names = [one["AccountName"] for one in page["Accounts"]["Account"]]
    assert (names, page["IsTruncated"]) == (["ann", "ben"], True)
    (last,) = rest["Accounts"]["Account"]
    assert (last["AccountName"], rest["IsTruncated"]) == ("cid", False)
    assert last["AccountId"].isdigit() and len(last["AccountId"]) == len(ACCOUNT)


def test_only_the_first_account_opens_others(it: Cloud, first: Caller) -> None:
    other = Other(it, first)
    for action in ("CreateAccount", "DeleteAccount"):
        assert code_of(other.old(), action, AccountName="other") == "NoPermission"
    assert code_of(other.old(), "ListAccounts") == "NoPermission"


def test_a_user_opens_accounts_if_they_may(it: Cloud, first: Caller) -> None:
    first("CreateUser", UserName="ann")
    key = first("CreateAccessKey", UserName="ann")["AccessKey"]
    ann = classic(it.endpoint, sdk=RAM, key_id=key["AccessKeyId"], secret=key["AccessKeySecret"])
    assert code_of(ann, "CreateAccount", AccountName="theirs") == "Forbidden.RAM"
    may = document("ram:*Account", resource=f"acs:ram::{ACCOUNT}:account/theirs")
    first("CreatePolicy", PolicyName="opens", PolicyDocument=may)
    first("AttachPolicyToUser", UserName="ann", PolicyName="opens", PolicyType="Custom")
    ann("CreateAccount", AccountName="theirs")
    assert code_of(ann, "CreateAccount", AccountName="others") == "Forbidden.RAM"
    ann("DeleteAccount", AccountName="theirs")


def test_an_account_is_closed_when_it_has_no_instances(it: Cloud, first: Caller) -> None:
    other = Other(it, first)
    instance_id = other.join()
    conflict = code_of(first, "DeleteAccount", AccountName="other")
    listed = other.calls()("DescribeManagedInstances")["TotalCount"]
    other.calls()("DeregisterManagedInstance", InstanceId=instance_id)
    first("DeleteAccount", AccountName="other")

    assert (conflict, listed) == ("DeleteConflict.Account.Instance", 1)
    assert code_of(other.calls(), "DescribeInstances") == "InvalidAccessKeyId.NotFound"
    assert first("ListAccounts")["Accounts"]["Account"] == []
    assert code_of(first, "DeleteAccount", AccountName="other") == "EntityNotExist.Account"
    again = Other(it, first)
    assert again.id != other.id
    assert again.calls()("DescribeActivations")["TotalCount"] == 0


def test_the_first_account_stays(first: Caller) -> None:
    assert code_of(first, "DeleteAccount", AccountName="first") == "DeleteConflict.Account.First"
    assert code_of(first, "CreateAccount", AccountName="first") == "EntityAlreadyExists.Account"


def test_there_is_a_bound_of_accounts(tmp_path: Path) -> None:
    with cloud(tmp_path, ControlSettings(accounts_limit=1)) as it:
        first = classic(it.endpoint, sdk=RAM)
        first("CreateAccount", AccountName="one")
        assert code_of(first, "CreateAccount", AccountName="two") == "LimitExceeded.Account"
        hang_up()


def test_each_account_has_a_rate_of_requests_of_its_own(tmp_path: Path) -> None:
    with cloud(tmp_path, ControlSettings(requests_per_second=2)) as it:
        other = Other(it, classic(it.endpoint, sdk=RAM))
        theirs, ours = other.old(ECS), classic(it.endpoint)
        codes = [_outcome(theirs) for _ in range(20)]
        assert "Throttling.User" in codes
        assert _outcome(ours) == "fine"
        hang_up()


def _outcome(call: Caller) -> str:
    try:
        call("DescribeRegions")
    except ClientError as error:
        return error.code
    return "fine"


# Roles that let others in


def trusting(other: Other, *principals: str, **more: Any) -> str:
    """A role of the other account that may look at instances; its ARN."""
    ram = other.calls(RAM)
    ram("CreateRole", RoleName="guest", AssumeRolePolicyDocument=trust(*principals, **more))
    policy = {"PolicyName": "ReadOnlyAccess", "PolicyType": "System"}
    ram("AttachPolicyToRole", RoleName="guest", **policy)
    return f"acs:ram::{other.id}:role/guest"


@pytest.fixture
def ann(it: Cloud, first: Caller) -> dict[str, str]:
    """The key of a user of the first account who may take roles."""
    first("CreateUser", UserName="ann")
    key = first("CreateAccessKey", UserName="ann")["AccessKey"]
    policy = {"PolicyName": "AliyunSTSAssumeRoleAccess", "PolicyType": "System"}
    first("AttachPolicyToUser", UserName="ann", **policy)
    return {"access_key_id": key["AccessKeyId"], "access_key_secret": key["AccessKeySecret"]}


@pytest.mark.parametrize("principal", [f"acs:ram::{ACCOUNT}:root", f"acs:ram::{ACCOUNT}:user/ann"])
def test_a_role_lets_in_those_of_another_account(
    it: Cloud, first: Caller, ann: dict[str, str], principal: str
) -> None:
    other = Other(it, first)
    arn = trusting(other, principal)
    other.join()
    taken = tea(it.endpoint, sdk=STS, **ann)("AssumeRole", RoleArn=arn, RoleSessionName="visit")
    key = {
        "access_key_id": taken["Credentials"]["AccessKeyId"],
        "access_key_secret": taken["Credentials"]["AccessKeySecret"],
        "security_token": taken["Credentials"]["SecurityToken"],
    }
    guest = tea(it.endpoint, **key)

    assert taken["AssumedRoleUser"]["Arn"] == f"acs:ram::{other.id}:assumed-role/guest/visit"
    assert guest("DescribeManagedInstances")["TotalCount"] == 1
    assert code_of(guest, "CreateActivation") == "Forbidden.RAM"
    assert tea(it.endpoint)("DescribeManagedInstances")["TotalCount"] == 0


def test_a_role_of_another_account_may_want_to_be_told_why(
    it: Cloud, first: Caller, ann: dict[str, str]
) -> None:
    told = {"StringEquals": {"sts:ExternalId": "case-7"}}
    arn = trusting(Other(it, first), f"acs:ram::{ACCOUNT}:root", Condition=told)
    call = tea(it.endpoint, sdk=STS, **ann)
    given = {"RoleArn": arn, "RoleSessionName": "visit"}
    assert code_of(call, "AssumeRole", **given) == "NoPermission"
    assert code_of(call, "AssumeRole", ExternalId="case-8", **given) == "NoPermission"
    assert call("AssumeRole", ExternalId="case-7", **given)["Credentials"]["SecurityToken"]


def test_a_role_is_no_others_unless_it_lets_them_in(
    it: Cloud, first: Caller, ann: dict[str, str]
) -> None:
    other = Other(it, first)
    arn = trusting(other, f"acs:ram::{other.id}:root")
    call = tea(it.endpoint, sdk=STS, **ann)
    for role_arn, code in (
        (arn, "NoPermission"),
        (arn.replace("guest", "nobody"), "EntityNotExist.Role"),
        ("acs:ram::1999999999999999:role/guest", "EntityNotExist.Role"),
    ):
        assert code_of(call, "AssumeRole", RoleArn=role_arn, RoleSessionName="visit") == code


# What outlives its moment


async def test_accounts_are_there_again_after_a_restart(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        account, key = await world.tenancy.open("other")
        closed, _ = await world.tenancy.open("closed")
        await world.tenancy.close("closed")
        await world.restart()
        found = await world.tenancy.get(key.id)
        assert world.tenancy.opened() == [account]
        assert found is not None and (found.id, found.account_id) == (key.id, account.id)
        assert world.tenancy.of(closed.id) is None


class _FullOnce:
    """A keeper on a disk that is full for a moment."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.full = True

    async def open(self, account_id: str) -> Control:
        if self.full:
            raise StoreError("the disk is full")
        return await self._world.open(account_id)

    async def close(self, account_id: str) -> None:
        await self._world.close(account_id)


async def test_an_account_that_cannot_be_made_leaves_its_name(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keeper = _FullOnce(world)
        tenancy = Tenancy(world.control, world.database, keeper)
        with pytest.raises(StoreError):
            await tenancy.open("other")
        assert tenancy.opened() == []
        keeper.full = False
        account, _ = await tenancy.open("other")
        assert tenancy.opened() == [account]


async def test_an_account_is_made_whole_where_its_making_was_cut_off(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        account = Account(id="1234567890123456", name="other", created_at=world.clock.now())
        await world.database.write(lambda tx: tx.accounts.open(account))
        await world.restart()
        control = world.tenancy.of(account.id)
        assert control is not None
        assert await control.accounts.first() is not None


async def test_who_closes_an_account_that_is_being_closed_is_told_so(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        account, _ = await world.tenancy.open("other")
        both = [world.tenancy.close("other") for _ in range(2)]
        told = await asyncio.gather(*both, return_exceptions=True)
        assert [type(one) for one in told if one != account] == [ResourceNotFound]


async def test_two_who_ask_for_one_name_do_not_both_get_it(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        both = [world.tenancy.open("other") for _ in range(2)]
        told = await asyncio.gather(*both, return_exceptions=True)
        assert sorted(type(one).__name__ for one in told) == [NameTaken.__name__, "tuple"]
        assert len(world.tenancy.opened()) == 1
