"""What published agents of earlier versions do not do yet."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from cloudhand.core.agent_version import age, lacks
from cloudhand.core.command import Command, CommandType
from cloudhand.core.ids import CommandId, InstanceId, InvokeId
from cloudhand.core.instance import Agent, AgentKind
from cloudhand.core.invocation import Invocation

AGENT = Agent(
    instance_id=InstanceId("mi-1"),
    kind=AgentKind.PUBLISHED,
    key=b"k",
    machine_id="m",
    version="2.2.3.578",
)
COMMAND = Command(id=CommandId("c-1"), type=CommandType.SHELL, content=b"true")
ASKED = Invocation(id=InvokeId("t-1"), command=COMMAND, created_at=datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("version", "found"),
    [
        ("2.2.3.578", (2, 3, 578)),
        ("2.1.3.578", (2, 3, 578)),  # Windows
        ("1.0.2.569", (1, 2, 569)),
        ("", None),
        ("2.2.3", None),
        ("2.2.3.x", None),
    ],
)
def test_ages(version: str, found: tuple[int, int, int] | None) -> None:
    assert age(version) == found


NAMED = {"content": b"{{ ACS::InstanceName }}", "enable_parameter": True}
KNOWN = {"content": b"{{acs::InvokeId}}", "enable_parameter": True}


@pytest.mark.parametrize(
    ("version", "command", "user", "lacking"),
    [
        ("2.2.0.105", {}, "", ""),
        ("2.2.0.105", {}, "root", ""),
        ("2.2.0.105", {}, "bob", "Username (since 2.x.0.106)"),
        ("2.2.0.106", {}, "bob", ""),
        ("2.2.3.578", {"launcher": "python3"}, "", "Launcher (since 2.x.3.631)"),
        ("2.2.3.631", {"launcher": "python3"}, "", ""),
        ("2.2.3.343", NAMED, "", "{{ACS::InstanceName}} (since 2.x.3.344)"),
        ("2.2.3.308", KNOWN, "", "built-in parameters (since 2.x.3.309)"),
        ("2.2.3.308", {**KNOWN, "enable_parameter": False}, "", ""),
        ("2.2.3.309", KNOWN, "", ""),
        ("newest", {"launcher": "python3"}, "bob", ""),
    ],
)
def test_what_an_agent_is_too_old_for(
    version: str, command: dict[str, Any], user: str, lacking: str
) -> None:
    asked = replace(ASKED, command=replace(COMMAND, **command), username=user)
    assert lacks(replace(AGENT, version=version), asked) == lacking
    assert lacks(replace(AGENT, version=version, kind=AgentKind.CLOUDHAND), asked) == ""
