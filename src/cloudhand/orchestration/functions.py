"""The functions of the language that need nothing but their arguments.

Each takes its argument as it stands under ``Fn::Name``, with everything inside evaluated, and
raises ValueError with a phrase when it cannot do with it. ``Fn::If``, ``Fn::Jq`` and what names
conditions are evaluated elsewhere.
"""

from __future__ import annotations

import ast
import base64
import binascii
import ipaddress
import operator
import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from cloudhand.orchestration import moments
from cloudhand.orchestration.arguments import (
    arguments,
    as_list,
    as_map,
    bound,
    comparable,
    lists,
    only_list,
)
from cloudhand.orchestration.values import number, same, shown, text, truth, whole

_PLACEHOLDER = re.compile(r"\$\{\s*([\w.-]+)\s*\}", re.ASCII)
_CALCULATION = 500  # characters


def call(name: str, argument: Any) -> Any:
    """KeyError when there is no such function; ValueError."""
    function = TABLE[name.lower()]
    try:
        return function(argument)
    except OverflowError as error:
        raise ValueError(str(error)) from None


def _base64_encode(argument: Any) -> str:
    return base64.b64encode(text(argument).encode()).decode()


def _base64_decode(argument: Any) -> str | None:
    if argument is None:
        return None
    try:
        written = "".join(text(argument).split())  # some fold it into lines
        return base64.b64decode(written, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        raise ValueError(f"{shown(argument)} is no base64") from None


def _select(argument: Any) -> Any:
    key, container = arguments(argument, "index or key", "list or map")
    if isinstance(container, list):
        index = whole(key)
        return container[index] if -len(container) <= index < len(container) else None
    return None if container is None else as_map(container).get(text(key))


def _join(argument: Any) -> str:
    delimiter, items = arguments(argument, "delimiter", "list")
    between, parts = text(delimiter), [text(one) for one in as_list(items)]
    bound(len(between) * len(parts))
    return between.join(parts)


def _split(argument: Any) -> list[str]:
    delimiter, what = arguments(argument, "delimiter", "text")
    if not text(delimiter):
        raise ValueError("an empty delimiter splits nothing")
    return text(what).split(text(delimiter))


def _replace(argument: Any) -> str:
    changes, what = arguments(argument, "{old: new}", "text")
    found = text(what)
    for old, new in as_map(changes).items():
        if not old:
            raise ValueError("an empty text cannot be replaced")
        bound(found.count(old) * len(text(new)))
        found = found.replace(old, text(new))
    return found


def _min(argument: Any) -> Any:
    return min(only_list(argument), key=number, default=None)


def _max(argument: Any) -> Any:
    return max(only_list(argument), key=number, default=None)


def _first(argument: Any) -> Any:
    return next(iter(only_list(argument)), None)


def _last(argument: Any) -> Any:
    return next(reversed(only_list(argument)), None)


def _list_join(argument: Any) -> list[Any]:
    return [one for one in as_list(argument) if one is not None]


def _sum(argument: Any) -> int | float:
    return number(sum(number(one) for one in only_list(argument) if one is not None))


def _equals(argument: Any) -> bool:
    return same(*arguments(argument, "one", "other"))


def _not(argument: Any) -> bool:
    if isinstance(argument, list) and len(argument) == 1:
        argument = argument[0]
    return not truth(argument)


def _and(argument: Any) -> bool:
    return all([truth(one) for one in as_list(argument)])


def _or(argument: Any) -> bool:
    return any([truth(one) for one in as_list(argument)])


_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}


def _eval(argument: Any) -> int | float:
    """Arithmetic: + - * / // % and parentheses."""
    given = argument[0] if isinstance(argument, list) and len(argument) == 1 else argument
    written = text(given).strip()
    try:
        if len(written) > _CALCULATION:
            raise ValueError
        found = _calculated(ast.parse(written, mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(f"{shown(given)} is no calculation with + - * / // %") from None
    except ZeroDivisionError:
        raise ValueError(f"{shown(given)} divides by zero") from None
    return number(int(found) if found.denominator == 1 else float(found))


def _calculated(node: ast.expr) -> Fraction:
    match node:
        case ast.Constant(int() | float() as number) if not isinstance(number, bool):
            return Fraction(str(number))
        case ast.UnaryOp(op, operand) if type(op) in _OPERATORS:
            return Fraction(_OPERATORS[type(op)](_calculated(operand)))
        case ast.BinOp(left, op, right) if type(op) in _OPERATORS:
            return Fraction(_OPERATORS[type(op)](_calculated(left), _calculated(right)))
    raise ValueError


def _intersection(argument: Any) -> list[Any]:
    first, *others = lists(argument) or [[]]
    comparable(first, [one for other in others for one in other])
    return [one for one in first if all(_among(one, other) for other in others)]


def _union(argument: Any) -> list[Any]:
    found: list[Any] = []
    items = [item for items in lists(argument) for item in items]
    comparable(items, items)
    for one in items:
        if not _among(one, found):
            found.append(one)
    return found


def _difference(argument: Any) -> list[Any]:
    first, *others = lists(argument) or [[]]
    comparable(first, [one for other in others for one in other])
    return [one for one in first if not any(_among(one, other) for other in others)]


def _among(one: Any, many: Sequence[Any]) -> bool:
    return any(same(one, other) for other in many)


def _merge_list(argument: Any) -> list[Any]:
    lists = as_list(argument)
    if (
        len(lists) == 1
        and isinstance(lists[0], list)
        and any(isinstance(one, list) for one in lists[0])
    ):
        lists = lists[0]
    return [one for items in lists if items is not None for one in as_list(items)]


def _merge_map(argument: Any) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for one in only_list(argument):
        merged.update({} if one is None else as_map(one))
    return merged


def _merge_map_to_list(argument: Any) -> list[dict[str, Any]]:
    """Maps by position; the last element of a shorter list stands for those it lacks."""
    columns = {
        key: as_list(items) for one in only_list(argument) for key, items in as_map(one).items()
    }
    length = max(map(len, columns.values()), default=0)
    bound(length * len(columns))
    return [
        {key: items[min(at, len(items) - 1)] for key, items in columns.items() if items}
        for at in range(length)
    ]


def _convert_map_to_list(argument: Any) -> list[dict[str, Any]]:
    given = argument[0] if isinstance(argument, list) and len(argument) == 1 else argument
    return [{"Key": key, "Value": value} for key, value in as_map(given).items()]


def _calculate_batch(argument: Any) -> list[int]:
    """Sizes of so many batches, as even as can be, the larger ones first."""
    count, items = arguments(argument, "number of batches", "list")
    batches, length = whole(count), len(as_list(items))
    if batches < 1:
        raise ValueError(f"{shown(count)} batches hold nothing")
    even, more = divmod(length, batches)
    return [size for at in range(min(batches, length)) if (size := even + (at < more))]


def _contains(argument: Any) -> bool:
    what, part = arguments(argument, "text", "part")
    return text(part) in text(what)


def _range_select(argument: Any) -> list[Any]:
    begin, end, items = arguments(argument, "from", "to", "list")
    return as_list(items)[whole(begin) : whole(end)]


def _in_cidr(argument: Any) -> bool:
    address, network = sorted(map(text, arguments(argument, "address", "network")), key=_slashes)
    return ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False)


def _slashes(value: str) -> int:
    return value.count("/")


def _sub(argument: Any) -> str:
    if isinstance(argument, str):
        argument = [argument, {}]
    template, replacements = arguments(argument, "text with ${name}", "{name: value}")
    known = {name: text(value) for name, value in as_map(replacements).items()}
    written = text(template)
    bound(sum(len(known.get(name, "")) for name in _PLACEHOLDER.findall(written)))
    return _PLACEHOLDER.sub(lambda match: known.get(match[1], match[0]), written)


_ESCAPED: dict[str, dict[str, str]] = {"powershell": {"`": "``", "$": "`$", '"': '`"'}}


def _escape(argument: Any) -> str:
    what, dialect = arguments(argument, "text", "dialect")
    characters = _ESCAPED.get(text(dialect).lower())
    if characters is None:
        raise ValueError(f"the dialect {shown(dialect)} is none of {', '.join(_ESCAPED)}")
    return text(what).translate({ord(one): told for one, told in characters.items()})


# The names as documented. Those of conditions are here for their values.
_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "Fn::AddHour": moments.add_hour,
    "Fn::And": _and,
    "Fn::Base64Decode": _base64_decode,
    "Fn::Base64Encode": _base64_encode,
    "Fn::CalculateBatch": _calculate_batch,
    "Fn::CalculateTimeByOpsWindow": moments.ops_window,
    "Fn::ContainsSubString": _contains,
    "Fn::ConvertMapToList": _convert_map_to_list,
    "Fn::Difference": _difference,
    "Fn::DurationBetween": moments.duration_between,
    "Fn::Equals": _equals,
    "Fn::Escape": _escape,
    "Fn::Eval": _eval,
    "Fn::First": _first,
    "Fn::FormatUTCTime": moments.format_time,
    "Fn::Intersection": _intersection,
    "Fn::IsIpInCIDR": _in_cidr,
    "Fn::Join": _join,
    "Fn::Last": _last,
    "Fn::ListJoin": _list_join,
    "Fn::MapJoin": _merge_map,
    "Fn::Max": _max,
    "Fn::MergeList": _merge_list,
    "Fn::MergeMap": _merge_map,
    "Fn::MergeMapToList": _merge_map_to_list,
    "Fn::Min": _min,
    "Fn::Not": _not,
    "Fn::Or": _or,
    "Fn::RangeSelect": _range_select,
    "Fn::Replace": _replace,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::Sub": _sub,
    "Fn::Sum": _sum,
    "Fn::Union": _union,
}
LAZY = ("Fn::If", "Fn::Jq")
NAMES = (*_FUNCTIONS, *LAZY)
TABLE = {name.lower(): function for name, function in _FUNCTIONS.items()}
