"""The text of a template to plain data."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cloudhand.core.errors import TemplateInvalid
from cloudhand.orchestration.document import LIMIT, Format, read, spelled


def problems(text: str) -> list[str]:
    with pytest.raises(TemplateInvalid) as refused:
        read(text)
    return [str(problem) for problem in refused.value.problems]


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a: 1", {"a": 1}),
        ("a: '1'", {"a": "1"}),
        ("a: yes\nb: off", {"a": True, "b": False}),
        ("a: ~\nb:", {"a": None, "b": None}),
        ("a: 1.5\nb: 1e3\nc: 1.0e+3", {"a": 1.5, "b": "1e3", "c": 1000.0}),
        ("a: 0x1F\nb: 010\nc: 1:30", {"a": 31, "b": 8, "c": 90}),
        ("a: 2026-01-02", {"a": "2026-01-02"}),
        ("a: 2026-01-02T03:04:05Z", {"a": "2026-01-02T03:04:05Z"}),
        ("a: [=, <<]", {"a": ["=", "<<"]}),
        ("a: |\n  x\n  y\n", {"a": "x\ny\n"}),
        ("1: a\ntrue: b\n~: c", {"1": "a", "true": "b", "~": "c"}),
        ("a: &x {b: 1}\nc: *x", {"a": {"b": 1}, "c": {"b": 1}}),
        (
            "a: !!str 1\nb: !!int '2'\nc: !!map {}\nd: !!seq []",
            {"a": "1", "b": 2, "c": {}, "d": []},
        ),
        ("\ufeffa: 1", {"a": 1}),
        ("{a: 1}", {"a": 1}),
        ("{}", {}),
        ('{"a": "\\ud83d\\ude00"}', {"a": "😀"}),
        ('\ufeff{"a": 1}', {"a": 1}),
        ('{"a": {"b": [1, null, true]}}', {"a": {"b": [1, None, True]}}),
        ('{"a": 100000000000000000000}', {"a": 10**20}),
    ],
)
def test_data(text: str, data: dict[str, Any]) -> None:
    assert read(text).data == data


@pytest.mark.parametrize(
    ("text", "format"),
    [("a: 1", Format.YAML), ('{"a": 1}', Format.JSON), ("{a: 1}", Format.YAML),
     ('\n\t {"a": 1}', Format.JSON), ('# {"a": 1}\na: 1', Format.YAML)],
)  # fmt: skip
def test_its_format_is_recognized(text: str, format: Format) -> None:
    assert read(text).format is format


def test_json_and_yaml_of_the_same_data_are_the_same() -> None:
    data = {"Tasks": [{"Name": "a", "When": {"Fn::Not": True}}], "Text": "ü\n", "None": None}
    assert read(json.dumps(data)).data == data
    assert read(f"# YAML\n{json.dumps(data, ensure_ascii=False)}").data == data


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "it is no map"),
        ("[]", "it is no map"),
        ("a", "it is no map"),
        ("1", "it is no map"),
        ("a: 1\n---\nb: 2", "but found another document (line 2)"),
        ("a: [1", "did not find expected"),
        ("a: 1\n b: 2", "(line 2)"),
        ("a: *nobody", "found undefined alias"),
        ("a: 1\nb: 2\na: 3", '"a" stands twice (line 3)'),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', '"c" stands twice'),
        ("a: {[1]: 2}", "a: a key is no text (line 1)"),
        ("a: {? {b: 1} : 2}", "a: a key is no text (line 1)"),
        ("a: .nan", 'a: ".nan" is nothing that JSON knows (line 1)'),
        ("a: -.inf", "nothing that JSON knows"),
        ("a: 1.0e+999", "nothing that JSON knows"),
        ("a: 1" + ":0" * 200 + ".0", "nothing that JSON knows"),
        ("a: 0x" + "f" * 400, "nothing that JSON knows"),
        ("a: 1" + "0" * 5000, "nothing that JSON knows"),
        ('{"a": NaN}', "it has a number that JSON cannot hold"),
        ('{"a": -Infinity}', "it has a number that JSON cannot hold"),
        ('{"a": 1e999}', "it has a number that JSON cannot hold"),
        ('{"a": 1' + "0" * 400 + "}", "it has a number that is too large"),
        ('{"a": 1' + "0" * 5000 + "}", "nothing that JSON knows"),
        ('{"a": "\\ud800"}', "it has half of a character"),
        ('{"\\udfff": 1}', "it has half of a character"),
        ("a: '\ud800'", "it has half of a character"),
        ('a: "\\ud800"', "line 1"),
        ("a: !!int ''", 'a: "" is nothing that JSON knows (line 1)'),
        ("a: !!float ''", "nothing that JSON knows"),
        ("a: !!bool maybe", '"maybe" is nothing that JSON knows'),
        ("a: !!timestamp never", "nothing that JSON knows"),
        ("a: !!timestamp 2026-01-02", "nothing that JSON knows"),
        ("a: !!binary aGVsbG8=", "nothing that JSON knows"),
        ("a: !!binary ü", "line 1"),
        ("a: !!python/object:os.system ls", "could not determine a constructor"),
        ("a: !!python/object/apply:os.system [ls]", "nothing that JSON knows"),
        ("a: !!python/object:os.system {}", "nothing that JSON knows"),
        ("a: !mine x", "could not determine a constructor"),
        ("a: !!set {b, c}", "nothing that JSON knows"),
        ("a: !!omap [b: 1]", "nothing that JSON knows"),
        ("a: 1\nb: \0", "control characters are not allowed (line 2)"),
        ("a: &x [*x]", "it contains itself"),
        ("a: &x {b: *x}", "it contains itself"),
        ("a" * (LIMIT + 1), "it is longer than 64 KiB"),
        ("ü" * (LIMIT // 2 + 1), "it is longer than 64 KiB"),
        ("[" * 3000, "it is nested deeper than 64 levels"),
        ("a: " + "[" * 65 + "]" * 65, "it is nested deeper than 64 levels (line 1)"),
        ('{"a": ' + "[" * 65 + "]" * 65 + "}", "it is nested deeper than 64 levels"),
        ('{"a":' * 10_000, "it is nested deeper than 64 levels"),
        ("- " * 30_000, "it is nested deeper than 64 levels"),
        ("a: [" + "x," * 25_000 + "]", "it has more than 20000 parts"),
        ("a: [" + "," .join(["[]"] * 20_001) + "]", "it has more than 20000 parts"),
    ],
)  # fmt: skip
def test_what_is_refused(text: str, told: str) -> None:
    assert told in problems(text)[0]


def test_all_that_stands_twice_is_told_at_once() -> None:
    assert problems("a: 1\nb: .nan\na: 2\nc: {d: 1, d: 2}") == [
        'b: ".nan" is nothing that JSON knows (line 2)',
        '"a" stands twice (line 3)',
        'c: "d" stands twice (line 4)',
    ]
    assert problems('{"a": 1, "b": 1, "a": 2, "b": 2}') == [
        '"a" stands twice',
        '"b" stands twice',
    ]


def test_no_more_than_a_hundred_problems_are_told() -> None:
    told = problems("\n".join(f"a{number}: .nan" for number in range(1000)))
    assert len(told) == 101
    assert told[-1] == "there may be more"


def test_aliases_that_explode_are_refused() -> None:
    many = "a0: &a0 [x, x, x, x, x, x, x, x]\n"
    many += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 8)}]\n" for n in range(1, 12))
    assert "it has more than 20000 parts" in problems(many)[0]


@pytest.mark.parametrize("item", ["*x", "{*x : 1}"])
def test_aliases_of_a_long_text_are_refused(item: str) -> None:
    text = f"a: &x {'y' * 30_000}\nb: [{', '.join([item] * 2000)}]"
    assert "it has more than 1048576 characters" in problems(text)[0]


def test_aliases_within_bounds_are_read() -> None:
    found = read(f"a: &x {'y' * 10_000}\nb: [{', '.join(['*x'] * 50)}]")
    assert found.data["b"] == ["y" * 10_000] * 50


_TEXT = """\
FormatVersion: x
Tasks:
  - Name: a
    Properties: {b: 1,
                 c: 2}
  - Name: d
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ((), 1),
        (("FormatVersion",), 1),
        (("Tasks",), 2),
        (("Tasks", 0), 3),
        (("Tasks", 0, "Properties", "c"), 5),
        (("Tasks", 1, "Name"), 6),
        (("Tasks", 0, "Name", "unknown"), 3),
        (("Tasks", 7, "Name"), 2),
        (("unknown",), 1),
    ],
)
def test_lines_are_those_of_the_nearest_part(path: tuple[str | int, ...], line: int) -> None:
    assert read(_TEXT).line(path) == line


def test_json_has_no_lines() -> None:
    assert read('{"a": 1}').line(("a",)) is None


@pytest.mark.parametrize(
    ("path", "text"),
    [((), ""), (("Tasks", 2, "Loop", "Items"), "Tasks[2].Loop.Items"), ((0, "a"), "[0].a")],
)
def test_a_path_is_spelled(path: tuple[str | int, ...], text: str) -> None:
    assert spelled(path) == text


def test_a_long_path_is_cut() -> None:
    assert spelled(("k" * 3000, "a")) == "k" * 999 + "…"
