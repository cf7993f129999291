"""How an answer differs from what the official SDK declares of it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

from cloudhand.api.operation import Operation

_WRITES = re.compile(
    r"if self\.(\w+) is not None:\n(?:\s+for [^\n]*\n)?\s+result\['(\w+)'\]", re.MULTILINE
)
_SCALARS: dict[str, type] = {"str": str, "int": int, "bool": bool, "float": float}


def fields(model: Any) -> dict[str, str]:
    """The types of a model's fields, as it spells them, by their names on the wire."""
    annotations = inspect.signature(model.__init__).parameters
    found = _WRITES.findall(inspect.getsource(model.to_map))
    return {wire: _kind(annotations[name].annotation) for name, wire in found}


def _kind(annotation: Any) -> str:
    """As newer models spell it."""
    name = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    return name.removeprefix("typing.")


def misfits(models: Any, model: Any, body: Any, path: str = "") -> Iterator[str]:
    """What is missing, unknown or of another type."""
    if not isinstance(body, dict):
        yield f"{path}: no object"
        return
    declared = fields(model)
    yield from (f"{path}.{name}: missing" for name in declared if name not in body)
    yield from (f"{path}.{name}: unknown" for name in body if name not in declared)
    for name, kind in declared.items():
        if name in body:
            yield from _of_value(models, kind, body[name], f"{path}.{name}")


def _of_value(models: Any, kind: str, value: Any, path: str) -> Iterator[str]:
    if kind in _SCALARS:
        if type(value) is not _SCALARS[kind]:
            yield f"{path}: {value!r} is no {kind}"
    elif kind.startswith("Dict["):
        if not isinstance(value, dict):
            yield f"{path}: {value!r} is no map"
    elif kind.startswith("List["):
        if not isinstance(value, list):
            yield f"{path}: {value!r} is no list"
            return
        for number, one in enumerate(value):
            yield from _of_value(models, kind[5:-1], one, f"{path}[{number}]")
    else:
        yield from misfits(models, getattr(models, kind.rpartition(".")[2]), value, path)


def declares(operation: Operation, code: str, status: int) -> bool:
    """Whether it says that it may answer with an error."""
    required = {
        f"MissingParameter.{parameter.names[0]}"
        for parameter in operation.parameters.values()
        if parameter.required
    }
    declared = {(error.code, error.status) for error in operation.declared}
    return (code, status) in declared or code in required
