"""Tags and resource groups of things of every kind."""

from __future__ import annotations

from typing import Any

import pytest

from cloudhand.core.ids import InvokeId
from tests.api.clients import Caller, ClientError, classic, tea
from tests.api.cloud import Cloud

RUN = {"Type": "RunShellScript", "CommandContent": "true"}
CREATE = {**RUN, "Name": "n", "ContentEncoding": "PlainText"}
KINDS = ["instance", "command", "invocation", "activation", "managedinstance"]
Tag = dict[str, str]


@pytest.fixture
def call(it: Cloud) -> Caller:
    return tea(it.endpoint)


def tag(key: str, value: str = "") -> Tag:
    return {"Key": key, "Value": value}


def thing(it: Cloud, call: Caller, kind: str, **values: Any) -> str:
    """The id of a new thing."""
    match kind:
        case "instance":
            return it.instances()[0]
        case "command":
            return str(call("CreateCommand", **CREATE)["CommandId"])
        case "invocation":
            asked = call("RunCommand", **RUN, InstanceId=it.instances())["InvokeId"]
            it.do(lambda world: world.until(lambda: world.ended(InvokeId(asked))))
            return str(asked)
    activation = call("CreateActivation")
    if kind == "activation":
        return str(activation["ActivationId"])
    return it.join(activation["ActivationId"], activation["ActivationCode"])


def listed(call: Caller, kind: str, **wanted: Any) -> list[tuple[str, str, str]]:
    told = call("ListTagResources", ResourceType=kind, **wanted)
    found = told["TagResources"]["TagResource"]
    assert {one["ResourceType"] for one in found} <= {kind}
    return [(one["ResourceId"], one["TagKey"], one["TagValue"]) for one in found]


_SHOWN = {
    "instance": ("DescribeInstances", "Instances", "Instance", "InstanceId"),
    "command": ("DescribeCommands", "Commands", "Command", "CommandId"),
    "invocation": ("DescribeInvocations", "Invocations", "Invocation", "InvokeId"),
    "activation": ("DescribeActivations", "ActivationList", "", "ActivationId"),
    "managedinstance": ("DescribeManagedInstances", "Instances", "", "InstanceId"),
}


def shown(call: Caller, kind: str, **wanted: Any) -> list[str]:
    """Ids of what the kind's own operation tells."""
    action, outer, inner, name = _SHOWN[kind]
    told = call(action, **wanted)[outer]
    return [one[name] for one in (told[inner] if inner else told)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_thing_is_tagged_and_found_by_its_tags(it: Cloud, call: Caller, kind: str) -> None:
    one, other = thing(it, call, kind), thing(it, call, kind)
    call("TagResources", ResourceType=kind, ResourceId=[one, other], Tag=[tag("a", kind)])
    call("TagResources", ResourceType=kind, ResourceId=[one], Tag=[tag("b", "2"), tag("a", "new")])
    assert listed(call, kind, ResourceId=[one]) == [(one, "a", "new"), (one, "b", "2")]
    assert listed(call, kind, ResourceId=[other]) == [(other, "a", kind)]
    assert shown(call, kind, Tag=[tag("a", "new")]) == [one]
    assert shown(call, kind, Tag=[tag("a", kind)]) == [other]


@pytest.mark.parametrize("kind", KINDS)
def test_tags_are_taken_off(it: Cloud, call: Caller, kind: str) -> None:
    one = thing(it, call, kind)
    given = {"ResourceType": kind, "ResourceId": [one]}
    call("TagResources", **given, Tag=[tag(key, "v") for key in "abcd"])
    call("UntagResources", **given, TagKey=["a", "nothing"])
    assert [key for _, key, _ in listed(call, kind, ResourceId=[one])] == ["b", "c", "d"]
    call("UntagResources", **given, TagKey=["b"], All=True)  # which holds only without a key
    assert [key for _, key, _ in listed(call, kind, ResourceId=[one])] == ["c", "d"]
    call("UntagResources", **given, All=True)
    assert listed(call, kind, ResourceId=[one]) == []


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "invocation"])
def test_a_thing_joins_a_resource_group(it: Cloud, call: Caller, kind: str) -> None:
    one, group = thing(it, call, kind), f"rg-{kind}"
    call("JoinResourceGroup", ResourceType=kind, ResourceId=one, ResourceGroupId=group)
    assert shown(call, kind, ResourceGroupId=group) == [one]
    found = listed(call, kind, Tag=[tag("acs:rm:rgId", group)])
    assert found == [(one, "acs:rm:rgId", group)]


def test_things_are_listed_by_all_tags_and_by_keys(it: Cloud, call: Caller) -> None:
    one, two, three = (thing(it, call, "command") for _ in range(3))
    for things, tags in (
        ([one, two, three], [tag("role", "db")]),
        ([two, three], [tag("zone", "x")]),
        ([three], [tag("zone", "y")]),
    ):
        call("TagResources", ResourceType="command", ResourceId=things, Tag=tags)

    def found(*tags: Tag, **wanted: Any) -> set[str]:
        return {one for one, _, _ in listed(call, "command", Tag=list(tags), **wanted)}

    assert found(tag("role", "db")) == {one, two, three}
    assert found({"Key": "zone"}) == {two, three}
    assert found(tag("role", "db"), tag("zone", "y")) == {three}
    assert found(tag("role", "db"), ResourceId=[one, two]) == {one, two}
    assert found(tag("role", "web")) == set()


def test_pages_of_tags_follow_each_other(it: Cloud, call: Caller) -> None:
    ids = [thing(it, call, "command") for _ in range(4)]
    tags = [tag(f"page-{n:02}", "v") for n in range(20)]
    call("TagResources", ResourceType="command", ResourceId=ids, Tag=tags)
    seen: list[tuple[str, str]] = []
    token, sizes = "", []
    while True:
        told = call("ListTagResources", ResourceType="command", ResourceId=ids, NextToken=token)
        found = told["TagResources"]["TagResource"]
        sizes.append(len(found))
        seen += [(one["ResourceId"], one["TagKey"]) for one in found]
        token = told["NextToken"]
        if not token:
            break
    assert sizes == [50, 30]
    assert sorted(seen) == sorted((one, named["Key"]) for one in ids for named in tags)


def test_tags_are_put_on_all_things_or_none(it: Cloud, call: Caller) -> None:
    one, full = thing(it, call, "command"), thing(it, call, "command")
    tags = [tag(f"k{n}") for n in range(20)]
    call("TagResources", ResourceType="command", ResourceId=[full], Tag=tags)
    for ids in ([one, full], [one, "c-nobody"]):
        with pytest.raises(ClientError):
            call("TagResources", ResourceType="command", ResourceId=ids, Tag=[tag("new")])
        assert listed(call, "command", ResourceId=[one]) == []
    # One that is there already has a place.
    call("TagResources", ResourceType="command", ResourceId=[full], Tag=[tag("k3", "new")])


def test_a_long_key_may_be_put_on_a_thing(it: Cloud, call: Caller) -> None:
    one = thing(it, call, "command")
    call("TagResources", ResourceType="command", ResourceId=[one], Tag=[tag("k" * 128, "v" * 128)])
    assert listed(call, "command", ResourceId=[one]) == [(one, "k" * 128, "v" * 128)]


def test_of_types_that_are_not_here_nothing_is_listed(call: Caller) -> None:
    assert listed(call, "disk", ResourceId=["d-1"]) == []
    assert call("DescribeTags", ResourceType="disk")["Tags"]["Tag"] == []


def test_the_type_of_what_is_not_here_is_named(call: Caller) -> None:
    with pytest.raises(ClientError) as caught:
        call("TagResources", ResourceType="disk", ResourceId=["d-1"], Tag=[tag("k")])
    assert "(there is no disk here)" in caught.value.message


def test_nothing_of_an_instance_that_is_gone_is_told(it: Cloud, call: Caller) -> None:
    (one,) = it.instances()
    call("TagResources", ResourceType="instance", ResourceId=[one], Tag=[tag("gone", "v")])
    call("DeleteInstance", InstanceId=one, Force=True)
    it.do(lambda world: world.until(lambda: world._all_in([one], None)))  # type: ignore[arg-type]
    assert listed(call, "instance", ResourceId=[one]) == []
    with pytest.raises(ClientError) as caught:
        call("UntagResources", ResourceType="instance", ResourceId=[one], All=True)
    assert caught.value.code == "InvalidResourceId.NotFound"


def test_the_activations_of_our_own_instances_are_not_told(it: Cloud, call: Caller) -> None:
    (one,) = it.instances()
    told = it.do(lambda world: world.database.read(lambda tx: tx.instances.get(one)))
    assert told is not None
    with pytest.raises(ClientError) as caught:
        call(
            "TagResources",
            ResourceType="activation",
            ResourceId=[told.activation_id],
            Tag=[tag("k")],
        )
    assert caught.value.code == "InvalidResourceId.NotFound"


def test_tags_are_counted_by_the_types_of_their_things(it: Cloud) -> None:
    # The newer client drops fields that it does not know.
    call = classic(it.endpoint)
    ids = it.instances(2)
    command = thing(it, call, "command")
    for kind, named in (("instance", ids), ("command", [command])):
        call("TagResources", ResourceType=kind, ResourceId=named, Tag=[tag("counted", "v")])
    call("TagResources", ResourceType="instance", ResourceId=ids[:1], Tag=[tag("counted", "w")])

    def counted(**wanted: Any) -> list[tuple[str, int, int]]:
        told = call("DescribeTags", Tag=[{"Key": "counted"}], **wanted)
        counts = [(one["TagValue"], one["ResourceTypeCount"]) for one in told["Tags"]["Tag"]]
        assert told["TotalCount"] == len(counts)
        assert {count["Disk"] for _, count in counts} <= {0}
        return [(value, count["Instance"], count["Command"]) for value, count in counts]

    assert counted() == [("v", 1, 1), ("w", 1, 0)]
    assert counted(ResourceType="instance") == [("v", 1, 0), ("w", 1, 0)]
    assert counted(ResourceId=ids[0]) == [("w", 1, 0)]
    assert counted(ResourceId="i-nobody") == []


def test_counted_tags_come_in_pages(it: Cloud, call: Caller) -> None:
    one = thing(it, call, "command")
    tags = [tag(f"n{n}", "v") for n in range(5)]
    call("TagResources", ResourceType="command", ResourceId=[one], Tag=tags)
    pages = [
        call("DescribeTags", ResourceId=one, PageSize=2, PageNumber=number) for number in (1, 2, 3)
    ]
    seen = [found["TagKey"] for page in pages for found in page["Tags"]["Tag"]]
    assert seen == ["n0", "n1", "n2", "n3", "n4"]
    assert {page["TotalCount"] for page in pages} == {5}


def test_agents_are_installed_where_they_are(it: Cloud, call: Caller) -> None:
    assert list(call("InstallCloudAssistant", InstanceId=it.instances(2))) == ["RequestId"]
