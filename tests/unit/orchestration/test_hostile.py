"""Whatever is given as a template, it is one, or what is wrong is told: nothing else happens."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudhand.core.errors import TemplateInvalid
from cloudhand.orchestration.actions.library import Library
from cloudhand.orchestration.document import LIMIT, read
from tests.unit.orchestration.confined import Confined

_ROOT = Path(__file__).parents[3]
# Those of the corpus, by which mutations come far.
TEXTS = sorted(
    path.read_text()
    for path in [
        *(_ROOT / "tests" / "rehearsals" / "templates").glob("*.yml"),
        *(_ROOT / "examples" / "templates").glob("*/template.yml"),
    ]
)
_fuzz = settings(max_examples=int(os.environ.get("CLOUDHAND_TEST_EXAMPLES", "100")), deadline=None)

_SNIPPETS = st.sampled_from(
    ["{{", "}}", "{{ ", "&a", "*a", "!!python/object:os.system ", "!!binary x", "<<: ", "? ", "- ",
     ": ", "\n", "\t", "\x00", "'", '"', "|", ">", "%YAML 9\n", "---\n", "...", "Fn::", "ACS::",
     "{{ oos-secret:x }}", "{{ ACS::TaskLoopItem }}", "1e999", ".nan", "-0", "0o7", "~", "null",
     "[", "]", "{", "}", "\U0001f600", "\u2028", "\ufeff"]
)  # fmt: skip


@pytest.fixture(scope="module")
def library() -> Library:
    return Library({})


def told(library: Library, text: str) -> list[str]:
    """What is wrong; nothing if it is a template."""
    try:
        library.parse(text)
    except TemplateInvalid as error:
        assert error.problems
        return [str(problem) for problem in error.problems]
    return []


@_fuzz
@given(st.data())
def test_a_template_that_was_changed_somewhere(library: Library, data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(TEXTS))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(start + 40, len(text))))
        put = data.draw(_SNIPPETS | st.text(max_size=5) | st.just(text[end : end + 200]))
        text = text[:start] + put + text[end:]
    told(library, text)


_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["{{ it }}", "{{ task.out }}", "ACS::END", "all", "10%", ".", "PT1M"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["Fn::If", "Fn::Equals", "Fn::Sub", "Fn::Jq", "Fn::Select", "Type", "x"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


def _places(value: Any) -> list[list[Any]]:
    """Where something stands in plain data: what holds it, and its key."""
    found: list[list[Any]] = []
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in pairs:
        found.append([value, key])
        if isinstance(one, dict | list):
            found += _places(one)
    return found


@_fuzz
@given(st.data())
def test_a_template_with_something_else_in_a_place(library: Library, data: st.DataObject) -> None:
    document = read(data.draw(st.sampled_from(TEXTS))).data
    for _ in range(data.draw(st.integers(1, 3))):
        holder, key = data.draw(st.sampled_from(_places(document)))
        if key in (holder if isinstance(holder, dict) else range(len(holder))):
            holder[key] = data.draw(_VALUES)
    told(library, json.dumps(document))


@_fuzz
@given(st.text(max_size=300) | st.binary(max_size=300).map(lambda raw: raw.decode("latin-1")))
def test_any_text(library: Library, text: str) -> None:
    assert told(library, text)


def _with(value: str) -> str:
    """A template with a value in the properties of its task."""
    return (
        "FormatVersion: OOS-2019-06-01\nTasks:\n  - Name: a\n    Action: ACS::Sleep\n"
        f"    Properties: {{Duration: {value}}}\n"
    )


@pytest.mark.parametrize(
    "value",
    [
        "'" + "{{ " * 10_000 + "'",
        "'" + "{{ a }}" * 5_000 + "'",
        "'" + "{{" * 20_000 + "}}" * 8_000 + "'",
        "{'Fn::Join': " * 20 + "[]" + "}" * 20,
        "[" * 60 + "]" * 60,
        "'" + "x" * 60_000 + "'",
        "9" * 5_000,
        "1e" + "9" * 5_000,
        "'{{ " + "a." * 10_000 + "b }}'",
        "'" + "\\u0000" * 5_000 + "'",
    ],
    ids=lambda value: value[:12],
)
def test_much_of_one_thing_is_read_or_refused(library: Library, value: str) -> None:
    assert len(_with(value)) < LIMIT + 1000
    told(library, _with(value))


@pytest.fixture(scope="module")
def confined() -> Iterator[Confined]:
    confined = Confined()
    yield confined
    confined.close()


_HEAD = "FormatVersion: OOS-2019-06-01\n"
_TASK = "Tasks: [{Name: a, Action: 'ACS::Pause'}]\n"


def _shuffled(count: int, length: int, letters: str) -> list[str]:
    """Names that are hard to tell apart: of the same letters, in another order."""
    dice = random.Random(1)
    of = [letters[at % len(letters)] for at in range(length)]
    return ["".join(dice.sample(of, length)) + f"{number:03}" for number in range(count)]


def _similar_names() -> str:
    known, unknown = _shuffled(200, 190, "ab"), _shuffled(260, 190, "ab")[200:]
    outputs = [f"o{at}: {{Value: '{{{{ {name} }}}}'}}" for at, name in enumerate(unknown)]
    return (
        f"{_HEAD}Parameters: {{{', '.join(f'{name}: {{}}' for name in known)}}}\n"
        f"{_TASK}Outputs: {{{', '.join(outputs)}}}\n"
    )


def _similar_outputs() -> str:
    """The same name 66,000 times, compared with two hundred like it."""
    declared = ", ".join(f"ou{number:03}t: {{ValueSelector: x}}" for number in range(200))
    many = ", ".join(f"o{number}: {{Value: *x}}" for number in range(44))
    call = "Action: 'ACS::ExecuteAPI', Properties: {Service: ECS, API: RunCommand}"
    return (
        f"{_HEAD}Description: &x '{'{{ a.xut1111 }}' * 1500}'\n"
        f"Tasks: [{{Name: a, {call}, Outputs: {{{declared}}}}}]\nOutputs: {{{many}}}\n"
    )


def _chain_of_conditions(count: int = 450) -> str:
    """Each task needs all of them, and each of them needs the one before many times."""
    chain = [f"c{at}: {{Fn::And: [{f'c{at - 1},' * 10}]}}" for at in range(1, count)]
    tasks = [f"- {{Name: t{at}, Action: *p, When: c{count - 1}}}" for at in range(800)]
    conditions = "Description: &p ACS::Pause\nConditions: {c0: {Fn::Not: 'false'}, "
    conditions += ", ".join(chain) + "}"
    return "\n".join([_HEAD + conditions, "Tasks:", *tasks])


def _ring_of_conditions(count: int = 1000) -> str:
    ring = ", ".join(f"c{at}: {{Fn::Not: c{(at + 1) % count}}}" for at in range(count))
    return f"{_HEAD}{_TASK}Conditions: {{{ring}}}"


def _wrong_selectors() -> str:
    wrong = ", ".join(f"o{at}: {{ValueSelector: '.['}}" for at in range(1200))
    call = "Action: 'ACS::ExecuteAPI', Properties: {Service: ECS, API: RunCommand}"
    return f"{_HEAD}Tasks: [{{Name: a, {call}, Outputs: {{{wrong}}}}}]"


def _long_paths() -> str:
    wrong = ", ".join(f"a{number}: .nan" for number in range(2000))
    return f"{_HEAD}Description: &k {'k' * 25_000}\nX: {'{*k : ' * 35}{{{wrong}}}{'}' * 35}"


def _doubling(count: int = 60) -> str:
    lines = [f"a{at}: &a{at} [*a{at - 1}, *a{at - 1}]" for at in range(1, count)]
    return "\n".join([_HEAD, "a0: &a0 [x, x]", *lines])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (_similar_names(), "there is no parameter"),
        (_similar_outputs(), None),
        (_chain_of_conditions(), None),
        (_ring_of_conditions(), "it depends on itself"),
        (_wrong_selectors(), "syntax error"),
        (_long_paths(), "nothing that JSON knows"),
        (_doubling(), "it has more than 20000 parts"),
        (f"{_HEAD}a: &a {{b: *a, c: *a, d: [*a, *a]}}", "it contains itself"),
        (f"{_HEAD}Description: 1{':0' * 32_000}", "nothing that JSON knows"),
        (f"{_HEAD}Description: 1{':0' * 30_000}.0", "nothing that JSON knows"),
        (f"{_HEAD}{_TASK}Outputs: {{x: {{Value: '{'{{ a ' * 12_000}'}}}}", None),
        (f"{_HEAD}{_TASK}? {'k' * 60_000}\n: 1", "is not known here"),
        (f"{_HEAD}Tasks: [{'[' * 60}{']' * 60}]", "it has no Name"),
        ("[" * LIMIT, "it is nested deeper than 64 levels"),
        ('{"a":' * (LIMIT // 5), "it is nested deeper than 64 levels"),
        ("? " * (LIMIT // 2), "it is nested deeper than 64 levels"),
        ("%TAG ! " + "x" * 60_000, "did not find expected"),
    ],
    ids=lambda value: repr(value)[:60] if value else "",
)  # fmt: skip
def test_a_text_that_is_made_to_take_long_is_read_or_refused(
    confined: Confined, text: str, problem: str | None
) -> None:
    found = confined.ask("problems", text)
    assert (problem in found[0]) if problem else (found == [])
    assert len(found) <= 101
    assert sum(map(len, found)) < 4 * LIMIT


@pytest.mark.parametrize(("length", "problem"), [(LIMIT, ""), (LIMIT + 1, "longer than 64 KiB")])
def test_the_longest_template(confined: Confined, length: int, problem: str) -> None:
    text = _HEAD + _TASK + "Description: "
    found = confined.ask("problems", text + "x" * (length - len(text)))
    assert (problem in found[0]) if problem else (found == [])


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"Fn::Union": [["{{ many }}"], "{{ many }}"]}, "compare more than"),
        ({"Fn::Union": ["{{ many }}"]}, "compare more than"),
        ({"Fn::Intersection": ["{{ many }}", "{{ many }}"]}, "compare more than"),
        ({"Fn::Difference": ["{{ many }}", "{{ many }}"]}, "compare more than"),
        ({"Fn::Union": {"Fn::Jq": ["First", "[[range(5000)]]", None]}}, "compare more than"),
        ([{"Fn::Replace": [{"x": "y" * 1000}, "{{ xs }}"]}] * 2000, "would be larger than"),
        ([{"Fn::Jq": ["All", '"x" * 3000000', None]}] * 2000, "would be larger than"),
        ({"Fn::FormatUTCTime": ["2026-01-02", "%999d" * 200_000]}, "would give more than"),
        ({"Fn::Eval": "-" * 200 + "1"}, "1"),
        ({"Fn::Eval": "(" * 500}, "is no calculation"),
        ({"Fn::Eval": "9**9**9**9"}, "is no calculation"),
        ({"Fn::Eval": "*".join(["9e300"] * 70)}, "Fn::Eval"),
        ({"Fn::CalculateBatch": [10**15, ["a"]]}, "[1]"),
        ({"Fn::AddHour": ["2026-01-02", 10**300]}, "too many"),
        ({"Fn::Sum": [2**1023, 2**1023]}, "no number"),
        ({"Fn::Base64Decode": "!" * 1_000_000}, "is no base64"),
        ({"Fn::Sub": "${ " * 300_000}, "${ "),
    ],
    ids=lambda value: repr(value)[:60],
)  # fmt: skip
def test_a_value_that_is_made_to_take_long_is_worth_something_or_refused(
    confined: Confined, value: Any, told: str
) -> None:
    parameters = {"many": list(range(5000)), "xs": "x" * 1000}
    assert told in confined.ask("worth", value, parameters)


def test_functions_nested_as_deep_as_a_template_can_be(confined: Confined) -> None:
    """In either way: what is within bounds has a worth, and nothing else is a template."""
    text = '{"Fn::Not": ' * 58 + "true" + "}" * 58
    outputs = f'"Outputs": {{"x": {{"Value": {text}}}}}'
    tasks = '"Tasks": [{"Name": "a", "Action": "ACS::Pause"}]'
    whole = f'{{"FormatVersion": "OOS-2019-06-01", {tasks}, {outputs}}}'
    assert confined.ask("problems", whole) == []
    assert confined.ask("worth", json.loads(text), {}) == "true"
    deeper = whole.replace("true", '{"Fn::Not": ' * 10 + "true" + "}" * 10)
    assert confined.ask("problems", deeper) == ["it is nested deeper than 64 levels"]


def test_parameters_of_many_values_are_compared_within_bounds(confined: Confined) -> None:
    allowed = ",".join(map(str, range(9000)))
    text = f"{_HEAD}{_TASK}Parameters: {{p: {{Type: List, AllowedValues: [{allowed}]}}}}"
    assert confined.ask("given", text, {"p": [8999, 0]}) == []
    (problem,) = confined.ask("given", text, {"p": [8999] * 5000})
    assert "compare more than" in problem


def test_what_is_made_of_what_is_hidden_is_hidden_through_any_number_of_defaults(
    confined: Confined,
) -> None:
    count = 1300
    chain = [f"p{at}: {{Default: '{{{{p{at + 1}}}}}'}}" for at in range(count)]
    text = f"{_HEAD}{_TASK}Parameters: {{{','.join(chain)}, p{count}: {{NoEcho: true}}}}"
    assert len(confined.ask("hidden", text)) == count + 1
