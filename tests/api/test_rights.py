"""Users of an account: what their policies let them do, alone and through executions."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cloudhand.core.account import AccessKey, Identity, Kind, Policy, Role, User
from cloudhand.core.errors import NotEmpty, ResourceNotFound
from tests.api.clients import ECS, OOS, RAM, Caller, ClientError, Sdk, classic, hang_up, tea
from tests.api.cloud import REGION, Cloud, cloud
from tests.api.oos import ENDED, Oos, api, template
from tests.api.policies import ACCOUNT, allow, policy, trust
from tests.sessions import join
from tests.world import World

ANN = Identity(account_id=ACCOUNT, kind=Kind.USER, name="ann")
FILLED = {"Type": "RunShellScript", "EnableParameter": True}


class Account:
    """The rights in one cloud, as its owner gives and takes them."""

    def __init__(self, it: Cloud) -> None:
        self.it = it
        self._count = 0

    def user(self, name: str = "ann") -> Identity:
        at = self.it.world.clock.now()
        key = AccessKey(id=f"LTAI-{name}", secret=name, account_id=ACCOUNT, of=name)

        async def work(world: World) -> None:
            await world.control.accounts.add_user(
                User(name=name, account_id=ACCOUNT, created_at=at)
            )
            await world.control.accounts.add(key)

        self.it.do(work)
        return key.identity

    def role(self, name: str = "helper") -> Identity:
        role = Role(
            name=name, account_id=ACCOUNT, created_at=self.it.world.clock.now(), trust=trust("root")
        )
        self.it.do(lambda world: world.control.rights.add_role(role))
        return Identity(account_id=ACCOUNT, kind=Kind.ROLE, name=name)

    def give(self, who: Identity, *statements: dict[str, Any]) -> str:
        """A policy of these statements; its name."""
        self._count += 1
        made = Policy(
            name=f"p{self._count}",
            account_id=ACCOUNT,
            created_at=self.it.world.clock.now(),
            document=policy(*statements),
        )

        async def work(world: World) -> None:
            await world.control.rights.add_policy(made)
            await world.control.rights.attach(who, made.name, system=False)

        self.it.do(work)
        return made.name

    def give_system(self, who: Identity, policy: str) -> None:
        self.it.do(lambda world: world.control.rights.attach(who, policy, system=True))

    def take(self, who: Identity, policy: str) -> None:
        self.it.do(lambda world: world.control.rights.detach(who, policy, system=False))


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    """A cloud of one's own: rights outlive a test."""
    with cloud(tmp_path) as it:
        yield Account(it)
        hang_up()


@pytest.fixture
def ann(account: Account) -> Identity:
    return account.user()


def asks(account: Account, sdk: Any = ECS, name: str = "ann") -> Caller:
    return tea(account.it.endpoint, sdk=sdk, access_key_id=f"LTAI-{name}", access_key_secret=name)


def test_a_command_names_of_the_store_what_its_caller_may_read(
    account: Account, ann: Identity
) -> None:
    owner, (instance_id, other) = tea(account.it.endpoint), account.it.instances(2)
    store = tea(account.it.endpoint, sdk=OOS)
    store("CreateSecretParameter", Name="word", Value="hush")
    account.give_system(ann, "AliyunECSFullAccess")
    call = asks(account)
    script = {**FILLED, "CommandContent": "echo {{oos-secret:word}}"}
    stored = call("CreateCommand", Name="n", ContentEncoding="PlainText", **script)["CommandId"]
    daily = {"Frequency": "rate(1d)", "InstanceId": [instance_id]}
    of_owner = owner("InvokeCommand", CommandId=stored, **daily)["InvokeId"]
    given = {"InstanceId": [instance_id]}
    for action, values in (
        ("RunCommand", {**script, **given}),
        ("InvokeCommand", {"CommandId": stored, **given}),
    ):
        with pytest.raises(ClientError) as caught:
            call(action, **values)
        assert (caught.value.code, caught.value.status) == ("ParameterStore.NoPermission", 403)
    # Who changes what somebody else runs has the script, and whoever it is sent to, in hand.
    own = call("RunCommand", **FILLED, CommandContent="true", **daily)["InvokeId"]
    for change in (
        {"InvokeId": own, "CommandContent": script["CommandContent"]},
        {"InvokeId": of_owner, "InstanceId": [other]},
        {"InvokeId": of_owner, "Frequency": "rate(2d)"},
    ):
        with pytest.raises(ClientError) as caught:
            call("ModifyInvocationAttribute", **change)
        assert (caught.value.code, caught.value.status) == ("ParameterStore.NoPermission", 403)
    account.give(ann, allow("oos:GetSecretParameter", "*:secretparameter/word"))
    with pytest.raises(ClientError) as caught:
        call("RunCommand", **script, **given)
    assert "ann may not kms:Decrypt on acs:kms:cn-hangzhou:" in caught.value.message
    account.give(ann, allow("kms:Decrypt"))
    call("RunCommand", **script, **given)


def refused(ask: Callable[[], Any]) -> str:
    """What it could not be done for."""
    with pytest.raises(ClientError) as caught:
        ask()
    assert (caught.value.code, caught.value.status) == ("Forbidden.RAM", 403)
    return caught.value.message


def run(*ids: str, **more: Any) -> dict[str, Any]:
    return {"InstanceId": list(ids), "Type": "RunShellScript", "CommandContent": "true", **more}


def test_a_user_without_policies_may_do_nothing(account: Account, ann: Identity) -> None:
    told = refused(lambda: asks(account)("DescribeInstances"))
    assert "ann may not ecs:DescribeInstances on acs:ecs:cn-hangzhou:" in told
    assert ":instance/*" in told
    older = classic(account.it.endpoint, key_id="LTAI-ann", secret="ann")
    refused(lambda: older("DescribeInstances"))
    assert tea(account.it.endpoint)("DescribeInstances")["TotalCount"] == 0


def test_what_is_wrong_with_a_request_is_told_first(account: Account, ann: Identity) -> None:
    with pytest.raises(ClientError) as caught:
        asks(account)("RunCommand", **run("i-1", Type="None"))
    assert caught.value.code != "Forbidden.RAM"


def test_a_policy_names_actions_and_machines(account: Account, ann: Identity) -> None:
    mine, other = account.it.instances(2)
    call = asks(account)
    account.give(ann, allow(["ecs:Run*", "ecs:Describe*"], f"acs:ecs:*:*:instance/{mine}"))

    assert call("RunCommand", **run(mine))["InvokeId"]
    found = call("DescribeInstances", InstanceIds=json.dumps([mine]))
    assert found["TotalCount"] == 1
    assert f"instance/{other}" in refused(lambda: call("RunCommand", **run(mine, other)))
    refused(lambda: call("DescribeInstances"))
    refused(lambda: call("StopInstance", InstanceId=mine))
    refused(lambda: call("RunCommand", **run(ResourceTag=[{"Key": "a", "Value": "b"}])))


def test_a_policy_names_tags(account: Account, ann: Identity) -> None:
    by_hand = {"Tag": [{"Key": "Env", "Value": "dev"}]}
    (dev,) = account.it.instances(1)
    (prod,) = account.it.instances(1)
    tea(account.it.endpoint)("TagResources", ResourceType="instance", ResourceId=[dev], **by_hand)
    call = asks(account)
    wanted = {"StringEquals": {"acs:ResourceTag/Env": "dev"}}
    account.give(ann, allow("ecs:RunCommand", Condition=wanted))

    assert call("RunCommand", **run(dev))["InvokeId"]
    refused(lambda: call("RunCommand", **run(prod)))
    refused(lambda: call("RunCommand", **run(dev, prod)))


def test_who_may_use_a_command_may_not_for_that_run_it_anywhere(
    account: Account, ann: Identity
) -> None:
    mine, other = account.it.instances(2)
    owner = tea(account.it.endpoint)
    made = owner("CreateCommand", Name="c", Type="RunShellScript", CommandContent="dHJ1ZQ==")
    command = {"CommandId": made["CommandId"]}
    account.give(ann, allow(["ecs:InvokeCommand", "ecs:StopInvocation"], "acs:ecs:*:*:command/*"))
    account.give(ann, allow("ecs:*", f"acs:ecs:*:*:instance/{mine}"))
    call = asks(account)

    by_tag = {"ResourceTag": [{"Key": "a", "Value": "b"}]}
    assert "instance/*" in refused(lambda: call("InvokeCommand", **command, **by_tag))
    everywhere = owner("InvokeCommand", **command, InstanceId=[mine, other])["InvokeId"]
    assert other in refused(lambda: call("StopInvocation", InvokeId=everywhere))
    own = call("InvokeCommand", **command, InstanceId=[mine])["InvokeId"]
    call("StopInvocation", InvokeId=own)
    assert "invocation/t-none" in refused(lambda: call("StopInvocation", InvokeId="t-none"))


@pytest.mark.parametrize(
    "statements",
    [
        [
            allow("ecs:*"),
            {
                "Effect": "Deny",
                "Action": "ecs:*",
                "Resource": "*",
                "Condition": {"StringEquals": {"acs:ResourceTag/Env": "prod"}},
            },
        ],
        [allow("ecs:*", Condition={"StringNotEquals": {"acs:ResourceTag/Env": "prod"}})],
    ],
    ids=["denied", "not allowed"],
)
def test_machines_that_are_kept_from_one_are_not_reached_by_naming_none(
    account: Account, ann: Identity, statements: list[dict[str, Any]]
) -> None:
    (dev,) = account.it.instances(1)
    (prod,) = account.it.instances(1)
    tag = {"Tag": [{"Key": "Env", "Value": "prod"}]}
    tea(account.it.endpoint)("TagResources", ResourceType="instance", ResourceId=[prod], **tag)
    account.give(ann, *statements)
    call = asks(account)

    assert call("RunCommand", **run(dev))["InvokeId"]
    refused(lambda: call("RunCommand", **run(prod)))
    by_tag = run(ResourceTag=[{"Key": "Env", "Value": "prod"}])
    assert "instance/*" in refused(lambda: call("RunCommand", **by_tag))


def test_a_policy_names_activations_and_machines_that_joined(
    account: Account, ann: Identity
) -> None:
    owner, call = tea(account.it.endpoint), asks(account)
    mine, other = (owner("CreateActivation") for _ in range(2))
    machine = account.it.join(mine["ActivationId"], mine["ActivationCode"])
    account.give(ann, allow("ecs:*", f"*:activation/{mine['ActivationId']}"))
    account.give(ann, allow("ecs:ModifyManagedInstance", f"*:instance/{machine}"))
    call("ModifyManagedInstance", InstanceId=machine, InstanceName="desk")
    call("DisableActivation", ActivationId=mine["ActivationId"])
    for action in ("DisableActivation", "DeleteActivation"):
        told = refused(
            lambda action=action: call(action, ActivationId=other["ActivationId"])  # type: ignore[misc]
        )
        assert f"activation/{other['ActivationId']}" in told
    refused(lambda: call("ModifyManagedInstance", InstanceId="mi-another", InstanceName="desk"))


@pytest.mark.parametrize(("network", "allowed"), [("127.0.0.0/8", True), ("10.0.0.0/8", False)])
def test_a_policy_names_networks(
    account: Account, ann: Identity, network: str, allowed: bool
) -> None:
    account.give(
        ann, allow("ecs:DescribeRegions", Condition={"IpAddress": {"acs:SourceIp": network}})
    )
    call = asks(account)
    if allowed:
        assert call("DescribeRegions")["Regions"]
    else:
        refused(lambda: call("DescribeRegions"))


@pytest.mark.parametrize(
    ("policy", "may", "may_not"),
    [
        ("AdministratorAccess", ("DescribeInstances", "CreateActivation"), ()),
        ("ReadOnlyAccess", ("DescribeInstances",), ("CreateActivation",)),
        ("AliyunECSReadOnlyAccess", ("DescribeInstances",), ("CreateActivation",)),
        (
            "AliyunECSAssistantFullAccess",
            ("DescribeInstances", "CreateActivation"),
            ("RunInstances",),
        ),
        ("AliyunOOSFullAccess", (), ("DescribeInstances", "CreateActivation")),
    ],
)
def test_policies_that_come_with_the_account(
    account: Account, ann: Identity, policy: str, may: tuple[str, ...], may_not: tuple[str, ...]
) -> None:
    account.give_system(ann, policy)
    call = asks(account)
    for action in may:
        assert call(action)["RequestId"]
    for action in may_not:
        refused(lambda action=action: call(action))  # type: ignore[misc]


def test_one_instance_may_be_changed_and_another_not(account: Account, ann: Identity) -> None:
    mine, other = account.it.instances(2)
    account.give(ann, allow("ecs:*InstanceAttribute", f"acs:ecs:*:*:instance/{mine}"))
    call = asks(account)
    call("ModifyInstanceAttribute", InstanceId=mine, Description="mine")
    assert call("DescribeInstanceAttribute", InstanceId=mine)["Description"] == "mine"
    refused(lambda: call("ModifyInstanceAttribute", InstanceId=other, Description="mine"))
    refused(lambda: call("DescribeInstanceAttribute", InstanceId=other))
    refused(lambda: call("DescribeUserData", InstanceId=mine))
    refused(lambda: call("CreateInstance"))
    account.give(ann, allow("ecs:CreateInstance", "acs:ecs:*:*:instance/*"))
    assert call("CreateInstance")["InstanceId"]


def test_who_opened_a_session_is_told_and_to_which_machines_one_may(
    account: Account, ann: Identity
) -> None:
    owner, call = tea(account.it.endpoint), asks(account)
    mine, other = account.it.do(join), account.it.do(join)
    account.give(ann, allow("ecs:StartTerminalSession", f"*:instance/{mine}"))
    refused(lambda: call("StartTerminalSession", InstanceId=[mine, other]))
    started = call("StartTerminalSession", InstanceId=[mine])
    named = {"SessionId": started["SessionId"]}

    (told,) = owner("DescribeTerminalSessions", **named)["Sessions"]["Session"]
    (user,) = tea(account.it.endpoint, sdk=RAM)("ListUsers")["Users"]["User"]
    assert (told["IdentityType"], told["PrincipalId"]) == ("RAMUser", user["UserId"])

    assert f"session/{started['SessionId']}" in refused(lambda: call("EndTerminalSession", **named))
    assert "instance/*" in refused(lambda: call("DescribeTerminalSessions"))
    account.give(ann, allow("ecs:*TerminalSession*", "*:session/*"))
    call("EndTerminalSession", **named)
    assert call("DescribeTerminalSessions", **named)["Sessions"]["Session"]


def test_anybody_may_ask_where_products_are_but_not_for_networks(
    account: Account, ann: Identity
) -> None:
    key = {"key_id": "LTAI-ann", "secret": "ann"}
    location = Sdk("Location", "2015-06-12", None, None)
    where = classic(account.it.endpoint, sdk=location, **key)
    assert where("DescribeEndpoints", Id=REGION, ServiceCode="vpc")["Endpoints"]["Endpoint"]
    vpc = classic(account.it.endpoint, sdk=Sdk("Vpc", "2016-04-28", None, None), **key)
    refused(lambda: vpc("DescribeVpcs"))
    account.give(ann, allow("vpc:Describe*", "acs:vpc:*:*:vpc/*"))
    assert vpc("DescribeVpcs")["TotalCount"] == 1


def test_rights_are_those_of_the_moment(account: Account, ann: Identity) -> None:
    call = asks(account)
    policy = account.give(ann, allow("*"))
    assert call("DescribeInstances")["TotalCount"] == 0
    account.give(ann, {"Effect": "Deny", "Action": "ecs:Desc*", "Resource": "*"})
    refused(lambda: call("DescribeInstances"))
    account.take(ann, policy)
    refused(lambda: call("DescribeRegions"))


def test_a_key_is_switched_off_and_deleted(account: Account, ann: Identity) -> None:
    account.give(ann, allow("*"))
    accounts = account.it.world.control.accounts

    def code() -> str:
        with pytest.raises(ClientError) as caught:
            asks(account)("DescribeInstances")
        return caught.value.code

    account.it.do(lambda _: accounts.activate(ann, "LTAI-ann", active=False))
    assert code() == "InvalidAccessKeyId.Inactive"
    account.it.do(lambda _: accounts.activate(ann, "LTAI-ann", active=True))
    assert asks(account)("DescribeInstances")["TotalCount"] == 0
    account.it.do(lambda _: accounts.remove(ann, "LTAI-ann"))
    assert code() == "InvalidAccessKeyId.NotFound"


def test_a_user_goes_last(account: Account, ann: Identity) -> None:
    policy = account.give(ann, allow("*"))
    control = account.it.world.control

    def remove(_: World) -> Any:
        return control.accounts.remove_user(ACCOUNT, "ann")

    with pytest.raises(NotEmpty):
        account.it.do(remove)
    account.take(ann, policy)
    with pytest.raises(NotEmpty):
        account.it.do(remove)
    account.it.do(lambda _: control.accounts.remove(ann, "LTAI-ann"))
    account.it.do(remove)
    with pytest.raises(ResourceNotFound):
        account.it.do(remove)


# Executions


STOPS = api("stop", "StopInstance", InstanceId="{{ id }}")
ID = {"Parameters": {"id": {"Type": "String"}}}


def test_an_execution_has_the_rights_of_who_started_it(account: Account, ann: Identity) -> None:
    mine, other = account.it.instances(2)
    oos = Oos(account.it, asks(account, OOS))
    account.give(ann, allow("oos:*"), allow("ecs:StopInstance", f"acs:ecs:*:*:instance/{mine}"))

    done = oos.until(oos.start(template(STOPS, **ID), Parameters={"id": mine}), *ENDED)
    failed = oos.until(oos.start(template(STOPS, **ID), Parameters={"id": other}), *ENDED)

    assert (done["Status"], done["ExecutedBy"]) == ("Success", "ann")
    assert failed["Status"] == "Failed"
    assert "Forbidden.RAM" in failed["StatusMessage"]
    assert (
        f"ann may not ecs:StopInstance on acs:ecs:cn-hangzhou:{ACCOUNT}:instance/{other}"
        in (failed["StatusMessage"])
    )
    found = tea(account.it.endpoint)("DescribeInstances", InstanceIds=json.dumps([other]))
    assert found["Instances"]["Instance"][0]["Status"] == "Running"


def test_an_execution_has_the_rights_of_the_moment(account: Account, ann: Identity) -> None:
    (one,) = account.it.instances(1)
    oos = Oos(account.it, asks(account, OOS))
    account.give(ann, allow("oos:*"))
    may = account.give(ann, allow("ecs:*"))
    pause = {"Name": "pause", "Action": "ACS::Pause"}
    execution_id = oos.start(template(pause, STOPS, **ID), Parameters={"id": one})
    oos.until(execution_id, "Waiting")
    account.take(ann, may)
    oos.notify(execution_id, "Approve")
    ended = oos.until(execution_id, *ENDED)
    assert "Forbidden.RAM" in ended["StatusMessage"]


def test_a_role_is_taken_by_who_may_pass_it_on(account: Account, ann: Identity) -> None:
    (one,) = account.it.instances(1)
    oos = Oos(account.it, asks(account, OOS))
    account.give(ann, allow("oos:*"))
    helper = account.role()
    account.give(helper, allow("ecs:StopInstance"))
    content = template(STOPS, RamRole="helper", **ID)

    told = refused(lambda: oos.start(content, Parameters={"id": one}))
    assert f"ann may not ram:PassRole on acs:ram::{ACCOUNT}:role/helper" in told
    account.give(ann, allow("ram:PassRole", f"acs:ram:*:{ACCOUNT}:role/helper"))
    ended = oos.until(oos.start(content, Parameters={"id": one}), *ENDED)

    assert (ended["Status"], ended["RamRole"]) == ("Success", "helper")


def test_a_role_takes_the_place_of_the_owners_rights(account: Account) -> None:
    """A template that is let do less than who starts it, product actions within it, too."""
    (one,) = account.it.instances(1)
    oos = Oos(account.it, tea(account.it.endpoint, sdk=OOS))
    helper = account.role()
    restart = {
        "Name": "restart",
        "Action": "ACS::ECS::RebootInstance",
        "Properties": {"instanceId": one},
    }
    content = template(restart, RamRole="helper")
    account.give(helper, allow("ecs:Describe*"))

    failed = oos.until(oos.start(content), *ENDED)
    assert "helper/exec-" in failed["StatusMessage"]
    assert "may not ecs:RebootInstance" in failed["StatusMessage"]
    account.give(helper, allow("ecs:RebootInstance"))
    assert oos.until(oos.start(content), *ENDED)["Status"] == "Success"


def test_every_account_has_the_role_that_templates_name(account: Account) -> None:
    (one,) = account.it.instances(1)
    oos = Oos(account.it, tea(account.it.endpoint, sdk=OOS))
    content = template(STOPS, RamRole="OOSServiceRole", **ID)
    assert oos.until(oos.start(content, Parameters={"id": one}), *ENDED)["Status"] == "Success"


def test_a_role_that_is_not_there_is_told_at_once(account: Account) -> None:
    oos = Oos(account.it, tea(account.it.endpoint, sdk=OOS))
    with pytest.raises(ClientError) as caught:
        oos.start(template({"Name": "pause", "Action": "ACS::Pause"}, RamRole="nobody"))
    assert (caught.value.code, caught.value.status) == ("EntityNotExist.Role", 404)
    assert "nobody" in caught.value.message


def _posts(text: str) -> dict[str, Any]:
    hook = {"URI": "https://example.com/hook", "Content": {"text": {"content": text}}}
    return {
        "Name": "tell",
        "Action": "ACS::Notify",
        "Properties": {"NotifyType": "WebHook", "WebHook": hook},
    }


@pytest.mark.parametrize(
    ("task", "needs", "resource"),
    [
        (
            api("name", "ModifyCommand", CommandId="c-1", Name="{{ oos-secret:word }}"),
            "oos:GetSecretParameter",
            "secretparameter/word",
        ),
        (_posts("{{ oos-secret:word }}"), "oos:GetSecretParameter", "secretparameter/word"),
        (_posts("{{ oos:place }}"), "oos:GetParameter", "parameter/place"),
    ],
    ids=["a secret for a call", "a secret for a message", "a common parameter"],
)
def test_what_is_in_the_store_is_read_by_who_may(
    account: Account, ann: Identity, task: dict[str, Any], needs: str, resource: str
) -> None:
    """A template is no way around the rights of whoever starts it."""
    owner = tea(account.it.endpoint, sdk=OOS)
    owner("CreateSecretParameter", Name="word", Value="swordfish")
    owner("CreateParameter", Name="place", Type="String", Value="here")
    oos = Oos(account.it, asks(account, OOS))
    account.give(ann, allow(["oos:*Execution*", "ecs:*"]))

    failed = oos.until(oos.start(template(task)), *ENDED)
    assert f"Forbidden.RAM: ann may not {needs} on acs:oos:" in failed["StatusMessage"]
    assert failed["StatusMessage"].endswith(f":{resource}")
    assert account.it.world.posted == []
    account.give(ann, allow(needs, f"acs:oos:*:*:{resource}"))
    account.give(ann, allow("kms:Decrypt", "acs:kms:cn-hangzhou:*:key/*"))
    ended = oos.until(oos.start(template(task)), *ENDED)

    assert "Forbidden.RAM" not in ended["StatusMessage"]


@pytest.mark.parametrize("policy", ["ReadOnlyAccess", "AliyunOOSReadOnlyAccess"])
def test_who_may_only_look_is_not_told_what_secrets_hold(
    account: Account, ann: Identity, policy: str
) -> None:
    tea(account.it.endpoint, sdk=OOS)("CreateSecretParameter", Name="word", Value="swordfish")
    account.give_system(ann, policy)
    call = asks(account, OOS)
    for action, asked in (
        ("GetSecretParameter", {"Name": "word"}),
        ("GetSecretParameters", {"Names": '["word"]'}),
        ("GetSecretParametersByPath", {"Path": "/"}),
        ("ListSecretParameterVersions", {"Name": "word"}),
    ):
        assert "swordfish" not in str(call(action, **asked))
        told = refused(lambda: call(action, WithDecryption=True, **asked))  # noqa: B023  # at once
        assert "ann may not kms:Decrypt on acs:kms:" in told and "swordfish" not in told
    account.give_system(ann, "AliyunOOSFullAccess")
    told = call("GetSecretParameter", Name="word", WithDecryption=True)["Parameter"]
    assert told["Value"] == "swordfish"


def test_what_is_given_from_the_store_is_read_by_who_may(account: Account, ann: Identity) -> None:
    owner = tea(account.it.endpoint, sdk=OOS)
    owner("CreateParameter", Name="place", Type="String", Value="here")
    oos = Oos(account.it, asks(account, OOS))
    account.give(ann, allow("oos:*Execution*"))
    content = template(_posts("{{ at }}"), Parameters={"at": {"Type": "String"}})

    told = refused(lambda: oos.start(content, Parameters={"at": "{{ oos:place }}"}))
    assert "ann may not oos:GetParameter" in told
    account.give(ann, allow("oos:GetParameter"))
    ended = oos.until(oos.start(content, Parameters={"at": "{{ oos:place }}"}), *ENDED)

    assert ended["Status"] == "Success"
    assert b"here" in account.it.world.posted[-1][1]


def test_who_may_try_a_channel_may_not_therefore_remove_it(account: Account, ann: Identity) -> None:
    owner, hers = classic(account.it.endpoint), asks_classic(account)
    hook = {"Kind": "webhook", "Address": "https://a.example/"}
    for name in ("ops", "other"):
        owner("CreateNotificationChannel", ChannelName=name, **hook)
    account.give(ann, allow("ecs:TestNotificationChannel", "acs:ecs:*:*:notificationchannel/ops"))
    hers("TestNotificationChannel", ChannelName="ops")
    refused(lambda: hers("TestNotificationChannel", ChannelName="other"))
    refused(lambda: hers("DeleteNotificationChannel", ChannelName="ops"))
    refused(lambda: hers("CreateNotificationChannel", ChannelName="hers", **hook))
    refused(lambda: hers("ListNotificationChannels"))
    account.give_system(ann, "ReadOnlyAccess")
    assert [one["ChannelName"] for one in hers("ListNotificationChannels")["Channels"]] == [
        "ops",
        "other",
    ]


def asks_classic(account: Account, name: str = "ann") -> Caller:
    """For operations of our own, which the newer client does not know."""
    return classic(account.it.endpoint, key_id=f"LTAI-{name}", secret=name)
