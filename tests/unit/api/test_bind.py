"""Parameters from a query: every problem is found, and no input breaks it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudhand.api import bind
from cloudhand.api.ecs import custom_parameters, errors
from cloudhand.api.ecs.operations import OPERATIONS
from cloudhand.api.operation import Operation
from cloudhand.api.paging import Paging, cut, paging
from cloudhand.api.refusal import Refused, WireError
from cloudhand.api.tags import tags
from cloudhand.core.errors import BadCursor
from cloudhand.core.page import Window

TOO_MANY = WireError(code="TooMany", status=403, message="Too many.")
TOO_LONG = WireError(code="TooLong", status=403, message="Too long.")


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = bind.text(required=True)
    name: str = bind.text("Name", bind.longest(3, TOO_LONG))
    count: int = bind.number(default=5, at_least=1, at_most=9)
    force: bool = bind.flag()
    ids: tuple[str, ...] = bind.many("Id", at_most=2, too_many=TOO_MANY)
    listed: tuple[str, ...] | None = bind.json_list(
        "Listed", at_most=2, malformed=TOO_LONG, too_many=TOO_MANY
    )
    tags: Mapping[str, str] = tags("Tag", errors.TAG_ERRORS)
    parameters: Mapping[str, str] = custom_parameters.parameters()
    page: Paging = paging()


DECLARED = bind.parameters(Params)


def bound(**flat: str) -> Params:
    given = {name.replace("__", "."): value for name, value in flat.items()}
    return bind.bind(Params, DECLARED, {"RegionId": "r", **given})


def refused(**flat: str) -> list[str]:
    with pytest.raises(Refused) as caught:
        bound(**flat)
    return [error.code for error in caught.value.errors]


def test_what_is_not_given_has_its_default() -> None:
    assert bound() == Params(region_id="r", tags={}, parameters={})


def test_what_is_given_has_its_type() -> None:
    params = bound(Name="abc", Count="7", Force="True", Id__2="b", Id__1="a", Listed='["x"]')
    assert params == Params(
        region_id="r",
        name="abc",
        count=7,
        force=True,
        ids=("a", "b"),
        listed=("x",),
        tags={},
        parameters={},
    )


def test_all_problems_are_told_with_the_first_as_the_code() -> None:
    with pytest.raises(Refused) as caught:
        bound(Name="abcd", Count="0", Force="maybe")
    assert [error.code for error in caught.value.errors] == [
        "TooLong",
        "InvalidParameter.Count",
        "InvalidParameter.Force",
    ]
    assert caught.value.message.startswith("Too long. Also InvalidParameter.Count: ")


def test_a_missing_parameter_is_named() -> None:
    assert refused(RegionId="") == ["MissingParameter.RegionId"]


@pytest.mark.parametrize("text", ["0", "10", "x", "1.5", "9" * 5000, "-1"])
def test_numbers_outside_their_range_are_refused(text: str) -> None:
    assert refused(Count=text) == ["InvalidParameter.Count"]


def test_each_item_counts_once() -> None:
    assert bound(Id__1="a", Id__2="a", Id__3="b").ids == ("a", "b")
    assert refused(Id__1="a", Id__2="b", Id__3="c") == ["TooMany"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('["i-1", "i-2"]', ("i-1", "i-2")),
        ("['i-1', 'i-2']", ("i-1", "i-2")),  # as Python prints it
        (" ['i-1'] ", ("i-1",)),
        ("[]", ()),
        ("[ ]", ()),
        ("", None),
    ],
)
def test_lists_come_as_json_and_as_python_prints_them(
    text: str, found: tuple[str, ...] | None
) -> None:
    assert bound(Listed=text).listed == found


@pytest.mark.parametrize(
    "text",
    ["i-1", '"i-1"', "{}", "[1]", "[['i-1']]", "['i-1\"]", "['i-1',]", '["\\ud800"]', "[" * 9999],
)
def test_lists_in_other_spellings_are_malformed(text: str) -> None:
    assert refused(Listed=text) == ["TooLong"]


@pytest.mark.parametrize(
    ("flat", "code"),
    [
        ({f"Tag.{n}.Key": f"k{n}" for n in range(1, 22)}, "NumberExceed.Tags"),
        ({"Tag.1.Value": "v"}, "MissingParameter.TagKey"),
        ({"Tag.1.Key": "k", "Tag.2.Key": "k"}, "Duplicate.TagKey"),
        ({"Tag.1.Key": "acs:k"}, "InvalidTagKey.Malformed"),
        ({"Tag.1.Key": "aliyunk"}, "InvalidTagKey.Malformed"),
        ({"Tag.1.Key": "k" * 65}, "InvalidTagKey.Malformed"),
        ({"Tag.1.Key": "xhttp://"}, "InvalidTagKey.Malformed"),
        ({"Tag.1.Key": "k", "Tag.1.Value": "v" * 129}, "InvalidTagValue.Malformed"),
        ({"Tag.1.Key": "k", "Tag.1.Value": "https://x"}, "InvalidTagValue.Malformed"),
    ],
)
def test_tags_have_limits(flat: dict[str, str], code: str) -> None:
    assert refused(**flat) == [code]


def test_tags_are_a_mapping_and_a_value_may_be_empty() -> None:
    flat = {"Tag.1.Key": "a", "Tag.1.Value": "1", "Tag.5.Key": "b"}
    assert bound(**flat).tags == {"a": "1", "b": ""}


def test_custom_parameters_keep_the_callers_spelling_of_numbers() -> None:
    text = '{"name":"Ja ck","n":1,"b":true,"f":1.50,"empty":""}'
    assert bound(Parameters=text).parameters == {
        "name": "Ja ck",
        "n": "1",
        "b": "true",
        "f": "1.50",
        "empty": "",
    }
    assert bound(Parameters="{}").parameters == {}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{'name': 'Jack'}", "InvalidParameter.Parameters"),
        ("[]", "InvalidParameter.Parameters"),
        ("1", "InvalidParameter.Parameters"),
        ('{"a":' * 9999, "InvalidParameter.Parameters"),
        ('{"a":{}}', "ParameterType.NotSupported"),
        ('{"a":[]}', "ParameterType.NotSupported"),
        ('{"a":null}', "ParameterType.NotSupported"),
        ('{"a":"1","A":"2"}', "ParameterKey.Duplicate"),
        ('{"a":"1","a":"2"}', "ParameterKey.Duplicate"),
        ('{"":"1"}', "ParameterKey.ExceedLimit"),
        (f'{{"{"k" * 65}":"1"}}', "ParameterKey.ExceedLimit"),
        ('{"é":"1"}', "InvalidParameterCharset.Parameters"),
        ('{"a":"\\ud800"}', "InvalidParameterCharset.Parameters"),
        (
            "{" + ",".join(f'"k{n}":""' for n in range(11)) + "}",
            "ParameterCount.ExceedLimit",
        ),
    ],
)
def test_custom_parameters_have_limits(text: str, code: str) -> None:
    assert refused(Parameters=text) == [code]


def test_a_page_is_asked_for_by_number_or_by_token() -> None:
    assert bound(PageNumber="3", PageSize="20").page == Paging(
        window=Window(limit=20, offset=40), number=3
    )
    by_token = bound(MaxResults="7", NextToken="abc", PageSize="20").page
    window = Window(limit=7, after="abc", counted_to=10_000)
    assert by_token == Paging(window=window, by_token=True)


@pytest.mark.parametrize(
    ("flat", "code"),
    [
        ({"PageNumber": "0"}, "InvalidParam.PageNumber"),
        ({"PageNumber": "9" * 30}, "InvalidParam.PageNumber"),
        ({"PageSize": "51"}, "InvalidParam.PageSize"),
        ({"PageSize": "x"}, "InvalidParam.PageSize"),
        ({"MaxResults": "51"}, "InvalidParameter.MaxResults"),
        ({"MaxResults": "0"}, "InvalidParameter.MaxResults"),
        ({"NextToken": "é"}, "InvalidParameter.NextToken"),
        ({"NextToken": "x" * 513}, "InvalidParameter.NextToken"),
    ],
)
def test_pages_have_limits(flat: dict[str, str], code: str) -> None:
    assert refused(**flat) == [code]


@pytest.mark.parametrize(("given", "limit"), [("1", 10), ("50", 50), ("999", 100), ("-4", 10)])
def test_max_results_is_clamped_where_the_real_service_does_so(given: str, limit: int) -> None:
    one_page = OPERATIONS["DescribeInstances"].parameters["page"]
    assert one_page.read({"MaxResults": given}, "PageNumber").size == limit


def test_a_list_at_hand_is_cut_into_pages_that_follow_each_other() -> None:
    first = cut("abcde", Window(limit=2))
    second = cut("abcde", Window(limit=2, after=first.next))
    last = cut("abcde", Window(limit=2, after=second.next))
    assert [*first.items, *second.items, *last.items] == list("abcde")
    assert (last.next, last.total) == ("", 5)
    with pytest.raises(BadCursor):
        cut("abcde", Window(limit=2, after="x"))


NAMES = sorted(
    {name for op in OPERATIONS.values() for one in op.parameters.values() for name in one.names}
)
KEYS = st.one_of(
    st.sampled_from(NAMES),
    st.builds(
        "{}.{}{}".format,
        st.sampled_from(NAMES),
        st.integers(-1, 30),
        st.sampled_from(["", ".Key", ".Value", ".x"]),
    ),
)
VALUES = st.one_of(
    st.text(max_size=80),
    st.sampled_from(["true", "False", "1", "-1", "[]", "['a']", '["a"]', "{}", '{"a":1}', "null"]),
    st.integers().map(str),
)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda operation: operation.name)
@given(flat=st.dictionaries(KEYS, VALUES, max_size=12))
def test_no_input_breaks_binding(operation: Operation, flat: dict[str, str]) -> None:
    try:
        bind.bind(operation.params, operation.parameters, {"RegionId": "r", **flat})
    except Refused as refused:
        assert refused.errors
        assert all(400 <= error.status < 500 for error in refused.errors)


@dataclass(frozen=True, kw_only=True)
class Shared:
    name: str = bind.text("Name", bind.longest(3, TOO_LONG))
    count: int = bind.number(default=5, at_least=1, at_most=9)


@dataclass(frozen=True, kw_only=True)
class Grouped:
    region_id: str = bind.text(required=True)
    shared: Shared = bind.group(Shared)


def test_a_group_is_bound_as_if_it_stood_in_its_place() -> None:
    declared = bind.parameters(Grouped)
    assert [one.names[0] for one in declared.values()] == ["RegionId", "Name", "Count"]
    params = bind.bind(Grouped, declared, {"RegionId": "r", "Name": "abc", "Count": "2"})
    assert params == Grouped(region_id="r", shared=Shared(name="abc", count=2))
    with pytest.raises(Refused) as caught:
        bind.bind(Grouped, declared, {"Name": "abcd", "Count": "0"})
    codes = [error.code for error in caught.value.errors]
    assert codes == ["MissingParameter.RegionId", "TooLong", "InvalidParameter.Count"]
