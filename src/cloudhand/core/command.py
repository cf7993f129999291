"""A script and its custom parameters: which placeholders it has and how they are filled.

Built-in placeholders ({{ACS::...}}) are filled by the agent, which knows their values. Those of the
parameter store ({{oos:...}}, {{oos-secret:...}}) are filled when the command is handed out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from cloudhand.core.errors import ParameterProblem, PasswordMissing, PasswordNotNeeded
from cloudhand.core.ids import CommandId

CONTENT_LIMIT = 24 * 1024  # bytes, after base64, content and parameters together
PLACEHOLDER_LIMIT = 20  # custom parameters in a script
PARAMETER_LIMIT = 10  # custom parameters in a call
NAME_LIMIT = 64  # bytes of a parameter's name
TARGET_LIMIT = 100  # instances that one call runs on, unless the operator says another number
LARGEST_TARGET_LIMIT = 10_000  # that can be said
SHOWN_LIMIT = 24 * 1024  # bytes of output, its last ones, that the published API shows

_PLACEHOLDER = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}", re.DOTALL)
_NAME = re.compile(r"[A-Za-z0-9_-]+\Z")
_RESOLVED_BY_AGENT = re.compile(r"(acs::|oos:|oos-secret:)", re.IGNORECASE)
_STORED = re.compile(r"\{\{\s*(oos|oos-secret):\s*([^{}]*?)\s*\}\}", re.IGNORECASE)
_BUILT_IN = re.compile(r"\{\{\s*acs::(\w+)\s*\}\}", re.IGNORECASE)
_STORED_NAME = re.compile(r"[\w./-]+", re.ASCII)


class CommandType(StrEnum):
    SHELL = "RunShellScript"
    BATCH = "RunBatScript"
    POWERSHELL = "RunPowerShellScript"


@dataclass(frozen=True, kw_only=True)
class Command:
    """What is run, as it was when it was asked for."""

    id: CommandId
    type: CommandType
    content: bytes  # as given, placeholders not filled
    name: str = ""
    description: str = ""
    working_dir: str = ""
    timeout: int = 60  # seconds
    enable_parameter: bool = False
    launcher: str = ""


@dataclass(frozen=True, kw_only=True)
class StoredCommand:
    """A command that is kept to be run again."""

    command: Command
    created_at: datetime
    invoke_count: int = 0  # invocations that were ever made of it
    resource_group_id: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


def is_agents_own(username: str) -> bool:
    """Whether agents run as this user, so that none needs to be named."""
    return username in ("", "root") or username.lower() == "system"


def check_user(command: Command, username: str, password_name: str) -> None:
    """PasswordMissing, PasswordNotNeeded."""
    if command.type is CommandType.SHELL:
        if password_name:
            raise PasswordNotNeeded
    elif not is_agents_own(username) and not password_name:
        raise PasswordMissing(username)


def check(command: Command) -> None:
    """ParameterProblem unless the content is short enough and its placeholders can be filled."""
    _check_size(command, {})
    if command.enable_parameter:
        placeholders(_text(command))


def check_values(command: Command, parameters: Mapping[str, str]) -> None:
    """ParameterProblem unless the command can be run with these values."""
    _check_size(command, parameters)
    if command.enable_parameter:
        fill(_text(command), parameters)
    elif parameters:
        raise ParameterProblem("Disabled")


def _check_size(command: Command, parameters: Mapping[str, str]) -> None:
    filled = sum(len(n.encode()) + len(v.encode()) for n, v in parameters.items())
    if base64_size(command.content) + filled > CONTENT_LIMIT:
        raise ParameterProblem("TooLong")


def base64_size(content: bytes) -> int:
    return (len(content) + 2) // 3 * 4


def _text(command: Command) -> str:
    try:
        return command.content.decode()
    except UnicodeDecodeError:
        raise ParameterProblem("NotText") from None


def placeholders(content: str) -> tuple[str, ...]:
    """Names of the custom parameters in a script, each once, as first spelled.

    ParameterProblem ``EmptyKey``, ``InvalidParamName``, ``ParamNameTooLong`` or ``TooMany``.
    """
    found: dict[str, str] = {}
    for match in _PLACEHOLDER.finditer(content):
        name = match.group(1)
        if _RESOLVED_BY_AGENT.match(name):
            continue
        if not name:
            raise ParameterProblem("EmptyKey")
        if not _NAME.match(name):
            raise ParameterProblem("InvalidParamName", name)
        if len(name) > NAME_LIMIT:
            raise ParameterProblem("ParamNameTooLong", name)
        found.setdefault(name.lower(), name)
    if len(found) > PLACEHOLDER_LIMIT:
        raise ParameterProblem("TooMany")
    return tuple(found.values())


@dataclass(frozen=True, kw_only=True)
class StoredNames:
    """What a script names of the parameter store."""

    common: frozenset[str]
    secret: frozenset[str]


def built_in_names(content: str) -> frozenset[str]:
    """Of the placeholders that an agent fills, in lower case and without what they begin with."""
    return frozenset(name.lower() for name in _BUILT_IN.findall(content))


def stored_names(content: str) -> StoredNames:
    """ParameterProblem ``NotStored`` for what is no name."""
    found: dict[str, set[str]] = {"oos": set(), "oos-secret": set()}
    for kind, name in _STORED.findall(content):
        if not _STORED_NAME.fullmatch(name):
            raise ParameterProblem("NotStored", name)
        found[kind.lower()].add(name)
    return StoredNames(common=frozenset(found["oos"]), secret=frozenset(found["oos-secret"]))


def reveal(content: str, values: StoredValues) -> str:
    """The script with what it names of the parameter store; what comes in is not looked through."""

    def value_of(match: re.Match[str]) -> str:
        known = values.common if match.group(1).lower() == "oos" else values.secret
        return known[match.group(2)]

    return _STORED.sub(value_of, content)


@dataclass(frozen=True, kw_only=True)
class StoredValues:
    """The values of StoredNames, by name."""

    common: Mapping[str, str]
    secret: Mapping[str, str]


def fill(content: str, parameters: Mapping[str, str], known: Mapping[str, str] = {}) -> str:
    """The script with its custom placeholders replaced; one without a value becomes empty.

    ``known`` are built-in ones, in lower case, that are not left to the agent.
    ParameterProblem ``NotMatched`` for a value whose name the script does not have, ``Duplicate``
    for two values whose names differ only in case.
    """
    names = {name.lower() for name in placeholders(content)}
    values: dict[str, str] = {}
    for name, value in parameters.items():
        if name.lower() not in names:
            raise ParameterProblem("NotMatched", name)
        if name.lower() in values:
            raise ParameterProblem("Duplicate", name)
        values[name.lower()] = value

    def value_of(match: re.Match[str]) -> str:
        name = match.group(1)
        if _RESOLVED_BY_AGENT.match(name):
            return known.get(name.lower(), match.group(0))
        return values.get(name.lower(), "")

    return _PLACEHOLDER.sub(value_of, content)
