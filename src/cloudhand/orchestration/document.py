"""The text of a template to plain data, within bounds, with the line of each part."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import yaml

from cloudhand.core.errors import Problem, TemplateInvalid
from cloudhand.orchestration.values import DEEPEST, check, shown

LIMIT = 64 * 1024  # bytes, as documented
# Once aliases stand for what they name:
_PARTS = 20_000
_CHARACTERS = 1 << 20
_LONGEST = 1000  # characters of a path in a message
MOST = 100  # problems that are told

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
    told = text.removeprefix(".")
    return told if len(told) <= _LONGEST else f"{told[: _LONGEST - 1]}…"


def read(text: str) -> Document:
    """TemplateInvalid unless it is one map, in JSON or YAML, of bounded size."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise _invalid("it has half of a character") from None
    if size > LIMIT:
        raise _invalid(f"it is longer than {LIMIT // 1024} KiB")
    if text.lstrip("\ufeff \t\r\n").startswith("{"):
        try:
            return _json(text)
        except ValueError:
            pass  # YAML may begin so, too; and says better what is wrong
    return _yaml(text)


def _invalid(what: str, *, path: Path = (), line: int | None = None) -> TemplateInvalid:
    return TemplateInvalid([Problem(path=spelled(path), text=what, line=line)])


def more(problems: Sequence[Problem]) -> TemplateInvalid:
    """What is told when there are too many to tell them all."""
    return TemplateInvalid([*problems, Problem(path="", text="there may be more")])


def _json(text: str) -> Document:
    twice: list[str] = []

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            counts = Counter(key for key, _ in pairs)
            twice.extend(key for key, count in counts.items() if count > 1)
        return found

    try:
        data = json.loads(text, object_pairs_hook=members)
    except RecursionError:
        raise _invalid(_TOO_DEEP) from None
    if twice:
        raise TemplateInvalid(
            [Problem(path="", text=f"{shown(key)} stands twice") for key in twice]
        )
    try:
        check(data)
    except ValueError as error:
        raise _invalid(str(error)) from None
    return Document(data=_map(data), format=Format.JSON, lines={})


def _map(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise _invalid("it is no map: a template has FormatVersion, Parameters, Tasks …")
    return data


class _Loader(yaml.CSafeLoader):
    """YAML 1.1 as published templates are read, without what JSON does not have.

    That is dates, and words that stand for themselves: ``=`` and ``<<`` are text.
    """


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if not tag.endswith((":timestamp", ":value", ":merge"))
    ]
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
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        what = f"it has a character that YAML does not allow: {error.reason}"
        raise _invalid(what, line=line) from None
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
        if depth > DEEPEST or parts > 2 * _PARTS:
            mark = event.start_mark
            line = mark.line + 1 if mark else None
            raise _invalid(_TOO_DEEP if depth > DEEPEST else _TOO_MANY, line=line)


_TOO_DEEP = f"it is nested deeper than {DEEPEST} levels"
_TOO_MANY = f"it has more than {_PARTS} parts"
_TOO_LARGE = f"it has more than {_CHARACTERS} characters where aliases stand for what they name"
_COLLECTIONS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")


class _Builder:
    """Plain data of nodes; keys are text as they are written."""

    def __init__(self, scalar: Callable[[yaml.Node], Any]) -> None:
        self._scalar = scalar
        self._parts = 0
        self._characters = 0
        self.lines: dict[Path, int] = {}
        self.problems: list[Problem] = []

    def build(self, node: yaml.Node, path: Path) -> Any:
        self._parts += 1
        line = node.start_mark.line + 1
        if self._parts > _PARTS:
            raise _invalid(_TOO_MANY, path=path, line=line)
        if len(path) > DEEPEST:
            raise _invalid("it contains itself", path=path, line=line)
        self.lines[path] = line
        if isinstance(node, yaml.ScalarNode):
            return self._value(node, path, line)
        if node.tag not in _COLLECTIONS:
            self._problem(f"{shown(node.tag)} is nothing that JSON knows", path, line)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        return [self.build(one, (*path, index)) for index, one in enumerate(node.value)]

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                self._problem("a key is no text", path, line)
                continue
            self._count(key, path, line)
            if key.value in found:
                self._problem(f"{shown(key.value)} stands twice", path, line)
            inner = (*path, key.value)
            found[key.value] = self.build(value, inner)
            self.lines[inner] = line
        return found

    def _value(self, node: yaml.ScalarNode, path: Path, line: int) -> Any:
        self._count(node, path, line)
        try:
            value = self._scalar(node)
            if value is not None and not isinstance(value, str | int | float):
                raise ValueError
            check(value)
        # All that !!int of no number raises, or a fraction in base 60 with many places.
        except (ValueError, LookupError, AttributeError, OverflowError):
            self._problem(f"{shown(node.value)} is nothing that JSON knows", path, line)
            return None
        return value

    def _count(self, node: yaml.ScalarNode, path: Path, line: int) -> None:
        self._characters += len(node.value)
        if self._characters > _CHARACTERS:
            raise _invalid(_TOO_LARGE, path=path, line=line)

    def _problem(self, what: str, path: Path, line: int) -> None:
        if len(self.problems) == MOST:
            raise more(self.problems)
        self.problems.append(Problem(path=spelled(path), text=what, line=line))
