"""Where the tasks of a template lead, and conditions in a few words."""

from __future__ import annotations

import pytest

from cloudhand.orchestration import expression
from cloudhand.orchestration.flow import Edge, Way, brief, edges, worded
from cloudhand.orchestration.template import parse
from cloudhand.rehearsal.scripted import ScriptedLibrary

_TEMPLATE = """\
FormatVersion: OOS-2019-06-01
Parameters: {way: {Type: String}}
Tasks:
  - Name: which
    Action: ACS::Choice
    Properties:
      DefaultTask: ACS::NEXT
      Choices:
        - {When: {'Fn::Equals': ['{{ way }}', end]}, NextTask: ACS::END}
        - {When: {'Fn::Not': {'Fn::Equals': ['{{ way }}', last]}}, NextTask: last}
  - Name: middle
    Action: ACS::Sleep
    Properties: {Duration: PT1S}
    OnSuccess: ACS::END
    OnError: last
    OnCancel: ACS::NEXT
  - Name: last
    Action: ACS::Sleep
    Properties: {Duration: PT1S}
"""


def test_every_way_is_told_with_why_it_is_taken() -> None:
    found = edges(parse(_TEMPLATE, ScriptedLibrary()))

    def way(source: str, target: str, kind: Way, condition: str = "") -> Edge:
        return Edge(source=source, target=target, way=kind, condition=condition)

    assert found == [
        way("which", "ACS::END", Way.CHOICE, "way = end"),
        way("which", "last", Way.CHOICE, "way ≠ last"),
        way("which", "middle", Way.CHOICE, "otherwise"),
        way("middle", "ACS::END", Way.SUCCESS),
        way("middle", "last", Way.ERROR),
        way("middle", "last", Way.CANCEL),
        way("last", "ACS::END", Way.NEXT),
    ]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"Fn::Equals": ["{{ a.status }}", "Running"]}, "a.status = Running"),
        ({"Fn::Equals": ["{{ a.ids }}", []]}, "a.ids = []"),
        ({"Fn::Equals": ["{{ a }}", ""]}, 'a = ""'),
        ({"Fn::Equals": ["x", "x"]}, "x = x"),
        (
            {"Fn::Not": {"Fn::And": [{"Fn::Equals": ["{{ a }}", 1]}, "{{ b }}"]}},
            "not (a = 1 and b)",
        ),
        ({"Fn::Or": ["{{ a }}", "{{ ACS::RegionId }}"]}, "a or ACS::RegionId"),
        ({"Fn::Select": [0, "{{ a.ids }}"]}, "select(0, a.ids)"),
        ({"Fn::MergeMap": [{"k": "{{ oos:p }}"}]}, "mergemap(k: oos:p)"),
        ("PT{{ n }}M of {{ oos-secret:s }}", "PTnM of oos-secret:s"),
    ],
)
def test_an_expression_in_words(value: object, words: str) -> None:
    assert worded(expression.parse(value)) == words


def test_a_long_condition_is_cut() -> None:
    told = brief(expression.parse({"Fn::Equals": ["{{ a }}", "x" * 100]}))
    assert told.startswith("a = xxx")
    assert told.endswith("…")
    assert len(told) == 48
