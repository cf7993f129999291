"""What policies allow, and what is none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cloudhand.core.errors import PolicyInvalid
from cloudhand.core.policy import Wish, allows, read, trusts
from cloudhand.core.system_policies import SYSTEM

I1 = "acs:ecs:cn-hangzhou:1:instance/i-1"
RUN = "ecs:RunCommand"
TAKE = "sts:AssumeRole"


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "1", "Statement": list(statements)})


def allow(action: Any = "*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any = "*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {**allow(action, resource, **more), "Effect": "Deny"}


@pytest.mark.parametrize(
    ("statements", "wish", "allowed"),
    [
        ([allow()], Wish(action=RUN, resource=I1), True),
        ([allow("ecs:*")], Wish(action="oos:StartExecution", resource="*"), False),
        ([allow("ECS:runcommand")], Wish(action=RUN, resource=I1), True),
        ([allow("ecs:Run?ommand")], Wish(action=RUN, resource=I1), True),
        ([allow("ecs:Run[C]ommand")], Wish(action=RUN, resource=I1), False),
        ([allow(["ecs:Describe*", RUN])], Wish(action=RUN, resource=I1), True),
        ([allow(RUN, "acs:ecs:*:*:instance/i-1")], Wish(action=RUN, resource=I1), True),
        ([allow(RUN, "acs:ecs:*:*:instance/i-2")], Wish(action=RUN, resource=I1), False),
        ([allow(RUN, "acs:ecs:*:*:INSTANCE/i-1")], Wish(action=RUN, resource=I1), False),
        ([allow(), deny(RUN)], Wish(action=RUN, resource=I1), False),
        ([deny(RUN), allow()], Wish(action="ecs:StopInstance", resource=I1), True),
        ([deny(RUN)], Wish(action="ecs:StopInstance", resource=I1), False),
        (
            [{"Effect": "Allow", "NotAction": "ecs:Delete*", "Resource": "*"}],
            Wish(action=RUN, resource=I1),
            True,
        ),
        (
            [{"Effect": "Allow", "NotAction": "ecs:Run*", "Resource": "*"}],
            Wish(action=RUN, resource=I1),
            False,
        ),
        (
            [{"Effect": "Allow", "Action": "*", "NotResource": "acs:ecs:*:*:instance/i-1"}],
            Wish(action=RUN, resource=I1),
            False,
        ),
    ],
)
def test_what_statements_say(statements: list[dict[str, Any]], wish: Wish, allowed: bool) -> None:
    assert allows([read(policy(*statements))], wish) is allowed


def test_nothing_is_allowed_without_a_policy() -> None:
    assert not allows([], Wish(action=RUN, resource=I1))


@pytest.mark.parametrize("operator", ["StringEquals", "StringNotEquals"])
def test_where_tags_could_be_any_they_deny_and_do_not_allow(operator: str) -> None:
    condition = {operator: {"acs:ResourceTag/env": "prod"}}
    everything = Wish(action=RUN, resource="acs:ecs:cn-hangzhou:1:instance/*", tagged=False)
    assert not allows([read(policy(allow(Condition=condition)))], everything)
    assert not allows([read(policy(allow(), deny(Condition=condition)))], everything)
    assert allows([read(policy(allow()))], everything)


def test_one_policy_takes_away_what_another_gives() -> None:
    given = [read(policy(allow())), read(policy(deny(RUN)))]
    assert not allows(given, Wish(action=RUN, resource=I1))


@pytest.mark.parametrize(
    ("condition", "context", "allowed"),
    [
        ({"StringEquals": {"acs:ResourceTag/Env": "dev"}}, {"acs:resourcetag/env": "dev"}, True),
        ({"StringEquals": {"ecs:tag/env": ["a", "dev"]}}, {"acs:resourcetag/env": "dev"}, True),
        ({"StringEquals": {"acs:ResourceTag/env": "dev"}}, {"acs:resourcetag/env": "DEV"}, False),
        ({"StringEquals": {"acs:ResourceTag/env": "dev"}}, {}, False),
        ({"StringNotEquals": {"acs:ResourceTag/env": "prod"}}, {}, True),
        ({"StringNotEquals": {"k": ["a", "b"]}}, {"k": "b"}, False),
        ({"StringEqualsIgnoreCase": {"k": "A"}}, {"k": "a"}, True),
        ({"StringNotEqualsIgnoreCase": {"k": "A"}}, {"k": "a"}, False),
        ({"StringLike": {"k": "web-*"}}, {"k": "web-1"}, True),
        ({"StringNotLike": {"k": "web-*"}}, {"k": "web-1"}, False),
        ({"IpAddress": {"acs:SourceIp": "10.0.0.0/8"}}, {"acs:sourceip": "10.1.2.3"}, True),
        ({"IpAddress": {"acs:SourceIp": ["10.0.0.1"]}}, {"acs:sourceip": "10.0.0.2"}, False),
        ({"IpAddress": {"acs:SourceIp": "fd00::/8"}}, {"acs:sourceip": "fd00::1"}, True),
        ({"IpAddress": {"acs:SourceIp": "no address"}}, {"acs:sourceip": "10.0.0.2"}, False),
        ({"NotIpAddress": {"acs:SourceIp": "10.0.0.0/8"}}, {"acs:sourceip": "10.1.2.3"}, False),
        ({"Bool": {"acs:SecureTransport": True}}, {"acs:securetransport": "true"}, True),
        ({"Bool": {"acs:SecureTransport": "true"}}, {"acs:securetransport": "false"}, False),
        ({"NumericEquals": {"k": 1}}, {"k": "1.0"}, True),
        ({"NumericNotEquals": {"k": 1}}, {"k": "2"}, True),
        ({"NumericLessThan": {"k": "10"}}, {"k": "9"}, True),
        ({"NumericGreaterThanEquals": {"k": "10"}}, {"k": "9"}, False),
        ({"NumericLessThanEquals": {"k": "10"}}, {"k": "nine"}, False),
        (
            {"DateLessThan": {"acs:CurrentTime": "2026-01-01T00:00:00+08:00"}},
            {"acs:currenttime": "2025-12-31T15:00:00+00:00"},
            True,
        ),
        (
            {"DateGreaterThan": {"acs:CurrentTime": "2026-01-01T00:00:00"}},
            {"acs:currenttime": "2026-12-31T15:00:00+00:00"},
            False,
        ),
        (
            {"StringEquals": {"a": "1"}, "StringLike": {"b": "2*"}},
            {"a": "1", "b": "3"},
            False,
        ),
    ],
)
def test_conditions(condition: Any, context: dict[str, str], allowed: bool) -> None:
    found = read(policy(allow(Condition=condition)))
    assert allows([found], Wish(action=RUN, resource=I1, context=context)) is allowed


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ("no", "it is no JSON"),
        ("[" * 5000, "it is no JSON"),
        ("[]", 'it must be a map with "Version": "1"'),
        ('{"Version": "2"}', 'it must be a map with "Version": "1"'),
        ('{"Version": "1"}', "it has no Statement"),
        (policy(), "it has no Statement"),
        ('{"Version": "1", "Statement": [1]}', "Statement[0] must be a map"),
        (policy(allow(), allow(Effekt="x")), "Statement[1] has Effekt"),
        (policy({**allow(), "Effect": "allow"}), "Statement[0].Effect must be Allow or Deny"),
        (policy({"Effect": "Allow", "Resource": "*"}), "either Action or NotAction"),
        (policy({"Effect": "Allow", "Action": "*"}), "either Resource or NotResource"),
        (policy(allow(NotAction="x")), "either Action or NotAction"),
        (policy(allow([])), "Statement[0].Action must be a text or a list of texts"),
        (policy(allow([1])), "Statement[0].Action must be a text or a list of texts"),
        (policy(allow(Condition=[])), "Statement[0].Condition must be a map"),
        (policy(allow(Condition={"Is": {}})), "Statement[0].Condition.Is: there is no such"),
        (policy(allow(Condition={"Bool": 1})), "Statement[0].Condition.Bool must be a map"),
        (policy(allow(Condition={"Bool": {"k": {}}})), "Condition.Bool.k must be a text"),
        (policy(allow(Principal={"RAM": "x"})), "Statement[0] has Principal"),
        (policy(allow("x" * 6200)), "it has more than 6144 characters"),
    ],
)
def test_what_is_no_policy(document: str, problem: str) -> None:
    with pytest.raises(PolicyInvalid) as caught:
        read(document)
    assert problem in str(caught.value)


def trust(*, action: str = TAKE, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Principal": {"RAM": "acs:ram::1:root"}, **more}


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (policy(allow()), "Statement[0] has no Principal"),
        (policy(trust(Principal="x")), "Statement[0].Principal must be a map"),
        (policy(trust(Principal={"Federated": "x"})), "must be a map of RAM or Service"),
        (policy(trust(), trust(Resource="*")), "Statement[1] has Resource"),
        (policy(trust(NotResource="*")), "Statement[0] has NotResource"),
    ],
)
def test_what_is_no_trust(document: str, problem: str) -> None:
    with pytest.raises(PolicyInvalid) as caught:
        read(document, trust=True)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("statement", "trusted"),
    [
        (trust(), True),
        (trust(action="sts:*"), True),
        (trust(action="sts:TagSession"), False),
        (trust(Principal={"Service": "*"}), False),
        (trust(Principal={"RAM": "acs:ram::1:role/helper"}), False),
        (trust(Condition={"StringEquals": {"acs:SourceIp": "192.0.2.1"}}), True),
        (trust(Condition={"StringEquals": {"acs:SourceIp": "192.0.2.2"}}), False),
        (trust(Condition={"StringEquals": {"sts:ExternalId": "secret"}}), False),
    ],
)
def test_a_trust_says_who_may_take_a_role_and_when(
    statement: dict[str, Any], trusted: bool
) -> None:
    wish = Wish(action=TAKE, resource="*", context={"acs:sourceip": "192.0.2.1"})
    assert trusts(read(policy(statement), trust=True), "acs:ram::1:user/ann", wish) is trusted


def test_the_root_of_an_account_stands_for_its_users() -> None:
    among = {"RAM": ["acs:ram::1:root", "acs:ram::2:user/ann"]}
    found = read(policy(trust(Principal=among)), trust=True)
    told = {
        who: trusts(found, f"acs:ram::{who}", Wish(action=TAKE, resource="*"))
        for who in ("1:root", "1:user/ben", "2:user/ann", "2:user/ben", "2:root")
    }
    assert told == {
        "1:root": True,
        "1:user/ben": True,
        "2:user/ann": True,
        "2:user/ben": False,
        "2:root": False,
    }


@pytest.mark.parametrize("name", SYSTEM)
def test_policies_that_come_with_an_account_are_policies(name: str) -> None:
    assert allows(
        [read(SYSTEM[name].document)], Wish(action="ecs:DescribeInstances", resource="*")
    ) is (name.startswith(("Administrator", "ReadOnly", "AliyunECS")))
