"""The parameter store through the official client, over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from cloudhand.api.oos.operations import OPERATIONS
from cloudhand.core.orders import NewStoredVersion
from cloudhand.core.stored_parameter import VERSION_LIMIT
from tests.api.clients import OOS, Caller, ClientError, classic, oos
from tests.api.cloud import Cloud
from tests.world import World

PATTERN = json.dumps({"AllowedPattern": "^[a-z]+$"})
SLOW = json.dumps({"AllowedPattern": "(a+)+$"})
LONG = "x" * 4097


@pytest.fixture
def call(it: Cloud) -> Caller:
    return oos(it.endpoint)


@pytest.fixture(params=["", "Secret"])
def kind(request: pytest.FixtureRequest) -> str:
    """What stands before Parameter in the names of operations."""
    return str(request.param)


_names = iter(range(10**6))


def new(call: Caller, kind: str = "", **values: Any) -> str:
    """The name of a new parameter."""
    name = f"p{next(_names)}"
    given = {"Name": name, "Value": "one", **values}
    if not kind:
        given = {"Type": "String", **given}
    told: str = call(f"Create{kind}Parameter", **given)["Parameter"]["Name"]
    return told


def refused(call: Callable[[], Any]) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call()
    return caught.value.code, caught.value.status


def test_a_parameter_is_told_as_it_was_made(it: Cloud, call: Caller) -> None:
    values = {
        "Description": "of the shop",
        "ResourceGroupId": "rg-1",
        "Tags": {"k": "v"},
        "Constraints": PATTERN,
    }
    made = call("CreateParameter", Name="shop/color", Type="String", Value="red", **values)
    told = made["Parameter"]
    assert told["Id"].startswith("p-")
    assert told["CreatedDate"] == told["UpdatedDate"]
    expected = {
        **values,
        "Name": "shop/color",
        "Type": "String",
        "ParameterVersion": 1,
        "ShareType": "Private",
        "CreatedBy": "root",
        "UpdatedBy": "root",
    }
    assert {name: told[name] for name in expected} == expected
    assert "Value" not in told
    assert call("GetParameter", Name="shop/color")["Parameter"] == {**told, "Value": "red"}


def test_a_secret_is_told_only_on_request(it: Cloud, call: Caller) -> None:
    values = {"KeyId": "key-1", "DKMSInstanceId": "kms-1"}
    name = new(call, "Secret", Value="hush", **values)
    told = call("GetSecretParameter", Name=name)["Parameter"]
    assert "Value" not in told
    assert {one: told[one] for one in values} == values
    assert (told["Type"], told["Id"][:3]) == ("Secret", "sp-")
    for action, given in (
        ("GetSecretParameter", {"Name": name}),
        ("GetSecretParameters", {"Names": f'["{name}"]'}),
        ("ListSecretParameterVersions", {"Name": name}),
    ):
        assert "hush" not in str(call(action, **given))
        assert "hush" not in str(call(action, WithDecryption=False, **given))
        assert "hush" in str(call(action, WithDecryption=True, **given))
    by_path = {"Path": "/", "Recursive": True, "MaxResults": 10}
    assert "hush" not in str(call("GetSecretParametersByPath", **by_path))
    assert "hush" in str(call("GetSecretParametersByPath", WithDecryption=True, **by_path))
    assert "hush" not in str(call("ListSecretParameters", Name=name))


def test_a_change_is_a_new_version(it: Cloud, call: Caller, kind: str) -> None:
    name = new(call, kind, Description="first", ResourceGroupId="rg-1", Tags={"k": "v"})
    changed = call(f"Update{kind}Parameter", Name=name, Value="two")["Parameter"]
    told = {one: changed[one] for one in ("ParameterVersion", "Description", "ResourceGroupId")}
    assert told == {"ParameterVersion": 2, "Description": "first", "ResourceGroupId": "rg-1"}
    assert json.loads(changed["Tags"]) == {"k": "v"}
    more: dict[str, Any] = {"Description": "third", "ResourceGroupId": "rg-2"}
    tags = {"l": "w"} if kind else json.dumps({"l": "w"})
    changed = call(f"Update{kind}Parameter", Name=name, Value="three", Tags=tags, **more)
    assert changed["Parameter"]["ParameterVersion"] == 3
    assert {one: changed["Parameter"][one] for one in more} == more
    assert json.loads(changed["Parameter"]["Tags"]) == {"l": "w"}

    opened = {"WithDecryption": True} if kind else {}

    def value(**version: int) -> str:
        told: str = call(f"Get{kind}Parameter", Name=name, **opened, **version)["Parameter"][
            "Value"
        ]
        return told

    assert (value(), value(ParameterVersion=2), value(ParameterVersion=1)) == (
        "three",
        "two",
        "one",
    )
    told = call(f"List{kind}ParameterVersions", Name=name, **opened)
    assert told["TotalCount"] == 3
    assert [(one["ParameterVersion"], one["Value"]) for one in told["ParameterVersions"]] == [
        (3, "three"),
        (2, "two"),
        (1, "one"),
    ]


def test_there_are_at_most_100_versions(it: Cloud, call: Caller, kind: str) -> None:
    name = new(call, kind)

    async def fill(world: World) -> None:
        for number in range(2, VERSION_LIMIT + 1):
            await world.control.stored_parameters.update(
                NewStoredVersion(name=name, secret=bool(kind), value=str(number), by="root")
            )

    it.do(fill)
    with pytest.raises(ClientError) as caught:
        call(f"Update{kind}Parameter", Name=name, Value="one more")
    assert (caught.value.code, caught.value.status) == ("QuotaExceeded.ParameterVersion", 400)
    assert "at most 100 versions" in caught.value.message
    shown = call(f"List{kind}ParameterVersions", Name=name, MaxResults=60)
    more = call(f"List{kind}ParameterVersions", Name=name, NextToken=shown["NextToken"])
    numbers = [
        one["ParameterVersion"] for page in (shown, more) for one in page["ParameterVersions"]
    ]
    assert numbers == list(range(VERSION_LIMIT, 0, -1))


def test_a_common_and_a_secret_one_may_have_one_name(it: Cloud, call: Caller) -> None:
    name = new(call, Value="common")
    call("CreateSecretParameter", Name=name, Value="secret")
    call("DeleteSecretParameter", Name=name)
    assert call("GetParameter", Name=name)["Parameter"]["Value"] == "common"


def test_what_is_deleted_is_gone_with_its_versions(it: Cloud, call: Caller, kind: str) -> None:
    name = new(call, kind)
    call(f"Update{kind}Parameter", Name=name, Value="two")
    call(f"Delete{kind}Parameter", Name=name)
    gone = ("EntityNotExists.Parameter", 404)
    assert refused(lambda: call(f"Get{kind}Parameter", Name=name)) == gone
    value = {"Type": "String"} if not kind else {}
    call(f"Create{kind}Parameter", Name=name, Value="again", **value)
    assert call(f"List{kind}ParameterVersions", Name=name)["TotalCount"] == 1


def test_many_are_got_by_their_names(it: Cloud, call: Caller, kind: str) -> None:
    one, other = new(call, kind), new(call, kind)
    told = call(f"Get{kind}Parameters", Names=json.dumps([other, "nobody", one]))
    assert [found["Name"] for found in told["Parameters"]] == sorted([one, other])
    assert told["InvalidParameters"] == ["nobody"]


def test_folders_are_listed_in_pages(it: Cloud, call: Caller, kind: str) -> None:
    folder = f"/folder{kind}"
    for name in ("c", "a", "b", "deep/d"):
        new(call, kind, Name=f"{folder}/{name}")
    given = {"Path": folder, "MaxResults": 2}
    first = call(f"Get{kind}ParametersByPath", **given)
    second = call(f"Get{kind}ParametersByPath", NextToken=first["NextToken"], **given)
    names = [one["Name"] for page in (first, second) for one in page["Parameters"]]
    assert names == [f"{folder}/{name}" for name in ("a", "b", "c")]
    assert (first["TotalCount"], second["NextToken"]) == (3, "")
    deep = call(f"Get{kind}ParametersByPath", Path=f"{folder}/", Recursive=True)
    assert deep["TotalCount"] == 4


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"Name": "SHOP"}, ["shop", "workshop"]),
        ({"Path": "in"}, ["shop", "workshop"]),
        ({"Path": "/"}, []),
        ({"Path": "/", "Recursive": True, "Name": "in/"}, ["shop", "workshop"]),
        ({"Tags": {"t": "1"}}, ["shop"]),
        ({"ResourceGroupId": "rg-list"}, ["workshop"]),
        ({"SortField": "Name", "SortOrder": "Ascending", "Name": "in/"}, ["shop", "workshop"]),
        ({"SortField": "Name", "Name": "in/"}, ["workshop", "shop"]),
        ({"SortField": "CreatedDate", "Name": "in/"}, ["shop", "workshop"]),
    ],
)
def test_parameters_are_found(
    it: Cloud, call: Caller, kind: str, wanted: dict[str, Any], found: list[str]
) -> None:
    prefix = f"in{kind.lower()}/"
    told = _listed(call, kind)
    if f"{prefix}shop" not in told:
        new(call, kind, Name=f"{prefix}workshop", ResourceGroupId="rg-list")
        it.advance(seconds=1)
        new(call, kind, Name=f"{prefix}shop", Tags={"t": "1"})
    wanted = {
        key: prefix[:-1] if value == "in" else prefix if value == "in/" else value
        for key, value in wanted.items()
    }
    shown = _listed(call, kind, **wanted)
    expected = [f"{prefix}{name}" for name in found]
    if "SortField" in wanted:
        assert shown == expected
    else:
        assert sorted(name for name in shown if name.startswith(prefix)) == expected


def _listed(call: Caller, kind: str, **wanted: Any) -> list[str]:
    return [
        one["Name"] for one in call(f"List{kind}Parameters", MaxResults=100, **wanted)["Parameters"]
    ]


def test_common_ones_are_found_by_type_and_there_are_no_public_ones(
    it: Cloud, call: Caller
) -> None:
    name = new(call, Type="StringList", Value="a,b")
    assert name in _listed(call, "", Type="StringList")
    assert name not in _listed(call, "", Type="String")
    assert _listed(call, "", ShareType="Public") == []
    assert call("ListParameters", Name=name)["Parameters"][0]["ParameterVersion"] == "1"


def test_a_token_makes_a_parameter_once(it: Cloud, call: Caller, kind: str) -> None:
    given = {"Name": f"once{kind}", "Value": "v", "ClientToken": f"once-{kind}"}
    if not kind:
        given["Type"] = "String"
    first = call(f"Create{kind}Parameter", **given)
    again = call(f"Create{kind}Parameter", **given)
    assert again["Parameter"] == first["Parameter"]
    other = {**given, "Value": "w"}
    mismatch = ("IdempotentParameterMismatch", 400)
    assert refused(lambda: call(f"Create{kind}Parameter", **other)) == mismatch
    assert refused(lambda: call(f"Create{kind}Parameter", **{**given, "ClientToken": "other"})) == (
        "EntityAlreadyExists.Parameter",
        409,
    )


@pytest.mark.parametrize(
    ("constraints", "kept", "broken"),
    [
        ({"AllowedValues": ["a", "b"]}, "a", "c"),
        ({"AllowedValues": '["a", "b"]'}, "b", "ab"),
        ({"AllowedPattern": "^[a-z]+$"}, "abc", "aB"),
        ({"AllowedPattern": "[a-z]"}, "aB", "Ba"),
        ({"MinLength": 2, "MaxLength": "3"}, "abc", "a"),
        ({"MaxLength": 3}, "abc", "abcd"),
    ],
)
def test_values_keep_constraints(
    it: Cloud, call: Caller, kind: str, constraints: dict[str, Any], kept: str, broken: str
) -> None:
    given = json.dumps(constraints)
    wrong = ("InvalidParameter.Value", 400)
    assert refused(lambda: new(call, kind, Constraints=given, Value=broken)) == wrong
    name = new(call, kind, Constraints=given, Value=kept)
    assert call(f"Get{kind}Parameter", Name=name)["Parameter"]["Constraints"] == given
    assert refused(lambda: call(f"Update{kind}Parameter", Name=name, Value=broken)) == wrong
    call(f"Update{kind}Parameter", Name=name, Value=kept)


def test_each_item_of_a_list_keeps_them(it: Cloud, call: Caller) -> None:
    given = {"Type": "StringList", "Constraints": json.dumps({"AllowedValues": ["a", "b"]})}
    name = new(call, Value="a, b", **given)
    new(call, Value='["b"]', **given)
    with pytest.raises(ClientError, match="AllowedValues"):
        call("UpdateParameter", Name=name, Value="a,c")


def test_a_refused_value_is_not_told(it: Cloud, call: Caller, kind: str) -> None:
    for constraints in ({"AllowedValues": ["a"]}, {"AllowedPattern": "a"}, {"MaxLength": 1}):
        with pytest.raises(ClientError) as caught:
            new(call, kind, Value="hunter2", Constraints=json.dumps(constraints))
        assert "hunter2" not in caught.value.message
        assert next(iter(constraints)) in caught.value.message or "longer" in caught.value.message


NAME = "InvalidParameter.Name"
ROWS: list[tuple[str, dict[str, Any], str, int]] = [
    ("Create", {"Name": None}, "MissingParameter.Name", 400),
    ("Create", {"Name": "a b"}, NAME, 400),
    ("Create", {"Name": "a//b"}, NAME, 400),
    ("Create", {"Name": "a/"}, NAME, 400),
    ("Create", {"Name": "a.b"}, NAME, 400),
    ("Create", {"Name": "x" * 201}, NAME, 400),
    *(("Create", {"Name": f"{one}x"}, NAME, 400) for one in ("ALIYUN", "acs", "Alibaba")),
    *(("Create", {"Name": f"{one}x"}, NAME, 400) for one in ("alicloud", "OOS")),
    ("Create", {"Value": None}, "MissingParameter.Value", 400),
    ("Create", {"Value": LONG}, "InvalidParameter.Value", 400),
    ("Create", {"Type": "Number"}, "InvalidParameter.Type", 400),
    ("Create", {"Description": "x" * 201}, "InvalidParameter.Description", 400),
    ("Create", {"ClientToken": "!"}, "InvalidParameter.ClientToken", 400),
    ("Create", {"Tags": {f"k{n}": "" for n in range(21)}}, "InvalidParameter.Tags", 400),
    ("Create", {"Tags": {"k": ["no text"]}}, "InvalidParameter.Tags", 400),
    *(
        ("Create", {"Constraints": one}, "InvalidParameter.Constraints", 400)
        for one in (
            "no JSON",
            "[]",
            '{"Allowed": []}',
            '{"AllowedValues": "a"}',
            '{"AllowedValues": [1]}',
            '{"AllowedPattern": 1}',
            '{"AllowedPattern": "("}',
            '{"MinLength": -1}',
            '{"MinLength": "one"}',
            '{"MinLength": 2, "MaxLength": 1}',
            "[" * 4000,
            " " * 4097,
        )
    ),
    ("Update", {"Name": "nobody"}, "EntityNotExists.Parameter", 404),
    ("Update", {"Name": None}, "MissingParameter.Name", 400),
    ("Update", {"Value": None}, "MissingParameter.Value", 400),
    ("Update", {"Value": LONG}, "InvalidParameter.Value", 400),
    ("Update", {"Description": "x" * 201}, "InvalidParameter.Description", 400),
    ("Update", {"Tags": "no JSON"}, "InvalidParameter.Tags", 400),
    ("Get", {"Name": None}, "MissingParameter.Name", 400),
    ("Get", {"Name": "nobody"}, "EntityNotExists.Parameter", 404),
    ("Get", {"ParameterVersion": 2}, "EntityNotExists.Parameter", 404),
    ("Get", {"ParameterVersion": 101}, "InvalidParameter.ParameterVersion", 400),
    ("Get", {"ParameterVersion": 0}, "InvalidParameter.ParameterVersion", 400),
    ("Get*s", {"Names": None}, "MissingParameter.Names", 400),
    ("Get*s", {"Names": "[]"}, "InvalidParameter.Names", 400),
    ("Get*s", {"Names": "[1]"}, "InvalidParameter.Names", 400),
    ("Get*s", {"Names": "[not JSON"}, "InvalidParameter.Names", 400),
    ("Get*s", {"Names": json.dumps([f"n{n}" for n in range(11)])}, "InvalidParameter.Names", 400),
    ("Get*sByPath", {"Path": None}, "MissingParameter.Path", 400),
    ("Get*sByPath", {"Path": "/" * 201}, "InvalidParameter.Path", 400),
    ("Get*sByPath", {"MaxResults": 11}, "InvalidParameter.MaxResults", 400),
    ("Get*sByPath", {"NextToken": "no token"}, "InvalidParameter.NextToken", 400),
    ("List*s", {"MaxResults": 9}, "InvalidParameter.MaxResults", 400),
    ("List*s", {"MaxResults": 101}, "InvalidParameter.MaxResults", 400),
    ("List*s", {"NextToken": "no token"}, "InvalidParameter.NextToken", 400),
    ("List*s", {"SortField": "Value"}, "InvalidParameter.SortField", 400),
    ("List*s", {"SortOrder": "Up"}, "InvalidParameter.SortOrder", 400),
    ("List*s", {"Path": "/" * 201}, "InvalidParameter.Path", 400),
    ("List*s", {"Tags": {f"k{n}": "" for n in range(21)}}, "InvalidParameter.Tags", 400),
    ("List*s", {"RegionId": "elsewhere"}, "InvalidRegionId.NotFound", 404),
    ("List*Versions", {"Name": "nobody"}, "EntityNotExists.Parameter", 404),
    ("List*Versions", {"Name": None}, "MissingParameter.Name", 400),
    ("List*Versions", {"ShareType": "Public"}, "EntityNotExists.Parameter", 404),
    ("List*Versions", {"ShareType": "Shared"}, "InvalidParameter.ShareType", 400),
    ("List*Versions", {"MaxResults": 9}, "InvalidParameter.MaxResults", 400),
    ("List*Versions", {"NextToken": "no token"}, "InvalidParameter.NextToken", 400),
    ("Delete", {"Name": "nobody"}, "EntityNotExists.Parameter", 404),
    ("Delete", {"Name": None}, "MissingParameter.Name", 400),
]


# Errors that other tests of this page cause, by what stands in rows for the operation.
BY_A_STORY = {
    ("Create", "EntityAlreadyExists.Parameter"),
    ("Create", "IdempotentParameterMismatch"),
    ("List*s", "InvalidParameter.ShareType"),
    ("List*s", "InvalidParameter.Type"),
    ("Update", "InvalidParameter.Constraints"),
    ("Update", "QuotaExceeded.ParameterVersion"),
}


def _operation(action: str, kind: str) -> str:
    return action.replace("*", f"{kind}Parameter") if "*" in action else f"{action}{kind}Parameter"


# All operations of the store.
ACTIONS = {_operation(action, kind) for action, *_ in ROWS for kind in ("", "Secret")}


def test_every_declared_error_is_caused_here(kind: str) -> None:
    caused = {(_operation(action, kind), code) for action, _, code, _ in ROWS}
    caused |= {(_operation(action, kind), code) for action, code in BY_A_STORY}
    actions = {_operation(action, kind) for action, *_ in ROWS}
    declared = {(action, error.code) for action in actions for error in OPERATIONS[action].declared}
    assert declared - caused == set()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]} {row[2]}")
def test_what_cannot_be_done_is_refused(
    it: Cloud, call: Caller, kind: str, row: tuple[str, dict[str, Any], str, int]
) -> None:
    action, changes, code, status = row
    operation = _operation(action, kind)
    given = {**_valid(call, kind, action), **changes}
    given = {name: value for name, value in given.items() if value is not None}
    assert refused(lambda: call(operation, **given)) == (code, status)


def _valid(call: Caller, kind: str, action: str) -> dict[str, Any]:
    if action == "Create":
        given = {"Name": f"p{next(_names)}", "Value": "v"}
        return given if kind else {**given, "Type": "String"}
    if action == "Get*sByPath":
        return {"Path": "/"}
    if action in ("Get*s", "List*s"):
        return {}
    return {"Name": new(call, kind), **({"Value": "w"} if action == "Update" else {})}


def test_what_only_one_of_both_can_be_asked_is_refused(it: Cloud, call: Caller) -> None:
    name = new(call, ResourceGroupId="rg-1")
    assert call("GetParameter", Name=name, ResourceGroupId="rg-1")["Parameter"]["Name"] == name
    gone = ("EntityNotExists.Parameter", 404)
    assert refused(lambda: call("GetParameter", Name=name, ResourceGroupId="rg-2")) == gone
    absent = ("MissingParameter.Type", 400)
    assert refused(lambda: call("CreateParameter", Name="untyped", Value="v")) == absent
    assert refused(lambda: call("ListParameters", Type="Secret")) == (
        "InvalidParameter.Type",
        400,
    )
    assert refused(lambda: call("ListParameters", ShareType="Shared")) == (
        "InvalidParameter.ShareType",
        400,
    )
    long = "x" * 181
    new(call, Name=long)
    assert refused(lambda: new(call, "Secret", Name=long)) == (NAME, 400)


def test_half_of_a_pair_of_surrogates_is_no_text(it: Cloud, kind: str) -> None:
    raw = classic(it.endpoint, sdk=OOS)
    given = {"Name": "half", "Type": kind or "String", "Value": "v", "Tags": '{"k": "\\ud800"}'}
    assert refused(lambda: raw(f"Create{kind}Parameter", **given)) == (
        "InvalidParameter.Tags",
        400,
    )


def test_a_pattern_that_never_ends_is_told_of(it: Cloud, call: Caller, kind: str) -> None:
    name = new(call, kind, Constraints=SLOW, Value="a")
    wrong = ("InvalidParameter.Constraints", 400)
    endless = "a" * 40 + "!"
    assert refused(lambda: call(f"Update{kind}Parameter", Name=name, Value=endless)) == wrong
