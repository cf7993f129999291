"""The text of a template to plain data, within bounds, with the line of each part."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import yaml

from cloudhand.core.errors import Problem, TemplateInvalid

LIMIT = 64 * 1024  # bytes, as documented
_DEEPEST = 64  # levels; the C library recurses without a bound of its own
_PARTS = 20_000  # once aliases stand for what they name

Path = tuple[str | int, ...]


class Format(StrEnum):
    JSON = "JSON"
    YAML = "YAML"


@dataclass(frozen=True, kw_only=True)
class Document:
    data: dict[str, Any]
    format: Format
    lines: Mapping[Path, int]  # from 1; empty for JSON

    def line(self, path: Path) -> int | None:
        """Where a part, or the nearest one around it, begins."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)


def spelled(path: Path) -> str:
    """``Tasks[2].Loop.Items``"""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def read(text: str) -> Document:
    """TemplateInvalid unless it is one map, in JSON or YAML, of bounded size."""
    if len(text.encode()) > LIMIT:
        raise _invalid(f"it is longer than {LIMIT // 1024} KiB")
    if text.lstrip("\ufeff \t\r\n").startswith("{"):
        try:
            return _json(text)
        except ValueError:
            pass  # YAML may begin so, too; and says better what is wrong
    return _yaml(text)


def _invalid(what: str, *, path: Path = (), line: int | None = None) -> TemplateInvalid:
    return TemplateInvalid([Problem(path=spelled(path), text=what, line=line)])


def _json(text: str) -> Document:
    twice: list[str] = []

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            keys = [key for key, _ in pairs]
            twice.extend(key for key in found if keys.count(key) > 1)
        return found

    try:
        data = json.loads(text, object_pairs_hook=members, parse_constant=_no_number)
    except RecursionError:
        raise _invalid(f"it is nested deeper than {_DEEPEST} levels") from None
    if twice:
        raise TemplateInvalid([Problem(path="", text=f"{key} stands twice") for key in twice])
    _check_depth(data, 0)
    return Document(data=_map(data), format=Format.JSON, lines={})


def _no_number(text: str) -> float:
    raise _invalid(f"{text} is no number that JSON knows")


def _check_depth(data: Any, depth: int) -> None:
    if depth > _DEEPEST:
        raise _invalid(f"it is nested deeper than {_DEEPEST} levels")
    inner: Iterator[Any] = iter(())
    if isinstance(data, dict):
        inner = iter(data.values())
    elif isinstance(data, list):
        inner = iter(data)
    for one in inner:
        _check_depth(one, depth + 1)


def _map(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise _invalid("it is no map: a template has FormatVersion, Parameters, Tasks …")
    return data


class _Loader(yaml.CSafeLoader):
    """YAML 1.1 as published templates are read, without dates, which JSON does not have."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def _yaml(text: str) -> Document:
    try:
        _check_events(text)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            builder = _Builder(loader.construct_object)
            data = builder.build(node, ()) if node is not None else None
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = error.problem or error.context or "it is no YAML"
        raise _invalid(what, line=mark.line + 1 if mark else None) from None
    except yaml.YAMLError as error:
        raise _invalid(str(error)) from None
    if builder.problems:
        raise TemplateInvalid(builder.problems)
    return Document(data=_map(data), format=Format.YAML, lines=builder.lines)


def _check_events(text: str) -> None:
    """Depth and size first: what comes after recurses."""
    depth = 0
    for parts, event in enumerate(yaml.parse(text, Loader=yaml.CSafeLoader)):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _DEEPEST or parts > 2 * _PARTS:
            what = f"it is nested deeper than {_DEEPEST} levels"
            mark = event.start_mark
            line = mark.line + 1 if mark else None
            raise _invalid(what if depth > _DEEPEST else _TOO_LARGE, line=line)


_TOO_LARGE = f"it has more than {_PARTS} parts"


class _Builder:
    """Plain data of nodes; keys are text as they are written."""

    def __init__(self, scalar: Callable[[yaml.Node], Any]) -> None:
        self._scalar = scalar
        self._parts = 0
        self.lines: dict[Path, int] = {}
        self.problems: list[Problem] = []

    def build(self, node: yaml.Node, path: Path) -> Any:
        self._parts += 1
        line = node.start_mark.line + 1
        if self._parts > _PARTS:
            raise _invalid(_TOO_LARGE, path=path, line=line)
        if len(path) > _DEEPEST:
            raise _invalid("it contains itself", path=path, line=line)
        self.lines[path] = line
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(one, (*path, index)) for index, one in enumerate(node.value)]
        return self._value(node, path, line)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                self._problem("a key is no text", path, line)
                continue
            if key.value in found:
                self._problem(f"{key.value} stands twice", path, line)
            inner = (*path, key.value)
            found[key.value] = self.build(value, inner)
            self.lines[inner] = line
        return found

    def _value(self, node: yaml.Node, path: Path, line: int) -> Any:
        try:
            value = self._scalar(node)
        except (ValueError, OverflowError):
            value = object()
        if isinstance(value, float) and not math.isfinite(value):
            value = object()
        if value is not None and not isinstance(value, str | int | float):
            self._problem(f"{node.value!r} is nothing that JSON knows", path, line)
            return None
        return value

    def _problem(self, what: str, path: Path, line: int) -> None:
        self.problems.append(Problem(path=spelled(path), text=what, line=line))
