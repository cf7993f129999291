"""What a template is given on the command line: KEY=VALUE, and JSON files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from cloudhand.cli.errors import Mistake
from cloudhand.cli.template import texts
from cloudhand.orchestration.model import Template
from cloudhand.orchestration.parameters import Declared, Type
from cloudhand.orchestration.spelling import hint

Param = Annotated[
    list[str] | None,
    typer.Option(
        "--param",
        help="KEY=VALUE; may be repeated. The value is JSON unless the parameter is a String.",
        metavar="KEY=VALUE",
    ),
]
Params = Annotated[
    str,
    typer.Option(
        "--params",
        help="A JSON file with values of parameters; --param goes before it.",
        metavar="FILE",
    ),
]


def of(template: Template, pairs: Sequence[str], file: str) -> dict[str, Any]:
    """The parameters that are given, by the names that the template declares; Mistake."""
    declared = template.parameters
    found: dict[str, Any] = {}
    for name, value in (_read(file) if file else {}).items():
        found[_declared(declared, name).name] = value
    for text in pairs:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise Mistake(f"cannot read --param {text}: it is KEY=VALUE")
        one = _declared(declared, name)
        found[one.name] = value if one.type is Type.STRING else _value(one, value)
    return found


def _declared(declared: Mapping[str, Declared], name: str) -> Declared:
    known = declared.get(name.lower())
    if known is None:
        names = [one.name for one in declared.values()]
        close = hint(name, names) or (f": it has {', '.join(names)}" if names else "")
        raise Mistake(f"the template has no parameter {name}{close}")
    return known


def _value(one: Declared, text: str) -> Any:
    """JSON; what is none, such as a bare word for a List, is for the template to judge."""
    try:
        return json.loads(text)
    except ValueError:
        if text.lstrip().startswith(("{", "[")):
            raise Mistake(
                f"cannot read --param {one.name}: it is a {one.type.value}, and {text} is no JSON"
            ) from None
        return text


def _read(file: str) -> dict[str, Any]:
    try:
        found = json.loads(texts.read(file))
    except ValueError as error:
        raise Mistake(f"cannot read {file}: it is no JSON ({error})") from None
    if not isinstance(found, dict):
        raise Mistake(f"cannot use {file}: it must be a JSON object, by the names of parameters")
    return found
