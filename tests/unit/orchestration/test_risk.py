"""Which calls somebody has to confirm."""

from __future__ import annotations

from typing import Any

import pytest

from cloudhand.orchestration.risk import risky


@pytest.mark.parametrize(
    ("properties", "asks"),
    [
        ({"API": "DeleteInstance"}, True),
        ({"API": "deleteinstances"}, True),
        ({"API": "RemoveTags"}, True),
        ({"API": "TerminateSession"}, True),
        ({"API": "DropTable"}, True),
        ({"API": "Delete"}, True),
        ({"API": "RunCommand"}, False),
        ({"API": "UndeleteInstance"}, False),
        ({"API": "StopInstance"}, False),
        ({"API": "DeleteInstance", "Risk": "Normal"}, False),
        ({"API": "DeleteInstance", "Risk": "normal"}, False),
        ({"API": "DeleteInstance", "Risk": ""}, True),
        ({"API": "DeleteInstance", "Risk": "whatever"}, True),
        ({"API": "RunCommand", "Risk": "High"}, True),
        ({"API": None}, False),
        ({}, False),
    ],
)
def test_risky(properties: dict[str, Any], asks: bool) -> None:
    assert risky(properties) is asks
