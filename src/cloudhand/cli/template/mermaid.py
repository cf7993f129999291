"""A template as a Mermaid flow chart."""

from __future__ import annotations

from collections.abc import Iterator

from cloudhand.cli.template.drawn import Drawn, drawn
from cloudhand.orchestration.flow import Edge, Way, edges
from cloudhand.orchestration.model import END, Template

_SHAPES = {"choice": ("{{", "}}"), "trigger": ("([", "])"), "person": ("[/", "/]")}
_ARROWS = {Way.ERROR: "-. error .->", Way.CANCEL: "-. cancelled .->"}


def mermaid(template: Template) -> str:
    return "\n".join(["flowchart TD", *(f"  {line}" for line in _lines(template)), ""])


def _lines(template: Template) -> Iterator[str]:
    ids = {task.name: f"t{task.index}" for task in template.tasks} | {END: "stop"}
    yield "start((start))"
    for task in template.tasks:
        yield f"{ids[task.name]}{_node(drawn(task))}"
    yield "stop((end))"
    yield "start --> t0"
    for edge in edges(template):
        yield f"{ids[edge.source]} {_arrow(edge)} {ids[edge.target]}"


def _node(task: Drawn) -> str:
    before, after = ("[[", "]]") if task.looped else _SHAPES.get(task.kind, ("[", "]"))
    told = "<br/>".join(map(_text, (task.name, task.action, *task.notes)))
    return f'{before}"{told}"{after}'


def _arrow(edge: Edge) -> str:
    if edge.condition:
        return f'-->|"{_text(edge.condition)}"|'
    return _ARROWS.get(edge.way, "-->")


def _text(text: str) -> str:
    """What has a meaning of its own in Mermaid is written by its number."""
    return "".join(f"#{ord(one)};" if one in '"#<>`;' else one for one in text)
