"""Custom parameters of a script."""

from __future__ import annotations

import pytest

from cloudhand.core.command import fill, placeholders
from cloudhand.core.errors import ParameterProblem


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
