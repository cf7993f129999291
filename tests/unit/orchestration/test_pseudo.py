"""The pseudo parameters of an execution."""

from __future__ import annotations

from datetime import UTC, datetime

from cloudhand.core.execution import Execution, TemplateRef
from cloudhand.core.ids import ExecutionId
from cloudhand.orchestration.linking import PSEUDO
from cloudhand.orchestration.pseudo import pseudo

_NOW = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)


def test_they_are_all_there_but_the_item() -> None:
    execution = Execution(
        id=ExecutionId("exec-1.t0001"),
        root_id=ExecutionId("exec-1"),
        template=TemplateRef(name="x", hash="h"),
        created_at=_NOW,
        updated_at=_NOW,
        due_at=_NOW,
        executed_by="me",
        account_id="1001",
        region_id="cn-hangzhou",
    )
    found = pseudo(execution, _NOW)
    assert found == {
        "accountid": "1001",
        "currentdate": "2026-01-02",
        "currentutctime": "2026-01-02T03:04:05Z",
        "executeuser": "me",
        "executionid": "exec-1.t0001",
        "oosutilversion": "1.0",
        "regionid": "cn-hangzhou",
    }
    assert {name.lower() for name in PSEUDO} == found.keys() | {"taskloopitem"}
