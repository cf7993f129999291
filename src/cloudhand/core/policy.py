"""Policies in the form of RAM: what may be done to what, and on which conditions.

Whatever no statement allows is refused, and what one denies is refused whatever others allow.
Names of actions and of condition keys are read without regard to case.
"""

from __future__ import annotations

import fnmatch
import functools
import ipaddress
import json
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cloudhand.core.errors import PolicyInvalid

MOST = 6144  # characters of a document, as documented
TAG = "acs:resourcetag/"  # begins the condition keys of the tags of what is touched
_OLD_TAG = "ecs:tag/"  # an older spelling of it
_STATEMENT = ("Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal",
              "Condition")  # fmt: skip

Test = Callable[[str, str], bool]


@dataclass(frozen=True, kw_only=True)
class Wish:
    """One action on one thing."""

    action: str  # ecs:RunCommand
    resource: str  # acs:ecs:cn-hangzhou:1000000000000001:instance/i-1
    context: Mapping[str, str] = field(default_factory=dict)  # by condition key in lower case
    tagged: bool = True  # whether the tags of what is touched are known; not of all of a type


@dataclass(frozen=True, kw_only=True)
class Condition:
    test: Test
    negated: bool
    key: str  # in lower case
    values: Sequence[str]

    def holds(self, context: Mapping[str, str]) -> bool:
        """What is not known equals nothing."""
        given = context.get(self.key)
        met = given is not None and any(_tried(self.test, given, one) for one in self.values)
        return met is not self.negated


@dataclass(frozen=True, kw_only=True)
class Statement:
    allows: bool
    actions: Sequence[str]
    resources: Sequence[str]
    principals: Sequence[str]  # users, roles and roots, in the trust of a role
    conditions: Sequence[Condition]
    not_actions: bool = False  # all but these
    not_resources: bool = False

    def speaks_of(self, wish: Wish) -> bool:
        action = wish.action.lower()
        acts = any(_like(action, one.lower()) for one in self.actions)
        touches = any(_like(wish.resource, one) for one in self.resources)
        return (
            acts is not self.not_actions
            and touches is not self.not_resources
            and all(self._holds(one, wish) for one in self.conditions)
        )

    def _holds(self, condition: Condition, wish: Wish) -> bool:
        """Where tags could be any, what they allow is not allowed, and what they deny is denied."""
        if not wish.tagged and condition.key.startswith(TAG):
            return not self.allows
        return condition.holds(wish.context)


Policy = Sequence[Statement]


def allows(policies: Iterable[Policy], wish: Wish) -> bool:
    found = [one.allows for policy in policies for one in policy if one.speaks_of(wish)]
    return all(found) and bool(found)


def asks_for_tags(policies: Iterable[Policy]) -> bool:
    """Whether the tags of what is touched decide anything."""
    return any(
        condition.key.startswith(TAG)
        for policy in policies
        for statement in policy
        for condition in statement.conditions
    )


def trusts(policy: Policy, who: str, wish: Wish) -> bool:
    """``who``: acs:ram::1000000000000001:user/ann, or ``:role/helper``, or ``:root``; a root stands
    for all of its account. ``wish``: to take the role.
    """
    account = f"{who.rpartition(':')[0]}:root"
    found = [
        one.allows
        for one in policy
        if any(_like(who, principal) or principal == account for principal in one.principals)
        and one.speaks_of(wish)
    ]
    return all(found) and bool(found)


@functools.lru_cache(maxsize=256)
def read(text: str, *, trust: bool = False) -> Policy:
    """The policy of a document, which is that of a role's ``trust`` or not; PolicyInvalid."""
    if len(text) > MOST:
        raise PolicyInvalid(f"it has more than {MOST} characters")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise PolicyInvalid("it is no JSON") from None
    if not isinstance(document, dict) or document.get("Version") != "1":
        raise PolicyInvalid('it must be a map with "Version": "1"')
    given = document.get("Statement")
    statements = [given] if isinstance(given, dict) else given
    if not isinstance(statements, list) or not statements:
        raise PolicyInvalid("it has no Statement")
    return tuple(
        _statement(one, f"Statement[{at}]", trust=trust) for at, one in enumerate(statements)
    )


def _statement(given: Any, where: str, *, trust: bool) -> Statement:
    if not isinstance(given, dict):
        raise PolicyInvalid(f"{where} must be a map")
    strange = [name for name in given if name not in _STATEMENT]
    if strange:
        raise PolicyInvalid(f"{where} has {strange[0]}, which is none of {', '.join(_STATEMENT)}")
    if given.get("Effect") not in ("Allow", "Deny"):
        raise PolicyInvalid(f"{where}.Effect must be Allow or Deny")
    actions = _either(given, "Action", "NotAction", where)
    _check_kind(given, where, trust=trust)
    principals = _principals(given["Principal"], where) if trust else ()
    resources = ("*",) if trust else _either(given, "Resource", "NotResource", where)
    return Statement(
        allows=given["Effect"] == "Allow",
        actions=actions,
        resources=resources,
        principals=principals,
        conditions=_conditions(given.get("Condition", {}), f"{where}.Condition"),
        not_actions="NotAction" in given,
        not_resources="NotResource" in given,
    )


def _check_kind(given: Mapping[str, Any], where: str, *, trust: bool) -> None:
    """The trust of a role names people and no things, any other policy things and no people."""
    if trust and "Principal" not in given:
        raise PolicyInvalid(f"{where} has no Principal, who may take the role")
    strange = ("Resource", "NotResource") if trust else ("Principal",)
    for name in strange:
        if name in given:
            kind = "the trust of a role has none" if trust else "only the trust of a role has one"
            raise PolicyInvalid(f"{where} has {name}: {kind}")


def _either(given: Mapping[str, Any], one: str, other: str, where: str) -> Sequence[str]:
    if (one in given) is (other in given):
        raise PolicyInvalid(f"{where} must have either {one} or {other}")
    name = one if one in given else other
    return _texts(given[name], f"{where}.{name}")


def _principals(given: Any, where: str) -> Sequence[str]:
    if not isinstance(given, dict) or set(given) - {"RAM", "Service"}:
        raise PolicyInvalid(f"{where}.Principal must be a map of RAM or Service")
    found = {name: _texts(value, f"{where}.{name}") for name, value in given.items()}
    return found.get("RAM", ())  # nobody asks in the name of a service


def _texts(given: Any, where: str) -> Sequence[str]:
    many = [given] if isinstance(given, str) else given
    if not isinstance(many, list) or not many or not all(isinstance(one, str) for one in many):
        raise PolicyInvalid(f"{where} must be a text or a list of texts")
    return many


def _conditions(given: Any, where: str) -> Sequence[Condition]:
    found = []
    if not isinstance(given, dict):
        raise PolicyInvalid(f"{where} must be a map")
    for name, keys in given.items():
        if name not in _OPERATORS:
            raise PolicyInvalid(f"{where}.{name}: there is no such operator")
        if not isinstance(keys, dict):
            raise PolicyInvalid(f"{where}.{name} must be a map")
        test, negated = _OPERATORS[name]
        for key, values in keys.items():
            many = values if isinstance(values, list) else [values]
            lower = key.lower()
            if lower.startswith(_OLD_TAG):
                lower = TAG + lower.removeprefix(_OLD_TAG)
            texts = [_text(one, f"{where}.{name}.{key}") for one in many]
            found.append(Condition(test=test, negated=negated, key=lower, values=texts))
    return found


def _text(value: Any, where: str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    raise PolicyInvalid(f"{where} must be a text, or a list of texts")


def _like(text: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(text, pattern.replace("[", "[[]"))


def _tried(test: Test, given: str, wanted: str) -> bool:
    try:
        return test(given, wanted)
    except ValueError:  # it is no number, moment or address
        return False


def _network(given: str, wanted: str) -> bool:
    return ipaddress.ip_address(given) in ipaddress.ip_network(wanted, strict=False)


def _folded(test: Test) -> Test:
    return lambda given, wanted: test(given.lower(), wanted.lower())


def _as(kind: Callable[[str], Any], test: Callable[[Any, Any], bool]) -> Test:
    return lambda given, wanted: test(kind(given), kind(wanted))


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(text)
    return found


_ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "LessThan": operator.lt,
    "LessThanEquals": operator.le,
    "GreaterThan": operator.gt,
    "GreaterThanEquals": operator.ge,
}
# A test, and whether it must fail for all values.
_OPERATORS: Mapping[str, tuple[Test, bool]] = {
    "StringEquals": (operator.eq, False),
    "StringNotEquals": (operator.eq, True),
    "StringEqualsIgnoreCase": (_folded(operator.eq), False),
    "StringNotEqualsIgnoreCase": (_folded(operator.eq), True),
    "StringLike": (_like, False),
    "StringNotLike": (_like, True),
    "Bool": (_folded(operator.eq), False),
    "IpAddress": (_network, False),
    "NotIpAddress": (_network, True),
    "NumericEquals": (_as(float, operator.eq), False),
    "NumericNotEquals": (_as(float, operator.eq), True),
    "DateEquals": (_as(_moment, operator.eq), False),
    "DateNotEquals": (_as(_moment, operator.eq), True),
    **{f"Numeric{name}": (_as(float, test), False) for name, test in _ORDERS.items()},
    **{f"Date{name}": (_as(_moment, test), False) for name, test in _ORDERS.items()},
}
