"""Tags and resource groups of what the orchestration service keeps, through the official client."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from cloudhand.api.oos.operations import OPERATIONS
from cloudhand.core.label import TAG_LIMIT, Labelled
from cloudhand.core.orders import TemplateText
from tests.api.clients import OOS, Caller, ClientError, classic, oos
from tests.api.cloud import Cloud

TEMPLATE = """
FormatVersion: OOS-2019-06-01
Tasks: [{Name: wait, Action: "ACS::Sleep", Properties: {Duration: PT1S}}]
"""
MISSING = {
    "template": "EntityNotExists.Template",
    "execution": "EntityNotExists.Execution",
    "parameter": "EntityNotExists.Parameter",
    "secretparameter": "EntityNotExists.Parameter",
}


@pytest.fixture
def call(it: Cloud) -> Caller:
    return oos(it.endpoint)


@pytest.fixture(params=list(Labelled))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param.value)


_names = iter(range(10**6))


def made(call: Caller, kind: str) -> str:
    """What a new thing of a kind is called."""
    name = f"Thing{next(_names)}"
    match kind:
        case "template":
            call("CreateTemplate", TemplateName=name, Content=TEMPLATE)
        case "execution":
            name = call("StartExecution", TemplateContent=TEMPLATE)["Execution"]["ExecutionId"]
        case "parameter":
            call("CreateParameter", Name=name, Type="String", Value="v")
        case "secretparameter":
            call("CreateSecretParameter", Name=name, Value="v")
    return name


def tag(call: Caller, kind: str, names: list[str], **tags: str) -> None:
    call("TagResources", ResourceType=kind, ResourceIds=names, Tags=tags)


def tags(call: Caller, kind: str, name: str) -> dict[str, str]:
    told = call("ListTagResources", ResourceType=kind, ResourceIds=[name])
    found = told["TagResources"]["TagResource"]
    assert {(one["ResourceType"], one["ResourceId"]) for one in found} <= {(kind, name)}
    return {one["TagKey"]: one["TagValue"] for one in found}


def refused(call: Callable[[], Any]) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call()
    return caught.value.code, caught.value.status


def test_tags_are_put_on_and_taken_off(it: Cloud, call: Caller, kind: str) -> None:
    one, other = made(call, kind), made(call, kind)
    tag(call, kind, [one, other], a="1", b="2", c="")
    tag(call, kind, [other], b="3")
    assert tags(call, kind, one) == {"a": "1", "b": "2", "c": ""}
    assert tags(call, kind, other) == {"a": "1", "b": "3", "c": ""}
    call("UntagResources", ResourceType=kind, ResourceIds=[one], TagKeys=["a", "none"])
    assert tags(call, kind, one) == {"b": "2", "c": ""}
    call("UntagResources", ResourceType=kind, ResourceIds=[one], TagKeys=["b"], All=True)
    assert tags(call, kind, one) == {"c": ""}
    call("UntagResources", ResourceType=kind, ResourceIds=[one, other], All=True)
    assert tags(call, kind, one) == tags(call, kind, other) == {}


def told(it: Cloud, call: Caller, kind: str, name: str) -> tuple[dict[str, str], str]:
    """The tags and the group that a thing itself tells of."""
    match kind:
        case "template":
            wanted = TemplateText(name=name)
            template, _ = it.do(lambda world: world.control.templates.get(wanted))
            return dict(template.tags), template.resource_group_id
        case "execution":
            (found,) = call("ListExecutions", ExecutionId=name)["Executions"]
        case "parameter":
            found = call("GetParameter", Name=name)["Parameter"]
        case _:
            found = call("GetSecretParameter", Name=name)["Parameter"]
    return found["Tags"], found["ResourceGroupId"]


def test_labels_are_those_that_the_things_themselves_tell(
    it: Cloud, call: Caller, kind: str
) -> None:
    name = made(call, kind)
    tag(call, kind, [name], told="yes")
    moved = {"ResourceType": kind, "NewResourceGroupId": "rg-moved"}
    call("ChangeResourceGroup", ResourceId=name, **moved)
    assert told(it, call, kind, name) == ({"told": "yes"}, "rg-moved")
    gone = (MISSING[kind], 404)
    assert refused(lambda: call("ChangeResourceGroup", ResourceId="nobody", **moved)) == gone


def test_an_execution_that_is_carried_out_keeps_what_it_was_tagged_with_meanwhile(
    it: Cloud, call: Caller
) -> None:
    name = made(call, "execution")
    tag(call, "execution", [name], told="yes")
    it.advance(seconds=2)
    (found,) = call("ListExecutions", ExecutionId=name)["Executions"]
    assert (found["Status"], found["Tags"]) == ("Success", {"told": "yes"})
    tag(call, "execution", [name], told="later")
    assert tags(call, "execution", name) == {"told": "later"}


def test_templates_are_named_without_regard_to_case(it: Cloud, call: Caller) -> None:
    name = made(call, "template")
    tag(call, "template", [name.upper()], a="1")
    assert tags(call, "template", name) == {"a": "1"}


def test_all_are_tagged_or_none(it: Cloud, call: Caller, kind: str) -> None:
    name = made(call, kind)
    gone = (MISSING[kind], 404)
    assert refused(lambda: tag(call, kind, [name, "nobody"], a="1")) == gone
    assert tags(call, kind, name) == {}
    tag(call, kind, [name], a="1")
    both = {"ResourceType": kind, "ResourceIds": [name, "nobody"]}
    assert refused(lambda: call("UntagResources", All=True, **both)) == gone
    assert tags(call, kind, name) == {"a": "1"}


def test_a_thing_has_at_most_20_tags(it: Cloud, call: Caller, kind: str) -> None:
    name = made(call, kind)
    tag(call, kind, [name], **{f"k{number}": "" for number in range(TAG_LIMIT)})
    tag(call, kind, [name], k0="again")
    assert refused(lambda: tag(call, kind, [name], one="more")) == ("QuotaExceeded.Tags", 400)


def test_things_are_found_by_their_tags(it: Cloud, call: Caller, kind: str) -> None:
    one, other = sorted([made(call, kind), made(call, kind)])
    tag(call, kind, [one], find="me", and_="this")
    tag(call, kind, [other], find="me")

    def found(**wanted: Any) -> list[tuple[str, str]]:
        told = call("ListTagResources", ResourceType=kind, **wanted)
        return [(tag["ResourceId"], tag["TagKey"]) for tag in told["TagResources"]["TagResource"]]

    both = [(one, "and_"), (one, "find"), (other, "find")]
    assert found(Tags={"find": "me"}) == both
    assert found(Tags={"find": "me", "and_": "this"}) == both[:2]
    assert found(Tags={"find": "them"}) == []
    assert found(Tags={"find": "me"}, ResourceIds=[other, "nobody"]) == both[2:]


def test_tags_are_listed_in_pages(it: Cloud, call: Caller, kind: str) -> None:
    names = sorted(made(call, kind) for _ in range(6))
    tag(call, kind, names, **{f"page{number}": "" for number in range(10)})
    first = call("ListTagResources", ResourceType=kind, ResourceIds=names)
    second = call(
        "ListTagResources", ResourceType=kind, ResourceIds=names, NextToken=first["NextToken"]
    )
    pages = [page["TagResources"]["TagResource"] for page in (first, second)]
    assert [len(page) for page in pages] == [50, 10]
    assert second["NextToken"] == ""
    seen = [(one["ResourceId"], one["TagKey"]) for page in pages for one in page]
    assert seen == [(name, f"page{number}") for name in names for number in range(10)]


def test_keys_and_values_are_told_once(it: Cloud, call: Caller) -> None:
    everywhere = {kind.value: made(call, kind.value) for kind in Labelled}
    for kind, name in everywhere.items():
        tag(call, kind, [name], Zone=kind, common="same")
    told = _all(call, "ListTagKeys", "Keys")
    assert told.count("Zone") == told.count("common") == 1
    assert told == sorted(told)
    assert sorted(_all(call, "ListTagValues", "Values", Key="Zone")) == sorted(everywhere)
    assert _all(call, "ListTagValues", "Values", Key="common") == ["same"]
    assert _all(call, "ListTagValues", "Values", Key="nobody") == []
    wanted = {"ResourceType": "secretparameter"}
    assert _all(call, "ListTagValues", "Values", Key="Zone", **wanted) == ["secretparameter"]
    assert "Zone" in _all(call, "ListTagKeys", "Keys", **wanted)


def _all(call: Caller, action: str, field: str, **wanted: str) -> list[str]:
    """What all pages tell."""
    found, token = [], ""
    while True:
        page = call(action, MaxResults=10, NextToken=token, **wanted)
        found += page[field]
        token = page["NextToken"]
        if not token:
            return found


MANY = [f"n{number}" for number in range(51)]
ROWS: list[tuple[str, dict[str, Any], str]] = [
    ("TagResources", {"ResourceType": None}, "MissingParameter.ResourceType"),
    ("TagResources", {"ResourceType": "application"}, "InvalidParameter.ResourceType"),
    ("TagResources", {"ResourceIds": None}, "MissingParameter.ResourceIds"),
    ("TagResources", {"ResourceIds": []}, "InvalidParameter.ResourceIds"),
    ("TagResources", {"ResourceIds": MANY}, "InvalidParameter.ResourceIds"),
    ("TagResources", {"ResourceIds": [1]}, "InvalidParameter.ResourceIds"),
    ("TagResources", {"Tags": None}, "MissingParameter.Tags"),
    ("TagResources", {"Tags": {}}, "InvalidParameter.Tags"),
    ("TagResources", {"Tags": {"k": []}}, "InvalidParameter.Tags"),
    ("TagResources", {"Tags": dict.fromkeys(MANY[:21], "")}, "InvalidParameter.Tags"),
    ("UntagResources", {"ResourceType": None}, "MissingParameter.ResourceType"),
    ("UntagResources", {"ResourceType": "other"}, "InvalidParameter.ResourceType"),
    ("UntagResources", {"ResourceIds": None}, "MissingParameter.ResourceIds"),
    ("UntagResources", {"ResourceIds": MANY}, "InvalidParameter.ResourceIds"),
    ("UntagResources", {"TagKeys": None}, "MissingParameter.TagKeys"),
    ("UntagResources", {"TagKeys": None, "All": False}, "MissingParameter.TagKeys"),
    ("UntagResources", {"TagKeys": MANY[:21]}, "InvalidParameter.TagKeys"),
    ("UntagResources", {"All": "maybe"}, "InvalidParameter.All"),
    ("ListTagResources", {"ResourceType": None}, "MissingParameter.ResourceType"),
    ("ListTagResources", {"ResourceType": "other"}, "InvalidParameter.ResourceType"),
    ("ListTagResources", {"ResourceIds": MANY}, "InvalidParameter.ResourceIds"),
    ("ListTagResources", {"Tags": dict.fromkeys(MANY[:21], "")}, "InvalidParameter.Tags"),
    ("ListTagResources", {"NextToken": "no token"}, "InvalidParameter.NextToken"),
    ("ListTagKeys", {"ResourceType": "other"}, "InvalidParameter.ResourceType"),
    ("ListTagKeys", {"MaxResults": 9}, "InvalidParameter.MaxResults"),
    ("ListTagKeys", {"NextToken": "no token"}, "InvalidParameter.NextToken"),
    ("ListTagValues", {"Key": None}, "MissingParameter.Key"),
    ("ListTagValues", {"ResourceType": "other"}, "InvalidParameter.ResourceType"),
    ("ListTagValues", {"MaxResults": 101}, "InvalidParameter.MaxResults"),
    ("ListTagValues", {"NextToken": "no token"}, "InvalidParameter.NextToken"),
    ("ChangeResourceGroup", {"ResourceType": None}, "MissingParameter.ResourceType"),
    ("ChangeResourceGroup", {"ResourceType": "other"}, "InvalidParameter.ResourceType"),
    ("ChangeResourceGroup", {"ResourceId": None}, "MissingParameter.ResourceId"),
    ("ChangeResourceGroup", {"NewResourceGroupId": None}, "MissingParameter.NewResourceGroupId"),
]
VALID: dict[str, dict[str, Any]] = {
    "TagResources": {"ResourceType": "parameter", "ResourceIds": ["n"], "Tags": {"k": "v"}},
    "UntagResources": {"ResourceType": "parameter", "ResourceIds": ["n"], "TagKeys": ["k"]},
    "ListTagResources": {"ResourceType": "parameter"},
    "ListTagKeys": {},
    "ListTagValues": {"Key": "k"},
    "ChangeResourceGroup": {
        "ResourceType": "parameter",
        "ResourceId": "n",
        "NewResourceGroupId": "rg",
    },
}


# Errors that other tests of this page cause.
BY_A_STORY = {
    *(
        (action, code)
        for action in ("TagResources", "UntagResources", "ChangeResourceGroup")
        for code in MISSING.values()
    ),
    ("TagResources", "QuotaExceeded.Tags"),
    ("ListTagResources", "InvalidParameter.MaxResults"),
}


def test_every_declared_error_is_caused_here() -> None:
    caused = {(action, code) for action, _, code in ROWS} | BY_A_STORY
    declared = {(action, error.code) for action in VALID for error in OPERATIONS[action].declared}
    assert declared - caused == set()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]} {row[2]}")
def test_what_cannot_be_done_is_refused(
    it: Cloud, call: Caller, row: tuple[str, dict[str, Any], str]
) -> None:
    action, changes, code = row
    given = {**VALID[action], **changes}
    given = {name: value for name, value in given.items() if value is not None}
    assert refused(lambda: call(action, **given)) == (code, 400)


def test_the_size_of_a_page_can_be_asked_for_where_the_client_has_no_field_for_it(
    it: Cloud, call: Caller
) -> None:
    raw = classic(it.endpoint, sdk=OOS)
    name = made(call, "parameter")
    tag(call, "parameter", [name], **{f"k{number}": "" for number in range(11)})
    given = {"ResourceType": "parameter", "ResourceIds": json.dumps([name])}
    page = raw("ListTagResources", MaxResults=10, **given)["TagResources"]["TagResource"]
    assert len(page) == 10
    wrong = ("InvalidParameter.MaxResults", 400)
    assert refused(lambda: raw("ListTagResources", MaxResults=9, **given)) == wrong
