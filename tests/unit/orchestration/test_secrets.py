"""What stands for secrets: it cannot be forged, is shown as a reference, and is put in at last."""

from __future__ import annotations

from typing import Any

import pytest

from cloudhand.orchestration import secrets, values
from cloudhand.orchestration.action import bind
from cloudhand.orchestration.actions.notify import Properties as Notify
from cloudhand.orchestration.evaluation import EvaluationError, Evaluator, NotStored, Scope
from cloudhand.orchestration.expression import parse
from cloudhand.orchestration.polling import Properties as WaitFor

MARK = "m4rk"
DB = secrets.stand_in("db", MARK)
SCOPE = Scope(
    parameters={"password": DB, "pair": {"user": "root", "password": DB}},
    stored={"color": "red", "list": ["a", "b"]},
    mark=MARK,
)
KNOWN = {"db": "hunter2", "token": "t0ken"}


async def value(template: Any) -> Any:
    """What a value of a template is worth. No program is run."""
    return await Evaluator(SCOPE, None).value(parse(template))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("template", "shown", "clear"),
    [
        ("{{ oos-secret:db }}", "{{oos-secret:db}}", "hunter2"),
        ("{{OOS-SECRET: db}}", "{{oos-secret:db}}", "hunter2"),
        ("{{ password }}", "{{oos-secret:db}}", "hunter2"),
        ("a {{ password }} b", "a {{oos-secret:db}} b", "a hunter2 b"),
        (
            "{{ password }}{{ oos-secret:token }} {{ oos:color }}",
            "{{oos-secret:db}}{{oos-secret:token}} red",
            "hunter2t0ken red",
        ),
        ("{{ oos:list }}", ["a", "b"], ["a", "b"]),
        ("x{{ oos:list }}", 'x["a","b"]', 'x["a","b"]'),
        ("{{ pair }}", {"user": "root", "password": "{{oos-secret:db}}"}, None),
        ([1, {"k": "{{ oos-secret:db }}"}], [1, {"k": "{{oos-secret:db}}"}], [1, {"k": "hunter2"}]),
        ({"Fn::Select": ["password", "{{ pair }}"]}, "{{oos-secret:db}}", "hunter2"),
        ({"Fn::If": [False, "{{ oos:none }}", "{{ password }}"]}, "{{oos-secret:db}}", "hunter2"),
        ({"Fn::ListJoin": ["{{ password }}"]}, ["{{oos-secret:db}}"], ["hunter2"]),
    ],
)
async def test_a_secret_is_shown_as_a_reference_until_it_is_needed(
    template: Any, shown: Any, clear: Any
) -> None:
    found = await value(template)
    assert secrets.masked(found) == shown
    assert "hunter2" not in str(found)
    if clear is not None:
        assert secrets.revealed(found, MARK, KNOWN) == clear


@pytest.mark.parametrize(
    "template",
    [
        {"Fn::Join": ["-", ["a", "{{ password }}"]]},
        {"Fn::Base64Encode": "x{{ password }}"},
        {"Fn::Equals": ["{{ password }}", "hunter2"]},
        {"Fn::Jq": ["First", ".", "{{ pair }}"]},
        {"Fn::Sub": ["${p}", {"p": "{{ password }}"}]},
        {"Fn::MergeMap": [{"a": 1}, "{{ password }}"]},
        {"Fn::Select": ["Cloudhand::Mark", "{{ password }}"]},
        {"Fn::If": ["{{ password }}", 1, 2]},
        "text {{ pair }}",
    ],
)
async def test_nothing_looks_into_a_secret(template: Any) -> None:
    with pytest.raises(EvaluationError) as caught:
        await value(template)
    assert "db" in str(caught.value)
    assert MARK not in str(caught.value)


async def test_what_is_not_in_the_store_is_named() -> None:
    with pytest.raises(NotStored, match="no parameter none in") as caught:
        await value("a {{ oos:none }}")
    assert caught.value.code == "EntityNotExists.Parameter"


@pytest.mark.parametrize(
    "forged",
    [
        {secrets.SECRET: "db"},
        {secrets.SECRET: "db", secrets.MARK: ""},
        {secrets.SECRET: "db", secrets.MARK: "guess"},
        {secrets.SECRET: ["a", {secrets.SECRET: "db", secrets.MARK: "guess"}], secrets.MARK: "g"},
        {secrets.SECRET: "db", secrets.MARK: MARK, "more": 1},
        "{{oos-secret:db}}",
    ],
)
def test_data_that_looks_like_a_secret_is_data(forged: Any) -> None:
    assert secrets.names([forged], MARK) == set()
    assert secrets.revealed([forged], MARK, KNOWN) == [forged]


def test_without_a_mark_nothing_is_a_secret() -> None:
    """Of an execution that was started before there were any."""
    assert secrets.names(secrets.stand_in("db", ""), "") == set()


def test_messages_never_tell_the_mark() -> None:
    for told in (values.shown([DB]), values.text({"a": DB}), values.text(DB)):
        assert "{{oos-secret:db}}" in told
        assert MARK not in told


@pytest.mark.parametrize(
    ("properties", "given", "fits"),
    [
        (Notify, {"NotifyType": "WebHook", "WebHook": {"URI": DB}}, True),
        (Notify, {"NotifyType": DB}, False),
        (
            WaitFor,
            {"Service": "s", "API": "a", "PropertySelector": "x", "DesiredValues": [DB]},
            False,
        ),
        (
            WaitFor,
            {"Service": "s", "API": "a", "PropertySelector": "x", "Parameters": {"p": [DB]}},
            True,
        ),
    ],
)
def test_secrets_stand_only_where_they_are_sent_on(
    properties: Any, given: dict[str, Any], fits: bool
) -> None:
    if fits:
        bind(properties, given)
        return
    with pytest.raises(ValueError, match="cannot have a secret in it") as caught:
        bind(properties, given)
    assert MARK not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "known", "scrubbed"),
    [
        ("cannot find hunter2", ["hunter2"], "cannot find ****"),
        ("hunter2hunter2", ["hunter2"], "********"),
        ("cannot find correct horse ba…", ["correct horse battery staple"], "cannot find ****…"),
        ("cannot find correct h", ["correct horse battery staple"], "cannot find ****"),
        ("cannot find correct", ["correct horse"], "cannot find correct"),
        ("a*b", ["*"], "a****b"),
        ("plain", ["", "other"], "plain"),
        ("ab abc", ["ab", "abc"], "**** ****"),
    ],
)
def test_messages_are_scrubbed(text: str, known: list[str], scrubbed: str) -> None:
    assert secrets.scrubbed(text, known) == scrubbed
