"""Custom parameters of a script."""

from __future__ import annotations

import pytest

from cloudhand.core.command import (
    Command,
    CommandType,
    StoredNames,
    StoredValues,
    check,
    check_values,
    fill,
    placeholders,
    reveal,
    stored_names,
)
from cloudhand.core.errors import ParameterProblem
from cloudhand.core.ids import CommandId


def test_names_are_found_once_whatever_their_case_and_blanks() -> None:
    assert placeholders("{{a}} {{ A }} {{\n b-1\n}} {{ACS::RegionId}} {{oos:x}}") == ("a", "b-1")


@pytest.mark.parametrize(
    "content, kind",
    [
        ("{{}}", "EmptyKey"),
        ("{{ }}", "EmptyKey"),
        ("{{a b}}", "InvalidParamName"),
        ("{{é}}", "InvalidParamName"),
        ("{{" + "a" * 65 + "}}", "ParamNameTooLong"),
        ("".join("{{" + f"p{n}" + "}}" for n in range(21)), "TooMany"),
    ],
)
def test_bad_placeholders(content: str, kind: str) -> None:
    with pytest.raises(ParameterProblem) as refused:
        placeholders(content)
    assert refused.value.kind == kind


def test_values_fill_their_placeholders_whatever_the_case() -> None:
    assert fill("echo {{Name}} {{ name }} {{other}}.", {"NAME": "Ja ck"}) == "echo Ja ck Ja ck ."


def test_what_the_agent_fills_is_left_alone() -> None:
    text = "{{ ACS::InstanceId }} {{oos:a}} {{oos-secret:b}}"
    assert fill(text, {}) == text


def test_a_value_is_not_filled_again() -> None:
    assert fill("{{a}} {{b}}", {"a": "{{b}}", "b": "x"}) == "{{b}} x"


@pytest.mark.parametrize(
    "parameters, kind", [({"c": "1"}, "NotMatched"), ({"a": "1", "A": "2"}, "Duplicate")]
)
def test_values_that_do_not_fit(parameters: dict[str, str], kind: str) -> None:
    with pytest.raises(ParameterProblem) as refused:
        fill("{{a}}", parameters)
    assert refused.value.kind == kind


def command(content: bytes, *, asks: bool = True) -> Command:
    return Command(
        id=CommandId("c-1"), type=CommandType.BATCH, content=content, enable_parameter=asks
    )


@pytest.mark.parametrize(
    "content, kind",
    [(b"{{}}", "EmptyKey"), (b"\xff", "NotText"), (b"x" * (18 * 1024 + 1), "TooLong")],
)
def test_a_command_that_could_not_be_filled(content: bytes, kind: str) -> None:
    with pytest.raises(ParameterProblem) as refused:
        check(command(content))
    assert refused.value.kind == kind


def test_braces_mean_nothing_where_they_are_not_asked_for() -> None:
    check(command(b"{{}} \xff", asks=False))
    check_values(command(b"{{}} {{oos:x}} \xff", asks=False), {})


@pytest.mark.parametrize(
    "content, asks, values, kind",
    [
        (b"{{a}}", False, {"a": "1"}, "Disabled"),
        (b"{{a}}", True, {"b": "1"}, "NotMatched"),
        (b"{{a}}", True, {"a": "1" * 24 * 1024}, "TooLong"),
        (b"\xff", True, {}, "NotText"),
    ],
)
def test_values_that_a_command_cannot_be_run_with(
    content: bytes, asks: bool, values: dict[str, str], kind: str
) -> None:
    with pytest.raises(ParameterProblem) as refused:
        check_values(command(content, asks=asks), values)
    assert refused.value.kind == kind


def test_what_a_script_names_of_the_parameter_store() -> None:
    names = stored_names("{{oos:a}} {{ OOS-Secret: path/b.c }} {{a}} {{ACS::RegionId}} {{oos:a}}")
    assert names == StoredNames(common=frozenset({"a"}), secret=frozenset({"path/b.c"}))


def test_blanks_and_line_breaks_around_a_name_mean_nothing() -> None:
    assert stored_names("{{ oos:\ta\n}}").common == {"a"}


@pytest.mark.parametrize("content", ["{{oos:}}", "{{oos-secret: a b}}", "{{oos:é}}"])
def test_what_is_no_name_in_the_parameter_store(content: str) -> None:
    with pytest.raises(ParameterProblem) as refused:
        stored_names(content)
    assert refused.value.kind == "NotStored"


def test_values_of_the_store_come_in_once() -> None:
    values = StoredValues(common={"a": "{{oos-secret:a}}"}, secret={"a": "{{oos:a}}"})
    assert reveal("{{oos:a}} {{ oos-secret: a }}", values) == "{{oos-secret:a}} {{oos:a}}"


def test_a_built_in_placeholder_that_is_known_is_filled() -> None:
    known = {"acs::invokeid": "t-1"}
    assert fill("{{ ACS::InvokeId }} {{acs::regionid}}", {}, known) == "t-1 {{acs::regionid}}"
